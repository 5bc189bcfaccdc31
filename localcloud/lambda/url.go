package lambda

import (
	"context"
	"maps"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/lambdaapi"
)

// A urlConfig gives a function or an alias an address. It is immutable.
type urlConfig struct {
	ID       string          `json:"id"` // the first part of the host's name
	Auth     string          `json:"auth"`
	Mode     string          `json:"mode,omitempty"` // empty: none was given
	CORS     *lambdaapi.Cors `json:"cors,omitempty"`
	Created  time.Time       `json:"created"`
	Modified time.Time       `json:"modified"`
}

const urlTime = "2006-01-02T15:04:05.000000Z"

// withURL returns a copy of c with another address for a qualifier; nil takes it
// away. What it was for need not be there: an address outlives its alias.
func (c *control) withURL(qualifier string, u *urlConfig) *control {
	n := c.clone()
	n.urls = maps.Clone(c.urls)
	if u == nil {
		delete(n.urls, qualifier)
		return n
	}
	if n.urls == nil {
		n.urls = map[string]*urlConfig{}
	}
	n.urls[qualifier] = u
	return n
}

// urlHost is the host's name, without a port, that an address has.
func urlHost(id, region string) string { return id + ".lambda-url." + region + ".localhost" }

// address is where a function's URL is, as long as the cloud listens where it
// does. Names below localhost are this machine.
func (s *Service) address(u *urlConfig, region string) string {
	host := urlHost(u.ID, region)
	if s.endpoint != nil {
		if at, err := url.Parse(s.endpoint()); err == nil && at.Port() != "" {
			host = net.JoinHostPort(host, at.Port())
		}
	}
	return "http://" + host + "/"
}

// newURLID returns 32 letters and digits.
func (s *Service) newURLID() string {
	const letters = "abcdefghijklmnopqrstuvwxyz234567"
	var id [32]byte
	for i := range id {
		if i%12 == 0 {
			draw := s.random.Uint64()
			for j := i; j < min(i+12, len(id)); j++ {
				id[j] = letters[draw&31]
				draw >>= 5
			}
		}
	}
	return string(id[:])
}

// urlTarget finds the function whose address a request is about; nil if it, or
// the alias, is not there.
func (s *Service) urlTarget(ctx context.Context, name string, qualifier *string) (*function, *control, reference, error) {
	r, err := s.reference(ctx, name, qualifier)
	if err != nil {
		return nil, nil, r, err
	}
	f, c, _ := s.function(r)
	return f, c, r, nil
}

// errNoURLFunction is what makes and updates of addresses answer; the others
// answer errNoResource.
//
// Source: recorded.
var errNoURLFunction = notFound("Function does not exist")

func (s *Service) createFunctionURLConfig(ctx context.Context, in *lambdaapi.CreateFunctionUrlConfigRequest) (*lambdaapi.CreateFunctionUrlConfigResponse, error) {
	f, c, r, err := s.urlTarget(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	if f == nil || c.resolve(r.qualifier) == nil {
		return nil, errNoURLFunction
	}
	now := s.now()
	u := &urlConfig{ID: s.newURLID(), Auth: in.AuthType, Mode: wire.Value(in.InvokeMode), CORS: in.Cors, Created: now, Modified: now}
	arn := qualified(f.arn, r.qualifier)
	err = s.change(f, func(c *control) (*control, error) {
		if c.urls[r.qualifier] != nil {
			return nil, conflict("Failed to create function url config for [functionArn = " + arn + "]. Error message:  FunctionUrlConfig exists for this Lambda function")
		}
		return c.withURL(r.qualifier, u), nil
	})
	if err != nil {
		return nil, err
	}
	s.urls.Store(u.ID, f)
	return &lambdaapi.CreateFunctionUrlConfigResponse{
		FunctionUrl: s.address(u, r.Region), FunctionArn: arn, AuthType: u.Auth, Cors: u.CORS,
		CreationTime: u.Created.UTC().Format(urlTime), InvokeMode: wire.Optional(u.Mode),
	}, nil
}

func (s *Service) updateFunctionURLConfig(ctx context.Context, in *lambdaapi.UpdateFunctionUrlConfigRequest) (*lambdaapi.UpdateFunctionUrlConfigResponse, error) {
	f, c, r, err := s.urlTarget(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	if f == nil || c.resolve(r.qualifier) == nil {
		return nil, errNoURLFunction
	}
	var u urlConfig
	err = s.change(f, func(c *control) (*control, error) {
		old := c.urls[r.qualifier]
		if old == nil {
			return nil, errNoResource
		}
		u = *old
		u.Auth, u.Mode = wire.ValueOr(in.AuthType, u.Auth), wire.ValueOr(in.InvokeMode, u.Mode)
		if in.Cors != nil {
			u.CORS = in.Cors
		}
		u.Modified = s.now()
		return c.withURL(r.qualifier, &u), nil
	})
	if err != nil {
		return nil, err
	}
	return &lambdaapi.UpdateFunctionUrlConfigResponse{
		FunctionUrl: s.address(&u, r.Region), FunctionArn: qualified(f.arn, r.qualifier), AuthType: u.Auth, Cors: u.CORS,
		CreationTime: u.Created.UTC().Format(urlTime), LastModifiedTime: u.Modified.UTC().Format(urlTime), InvokeMode: in.InvokeMode,
	}, nil
}

func (s *Service) describeURL(f *function, qualifier string, u *urlConfig) lambdaapi.FunctionUrlConfig {
	mode := u.Mode
	if mode == "" {
		mode = lambdaapi.InvokeModeBuffered
	}
	return lambdaapi.FunctionUrlConfig{
		FunctionUrl: s.address(u, f.space.Region), FunctionArn: qualified(f.arn, qualifier), AuthType: u.Auth, Cors: u.CORS,
		CreationTime: u.Created.UTC().Format(urlTime), LastModifiedTime: u.Modified.UTC().Format(urlTime), InvokeMode: &mode,
	}
}

func (s *Service) getFunctionURLConfig(ctx context.Context, in *lambdaapi.GetFunctionUrlConfigRequest) (*lambdaapi.GetFunctionUrlConfigResponse, error) {
	f, c, r, err := s.urlTarget(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	if f == nil || c.urls[r.qualifier] == nil {
		return nil, errNoResource
	}
	d := s.describeURL(f, r.qualifier, c.urls[r.qualifier])
	return &lambdaapi.GetFunctionUrlConfigResponse{
		FunctionUrl: d.FunctionUrl, FunctionArn: d.FunctionArn, AuthType: d.AuthType, Cors: d.Cors,
		CreationTime: d.CreationTime, LastModifiedTime: d.LastModifiedTime, InvokeMode: d.InvokeMode,
	}, nil
}

func (s *Service) listFunctionURLConfigs(ctx context.Context, in *lambdaapi.ListFunctionUrlConfigsRequest) (*lambdaapi.ListFunctionUrlConfigsResponse, error) {
	f, c, _, err := s.urlTarget(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	if f == nil {
		return nil, errNoURLFunction
	}
	qualifiers, next, err := page(slices.Sorted(maps.Keys(c.urls)), func(q string) string { return "/" + q }, in.Marker, in.MaxItems, standardPage)
	if err != nil {
		return nil, err
	}
	out := &lambdaapi.ListFunctionUrlConfigsResponse{FunctionUrlConfigs: []lambdaapi.FunctionUrlConfig{}, NextMarker: next}
	for _, q := range qualifiers {
		out.FunctionUrlConfigs = append(out.FunctionUrlConfigs, s.describeURL(f, q, c.urls[q]))
	}
	return out, nil
}

func (s *Service) deleteFunctionURLConfig(ctx context.Context, in *lambdaapi.DeleteFunctionUrlConfigRequest) (*wire.Nothing, error) {
	f, _, r, err := s.urlTarget(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	if f == nil {
		return nil, errNoResource
	}
	var gone *urlConfig
	err = s.change(f, func(c *control) (*control, error) {
		if gone = c.urls[r.qualifier]; gone == nil {
			return nil, errNoResource
		}
		return c.withURL(r.qualifier, nil), nil
	})
	if err != nil {
		return nil, err
	}
	s.urls.Delete(gone.ID)
	return nil, nil
}

// urlOf finds the function and the qualifier that an address is for.
func (s *Service) urlOf(id string) (f *function, qualifier string, u *urlConfig) {
	found, ok := s.urls.Load(id)
	if !ok {
		return nil, "", nil
	}
	f = found.(*function)
	c := f.control.Load()
	for qualifier, u := range c.urls {
		if u.ID == id && !c.deleted {
			return f, qualifier, u
		}
	}
	return nil, "", nil
}

// urlID returns the id in the name of a host, or "" if it is not one of a
// function's.
func urlID(host string) string {
	id, rest, ok := strings.Cut(host, ".lambda-url.")
	if !ok || rest == "" || strings.Contains(id, ".") {
		return ""
	}
	return id
}
