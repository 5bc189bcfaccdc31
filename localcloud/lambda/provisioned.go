package lambda

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/lambdaapi"
)

// A provision is the provisioned concurrency of a version or an alias. It is
// immutable.
type provision struct {
	Wanted   int       `json:"wanted"`
	Modified time.Time `json:"modified"`
}

// kept is what the runtime was asked to keep for a function's versions.
type kept struct {
	mu     sync.Mutex
	wanted map[*runnable]int
	loads  sync.Map // of version to *load: invocations that what is provisioned has room for
}

// share is a part of a provision.
type share struct {
	version *version
	n       int
}

// shares returns the versions that a provision is for: of an alias with two, each
// has the share of its weight.
func (c *control) shares(qualifier string, n int) []share {
	a := c.alias(qualifier)
	if a == nil {
		return []share{{c.version(qualifier), n}}
	}
	second := 0
	if a.other != "" {
		second = int(math.Round(float64(n) * a.weight))
	}
	out := []share{{c.version(a.version), n - second}}
	if second > 0 {
		out = append(out, share{c.version(a.other), second})
	}
	return out
}

// provisionedOf is how much is provisioned for a version, by itself and through
// aliases.
func (c *control) provisionedOf(v *version) int {
	sum := 0
	for qualifier, p := range c.provisioned {
		for _, part := range c.shares(qualifier, p.Wanted) {
			if part.version == v {
				sum += part.n
			}
		}
	}
	return sum
}

// provisionedTotal is how much is provisioned for a function, but for one
// qualifier.
func (c *control) provisionedTotal(without string) int {
	sum := 0
	for qualifier, p := range c.provisioned {
		if qualifier != without {
			sum += p.Wanted
		}
	}
	return sum
}

// withProvision returns a copy of c with another provision for a qualifier; nil
// takes it away.
func (c *control) withProvision(qualifier string, p *provision) *control {
	if p == nil && c.provisioned[qualifier] == nil {
		return c
	}
	n := c.clone()
	n.provisioned = maps.Clone(c.provisioned)
	if p == nil {
		delete(n.provisioned, qualifier)
		return n
	}
	if n.provisioned == nil {
		n.provisioned = map[string]*provision{}
	}
	n.provisioned[qualifier] = p
	return n
}

// provide has the runtime keep what the function's control says.
func (s *Service) provide(f *function) {
	f.kept.mu.Lock()
	defer f.kept.mu.Unlock()
	c := f.control.Load()
	wanted := map[*runnable]int{}
	if !c.deleted {
		for qualifier, p := range c.provisioned {
			for _, part := range c.shares(qualifier, p.Wanted) {
				wanted[part.version.run] += part.n
			}
		}
	}
	for run := range f.kept.wanted {
		if wanted[run] == 0 {
			s.runtime.Provision(run.version(), 0)
		}
	}
	for run, n := range wanted {
		if f.kept.wanted[run] != n {
			s.runtime.Provision(run.version(), n)
		}
	}
	f.kept.wanted = wanted
}

// enterProvisioned takes a place among those that are provisioned for a version.
func (f *function) enterProvisioned(c *control, v *version) (leave func(), ok bool) {
	n := c.provisionedOf(v)
	if n == 0 {
		return nil, false
	}
	found, _ := f.kept.loads.LoadOrStore(v.number, &load{})
	l := found.(*load)
	return l.leave, l.enter(int64(n))
}

// provisionable finds what may have provisioned concurrency: a published version
// or an alias.
//
// Source of the messages: recorded.
func (s *Service) provisionable(ctx context.Context, name, qualifier string) (*function, *control, reference, error) {
	r, err := s.reference(ctx, name, &qualifier)
	if err != nil {
		return nil, nil, r, err
	}
	if r.qualifier == latest {
		return nil, nil, r, invalid("The function resource provided must be an alias or a published version.")
	}
	f, c, _ := s.function(r)
	switch {
	case f != nil && c.resolve(r.qualifier) != nil:
		return f, c, r, nil
	case isAlias(r.qualifier):
		return nil, nil, r, notFound("Cannot find alias arn: " + r.arn())
	default:
		return nil, nil, r, functionGone(r.arn())
	}
}

// A provisionState is how far a provision has come.
type provisionState struct {
	allocated, available int
	status               string
	reason               *string
}

// state asks the runtime how far a provision has come. For a moment after it was
// made nothing has happened yet, as on AWS.
func (s *Service) state(c *control, qualifier string, p *provision) provisionState {
	out := provisionState{status: lambdaapi.ProvisionedConcurrencyStatusEnumInProgress}
	if s.now().Before(p.Modified.Add(s.settle)) {
		return out
	}
	for _, part := range c.shares(qualifier, p.Wanted) {
		there := s.runtime.Provisioned(part.version.run.version())
		out.allocated += min(there.Ready, part.n)
		out.available += min(there.Idle, part.n)
		if there.Failed {
			out.status, out.reason = lambdaapi.ProvisionedConcurrencyStatusEnumFailed, new("FUNCTION_ERROR_INIT_FAILURE") // recorded
		}
	}
	if out.allocated >= p.Wanted {
		out.status, out.reason = lambdaapi.ProvisionedConcurrencyStatusEnumReady, nil
	}
	return out
}

// provisionTime is how these answers show times.
//
// Source: API reference, "PutProvisionedConcurrencyConfig", example.
const provisionTime = "2006-01-02T15:04:05-0700"

func (s *Service) putProvisionedConcurrencyConfig(ctx context.Context, in *lambdaapi.PutProvisionedConcurrencyConfigRequest) (*lambdaapi.PutProvisionedConcurrencyConfigResponse, error) {
	f, _, r, err := s.provisionable(ctx, in.FunctionName, in.Qualifier)
	if r.qualifier == latest {
		err = invalid("Provisioned Concurrency Configs cannot be applied to unpublished function versions.")
	}
	if err != nil {
		return nil, err
	}
	p := &provision{Wanted: int(in.ProvisionedConcurrentExecutions), Modified: s.now()}
	err = s.change(f, func(c *control) (*control, error) {
		if err := s.checkProvision(f, c, r.qualifier, p.Wanted); err != nil {
			return nil, err
		}
		return c.withProvision(r.qualifier, p), nil
	})
	if err != nil {
		return nil, err
	}
	s.provide(f)
	state := s.state(f.control.Load(), r.qualifier, p)
	return &lambdaapi.PutProvisionedConcurrencyConfigResponse{
		RequestedProvisionedConcurrentExecutions: &in.ProvisionedConcurrentExecutions,
		AvailableProvisionedConcurrentExecutions: new(int32(state.available)),
		AllocatedProvisionedConcurrentExecutions: new(int32(state.allocated)),
		Status:                                   &state.status,
		LastModified:                             new(p.Modified.UTC().Format(provisionTime)),
	}, nil
}

// checkProvision refuses what cannot be provisioned.
//
// Source of the messages about limits: recorded.
func (s *Service) checkProvision(f *function, c *control, qualifier string, want int) error {
	v := c.resolve(qualifier)
	if v == nil || v.number == 0 {
		return invalid("Provisioned Concurrency Configs cannot be applied to unpublished function versions.")
	}
	if isAlias(qualifier) {
		if c.provisioned[v.qualifier()] != nil {
			return conflict("Alias can't be used for Provisioned Concurrency configuration on an already Provisioned version")
		}
	} else if c.provisioned[qualifier] == nil && c.provisionedOf(v) > 0 {
		return conflict("Version is pointed by a Provisioned Concurrency alias")
	}
	total := want + c.provisionedTotal(qualifier)
	unreserved := s.concurrency - f.space.reserved(f)
	switch {
	case c.reserved != nil && total > *c.reserved:
		return invalid("Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for function")
	case c.reserved == nil && total > unreserved:
		// Without a Type, unlike others, as the next one: recorded.
		return lambdaapi.NewInvalidParameterValueException(fmt.Sprintf(
			"Specified ConcurrentExecutions for function is greater than account's unreserved concurrency [%d].", unreserved))
	case c.reserved == nil && unreserved-total < minUnreserved:
		return lambdaapi.NewInvalidParameterValueException(fmt.Sprintf(
			"Specified ConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [%d].", minUnreserved))
	}
	return nil
}

func (s *Service) getProvisionedConcurrencyConfig(ctx context.Context, in *lambdaapi.GetProvisionedConcurrencyConfigRequest) (*lambdaapi.GetProvisionedConcurrencyConfigResponse, error) {
	_, c, r, err := s.provisionable(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	p := c.provisioned[r.qualifier]
	if p == nil {
		return nil, user(lambdaapi.NewProvisionedConcurrencyConfigNotFoundException("No Provisioned Concurrency Config found for this function"))
	}
	state := s.state(c, r.qualifier, p)
	return &lambdaapi.GetProvisionedConcurrencyConfigResponse{
		RequestedProvisionedConcurrentExecutions: new(int32(p.Wanted)),
		AvailableProvisionedConcurrentExecutions: new(int32(state.available)),
		AllocatedProvisionedConcurrentExecutions: new(int32(state.allocated)),
		Status:                                   &state.status,
		StatusReason:                             state.reason,
		LastModified:                             new(p.Modified.UTC().Format(provisionTime)),
	}, nil
}

func (s *Service) deleteProvisionedConcurrencyConfig(ctx context.Context, in *lambdaapi.DeleteProvisionedConcurrencyConfigRequest) (*wire.Nothing, error) {
	f, _, r, err := s.provisionable(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	err = s.change(f, func(c *control) (*control, error) { return c.withProvision(r.qualifier, nil), nil })
	if err == nil {
		s.provide(f)
	}
	return nil, err
}

func (s *Service) listProvisionedConcurrencyConfigs(ctx context.Context, in *lambdaapi.ListProvisionedConcurrencyConfigsRequest) (*lambdaapi.ListProvisionedConcurrencyConfigsResponse, error) {
	f, c, _, err := s.find(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	qualifiers, next, err := page(slices.Sorted(maps.Keys(c.provisioned)), func(q string) string { return q }, in.Marker, in.MaxItems, standardPage)
	if err != nil {
		return nil, err
	}
	out := &lambdaapi.ListProvisionedConcurrencyConfigsResponse{
		ProvisionedConcurrencyConfigs: []lambdaapi.ProvisionedConcurrencyConfigListItem{}, NextMarker: next,
	}
	for _, qualifier := range qualifiers {
		p := c.provisioned[qualifier]
		state := s.state(c, qualifier, p)
		out.ProvisionedConcurrencyConfigs = append(out.ProvisionedConcurrencyConfigs, lambdaapi.ProvisionedConcurrencyConfigListItem{
			FunctionArn:                              new(qualified(f.arn, qualifier)),
			RequestedProvisionedConcurrentExecutions: new(int32(p.Wanted)),
			AvailableProvisionedConcurrentExecutions: new(int32(state.available)),
			AllocatedProvisionedConcurrentExecutions: new(int32(state.allocated)),
			Status:                                   &state.status,
			StatusReason:                             state.reason,
			LastModified:                             new(p.Modified.UTC().Format(provisionTime)),
		})
	}
	return out, nil
}
