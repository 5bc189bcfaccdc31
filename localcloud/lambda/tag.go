package lambda

import (
	"context"
	"maps"

	"github.com/crossfade-dev/crossfade/internal/arn"
	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/lambdaapi"
)

// maxTags is how many tags a function may have.
//
// Source: Lambda developer guide, "Tag requirements".
const maxTags = 50

var errTags = invalid("Number of tags exceeds resource tag limit.")

// tagged finds the function that tags are for. Nothing else has any here.
//
// Source of the messages: recorded.
func (s *Service) tagged(ctx context.Context, resource string) (*function, *control, error) {
	a, err := arn.Parse(resource)
	if err != nil {
		return nil, nil, functionGone(resource)
	}
	unqualified, qualifier := a.Qualified()
	switch a.Kind() {
	case "event-source-mapping":
		return nil, nil, notFound("Event source mapping not found: " + resource)
	case "function":
	default:
		return nil, nil, notFound("Resource not found: " + resource)
	}
	if qualifier != "" {
		return nil, nil, invalid("Tags on function aliases and versions are not supported. Please specify a function ARN.")
	}
	r, err := s.reference(ctx, unqualified.String(), nil)
	if err != nil {
		return nil, nil, err
	}
	return s.function(r)
}

// retag replaces the tags of a function, which gives it a new revision.
func (s *Service) retag(f *function, edit func(tags map[string]string) (map[string]string, error)) error {
	return s.change(f, func(c *control) (*control, error) {
		tags, err := edit(c.tags)
		if err != nil || maps.Equal(tags, c.tags) {
			return c, err
		}
		n := c.withRevision(latest, s.random.UUID(), s.now())
		n.tags = tags
		return n, nil
	})
}

func (s *Service) tagResource(ctx context.Context, in *lambdaapi.TagResourceRequest) (*wire.Nothing, error) {
	if len(in.Tags) == 0 {
		return nil, invalid("An error occurred and the request cannot be processed.")
	}
	f, _, err := s.tagged(ctx, in.Resource)
	if err != nil {
		return nil, err
	}
	return nil, s.retag(f, func(tags map[string]string) (map[string]string, error) {
		all := tagsOf(tags, in.Tags)
		if len(all) > maxTags {
			return nil, errTags
		}
		return all, nil
	})
}

func (s *Service) untagResource(ctx context.Context, in *lambdaapi.UntagResourceRequest) (*wire.Nothing, error) {
	f, _, err := s.tagged(ctx, in.Resource)
	if err != nil {
		return nil, err
	}
	return nil, s.retag(f, func(tags map[string]string) (map[string]string, error) {
		left := maps.Clone(tags)
		for _, key := range in.TagKeys {
			delete(left, key)
		}
		return left, nil
	})
}

func (s *Service) listTags(ctx context.Context, in *lambdaapi.ListTagsRequest) (*lambdaapi.ListTagsResponse, error) {
	_, c, err := s.tagged(ctx, in.Resource)
	if err != nil {
		return nil, err
	}
	return &lambdaapi.ListTagsResponse{Tags: tagsOf(c.tags, nil)}, nil
}
