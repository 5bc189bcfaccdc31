package asl

import "fmt"

// checkTransitions reports targets that are not in the flow, a flow that cannot end, and
// states that nothing leads to.
//
// A dangling target is called 'Next' wherever it stands, and a flow without an end hides the
// unreachable states, as AWS does.
func (p *parser) checkTransitions(f *Flow, at string) {
	byName := make(map[string]State, len(f.States))
	for _, s := range f.States {
		byName[s.Base().Name] = s
	}
	start := object{at: at}.place("StartAt")
	follow := func(target, at string) {
		if _, ok := byName[target]; !ok && target != "" {
			p.report(MissingTransitionTarget, at, "Missing 'Next' target: %s", target)
		}
	}
	follow(f.StartAt, start)
	ends := false
	for _, s := range f.States {
		for _, t := range targets(s) {
			follow(t.name, s.Base().Location+t.field)
		}
		switch s.(type) {
		case *Succeed, *Fail:
			ends = true
		default:
			ends = ends || s.Base().End
		}
	}
	if !ends && len(f.States) > 0 {
		p.report(MissingEndState, "", "Workflow has no terminal state")
		return
	}
	reached := map[string]bool{f.StartAt: true}
	for queue := []string{f.StartAt}; len(queue) > 0; queue = queue[1:] {
		s, ok := byName[queue[0]]
		if !ok {
			continue
		}
		for _, t := range targets(s) {
			if !reached[t.name] {
				reached[t.name] = true
				queue = append(queue, t.name)
			}
		}
	}
	for _, s := range f.States {
		if name := s.Base().Name; !reached[name] {
			p.report(MissingTransitionTarget, s.Base().Location, "State \"%s\" is not reachable.", name)
		}
	}
}

// A target is a state that another one may lead to, and the field that says so.
type target struct{ name, field string }

func targets(s State) []target {
	var list []target
	if next := s.Base().Next; next != "" {
		list = append(list, target{next, "/Next"})
	}
	if c, ok := s.(*Choice); ok {
		for i, r := range c.Rules {
			list = append(list, target{r.Next, fmt.Sprintf("/Choices[%d]/Next", i)})
		}
		if c.Default != "" {
			list = append(list, target{c.Default, "/Default"})
		}
	}
	for i, c := range HandlersOf(s).Catch {
		list = append(list, target{c.Next, fmt.Sprintf("/Catch[%d]/Next", i)})
	}
	return list
}
