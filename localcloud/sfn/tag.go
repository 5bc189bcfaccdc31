package sfn

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/sfnapi"
)

// mergeTags adds tags to a list; an equal key gets the new value.
func mergeTags(ctx context.Context, old []tag, more []sfnapi.Tag) ([]tag, error) {
	tags := slices.Clone(old)
	for i, t := range more {
		for member, given := range map[string]bool{"key": t.Key != nil, "value": t.Value != nil} {
			if !given {
				return nil, wire.NewValidationError(fmt.Sprintf(
					"1 validation error detected: Value null at 'tags.%d.member.%s' failed to satisfy constraint: Member must not be null", i+1, member))
			}
		}
		added := tag{*t.Key, *t.Value}
		if err := checkTag(added, wire.IsForCloudFormation(ctx)); err != nil {
			return nil, err
		}
		if i := slices.IndexFunc(tags, func(o tag) bool { return o.Key == added.Key }); i >= 0 {
			tags[i] = added
		} else {
			tags = append(tags, added)
		}
	}
	if len(tags) > maxTags {
		return nil, sfnapi.NewTooManyTags(fmt.Sprintf("The resource would have %d tags. At most %d are allowed.", len(tags), maxTags))
	}
	return tags, nil
}

// checkTag refuses what AWS does not allow in tags; reserved says that keys may
// begin with "aws:".
//
// Source: API reference, Tag.
func checkTag(t tag, reserved bool) error {
	bad := func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsSpace(r) && !strings.ContainsRune("_.:/=+-@", r)
	}
	switch {
	case t.Key == "":
		return sfnapi.NewValidationException("A tag must have a key.")
	case !reserved && strings.HasPrefix(strings.ToLower(t.Key), "aws:"):
		return sfnapi.NewValidationException("Tag keys that begin with aws: are reserved: " + t.Key)
	case strings.ContainsFunc(t.Key, bad), strings.ContainsFunc(t.Value, bad):
		return sfnapi.NewValidationException("Tags may hold letters, digits, white space and _ . : / = + - @ only: " + t.Key + "=" + t.Value)
	default:
		return nil
	}
}

// changeTags changes the tags of the state machine or activity of an ARN.
func (s *Service) changeTags(ctx context.Context, text string, f func(old []tag) ([]tag, error)) error {
	r, err := parseResource(text, kindMachine, kindActivity)
	if err != nil {
		return err
	}
	if r.kind == kindActivity {
		a, err := s.activityAt(ctx, text)
		if err != nil {
			return resourceGone(text)
		}
		return s.changeActivity(a, f)
	}
	m, err := s.machineAt(ctx, text) // versions and aliases have no tags
	if isGone(err) {
		return resourceGone(text)
	} else if err != nil {
		return err
	}
	return s.change(m, func(c *control) (*control, error) {
		tags, err := f(c.tags)
		if err != nil || slices.Equal(tags, c.tags) {
			return c, err
		}
		n := c.clone()
		n.tags = tags
		return n, nil
	})
}

func (s *Service) tagResource(ctx context.Context, in *sfnapi.TagResourceInput) (*sfnapi.TagResourceOutput, error) {
	err := s.changeTags(ctx, in.ResourceArn, func(old []tag) ([]tag, error) { return mergeTags(ctx, old, in.Tags) })
	if e, ok := errors.AsType[*wire.Error](err); ok && e.Code == "TooManyTags" {
		return nil, e.With("resourceName", in.ResourceArn)
	}
	return nil, err
}

func (s *Service) untagResource(ctx context.Context, in *sfnapi.UntagResourceInput) (*sfnapi.UntagResourceOutput, error) {
	return nil, s.changeTags(ctx, in.ResourceArn, func(old []tag) ([]tag, error) {
		return slices.DeleteFunc(slices.Clone(old), func(t tag) bool { return slices.Contains(in.TagKeys, t.Key) }), nil
	})
}

func (s *Service) listTagsForResource(ctx context.Context, in *sfnapi.ListTagsForResourceInput) (*sfnapi.ListTagsForResourceOutput, error) {
	out := &sfnapi.ListTagsForResourceOutput{Tags: []sfnapi.Tag{}}
	err := s.changeTags(ctx, in.ResourceArn, func(tags []tag) ([]tag, error) {
		for _, t := range tags {
			out.Tags = append(out.Tags, sfnapi.Tag{Key: &t.Key, Value: &t.Value})
		}
		return tags, nil
	})
	return out, err
}
