// Package schema knows the resource types of CloudFormation: which properties a
// type has, which it requires, which it computes, and which cannot change in
// place.
package schema

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

// types.json is derived from AWS's public resource schemas; models/NOTICE says how.
//
//go:embed types.json
var document []byte

// A Type is one resource type. Property names in its lists may be paths with
// slashes below a property.
type Type struct {
	node

	Name                  string           `json:"-"`
	Definitions           map[string]*node `json:"definitions"`
	CreateOnly            []string         `json:"createOnlyProperties"`
	ConditionalCreateOnly []string         `json:"conditionalCreateOnlyProperties"`
	ReadOnly              []string         `json:"readOnlyProperties"`
	WriteOnly             []string         `json:"writeOnlyProperties"`
	PrimaryIdentifier     []string         `json:"primaryIdentifier"`
}

// A node is one JSON Schema, as far as resource schemas use the language.
type node struct {
	Ref                  string           `json:"$ref"`
	Type                 names            `json:"type"`
	Properties           map[string]*node `json:"properties"`
	PatternProperties    map[string]*node `json:"patternProperties"`
	AdditionalProperties json.RawMessage  `json:"additionalProperties"`
	Required             []string         `json:"required"`
	Items                *node            `json:"items"`
	Enum                 []any            `json:"enum"`
	Const                *string          `json:"const"`
	Pattern              string           `json:"pattern"`
	MinLength            *int             `json:"minLength"`
	MaxLength            *int             `json:"maxLength"`
	MinItems             *int             `json:"minItems"`
	MaxItems             *int             `json:"maxItems"`
	UniqueItems          bool             `json:"uniqueItems"`
	Minimum              *float64         `json:"minimum"`
	Maximum              *float64         `json:"maximum"`
	AnyOf                []*node          `json:"anyOf"`
	OneOf                []*node          `json:"oneOf"`
}

// names is the type of a node: one name or a list.
type names []string

// UnmarshalJSON reads either form.
func (n *names) UnmarshalJSON(text []byte) error {
	if text[0] == '"' {
		*n = names{""}
		return json.Unmarshal(text, &(*n)[0])
	}
	return json.Unmarshal(text, (*[]string)(n))
}

var all = sync.OnceValue(func() map[string]*Type {
	var types map[string]*Type
	if err := json.Unmarshal(document, &types); err != nil {
		panic(fmt.Sprintf("schema: types.json: %v", err))
	}
	types[Stack] = nested()
	for name, t := range types {
		t.Name = name
	}
	return types
})

// Stack is the type of a stack within a stack.
const Stack = "AWS::CloudFormation::Stack"

// nested is the schema of a nested stack, which is not among the registered ones.
//
// Source: CloudFormation Template Reference, AWS::CloudFormation::Stack.
func nested() *Type {
	text := func() *node { return &node{Type: names{"string"}} }
	closed := json.RawMessage("false")
	return &Type{
		node: node{
			Required: []string{"TemplateURL"},
			Properties: map[string]*node{
				"TemplateURL":      text(),
				"TimeoutInMinutes": {Type: names{"integer"}},
				"NotificationARNs": {Type: names{"array"}, Items: text()},
				"Parameters":       {Type: names{"object"}},
				"Tags": {Type: names{"array"}, Items: &node{
					Type: names{"object"}, Properties: map[string]*node{"Key": text(), "Value": text()},
					Required: []string{"Key", "Value"}, AdditionalProperties: closed,
				}},
			},
		},
		Definitions: map[string]*node{},
	}
}

// Of returns the resource type with a name such as AWS::Lambda::Alias, or nil
// when it is not known.
func Of(name string) *Type { return all()[name] }

// Names returns the names of all known types, in order.
func Names() []string { return slices.Sorted(maps.Keys(all())) }

// Taggable says that resources of the type carry tags, those of their stack
// among them.
func (t *Type) Taggable() bool { return t.Properties["Tags"] != nil }

// A Recreation says whether a change of a property needs a new resource.
type Recreation string

// The recreations, as change sets call them.
const (
	Never         Recreation = "Never"
	Conditionally Recreation = "Conditionally"
	Always        Recreation = "Always"
)

// Recreation returns what a change of a property takes.
func (t *Type) Recreation(property string) Recreation {
	if touches(t.CreateOnly, property) {
		return Always
	}
	if touches(t.ConditionalCreateOnly, property) {
		return Conditionally
	}
	return Never
}

// touches says that one of the paths is, or lies below, a property.
func touches(paths []string, property string) bool {
	return slices.ContainsFunc(paths, func(p string) bool {
		top, _, _ := strings.Cut(p, "/")
		return top == property
	})
}

// A Change is a property that differs.
type Change struct {
	Property   string
	Recreation Recreation
}

// Changes returns the properties that differ between before and after, in order.
func (t *Type) Changes(before, after jsonvalue.Value) []Change {
	var out []Change
	for _, name := range differing(before, after) {
		c := Change{Property: name, Recreation: t.Recreation(name)}
		if c.Recreation != Never && !t.identityChanged(name, before, after) {
			c.Recreation = Never
		}
		out = append(out, c)
	}
	return out
}

// identityChanged says that one of the places below a property differs that
// cannot change in place.
func (t *Type) identityChanged(property string, before, after jsonvalue.Value) bool {
	for _, list := range [][]string{t.CreateOnly, t.ConditionalCreateOnly} {
		for _, path := range list {
			if top, _, _ := strings.Cut(path, "/"); top == property && !equal(at(before, path), at(after, path)) {
				return true
			}
		}
	}
	return false
}

func at(v jsonvalue.Value, path string) jsonvalue.Value {
	for name := range strings.SplitSeq(path, "/") {
		v, _ = v.Get(name)
	}
	return v
}

// differing returns the members of two objects that are not equal, in order.
func differing(before, after jsonvalue.Value) []string {
	var out []string
	for name, v := range before.Members() {
		if w, _ := after.Get(name); !equal(v, w) {
			out = append(out, name)
		}
	}
	for name := range after.Members() {
		if _, had := before.Get(name); !had {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// equal says that two properties mean the same: scalars are what they look like,
// since templates write numbers and booleans as texts and the reverse.
func equal(a, b jsonvalue.Value) bool {
	switch {
	case a.Kind() == jsonvalue.KindObject && b.Kind() == jsonvalue.KindObject:
		return len(differing(a, b)) == 0
	case a.Kind() == jsonvalue.KindArray && b.Kind() == jsonvalue.KindArray:
		if a.Len() != b.Len() {
			return false
		}
		for i := range a.Len() {
			if !equal(a.At(i), b.At(i)) {
				return false
			}
		}
		return true
	case isScalar(a) && isScalar(b):
		return a.Kind() == b.Kind() && jsonvalue.Equal(a, b) || scalarText(a) == scalarText(b)
	}
	return a.IsDefined() == b.IsDefined() && jsonvalue.Equal(a, b)
}

func isScalar(v jsonvalue.Value) bool {
	switch v.Kind() {
	case jsonvalue.KindString, jsonvalue.KindNumber, jsonvalue.KindBool:
		return true
	}
	return false
}

// scalarText is a scalar as a template could write it as a text.
func scalarText(v jsonvalue.Value) string {
	if v.Kind() == jsonvalue.KindString {
		return v.Str()
	}
	return string(v.AppendJSON(nil))
}
