package logs

import (
	"context"
	"encoding/base64"
	"maps"
	"slices"
	"strings"

	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/logsapi"
)

// A group holds streams. It is guarded by the service's lock.
type group struct {
	key
	created   int64
	retention int32 // days; 0 keeps events for good
	class     string
	kmsKeyID  *string
	tags      map[string]string
	streams   map[string]*stream
}

// retentions are the days that AWS lets events be kept for.
//
// Source: API reference, PutRetentionPolicy.
var retentions = []int32{1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653}

const dayMS = 24 * 60 * 60 * 1000

var (
	errNoGroup  = logsapi.NewResourceNotFoundException("The specified log group does not exist.")
	errNoStream = logsapi.NewResourceNotFoundException("The specified log stream does not exist.")
)

// addGroup makes a group. s.mu is held.
func (s *Service) addGroup(k key) *group {
	g := &group{key: k, created: s.now(), class: logsapi.LogGroupClassStandard, streams: map[string]*stream{}}
	s.groups[k] = g
	return g
}

// group finds a group of the caller by its name, or by its ARN. s.mu is held.
func (s *Service) group(ctx context.Context, name, identifier *string) (*group, error) {
	k := here(ctx)
	switch {
	case name != nil && identifier != nil:
		return nil, logsapi.NewInvalidParameterException("You can not provide both logGroupName and logGroupIdentifier.")
	case name != nil:
		k.name = *name
	case identifier == nil:
		return nil, logsapi.NewInvalidParameterException("Either logGroupName or logGroupIdentifier is required.")
	default:
		k.name = *identifier
		if of, ok := keyOf(*identifier); ok {
			k = of
		}
	}
	g := s.groups[k]
	if g == nil {
		return nil, errNoGroup
	}
	return g, nil
}

// here is the key of the caller's groups, without a name.
func here(ctx context.Context) key {
	c := wire.CallerFrom(ctx)
	return key{account: c.Account, region: c.Region}
}

func (s *Service) createLogGroup(ctx context.Context, in *logsapi.CreateLogGroupRequest) (*wire.Nothing, error) {
	return nil, s.change(func() error {
		k := here(ctx)
		k.name = in.LogGroupName
		if s.groups[k] != nil {
			return logsapi.NewResourceAlreadyExistsException("The specified log group already exists")
		}
		g := s.addGroup(k)
		g.tags, g.kmsKeyID = maps.Clone(in.Tags), in.KmsKeyId
		if in.LogGroupClass != nil {
			g.class = *in.LogGroupClass
		}
		return nil
	})
}

func (s *Service) deleteLogGroup(ctx context.Context, in *logsapi.DeleteLogGroupRequest) (*wire.Nothing, error) {
	return nil, s.change(func() error {
		g, err := s.group(ctx, &in.LogGroupName, nil)
		if err != nil {
			return err
		}
		for _, st := range g.streams {
			s.drop(st)
		}
		delete(s.groups, g.key)
		return nil
	})
}

func (s *Service) describeLogGroups(ctx context.Context, in *logsapi.DescribeLogGroupsRequest) (*logsapi.DescribeLogGroupsResponse, error) {
	if in.LogGroupNamePrefix != nil && in.LogGroupNamePattern != nil {
		return nil, logsapi.NewInvalidParameterException("LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.")
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	var found []*group
	for k, g := range s.groups {
		if here(ctx) == (key{account: k.account, region: k.region}) && shows(in, k.name) && (in.LogGroupClass == nil || *in.LogGroupClass == g.class) {
			found = append(found, g)
		}
	}
	slices.SortFunc(found, func(a, b *group) int { return strings.Compare(a.name, b.name) })
	found, next, err := page(found, func(g *group) string { return g.name }, in.NextToken, in.Limit)
	if err != nil {
		return nil, err
	}
	out := &logsapi.DescribeLogGroupsResponse{LogGroups: []logsapi.LogGroup{}, NextToken: next}
	for _, g := range found {
		described := logsapi.LogGroup{
			LogGroupName:      new(g.name),
			CreationTime:      new(g.created),
			MetricFilterCount: new(int32(0)),
			Arn:               new(g.arn() + ":*"),
			LogGroupArn:       new(g.arn()),
			StoredBytes:       new(g.storedBytes()),
			LogGroupClass:     new(g.class),
			KmsKeyId:          g.kmsKeyID,
		}
		if g.retention > 0 {
			described.RetentionInDays = new(g.retention)
		}
		out.LogGroups = append(out.LogGroups, described)
	}
	return out, nil
}

// shows says whether a request for groups is about one of that name.
func shows(in *logsapi.DescribeLogGroupsRequest, name string) bool {
	if in.LogGroupNamePrefix != nil && !strings.HasPrefix(name, *in.LogGroupNamePrefix) {
		return false
	}
	if in.LogGroupNamePattern != nil && !strings.Contains(strings.ToLower(name), strings.ToLower(*in.LogGroupNamePattern)) {
		return false
	}
	return len(in.LogGroupIdentifiers) == 0 || slices.ContainsFunc(in.LogGroupIdentifiers, func(id string) bool {
		k, ok := keyOf(id)
		return id == name || ok && k.name == name
	})
}

func (g *group) storedBytes() int64 {
	var sum int64
	for _, st := range g.streams {
		sum += st.bytes
	}
	return sum
}

func (s *Service) putRetentionPolicy(ctx context.Context, in *logsapi.PutRetentionPolicyRequest) (*wire.Nothing, error) {
	if !slices.Contains(retentions, in.RetentionInDays) {
		return nil, logsapi.NewInvalidParameterException("The specified value for retention is not one of those that are possible.")
	}
	return nil, s.retain(ctx, in.LogGroupName, in.RetentionInDays)
}

func (s *Service) deleteRetentionPolicy(ctx context.Context, in *logsapi.DeleteRetentionPolicyRequest) (*wire.Nothing, error) {
	return nil, s.retain(ctx, in.LogGroupName, 0)
}

func (s *Service) retain(ctx context.Context, name string, days int32) error {
	return s.change(func() error {
		g, err := s.group(ctx, &name, nil)
		if err != nil {
			return err
		}
		g.retention = days
		return nil
	})
}

// since is the time of the oldest events that the group still shows.
func (g *group) since(now int64) int64 {
	if g.retention == 0 {
		return 0
	}
	return now - int64(g.retention)*dayMS
}

// tagged finds the group of an ARN. s.mu is held.
func (s *Service) tagged(resource string) (*group, error) {
	k, ok := keyOf(resource)
	if g := s.groups[k]; ok && g != nil {
		return g, nil
	}
	return nil, logsapi.NewResourceNotFoundException("The specified resource does not exist.")
}

// maxTags is how many tags a group may have.
//
// Source: API reference, TagResource.
const maxTags = 50

// tag gives a group tags and takes some away.
func (s *Service) tag(find func() (*group, error), add map[string]string, remove []string) error {
	return s.change(func() error {
		g, err := find()
		if err != nil {
			return err
		}
		tags := maps.Clone(g.tags)
		if tags == nil {
			tags = map[string]string{}
		}
		maps.Copy(tags, add)
		for _, k := range remove {
			delete(tags, k)
		}
		if len(tags) > maxTags {
			return logsapi.NewTooManyTagsException("Number of tags on resource exceeds limit.")
		}
		g.tags = tags
		return nil
	})
}

func (s *Service) tagResource(_ context.Context, in *logsapi.TagResourceRequest) (*wire.Nothing, error) {
	return nil, s.tag(func() (*group, error) { return s.tagged(in.ResourceArn) }, in.Tags, nil)
}

func (s *Service) untagResource(_ context.Context, in *logsapi.UntagResourceRequest) (*wire.Nothing, error) {
	return nil, s.tag(func() (*group, error) { return s.tagged(in.ResourceArn) }, nil, in.TagKeys)
}

func (s *Service) listTagsForResource(_ context.Context, in *logsapi.ListTagsForResourceRequest) (*logsapi.ListTagsForResourceResponse, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	g, err := s.tagged(in.ResourceArn)
	if err != nil {
		return nil, err
	}
	return &logsapi.ListTagsForResourceResponse{Tags: g.shownTags()}, nil
}

func (g *group) shownTags() map[string]string {
	if g.tags == nil {
		return map[string]string{}
	}
	return g.tags // replaced as a whole, never changed
}

func (s *Service) tagLogGroup(ctx context.Context, in *logsapi.TagLogGroupRequest) (*wire.Nothing, error) {
	return nil, s.tag(func() (*group, error) { return s.group(ctx, &in.LogGroupName, nil) }, in.Tags, nil)
}

func (s *Service) untagLogGroup(ctx context.Context, in *logsapi.UntagLogGroupRequest) (*wire.Nothing, error) {
	return nil, s.tag(func() (*group, error) { return s.group(ctx, &in.LogGroupName, nil) }, nil, in.Tags)
}

func (s *Service) listTagsLogGroup(ctx context.Context, in *logsapi.ListTagsLogGroupRequest) (*logsapi.ListTagsLogGroupResponse, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	g, err := s.group(ctx, &in.LogGroupName, nil)
	if err != nil {
		return nil, err
	}
	return &logsapi.ListTagsLogGroupResponse{Tags: g.shownTags()}, nil
}

// standardPage is how many groups and streams a list shows at most.
//
// Source: API reference, "limit".
const standardPage = 50

var errToken = logsapi.NewInvalidParameterException("The specified nextToken is invalid.")

// page returns the part of a sorted list that was asked for, and the token of
// what follows it.
func page[T any](items []T, key func(T) string, token *string, limit *int32) ([]T, *string, error) {
	n := int(wire.ValueOr(limit, standardPage))
	if token != nil {
		after, err := base64.RawURLEncoding.DecodeString(*token)
		if err != nil {
			return nil, nil, errToken
		}
		at := slices.IndexFunc(items, func(item T) bool { return key(item) == string(after) })
		if at < 0 {
			return nil, nil, errToken
		}
		items = items[at+1:]
	}
	if len(items) <= n {
		return items, nil, nil
	}
	next := base64.RawURLEncoding.EncodeToString([]byte(key(items[n-1])))
	return items[:n], &next, nil
}
