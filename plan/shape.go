package plan

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// A shape says what a value in a plan file looks like. The reader and the JSON
// Schema are made from the same shapes, so that they cannot disagree.
type shape interface {
	// read turns a node into a value; ok is false after a problem was noted.
	read(r *reader, n *yaml.Node, path string) (v any, ok bool)
	// schema describes the shape in JSON Schema.
	schema() map[string]any
}

// A reader collects the problems of one plan file.
type reader struct {
	file     string
	problems Problems
	lines    map[string]int // path → line
}

func (r *reader) problem(n *yaml.Node, path, format string, args ...any) {
	r.problems = append(r.problems, Problem{
		Severity: Error, File: r.file, Line: n.Line, Path: path, Text: fmt.Sprintf(format, args...),
	})
}

// scalar returns the text of a scalar node.
func (r *reader) scalar(n *yaml.Node, path, want string) (string, bool) {
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		r.problem(n, path, "want %s, got %s", want, describe(n))
		return "", false
	}
	return n.Value, true
}

// describe names what a node is, for messages.
func describe(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	case yaml.ScalarNode:
		if n.Tag == "!!null" {
			return "nothing"
		}
		return strconv.Quote(n.Value)
	default:
		return "something else"
	}
}

// text is a string. Numbers are taken as they are written.
type text struct {
	want    string // what it is, for messages
	pattern *regexp.Regexp
	words   []string // the allowed words, if it is one of a few
}

func (s text) read(r *reader, n *yaml.Node, path string) (any, bool) {
	v, ok := r.scalar(n, path, s.want)
	switch {
	case !ok:
		return nil, false
	case len(s.words) > 0 && !slices.Contains(s.words, v):
		r.problem(n, path, "%s", notOneOf(v, s.words))
		return nil, false
	case v == "":
		r.problem(n, path, "want %s, got an empty text", s.want)
		return nil, false
	case s.pattern != nil && !s.pattern.MatchString(v):
		r.problem(n, path, "%q is not %s", v, s.want)
		return nil, false
	}
	return v, true
}

func (s text) schema() map[string]any {
	m := map[string]any{"type": "string", "minLength": 1}
	if len(s.words) > 0 {
		m = map[string]any{"enum": s.words}
	}
	if s.pattern != nil {
		m["pattern"] = s.pattern.String()
	}
	return m
}

// digits is a text of digits that may be written without quotes, such as a version.
type digits struct{ want string }

func (s digits) read(r *reader, n *yaml.Node, path string) (any, bool) {
	v, ok := r.scalar(n, path, s.want)
	if ok && (v == "" || strings.Trim(v, "0123456789") != "") {
		r.problem(n, path, "%q is not %s", v, s.want)
		return nil, false
	}
	return v, ok
}

func (s digits) schema() map[string]any {
	return map[string]any{"anyOf": []any{
		map[string]any{"type": "string", "pattern": "^[0-9]+$"},
		map[string]any{"type": "integer", "minimum": 0},
	}}
}

// duration is read by ParseDuration.
type duration struct{}

func (duration) read(r *reader, n *yaml.Node, path string) (any, bool) {
	v, ok := r.scalar(n, path, "a duration like 5m")
	if !ok {
		return nil, false
	}
	d, err := ParseDuration(v)
	if err != nil {
		r.problem(n, path, "%v", err)
		return nil, false
	}
	return d, true
}

func (duration) schema() map[string]any {
	return map[string]any{"anyOf": []any{
		map[string]any{"type": "string", "pattern": `^(0|([0-9.]+(ms|s|m|h|d|w))+)$`},
		map[string]any{"const": 0},
	}}
}

// weight is read by ParseWeight.
type weight struct{}

func (weight) read(r *reader, n *yaml.Node, path string) (any, bool) {
	v, ok := r.scalar(n, path, "a weight like 10%")
	if !ok {
		return nil, false
	}
	w, err := ParseWeight(v)
	if err != nil {
		r.problem(n, path, "%v", err)
		return nil, false
	}
	return w, true
}

func (weight) schema() map[string]any {
	return map[string]any{"type": "string", "pattern": `^[0-9.]+ ?(%|bp)$`}
}

// integer is a whole number in a range.
type integer struct{ min, max int }

func (s integer) read(r *reader, n *yaml.Node, path string) (any, bool) {
	v, ok := r.scalar(n, path, "a whole number")
	if !ok {
		return nil, false
	}
	i, err := strconv.Atoi(v)
	if err != nil || i < s.min || i > s.max {
		if s.min == s.max {
			r.problem(n, path, "%q is not %d, the only one there is", v, s.min)
			return nil, false
		}
		r.problem(n, path, "%q is not a whole number from %d to %d", v, s.min, s.max)
		return nil, false
	}
	return i, true
}

func (s integer) schema() map[string]any {
	return map[string]any{"type": "integer", "minimum": s.min, "maximum": s.max}
}

// real is a number above a limit.
type real struct{ above, max float64 }

func (s real) read(r *reader, n *yaml.Node, path string) (any, bool) {
	v, ok := r.scalar(n, path, "a number")
	if !ok {
		return nil, false
	}
	f, err := strconv.ParseFloat(v, 64)
	if err != nil || !(f > s.above && f <= s.max) {
		r.problem(n, path, "%q is not a number above %v and at most %v", v, s.above, s.max)
		return nil, false
	}
	return f, true
}

func (s real) schema() map[string]any {
	return map[string]any{"type": "number", "exclusiveMinimum": s.above, "maximum": s.max}
}

// list is a sequence; its value is a []any of those elements that could be
// read, with their places in r.lines.
type list struct {
	of       shape
	nonEmpty bool
}

func (s list) read(r *reader, n *yaml.Node, path string) (any, bool) {
	if n.Kind != yaml.SequenceNode {
		r.problem(n, path, "want a list, got %s", describe(n))
		return nil, false
	}
	if s.nonEmpty && len(n.Content) == 0 {
		r.problem(n, path, "the list is empty")
		return nil, false
	}
	values, ok := make([]any, 0, len(n.Content)), true
	for i, e := range n.Content {
		at := fmt.Sprintf("%s[%d]", path, i)
		r.lines[at] = e.Line
		v, fine := s.of.read(r, e, at)
		values, ok = append(values, v), ok && fine
	}
	return values, ok
}

func (s list) schema() map[string]any {
	m := map[string]any{"type": "array", "items": s.of.schema()}
	if s.nonEmpty {
		m["minItems"] = 1
	}
	return m
}

// texts is a list of shape text.
func texts(want string) list { return list{of: text{want: want}, nonEmpty: true} }

// dictionary is a mapping from any text to text.
type dictionary struct{}

func (dictionary) read(r *reader, n *yaml.Node, path string) (any, bool) {
	if n.Kind != yaml.MappingNode {
		r.problem(n, path, "want a mapping, got %s", describe(n))
		return nil, false
	}
	values, ok := map[string]string{}, true
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		value, fine := r.scalar(v, path+"."+k.Value, "a text")
		if _, twice := values[k.Value]; twice {
			r.problem(k, path, "%q stands here twice", k.Value)
			fine = false
		}
		values[k.Value], ok = value, ok && fine
	}
	return values, ok
}

func (dictionary) schema() map[string]any {
	return map[string]any{"type": "object", "additionalProperties": map[string]any{"type": []any{"string", "number"}}}
}

// truth is true or false.
type truth struct{}

func (truth) read(r *reader, n *yaml.Node, path string) (any, bool) {
	v, ok := r.scalar(n, path, "true or false")
	if ok && v != "true" && v != "false" {
		r.problem(n, path, "%q is neither true nor false", v)
		return nil, false
	}
	return v == "true", ok
}

func (truth) schema() map[string]any { return map[string]any{"type": "boolean"} }

// either is a short form of one line or a long form.
type either struct {
	short text
	long  object
}

func (s either) read(r *reader, n *yaml.Node, path string) (any, bool) {
	if n.Kind == yaml.MappingNode {
		return s.long.read(r, n, path)
	}
	return s.short.read(r, n, path)
}

func (s either) schema() map[string]any {
	return map[string]any{"anyOf": []any{s.short.schema(), s.long.schema()}}
}

// jsonText is what a jsonValue reads: a JSON text without needless blanks.
type jsonText string

// jsonValue is anything that JSON can say. Numbers stay as they are written.
type jsonValue struct{}

func (jsonValue) read(r *reader, n *yaml.Node, path string) (any, bool) {
	var b strings.Builder
	ok := r.writeJSON(&b, n, path)
	return jsonText(b.String()), ok
}

func (jsonValue) schema() map[string]any { return map[string]any{} }

// writeJSON writes a node as JSON.
func (r *reader) writeJSON(b *strings.Builder, n *yaml.Node, path string) bool {
	quoted := func(v any) bool {
		text, err := json.Marshal(v)
		if err != nil {
			r.problem(n, path, "%s cannot be written as JSON", describe(n))
			return false
		}
		b.Write(text)
		return true
	}
	ok := true
	switch n.Kind {
	case yaml.MappingNode:
		b.WriteByte('{')
		for i := 0; i+1 < len(n.Content); i += 2 {
			k, v := n.Content[i], n.Content[i+1]
			if i > 0 {
				b.WriteByte(',')
			}
			name, fine := r.scalar(k, path, "a name")
			ok = ok && fine && quoted(name)
			b.WriteByte(':')
			ok = r.writeJSON(b, v, path+"."+name) && ok
		}
		b.WriteByte('}')
	case yaml.SequenceNode:
		b.WriteByte('[')
		for i, v := range n.Content {
			if i > 0 {
				b.WriteByte(',')
			}
			ok = r.writeJSON(b, v, fmt.Sprintf("%s[%d]", path, i)) && ok
		}
		b.WriteByte(']')
	default:
		switch tag := n.ShortTag(); {
		case (tag == "!!int" || tag == "!!float") && json.Valid([]byte(n.Value)):
			b.WriteString(n.Value)
		case tag == "!!int" || tag == "!!float" || tag == "!!bool" || tag == "!!null":
			var v any
			if err := n.Decode(&v); err != nil {
				r.problem(n, path, "%s cannot be read: %v", describe(n), err)
				return false
			}
			return quoted(v)
		default:
			return quoted(n.Value)
		}
	}
	return ok
}

// notYet is something that plan files will have and this version does not.
type notYet struct{ what string }

func (s notYet) read(r *reader, n *yaml.Node, path string) (any, bool) {
	r.problem(n, path, "%s not possible yet in this version", s.what)
	return nil, false
}

func (notYet) schema() map[string]any { return nil }

// object is a mapping with known keys; its value is a fields.
type object struct {
	keys []key
	// oneOf names keys of which exactly one has to stand there.
	oneOf []string
	// elsewhere maps keys that people put here by mistake to where they go.
	elsewhere map[string]string
}

// A key of an object.
type key struct {
	name     string
	shape    shape
	required bool
	doc      string
}

// fields are the values of an object by key.
type fields map[string]any

func (o object) read(r *reader, n *yaml.Node, path string) (any, bool) {
	if n.Kind != yaml.MappingNode {
		r.problem(n, path, "want a mapping with %s, got %s", strings.Join(o.names(), ", "), describe(n))
		return nil, false
	}
	values, ok, seen := fields{}, true, map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		at := join(path, k.Value)
		at = strings.TrimPrefix(at, ".")
		r.lines[at] = k.Line
		j := slices.IndexFunc(o.keys, func(f key) bool { return f.name == k.Value })
		if j < 0 {
			o.unknown(r, k, path)
			ok = false
			continue
		}
		if seen[k.Value] {
			r.problem(k, path, "%q stands here twice", k.Value)
			ok = false
			continue
		}
		seen[k.Value] = true
		value, fine := o.keys[j].shape.read(r, v, at)
		if ok = ok && fine; fine {
			values[k.Value] = value
		}
	}
	for _, f := range o.keys {
		if f.required && !seen[f.name] {
			r.problem(n, path, "%q is missing", f.name)
			ok = false
		}
	}
	return values, o.checkOneOf(r, n, path, seen) && ok
}

func (o object) unknown(r *reader, k *yaml.Node, path string) {
	if place, ok := o.elsewhere[k.Value]; ok {
		r.problem(k, path, "%q belongs %s", k.Value, place)
		return
	}
	r.problem(k, path, "there is no %q here%s; there are %s", k.Value, didYouMean(k.Value, o.names()), strings.Join(o.names(), ", "))
}

func (o object) checkOneOf(r *reader, n *yaml.Node, path string, seen map[string]bool) bool {
	if len(o.oneOf) == 0 {
		return true
	}
	var given []string
	for _, name := range o.oneOf {
		if seen[name] {
			given = append(given, name)
		}
	}
	if len(given) == 1 {
		return true
	}
	if len(given) == 0 {
		r.problem(n, path, "one of %s is needed", strings.Join(o.offered(o.oneOf), ", "))
	} else {
		r.problem(n, path, "only one of %s is possible", strings.Join(given, ", "))
	}
	return false
}

// names are the keys that may stand in the object.
func (o object) names() []string {
	names := make([]string, len(o.keys))
	for i, k := range o.keys {
		names[i] = k.name
	}
	return o.offered(names)
}

// offered leaves away what is not possible yet.
func (o object) offered(names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		i := slices.IndexFunc(o.keys, func(k key) bool { return k.name == name })
		_, later := o.keys[i].shape.(notYet)
		return later
	})
}

func (o object) schema() map[string]any {
	properties := map[string]any{}
	required := []string{}
	for _, k := range o.keys {
		s := k.shape.schema()
		if s == nil {
			continue
		}
		if k.doc != "" {
			s["description"] = k.doc
		}
		properties[k.name] = s
		if k.required {
			required = append(required, k.name)
		}
	}
	m := map[string]any{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		m["required"] = required
	}
	if len(o.oneOf) > 0 {
		var alternatives []any
		for _, name := range o.offered(o.oneOf) {
			alternatives = append(alternatives, map[string]any{"required": []string{name}})
		}
		m["oneOf"] = alternatives
	}
	return m
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// pointer returns the field as a pointer, nil when it is not there.
func pointer[T any](f fields, name string) *T {
	v, ok := f[name].(T)
	if !ok {
		return nil
	}
	return &v
}

// value returns the field, or the zero value when it is not there.
func value[T any](f fields, name string) T {
	v, _ := f[name].(T)
	return v
}

// listOf returns the elements of a list field that could be read.
func listOf[T any](f fields, name string) []T {
	values, _ := f[name].([]any)
	var out []T
	for _, v := range values {
		if t, ok := v.(T); ok {
			out = append(out, t)
		}
	}
	return out
}

// span is a duration field, or zero.
func span(f fields, name string) time.Duration { return value[time.Duration](f, name) }
