// Package template is CloudFormation's template language: it reads templates,
// says what is wrong with them and where, and evaluates them in two stages.
//
// [Parse] reads a text. [Process] carries the template's transforms out.
// [Template.Bind] joins the processed template with parameter values: from then
// on conditions are known, and with them the resources that exist. What depends
// on resources, [Bound.Properties] and [Bound.Outputs] ask a [Resolver] for while
// the stack is being made, in the order of [Bound.Order].
//
//	t, err := template.Parse(text)
//	t, err = template.Process(t, inputs, serverless.Transform)
//	b, err := t.Bind(inputs)
//	order, err := b.Order()
//	for _, id := range order {
//		properties, err := b.Properties(id, resolver)
//		…
//	}
//
// Every error is an [*Error], with the place in the text. Templates come from
// strangers: the work and the memory for one are bounded by its size and by
// constants here, whatever it says.
package template

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

// Limits of a template.
//
// Source: CloudFormation User Guide, "CloudFormation quotas"; maxDepth, maxNodes
// and maxProduced are our own.
const (
	// MaxSize is the size of the largest template, in bytes.
	MaxSize       = 1_000_000
	maxResources  = 500
	maxParameters = 200
	maxMappings   = 200
	maxOutputs    = 200
	// maxDepth is how deeply a template may be nested.
	maxDepth = 200
	// maxProduced bounds the bytes that functions may make of one template.
	maxProduced = 16 << 20

	tooDeep = "Template format error: the template is nested too deeply."
)

// The transforms that AWS runs itself.
const (
	ServerlessTransform = "AWS::Serverless-2016-10-31"
	LanguageExtensions  = "AWS::LanguageExtensions"
)

// A Template is a template that was read and is sound as far as can be told
// without values. It never changes.
type Template struct {
	// Body is the whole template, functions in their long form.
	Body jsonvalue.Value
	// Version is AWSTemplateFormatVersion, or empty.
	Version     string
	Description string
	Metadata    jsonvalue.Value
	// Transforms are the transforms still to be run, in their order. A template
	// that has some is checked no further than its sections: [Process] it.
	Transforms []string
	Parameters []Parameter
	// Resources are in the template's order.
	Resources []Resource
	Outputs   []Output

	mappings   jsonvalue.Value
	conditions map[string]jsonvalue.Value
	// conditionNames are in the template's order.
	conditionNames []string
	rules          []rule
	byID           map[string]int // into Resources

	source *source
	// origin leads, for a resource that a transform made, to what it was made of in
	// the source's Resources.
	origin map[string][]string
	// extensions is true when AWS::LanguageExtensions was run.
	extensions bool
}

// A Resource is one member of the Resources section, its functions not
// evaluated.
type Resource struct {
	ID   string
	Type string
	// Properties is an object, empty where the template has none.
	Properties jsonvalue.Value
	// DependsOn are the logical ids of that attribute.
	DependsOn []string
	// Condition names the condition under which the resource exists, or is empty.
	Condition string
	// DeletionPolicy is Delete, Retain, RetainExceptOnCreate or Snapshot; Delete
	// where the template has none.
	DeletionPolicy string
	// UpdateReplacePolicy is Delete, Retain or Snapshot; Delete where the template
	// has none.
	UpdateReplacePolicy string
	// UpdatePolicy, CreationPolicy and Metadata are undefined where absent.
	UpdatePolicy, CreationPolicy, Metadata jsonvalue.Value
}

// An Output is one member of the Outputs section, its functions not evaluated.
type Output struct {
	Name        string
	Description string
	Value       jsonvalue.Value
	// Export is the name under which other stacks import the value, or undefined.
	Export    jsonvalue.Value
	Condition string
}

// Parse reads a template in JSON or YAML. The error is an *Error.
func Parse(text string) (*Template, error) {
	if len(text) > MaxSize {
		return nil, wrong("Template may not exceed %d bytes in size.", MaxSize)
	}
	text = strings.TrimPrefix(text, "\ufeff")
	if i := invalidUTF8(text); i >= 0 {
		return nil, at(text, i, "Template format error: the template is not a text in UTF-8.")
	}
	s, err := read(text)
	if err != nil {
		return nil, err
	}
	return load(s.body, s, nil, false)
}

// read takes a text that begins with a brace for JSON. One that is not quite, such
// as one with a comma too many, AWS was recorded to take as the YAML that it is
// then; one that is neither gets JSON's error.
func read(text string) (*source, error) {
	if !strings.HasPrefix(strings.TrimLeft(text, " \t\r\n"), "{") {
		return readYAML(text)
	}
	s, err := readJSON(text)
	if errors.Is(err, errNotJSON) {
		if loose, looseErr := readYAML(text); looseErr == nil {
			return loose, nil
		}
	}
	return s, err
}

// Rewrite returns the template that a transform has made of t: body, in which
// origin leads, for each resource that is new, to what in the Resources of t it was
// made of, such as Fn, Properties, Events, so that errors can point to what people
// wrote. The transform is taken off the
// list. The error is an *Error.
func (t *Template) Rewrite(transform string, body jsonvalue.Value, origin map[string][]string) (*Template, error) {
	left := slices.DeleteFunc(slices.Clone(t.Transforms), func(name string) bool { return name == transform })
	if len(left) == 0 {
		body = body.Without("Transform")
	} else {
		var b jsonvalue.ArrayBuilder
		for _, name := range left {
			b.Append(jsonvalue.String(name))
		}
		body = body.With("Transform", b.Value())
	}
	from := maps.Clone(t.origin)
	if from == nil {
		from = map[string][]string{}
	}
	for made, of := range origin {
		if earlier, ok := t.origin[of[0]]; ok {
			of = earlier
		}
		from[made] = of
	}
	return load(body, t.source, from, t.extensions || transform == LanguageExtensions)
}

// Resource returns the resource with a logical id.
func (t *Template) Resource(id string) (Resource, bool) {
	i, ok := t.byID[id]
	if !ok {
		return Resource{}, false
	}
	return t.Resources[i], true
}

// Fail returns an error about what path leads to, such as Resources, Fn,
// Properties, Policies, with its place in the text.
func (t *Template) Fail(path []string, format string, args ...any) *Error {
	return t.source.locate(wrong(format, args...), path, t.origin)
}
