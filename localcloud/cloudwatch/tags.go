package cloudwatch

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/crossfade-dev/crossfade/internal/arn"
	"github.com/crossfade-dev/crossfade/localcloud/wire/cloudwatchapi"
)

const maxTags = 50

// mergeTags returns tags with the additions, which replace those with the same
// key.
func mergeTags(tags, additions []cloudwatchapi.Tag) []cloudwatchapi.Tag {
	out := slices.Clone(tags)
	for _, add := range additions {
		i := slices.IndexFunc(out, func(t cloudwatchapi.Tag) bool { return t.Key == add.Key })
		if i < 0 {
			out = append(out, add)
			continue
		}
		out[i] = add
	}
	return out
}

// tagged returns the tags of a resource, and how to save them; ok is false when
// there is no such resource.
func (s *Service) tagged(r *region, resource string) (tags *[]cloudwatchapi.Tag, save func(), ok bool) {
	a, err := arn.Parse(resource)
	if err != nil || a.Service != "cloudwatch" || a.Account != r.owner.Account {
		return nil, nil, false
	}
	if name, ok := strings.CutPrefix(a.Resource, "alarm:"); ok {
		if e := r.alarms[name]; e != nil {
			return &e.Tags, func() { s.noteAlarm(e) }, true
		}
	}
	if name, ok := strings.CutPrefix(a.Resource, "dashboard/"); ok {
		if d := s.home(r.owner).dashboards[name]; d != nil {
			return &d.Tags, func() { s.noteDashboard(d) }, true
		}
	}
	if name, ok := strings.CutPrefix(a.Resource, "insight-rule/"); ok {
		if rule := r.rules[name]; rule != nil {
			return &rule.Tags, func() { s.noteInsightRule(rule) }, true
		}
	}
	return nil, nil, false
}

func notTaggable(resource string) error {
	return cloudwatchapi.NewResourceNotFoundException("The resource " + resource + " does not exist.")
}

func (s *Service) tagResource(ctx context.Context, in *cloudwatchapi.TagResourceInput) (*cloudwatchapi.TagResourceOutput, error) {
	return nil, s.change(ctx, func(r *region, _ time.Time) error {
		tags, save, ok := s.tagged(r, in.ResourceARN)
		if !ok {
			return notTaggable(in.ResourceARN)
		}
		merged := mergeTags(*tags, in.Tags)
		if len(merged) > maxTags {
			return invalidValue("A resource must not have more than %d tags.", maxTags)
		}
		*tags = merged
		save()
		return nil
	})
}

func (s *Service) untagResource(ctx context.Context, in *cloudwatchapi.UntagResourceInput) (*cloudwatchapi.UntagResourceOutput, error) {
	return nil, s.change(ctx, func(r *region, _ time.Time) error {
		tags, save, ok := s.tagged(r, in.ResourceARN)
		if !ok {
			return notTaggable(in.ResourceARN)
		}
		*tags = slices.DeleteFunc(slices.Clone(*tags), func(t cloudwatchapi.Tag) bool { return slices.Contains(in.TagKeys, t.Key) })
		save()
		return nil
	})
}

// listTagsForResource lists tags; what is not there has none.
func (s *Service) listTagsForResource(ctx context.Context, in *cloudwatchapi.ListTagsForResourceInput) (*cloudwatchapi.ListTagsForResourceOutput, error) {
	out := &cloudwatchapi.ListTagsForResourceOutput{Tags: []cloudwatchapi.Tag{}}
	err := s.look(ctx, func(r *region, _ time.Time) error {
		if tags, _, ok := s.tagged(r, in.ResourceARN); ok {
			out.Tags = append(out.Tags, *tags...)
		}
		return nil
	})
	return out, err
}
