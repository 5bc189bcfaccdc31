package schema

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

// most is how many faults are told of one resource.
const most = 20

// Validate returns what is wrong with the properties of a resource, in the words
// of CloudFormation; nil when nothing is. Scalars may be written as texts. A
// pattern that only Java understands is left to the service that the resource
// belongs to.
func (t *Type) Validate(properties jsonvalue.Value) error {
	v := validator{t: t}
	v.members("#", &t.node, properties, true)
	v.choices("#", &t.node, properties)
	switch len(v.faults) {
	case 0:
		return nil
	case 1:
		return &Error{Faults: v.faults}
	}
	slices.Sort(v.faults)
	return &Error{Faults: v.faults}
}

// An Error says what is wrong with properties.
type Error struct {
	// Faults are the places with what is wrong there, such as
	// "#/Timeout: expected type: Integer, found: String".
	Faults []string
}

func (e *Error) Error() string {
	if len(e.Faults) == 1 {
		return e.Faults[0]
	}
	return fmt.Sprintf("#: %d schema violations found\n%s", len(e.Faults), strings.Join(e.Faults, "\n"))
}

// A validator collects faults.
type validator struct {
	t      *Type
	faults []string
}

func (v *validator) fault(path, format string, args ...any) {
	if len(v.faults) < most {
		v.faults = append(v.faults, path+": "+fmt.Sprintf(format, args...))
	}
}

// resolve follows references.
func (v *validator) resolve(n *node) *node {
	for range 10 { // schemas do not refer in circles without a value in between
		if n == nil || n.Ref == "" {
			return n
		}
		n = v.t.Definitions[strings.TrimPrefix(n.Ref, "#/definitions/")]
	}
	return nil
}

func (v *validator) value(path string, n *node, x jsonvalue.Value) {
	if n = v.resolve(n); n == nil {
		return
	}
	v.choices(path, n, x)
	kind := n.kindFor(x)
	if kind == "" {
		v.fault(path, "expected type: %s, found: %s", javaName(n.Type[0]), foundName(x))
		return
	}
	switch kind {
	case "object":
		v.members(path, n, x, false)
	case "array":
		v.elements(path, n, x)
	case "string":
		v.text(path, n, scalarText(x))
	case "integer", "number":
		v.number(path, n, x)
	}
}

// kindFor returns which of the node's types a value is of or may be read as; ""
// when there is none, and "any" for a node that does not say.
func (n *node) kindFor(x jsonvalue.Value) string {
	if len(n.Type) == 0 {
		switch {
		case n.Properties != nil && x.Kind() == jsonvalue.KindObject:
			return "object"
		case n.Enum != nil && isScalar(x):
			return "string"
		}
		return "any"
	}
	for _, t := range n.Type {
		switch t {
		case "object":
			if x.Kind() == jsonvalue.KindObject {
				return t
			}
		case "array":
			if x.Kind() == jsonvalue.KindArray {
				return t
			}
		case "string":
			if isScalar(x) {
				return t
			}
		case "boolean":
			if text := scalarText(x); isScalar(x) && (strings.EqualFold(text, "true") || strings.EqualFold(text, "false")) {
				return t
			}
		case "integer":
			if f, ok := numberOf(x); ok && f == float64(int64(f)) {
				return t
			}
		case "number":
			if _, ok := numberOf(x); ok {
				return t
			}
		}
	}
	return ""
}

func numberOf(x jsonvalue.Value) (float64, bool) {
	if x.Kind() != jsonvalue.KindString && x.Kind() != jsonvalue.KindNumber {
		return 0, false
	}
	f, err := strconv.ParseFloat(scalarText(x), 64)
	return f, err == nil
}

// members checks an object. A resource itself takes no properties but its own;
// those that it computes are not for templates.
func (v *validator) members(path string, n *node, x jsonvalue.Value, resource bool) {
	for name, member := range x.Members() {
		p, known := n.Properties[name]
		computed := resource && slices.Contains(v.t.ReadOnly, name)
		switch {
		case known && !computed:
			v.value(path+"/"+name, p, member)
		case len(n.PatternProperties) > 0:
			for _, p := range n.PatternProperties {
				v.value(path+"/"+name, p, member)
			}
		case resource, string(n.AdditionalProperties) == "false":
			v.fault(path, "extraneous key [%s] is not permitted", name)
		}
	}
	for _, name := range n.Required {
		if _, given := x.Get(name); !given {
			v.fault(path, "required key [%s] not found", name)
		}
	}
}

func (v *validator) elements(path string, n *node, x jsonvalue.Value) {
	if n.MinItems != nil && x.Len() < *n.MinItems {
		v.fault(path, "expected minimum item count: %d, found: %d", *n.MinItems, x.Len())
	}
	if n.MaxItems != nil && x.Len() > *n.MaxItems {
		v.fault(path, "expected maximum item count: %d, found: %d", *n.MaxItems, x.Len())
	}
	var seen jsonvalue.Set
	for i := range x.Len() {
		if n.UniqueItems && !seen.Add(x.At(i)) {
			v.fault(path, "array items are not unique")
			return
		}
		if n.Items != nil {
			v.value(path+"/"+strconv.Itoa(i), n.Items, x.At(i))
		}
	}
}

func (v *validator) text(path string, n *node, text string) {
	length := utf8.RuneCountInString(text)
	if n.MinLength != nil && length < *n.MinLength {
		v.fault(path, "expected minLength: %d, actual: %d", *n.MinLength, length)
	}
	if n.MaxLength != nil && length > *n.MaxLength {
		v.fault(path, "expected maxLength: %d, actual: %d", *n.MaxLength, length)
	}
	if n.Const != nil && text != *n.Const {
		v.fault(path, "%s is not a valid enum value", text)
	}
	if n.Enum != nil && !slices.ContainsFunc(n.Enum, func(e any) bool { return fmt.Sprint(e) == text }) {
		v.fault(path, "%s is not a valid enum value", text)
	}
	if n.Pattern != "" {
		if re, err := regexp.Compile(n.Pattern); err == nil && !re.MatchString(text) {
			v.fault(path, "string [%s] does not match pattern %s", text, n.Pattern)
		}
	}
}

func (v *validator) number(path string, n *node, x jsonvalue.Value) {
	f, _ := numberOf(x)
	if n.Minimum != nil && f < *n.Minimum {
		v.fault(path, "%s is not greater or equal to %s", scalarText(x), jsonvalue.FormatFloat(*n.Minimum))
	}
	if n.Maximum != nil && f > *n.Maximum {
		v.fault(path, "%s is not less or equal to %s", scalarText(x), jsonvalue.FormatFloat(*n.Maximum))
	}
	if n.Enum != nil && !slices.ContainsFunc(n.Enum, func(e any) bool { return fmt.Sprint(e) == scalarText(x) }) {
		v.fault(path, "%s is not a valid enum value", scalarText(x))
	}
}

// choices checks anyOf and oneOf.
func (v *validator) choices(path string, n *node, x jsonvalue.Value) {
	if matched := v.matching(n.AnyOf, x); len(n.AnyOf) > 0 && matched == 0 {
		v.fault(path, "#: no subschema matched out of the total %d subschemas", len(n.AnyOf))
	}
	if matched := v.matching(n.OneOf, x); len(n.OneOf) > 0 && matched != 1 {
		v.fault(path, "#: %d subschemas matched instead of one", matched)
	}
}

func (v *validator) matching(choices []*node, x jsonvalue.Value) int {
	matched := 0
	for _, c := range choices {
		probe := validator{t: v.t}
		if c = v.resolve(c); c == nil {
			continue
		}
		if len(c.Type) > 0 || c.Items != nil {
			probe.value("", c, x)
		} else {
			probe.members("", c, x, false)
		}
		if len(probe.faults) == 0 {
			matched++
		}
	}
	return matched
}

// javaName is a JSON type as CloudFormation's messages call it.
func javaName(kind string) string {
	switch kind {
	case "object":
		return "JSONObject"
	case "array":
		return "JSONArray"
	default:
		return strings.ToUpper(kind[:1]) + kind[1:]
	}
}

func foundName(x jsonvalue.Value) string {
	switch x.Kind() {
	case jsonvalue.KindObject:
		return "JSONObject"
	case jsonvalue.KindArray:
		return "JSONArray"
	case jsonvalue.KindBool:
		return "Boolean"
	case jsonvalue.KindNumber:
		if _, whole := x.Int(); whole {
			return "Integer"
		}
		return "Double"
	case jsonvalue.KindString:
		return "String"
	default:
		return "Null"
	}
}
