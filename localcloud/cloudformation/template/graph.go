package template

import (
	"slices"
	"strings"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

// A Reference is one place in a resource that needs something else of the
// template.
type Reference struct {
	// ID is the logical id of a resource, or the name of a parameter or pseudo
	// parameter.
	ID string
	// Attribute is what Fn::GetAtt asks for, or empty for Ref and DependsOn.
	Attribute string
	// Parameter is true when ID names a parameter or pseudo parameter.
	Parameter bool
	// Section is the attribute of the resource that has the reference:
	// Properties, DependsOn, UpdatePolicy, CreationPolicy or Metadata.
	Section string
	// Property is the member of that section, such as Role; empty for DependsOn.
	Property string
}

// References returns what an existing resource refers to, in the order of the
// template's text and each thing once. Of Fn::If only the branch that is taken
// counts. What DependsOn names is left out where it does not exist.
func (b *Bound) References(id string) []Reference {
	r, ok := b.Exists(id)
	if !ok {
		return nil
	}
	w := &referenceWalk{t: b.Template, b: b}
	for _, on := range r.DependsOn {
		if _, ok := b.exists[on]; ok {
			w.add(Reference{ID: on, Section: "DependsOn"})
		}
	}
	for _, section := range []struct {
		name string
		v    jsonvalue.Value
	}{
		{"Properties", r.Properties}, {"UpdatePolicy", r.UpdatePolicy}, {"CreationPolicy", r.CreationPolicy}, {"Metadata", r.Metadata},
	} {
		w.section = section.name
		if _, _, called := function(section.v); called {
			w.property = ""
			w.walk(section.v)
			continue
		}
		for property, v := range section.v.Members() {
			w.property = property
			w.walk(v)
		}
	}
	return w.found
}

// ReferencesOf returns what a value of the template refers to, such as an
// output's.
func (b *Bound) ReferencesOf(v jsonvalue.Value) []Reference {
	w := &referenceWalk{t: b.Template, b: b}
	w.walk(v)
	return w.found
}

// A referenceWalk collects references. Without a Bound it follows both branches
// of Fn::If.
type referenceWalk struct {
	t                 *Template
	b                 *Bound
	section, property string
	found             []Reference
	seen              map[Reference]bool
}

func (w *referenceWalk) add(r Reference) {
	if !w.seen[r] {
		if w.seen == nil {
			w.seen = map[Reference]bool{}
		}
		w.seen[r] = true
		w.found = append(w.found, r)
	}
}

func (w *referenceWalk) ref(name string) {
	parameter := strings.HasPrefix(name, "AWS::") || w.t.hasParameter(name)
	if name != "AWS::NoValue" {
		w.add(Reference{ID: name, Parameter: parameter, Section: w.section, Property: w.property})
	}
}

func (w *referenceWalk) attribute(id, name string) {
	w.add(Reference{ID: id, Attribute: name, Section: w.section, Property: w.property})
}

func (w *referenceWalk) walk(v jsonvalue.Value) {
	switch v.Kind() {
	case jsonvalue.KindArray:
		for item := range v.Elements() {
			w.walk(item)
		}
		return
	case jsonvalue.KindObject:
	default:
		return
	}
	name, argument, called := function(v)
	if !called {
		for _, item := range v.Members() {
			w.walk(item)
		}
		return
	}
	switch name {
	case "Ref":
		w.ref(argument.Str())
	case "Fn::GetAtt":
		id, attribute, _ := getAttParts(argument)
		w.attribute(id, attribute.Str())
		w.walk(attribute)
	case "Fn::Sub":
		w.sub(argument)
	case "Fn::If":
		if w.b != nil && argument.Len() == 3 {
			w.walk(argument.At(w.b.branch(argument.At(0))))
			return
		}
		w.walk(argument)
	default:
		w.walk(argument)
	}
}

// branch returns which argument of Fn::If a condition takes.
func (b *Bound) branch(condition jsonvalue.Value) int {
	if named, ok := condition.Get("Condition"); ok {
		condition = named
	}
	if b.conditions[condition.Str()].holds {
		return 1
	}
	return 2
}

func (w *referenceWalk) sub(argument jsonvalue.Value) {
	whole, variables, _ := subArguments(argument)
	parts, _ := subParts(whole)
	for _, part := range parts {
		if _, given := variables.Get(part.name); given || part.name == "" {
			continue
		}
		if id, attribute, dotted := strings.Cut(part.name, "."); dotted {
			w.attribute(id, attribute)
		} else {
			w.ref(part.name)
		}
	}
	for _, v := range variables.Members() {
		w.walk(v)
	}
}

// Dependencies returns the logical ids of the existing resources that a resource
// needs before it, in the order in which the template names them.
func (b *Bound) Dependencies(id string) []string {
	var ids []string
	for _, r := range b.References(id) {
		if _, exists := b.exists[r.ID]; exists && !r.Parameter && !slices.Contains(ids, r.ID) {
			ids = append(ids, r.ID)
		}
	}
	return ids
}

// Order returns the existing resources so that each comes after all it depends
// on, and otherwise in the template's order. The error is an *Error when they
// depend on each other in a circle.
func (b *Bound) Order() ([]string, error) {
	dependents := make([][]int, len(b.existing))
	missing := make([]int, len(b.existing))
	for i, r := range b.existing {
		for _, id := range b.Dependencies(r.ID) {
			on := b.exists[id]
			dependents[on] = append(dependents[on], i)
			missing[i]++
		}
	}
	ready := make(lowestFirst, 0, len(b.existing))
	for i := range b.existing {
		if missing[i] == 0 {
			ready.push(i)
		}
	}
	order := make([]string, 0, len(b.existing))
	for len(ready) > 0 {
		i := ready.pop()
		order = append(order, b.existing[i].ID)
		for _, next := range dependents[i] {
			if missing[next]--; missing[next] == 0 {
				ready.push(next)
			}
		}
	}
	if len(order) == len(b.existing) {
		return order, nil
	}
	circle := b.circle(missing, dependents)
	return nil, b.Fail([]string{"Resources", circle[0]}, "Circular dependency between resources: %s", brackets(circle))
}

// circle returns, of the resources that could not be ordered, those on a circle
// or between two: it takes away again and again what nothing left depends on.
func (b *Bound) circle(missing []int, dependents [][]int) []string {
	left := make([]bool, len(missing))
	for i, n := range missing {
		left[i] = n > 0
	}
	for changed := true; changed; {
		changed = false
		for i := range left {
			if left[i] && !slices.ContainsFunc(dependents[i], func(j int) bool { return left[j] }) {
				left[i], changed = false, true
			}
		}
	}
	var ids []string
	for i, is := range left {
		if is {
			ids = append(ids, b.existing[i].ID)
		}
	}
	return ids
}

// A lowestFirst gives the smallest of its numbers first.
type lowestFirst []int

func (h *lowestFirst) push(n int) {
	i, _ := slices.BinarySearchFunc(*h, n, func(a, b int) int { return b - a })
	*h = slices.Insert(*h, i, n)
}

func (h *lowestFirst) pop() int {
	n := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return n
}
