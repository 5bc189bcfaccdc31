package jsonata

import "strconv"

// resolver turns the tree that was written into the one that is evaluated: it
// strings dots together to paths, moves filters, groups and bindings to the
// step they belong to, and finds for each % the step whose context it means.
type resolver struct {
	slots int
}

func resolve(root *node) (*node, error) {
	r := &resolver{}
	n, err := r.node(root)
	if err != nil {
		return nil, err
	}
	if n.kind == nodeParent || len(n.seeking) > 0 {
		return nil, syntax("S0217", n.pos, "%")
	}
	return n, nil
}

func (r *resolver) node(n *node) (*node, error) {
	resolved, err := r.resolved(n)
	if err == nil && n.keepArray {
		resolved.keepArray = true
	}
	return resolved, err
}

func (r *resolver) resolved(n *node) (*node, error) {
	switch n.kind {
	case nodeDot:
		return r.dot(n)
	case nodeFilter:
		return r.filter(n)
	case nodeGroup:
		return r.group(n)
	case nodeOrder:
		return r.order(n)
	case nodeFocus:
		return r.focus(n)
	case nodeIndex:
		return r.index(n)
	case nodeName:
		return &node{kind: nodePath, pos: n.pos, items: []*node{n}, keepSingleton: n.keepArray}, nil
	case nodeParent:
		n.slot = &slot{label: "!" + strconv.Itoa(r.slots), level: 1}
		r.slots++
		return n, nil
	case nodeBlock:
		if err := r.list(n, n.items); err != nil {
			return nil, err
		}
		for _, statement := range n.items {
			n.binds = n.binds || binds(statement)
			n.constructs = n.constructs || statement.constructs || (statement.kind == nodePath && statement.items[0].constructs)
		}
		return n, nil
	case nodeNegate:
		inner, err := r.child(n, n.left)
		if err != nil {
			return nil, err
		}
		if inner.kind == nodeNumber {
			inner.num = -inner.num
			inner.text = "-" + inner.text
			return inner, nil
		}
		n.left = inner
		return n, nil
	case nodeLambda:
		body, err := r.node(n.body)
		n.body = body
		return n, err
	case nodeApply:
		var err error
		if n.left, err = r.child(n, n.left); err != nil {
			return nil, err
		}
		if n.right, err = r.child(n, n.right); err != nil {
			return nil, err
		}
		n.keepArray = n.left.keepArray || n.right.keepArray
		return n, nil
	case nodeObject:
		return n, r.pairs(n, n)
	case nodeCall, nodePartial:
		procedure, err := r.node(n.left)
		if err != nil {
			return nil, err
		}
		n.left = procedure
		return n, r.list(n, n.items)
	default:
		return n, r.children(n)
	}
}

// binds reports whether n binds a variable of the block that it stands in.
func binds(n *node) bool {
	if n == nil || n.kind == nodeBlock || n.kind == nodeLambda {
		return false
	}
	if n.kind == nodeBind {
		return true
	}
	found := binds(n.left) || binds(n.right) || binds(n.third) || binds(n.group)
	for _, part := range n.items {
		found = found || binds(part)
	}
	for _, p := range n.pairs {
		found = found || binds(p.key) || binds(p.value)
	}
	for _, t := range n.terms {
		found = found || binds(t.by)
	}
	for _, stages := range [][]stage{n.filter, n.stages} {
		for _, s := range stages {
			found = found || binds(s.filter)
		}
	}
	return found
}

// child resolves a part of n, and hands on what it seeks.
func (r *resolver) child(n, part *node) (*node, error) {
	if part == nil {
		return nil, nil
	}
	part, err := r.node(part)
	if err != nil {
		return nil, err
	}
	n.seeking = append(n.seeking, sought(part)...)
	return part, nil
}

// sought returns the slots that n looks for further out.
func sought(n *node) []*slot {
	if n.kind == nodeParent {
		return append(n.seeking, n.slot)
	}
	return n.seeking
}

func (r *resolver) list(n *node, parts []*node) error {
	for i, part := range parts {
		resolved, err := r.child(n, part)
		if err != nil {
			return err
		}
		parts[i] = resolved
	}
	return nil
}

func (r *resolver) children(n *node) error {
	for _, part := range []**node{&n.left, &n.right, &n.third} {
		resolved, err := r.child(n, *part)
		if err != nil {
			return err
		}
		*part = resolved
	}
	return r.list(n, n.items)
}

func (r *resolver) pairs(owner, object *node) error {
	for i := range object.pairs {
		p := &object.pairs[i]
		var err error
		if p.key, err = r.child(owner, p.key); err != nil {
			return err
		}
		if p.value, err = r.child(owner, p.value); err != nil {
			return err
		}
	}
	return nil
}

// dot joins both sides of a dot to one path.
func (r *resolver) dot(n *node) (*node, error) {
	left, err := r.node(n.left)
	if err != nil {
		return nil, err
	}
	path := left
	if left.kind != nodePath {
		path = &node{kind: nodePath, pos: left.pos, items: []*node{left}}
		if left.kind == nodeParent {
			path.seeking = append(path.seeking, left.slot)
		}
	}
	right, err := r.node(n.right)
	if err != nil {
		return nil, err
	}
	fresh := len(path.items)
	if left.kind != nodePath {
		fresh = 0 // its first step was not looked at either
	}
	if right.kind == nodePath {
		path.items = append(path.items, right.items...)
	} else {
		right.stages, right.filter = append(right.stages, right.filter...), nil
		path.items = append(path.items, right)
	}
	for _, step := range path.items[fresh:] {
		switch step.kind {
		case nodeNumber:
			return nil, syntax("S0213", step.pos, step.text, step.text)
		case nodeConstant:
			return nil, syntax("S0213", step.pos, step.text, step.text)
		case nodeString:
			step.kind = nodeName
		}
	}
	for _, step := range path.items[max(fresh-1, 0):] { // [] may have come after the last step
		path.keepSingleton = path.keepSingleton || step.keepArray
	}
	first, last := path.items[0], path.items[len(path.items)-1]
	first.constructs = first.constructs || first.kind == nodeArray
	last.constructs = last.constructs || last.kind == nodeArray
	return path, r.ancestry(path)
}

// last returns the step that a filter or a binding after n belongs to.
func last(n *node) *node {
	if n.kind == nodePath {
		return n.items[len(n.items)-1]
	}
	return n
}

func (r *resolver) filter(n *node) (*node, error) {
	left, err := r.node(n.left)
	if err != nil {
		return nil, err
	}
	step := last(left)
	if step.group != nil {
		return nil, syntax("S0209", n.pos, "[")
	}
	test, err := r.node(n.right)
	if err != nil {
		return nil, err
	}
	if len(test.seeking) > 0 {
		for _, s := range test.seeking {
			if s.level == 1 {
				if _, err := r.seek(step, s); err != nil {
					return nil, err
				}
			} else {
				s.level--
			}
		}
		step.seeking = append(step.seeking, sought(test)...)
	}
	if left.kind == nodePath {
		step.stages = append(step.stages, stage{filter: test})
	} else {
		step.filter = append(step.filter, stage{filter: test})
	}
	return left, nil
}

func (r *resolver) group(n *node) (*node, error) {
	left, err := r.node(n.left)
	if err != nil {
		return nil, err
	}
	if left.group != nil {
		return nil, syntax("S0210", n.pos, "{")
	}
	// What % means inside of a group cannot be known: it is undefined there.
	if err := r.pairs(&node{}, n.right); err != nil {
		return nil, err
	}
	left.group = n.right
	return left, nil
}

func (r *resolver) order(n *node) (*node, error) {
	left, err := r.node(n.left)
	if err != nil {
		return nil, err
	}
	path := asPath(left)
	step := &node{kind: nodeSort, pos: n.pos, terms: n.terms}
	for i := range step.terms {
		if step.terms[i].by, err = r.child(step, step.terms[i].by); err != nil {
			return nil, err
		}
	}
	path.items = append(path.items, step)
	return path, r.ancestry(path)
}

func asPath(n *node) *node {
	if n.kind == nodePath {
		return n
	}
	return &node{kind: nodePath, pos: n.pos, items: []*node{n}, seeking: n.seeking}
}

func (r *resolver) focus(n *node) (*node, error) {
	left, err := r.node(n.left)
	if err != nil {
		return nil, err
	}
	step := last(left)
	if len(step.stages) > 0 || len(step.filter) > 0 {
		return nil, syntax("S0215", n.pos, "@")
	}
	if step.kind == nodeSort {
		return nil, syntax("S0216", n.pos, "@")
	}
	step.keepArray = step.keepArray || n.keepArray
	step.focus = n.right.text
	step.tuple = true
	return left, nil
}

func (r *resolver) index(n *node) (*node, error) {
	left, err := r.node(n.left)
	if err != nil {
		return nil, err
	}
	step := last(left)
	if left.kind != nodePath {
		left = asPath(left)
		step.stages, step.filter = append(step.stages, step.filter...), nil
	}
	if len(step.stages) == 0 {
		step.index = n.right.text
	} else {
		step.stages = append(step.stages, stage{index: n.right.text})
	}
	step.tuple = true
	return left, nil
}

// seek walks one step towards the one that a slot means. It returns the slot
// with the levels that are left.
func (r *resolver) seek(n *node, s *slot) (*slot, error) {
	switch n.kind {
	case nodeName, nodeWildcard:
		s.level--
		if s.level == 0 {
			if n.ancestor == nil {
				n.ancestor = s
			} else {
				s.label = n.ancestor.label // two % mean the same step
			}
			n.tuple = true
		}
		return s, nil
	case nodeParent:
		s.level++
		return s, nil
	case nodeBlock:
		if len(n.items) == 0 {
			return s, nil
		}
		n.tuple = true
		return r.seek(n.items[len(n.items)-1], s)
	case nodePath:
		n.tuple = true
		i := len(n.items) - 1
		s, err := r.seek(n.items[i], s)
		for i--; err == nil && s.level > 0 && i >= 0; i-- {
			s, err = r.seek(n.items[i], s)
		}
		return s, err
	default:
		return nil, syntax("S0217", n.pos, "%")
	}
}

// ancestry finds the steps of path that the slots sought by its last step mean.
// Those not found are sought by the path itself.
func (r *resolver) ancestry(path *node) error {
	end := len(path.items) - 1
	for _, s := range sought(path.items[end]) {
		i := end - 1
		for s.level > 0 {
			if i < 0 {
				path.seeking = append(path.seeking, s)
				break
			}
			step := path.items[i]
			i--
			// Steps that bind a variable keep the context: they count as one.
			for i >= 0 && step.focus != "" && path.items[i].focus != "" {
				step = path.items[i]
				i--
			}
			var err error
			if s, err = r.seek(step, s); err != nil {
				return err
			}
		}
	}
	return nil
}

// literal returns the value of a literal. Number literals keep no form of their
// own: 1.0 in an expression is 1.
func (n *node) literal() value {
	switch n.kind {
	case nodeNumber:
		return number(n.num)
	case nodeString:
		return text(n.text)
	default:
		return n.constant
	}
}
