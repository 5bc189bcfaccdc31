package alarm

import "slices"

// A Rule is the rule of a composite alarm, such as
//
//	ALARM("orders failed") AND NOT ALARM(maintenance)
//
// NOT binds closer than AND, AND closer than OR. The zero Rule is not usable.
type Rule struct {
	root node
	refs []string
}

// Refs returns the names and ARNs that the rule speaks of, each once, in the
// order in which they appear first.
func (r Rule) Refs() []string { return slices.Clone(r.refs) }

// Eval says whether the rule holds when state tells what the alarms are in.
// state is called with names and ARNs as the rule spells them. An alarm that is
// not there is in no state.
func (r Rule) Eval(state func(ref string) Value) bool { return r.root.eval(state) }

// Constant says whether the rule refers to no alarm: TRUE, FALSE, and what is
// made of them.
func (r Rule) Constant() bool { return len(r.refs) == 0 }

// A node is a part of a rule.
type node interface {
	eval(state func(ref string) Value) bool
}

type (
	constant bool
	not      struct{ of node }
	and      struct{ left, right node }
	or       struct{ left, right node }
	// in holds while the alarm is in the state.
	in struct {
		ref   string
		value Value
	}
	// atLeast holds while a number or a share of the alarms are in the state,
	// or, negated, are not.
	atLeast struct {
		count   int // of alarms; when percent, 0..100
		percent bool
		negated bool
		value   Value
		refs    []string
	}
)

func (n constant) eval(func(string) Value) bool     { return bool(n) }
func (n not) eval(state func(string) Value) bool    { return !n.of.eval(state) }
func (n and) eval(state func(string) Value) bool    { return n.left.eval(state) && n.right.eval(state) }
func (n or) eval(state func(string) Value) bool     { return n.left.eval(state) || n.right.eval(state) }
func (n in) eval(state func(ref string) Value) bool { return state(n.ref) == n.value }
func (n atLeast) eval(state func(string) Value) bool {
	hits := 0
	for _, ref := range n.refs {
		if v := state(ref); v != "" && (v == n.value) != n.negated {
			hits++
		}
	}
	if n.percent {
		return hits*100 >= n.count*len(n.refs)
	}
	return hits >= n.count
}

// Cycle returns a way from the alarm start back to itself, start first and
// last, or nil when there is none. children returns what an alarm's rule refers
// to, by name.
func Cycle(start string, children func(name string) []string) []string {
	type visit struct {
		name string
		next []string
	}
	seen := map[string]bool{}
	path := []visit{{start, children(start)}}
	for len(path) > 0 {
		top := &path[len(path)-1]
		if len(top.next) == 0 {
			path = path[:len(path)-1]
			continue
		}
		child := top.next[0]
		top.next = top.next[1:]
		if child == start {
			var way []string
			for _, v := range path {
				way = append(way, v.name)
			}
			return append(way, start)
		}
		if !seen[child] {
			seen[child] = true
			path = append(path, visit{child, children(child)})
		}
	}
	return nil
}
