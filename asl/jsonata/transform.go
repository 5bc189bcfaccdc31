package jsonata

// transformer makes the function that |pattern|update,delete| stands for. It
// works on a copy of its argument: the matches of the pattern are parts of that
// copy, and are changed in place.
func (ev *evaluator) transformer(n *node, f *frame) *function {
	return &function{signature: transformSignature, arity: 1, native: func(c *callContext, args []value) (value, error) {
		if !args[0].defined() {
			return value{}, nil
		}
		if clone := c.lookup(f, "clone"); clone.kind != functionKind {
			return value{}, fault("T2013", n.pos, "clone", value{})
		}
		result, err := c.clone(args[0], 0)
		if err != nil {
			return value{}, err
		}
		matches, err := c.eval(n.left, result, f)
		if err != nil {
			return value{}, err
		}
		for _, match := range matches.items() {
			if err := c.transform(n, match, f); err != nil {
				return value{}, err
			}
		}
		return result, nil
	}}
}

var transformSignature = mustSignature("<(oa):o>")

// transform changes one match.
func (c *callContext) transform(n *node, match value, f *frame) error {
	update, err := c.eval(n.right, match, f)
	if err != nil {
		return err
	}
	if update.defined() {
		if update.kind != objectKind {
			return fault("T2011", n.right.pos, "", update)
		}
		if match.kind == objectKind {
			d := update.dict()
			if err := c.alloc(d.len()); err != nil {
				return err
			}
			for i := range d.len() {
				key, v := d.at(i)
				match.dict().set(key, v)
			}
		}
	}
	if n.third == nil {
		return nil
	}
	deletions, err := c.eval(n.third, match, f)
	if err != nil {
		return err
	}
	for _, key := range deletions.items() {
		if key.kind != stringKind {
			return fault("T2012", n.third.pos, "", deletions)
		}
		if match.kind == objectKind {
			if err := c.spend(match.dict().len()); err != nil {
				return err
			}
			match.dict().remove(key.str)
		}
	}
	return nil
}

// clone returns a deep copy of v that can be changed.
func (ev *evaluator) clone(v value, depth int) (value, error) {
	if err := ev.enter(depth); err != nil {
		return value{}, err
	}
	switch v.kind {
	case arrayKind:
		l := v.list()
		if err := ev.alloc(l.len()); err != nil {
			return value{}, err
		}
		items := make([]value, l.len())
		for i := range items {
			var err error
			if items[i], err = ev.clone(l.at(i), depth+1); err != nil {
				return value{}, err
			}
		}
		return plain(items), nil
	case objectKind:
		d := v.dict()
		if err := ev.alloc(2 * d.len()); err != nil {
			return value{}, err
		}
		copied := newDict()
		for i := range d.len() {
			key, member := d.at(i)
			member, err := ev.clone(member, depth+1)
			if err != nil {
				return value{}, err
			}
			copied.set(key, member)
		}
		return objectOf(copied), nil
	default:
		return v, nil
	}
}
