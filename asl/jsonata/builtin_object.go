package jsonata

func fnKeys(c *callContext, args []value) (value, error) {
	var keys []value
	seen := make(map[string]bool)
	var visit func(v value, depth int) error
	visit = func(v value, depth int) error {
		if err := c.enter(depth); err != nil {
			return err
		}
		switch v.kind {
		case arrayKind:
			l := v.list()
			for i := range l.len() {
				if err := visit(l.at(i), depth+1); err != nil {
					return err
				}
			}
		case objectKind:
			d := v.dict()
			if err := c.alloc(d.len()); err != nil {
				return err
			}
			for i := range d.len() {
				if key, _ := d.at(i); !seen[key] {
					seen[key] = true
					keys = append(keys, text(key))
				}
			}
		}
		return nil
	}
	if err := visit(args[0], 0); err != nil {
		return value{}, err
	}
	return sequenceOf(keys), nil
}

func fnLookup(c *callContext, args []value) (value, error) {
	if !args[1].defined() {
		return value{}, nil
	}
	return c.field(args[1].str, args[0])
}

func fnSpread(c *callContext, args []value) (value, error) {
	return c.spreadObjects(args[0], 0)
}

func (c *callContext) spreadObjects(v value, depth int) (value, error) {
	if err := c.enter(depth); err != nil {
		return value{}, err
	}
	switch v.kind {
	case arrayKind:
		l := v.list()
		var all []value
		for i := range l.len() {
			part, err := c.spreadObjects(l.at(i), depth+1)
			if err != nil {
				return value{}, err
			}
			all = append(all, part.items()...)
			if err := c.alloc(len(part.items())); err != nil {
				return value{}, err
			}
		}
		if len(all) == 0 {
			return sequenceOf(nil), nil
		}
		return plain(all), nil
	case objectKind:
		d := v.dict()
		if err := c.alloc(4 * d.len()); err != nil {
			return value{}, err
		}
		parts := make([]value, 0, d.len())
		for i := range d.len() {
			key, member := d.at(i)
			one := newDict()
			one.set(key, member)
			parts = append(parts, objectOf(one))
		}
		return sequenceOf(parts), nil
	default:
		return v, nil
	}
}

func fnMerge(c *callContext, args []value) (value, error) {
	if !args[0].defined() {
		return value{}, nil
	}
	merged := newDict()
	for _, v := range args[0].items() {
		if v.kind != objectKind {
			continue
		}
		d := v.dict()
		if err := c.alloc(2 * d.len()); err != nil {
			return value{}, err
		}
		for i := range d.len() {
			merged.set(d.at(i))
		}
	}
	return objectOf(merged), nil
}

func fnClone(c *callContext, args []value) (value, error) {
	if !args[0].defined() {
		return value{}, nil
	}
	return c.clone(args[0], 0)
}

func fnEach(c *callContext, args []value) (value, error) {
	if !args[0].defined() {
		return value{}, nil
	}
	d := args[0].dict()
	var results []value
	for i := range d.len() {
		key, member := d.at(i)
		v, err := c.hand(args[1], member, text(key), args[0])
		if err != nil {
			return value{}, err
		}
		if v.defined() {
			results = append(results, v)
		}
	}
	return sequenceOf(results), c.alloc(len(results))
}

func fnSift(c *callContext, args []value) (value, error) {
	if !args[0].defined() || !args[1].defined() {
		return value{}, nil
	}
	d := args[0].dict()
	kept := newDict()
	for i := range d.len() {
		key, member := d.at(i)
		holds, err := c.holds(args[1], member, text(key), args[0])
		if err != nil {
			return value{}, err
		}
		if holds {
			kept.set(key, member)
		}
	}
	if kept.len() == 0 {
		return value{}, nil
	}
	return objectOf(kept), c.alloc(2 * kept.len())
}
