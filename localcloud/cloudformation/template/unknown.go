package template

import (
	"maps"
	"regexp"
	"slices"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

var subVariable = regexp.MustCompile(`\$\{\s*([A-Za-z0-9]+)\s*\}`)

// Unknowns returns the names of the parameters without a value, see [Unknown], on
// which v depends: by Ref, in the text of an Fn::Sub, or through conditions. They
// are sorted.
func (b *Bound) Unknowns(v jsonvalue.Value) []string {
	found, conditions := map[string]bool{}, map[string]bool{}
	conditionsOf, _ := b.Body.Get("Conditions")
	var walk func(v jsonvalue.Value)
	parameter := func(name string) {
		if b.given[name] == Unknown {
			found[name] = true
		}
	}
	condition := func(name string) {
		if expression, ok := conditionsOf.Get(name); ok && !conditions[name] {
			conditions[name] = true
			walk(expression)
		}
	}
	walk = func(v jsonvalue.Value) {
		for item := range v.Elements() {
			walk(item)
		}
		for key, member := range v.Members() {
			switch key {
			case "Ref":
				parameter(member.Str())
			case "Condition":
				condition(member.Str())
			case "Fn::If":
				condition(member.At(0).Str())
			case "Fn::Sub":
				text := member.Str()
				if member.Kind() == jsonvalue.KindArray {
					text = member.At(0).Str()
				}
				for _, m := range subVariable.FindAllStringSubmatch(text, -1) {
					parameter(m[1])
				}
			}
			walk(member)
		}
	}
	walk(v)
	return slices.Sorted(maps.Keys(found))
}
