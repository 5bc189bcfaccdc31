package jsonata

import (
	"slices"
)

// checkStates refuses what Step Functions refuses: at the top level of an
// expression there is no context, so that $, $$ and names of fields mean
// nothing there.
func checkStates(root *node) error {
	c := checker{}
	c.visit(root, true)
	if c.err != nil {
		return c.err
	}
	return nil
}

type checker struct {
	err *Error
}

func (c *checker) refuse(n *node, what string) {
	if c.err == nil {
		c.err = &Error{Code: "S0201", Position: n.pos, Token: n.text, Message: what + " has no meaning at the top level of an expression of Step Functions"}
	}
}

// visit checks n; top tells whether it is evaluated without a context.
func (c *checker) visit(n *node, top bool) {
	if n == nil {
		return
	}
	switch n.kind {
	case nodePath:
		// A step has what the step before it gave as its context.
		for i, step := range n.items {
			if i == 0 {
				c.visit(step, top)
				continue
			}
			c.visit(step, false)
		}
	case nodeVariable:
		if top && (n.text == "" || n.text == "$") {
			c.refuse(n, "$"+n.text)
		}
	case nodeName:
		if top {
			c.refuse(n, "the field name "+n.text)
		}
	case nodeWildcard, nodeDescendants:
		if top {
			c.refuse(n, n.text)
		}
	case nodeTransform:
		for _, part := range []*node{n.left, n.right, n.third} {
			c.visit(part, false)
		}
	case nodeSort:
		for _, t := range n.terms {
			c.visit(t.by, false)
		}
	case nodeObject:
		for _, p := range n.pairs {
			c.visit(p.key, top)
			c.visit(p.value, top)
		}
	case nodeBind:
		c.visit(n.right, top)
	case nodeCall, nodePartial:
		c.procedure(n.left, top)
		for _, arg := range n.items {
			c.visit(arg, top)
		}
	case nodeLambda:
		c.visit(n.body, top)
	default:
		for _, part := range []*node{n.left, n.right, n.third} {
			c.visit(part, top)
		}
		for _, part := range n.items {
			c.visit(part, top)
		}
	}
	if n.group != nil {
		c.visit(n.group, false)
	}
	for _, stages := range [][]stage{n.filter, n.stages} {
		for _, s := range stages {
			c.visit(s.filter, false)
		}
	}
}

// procedure checks what is called: a name without a dollar sign is an error of
// its own when it is called.
func (c *checker) procedure(n *node, top bool) {
	if n.kind == nodePath && len(n.items) == 1 && n.items[0].kind == nodeName {
		return
	}
	c.visit(n, top)
}

// Variables returns the names of the variables that e reads and does not bind
// itself, without the dollar sign, in the order of the alphabet. Functions that
// are built in are not among them.
func (e *Expr) Variables() []string {
	found := map[string]bool{}
	free(e.root, map[string]bool{}, func(name string) {
		_, isBuiltin := builtins[name]
		_, isAdded := statesFunctions[name]
		if !isBuiltin && !(isAdded && e.states) {
			found[name] = true
		}
	})
	names := make([]string, 0, len(found))
	for name := range found {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// free reports the variables that n reads and that are not in bound. It adds to
// bound what n binds for what comes after it.
func free(n *node, bound map[string]bool, report func(string)) {
	if n == nil {
		return
	}
	inner := bound
	switch n.kind {
	case nodeVariable:
		if n.text != "" && n.text != "$" && !bound[n.text] {
			report(n.text)
		}
	case nodeBlock, nodePath, nodeLambda:
		inner = make(map[string]bool, len(bound))
		for name := range bound {
			inner[name] = true
		}
		for _, statement := range n.items {
			// Functions of one block may call each other.
			if n.kind == nodeBlock && statement.kind == nodeBind && statement.right.kind == nodeLambda {
				inner[statement.left.text] = true
			}
		}
	case nodeBind:
		if n.right.kind == nodeLambda { // it may call itself
			bound[n.left.text] = true
		}
		free(n.right, bound, report)
		bound[n.left.text] = true
		return
	}
	if n.kind == nodeLambda {
		for _, parameter := range n.items {
			inner[parameter.text] = true
		}
		free(n.body, inner, report)
		return
	}
	for _, part := range []*node{n.left, n.right, n.third} {
		free(part, inner, report)
	}
	for _, part := range n.items {
		free(part, inner, report)
		for _, name := range []string{part.focus, part.index} {
			if name != "" {
				inner[name] = true
			}
		}
	}
	for _, p := range n.pairs {
		free(p.key, inner, report)
		free(p.value, inner, report)
	}
	for _, t := range n.terms {
		free(t.by, inner, report)
	}
	for _, stages := range [][]stage{n.filter, n.stages} {
		for _, s := range stages {
			if n.index != "" {
				inner[n.index] = true
			}
			if n.focus != "" {
				inner[n.focus] = true
			}
			free(s.filter, inner, report)
			if s.index != "" {
				inner[s.index] = true
			}
		}
	}
	free(n.group, inner, report)
}
