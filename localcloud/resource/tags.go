package resource

import (
	"context"
	"maps"
	"slices"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

// tagging reads and changes the tags of a resource that exists.
type tagging struct {
	list  func(ctx context.Context, c *call) (map[string]string, error)
	tag   func(ctx context.Context, c *call, tags map[string]string) error
	untag func(ctx context.Context, c *call, keys []string) error
}

// apply gives the resource the tags that it shall have, and no others.
func (t tagging) apply(ctx context.Context, c *call) error {
	if t.list == nil {
		return nil
	}
	have, err := t.list(ctx, c)
	if err != nil {
		return err
	}
	want := c.tags()
	gone := slices.DeleteFunc(slices.Sorted(maps.Keys(have)), func(key string) bool { _, ok := want[key]; return ok })
	maps.DeleteFunc(want, func(key, value string) bool { old, ok := have[key]; return ok && old == value })
	if len(gone) > 0 {
		if err := t.untag(ctx, c, gone); err != nil {
			return err
		}
	}
	if len(want) > 0 {
		return t.tag(ctx, c, want)
	}
	return nil
}

// tags returns those of the stack, CloudFormation's own, and those of the
// template, which count most.
func (c *call) tags() map[string]string {
	tags := maps.Clone(c.Tags)
	if tags == nil {
		tags = map[string]string{}
	}
	v, _ := c.Properties.Get("Tags")
	for key, value := range v.Members() {
		tags[key] = scalar(value)
	}
	for element := range v.Elements() {
		tags[textOf(element, "Key")] = textOf(element, "Value")
	}
	return tags
}

// tagList returns tags as a service wants them, in the order of their keys.
func tagList[T any](tags map[string]string, tag func(key, value *string) T) []T {
	list := make([]T, 0, len(tags))
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		list = append(list, tag(&key, new(tags[key])))
	}
	return list
}

// tagMap returns a service's list as a map.
func tagMap[T any](list []T, pair func(T) (key, value *string)) map[string]string {
	tags := make(map[string]string, len(list))
	for _, t := range list {
		key, value := pair(t)
		if key == nil {
			continue
		}
		tags[*key] = ""
		if value != nil {
			tags[*key] = *value
		}
	}
	return tags
}

// str is the value of an attribute.
func str(s *string) jsonvalue.Value {
	if s == nil {
		return jsonvalue.String("")
	}
	return jsonvalue.String(*s)
}
