package jsonata

// A bucket holds what belongs to one key of an object constructor.
type bucket struct {
	pair   int     // which pair made the key
	first  value   // the only item, while there is one
	many   []value // the items of all, once there are several
	tuples []tuple
}

// group evaluates an object constructor: for each item, the keys; then for each
// key, the value for all items that gave it.
func (ev *evaluator) group(n *node, input value, f *frame) (value, error) {
	var l *list
	if input.kind == arrayKind {
		l = input.list()
	} else {
		l = &list{items: []value{input}}
	}
	if l.len() == 0 {
		l = &list{items: []value{{}}} // so that constant keys are there
	}
	var keys []string
	buckets := make(map[string]*bucket)
	for i := range l.len() {
		item, inner := l.at(i), f
		if l.isTuples {
			inner = l.tuples[i].frame(f)
		}
		for which, p := range n.pairs {
			key, err := ev.eval(p.key, item, inner)
			if err != nil {
				return value{}, err
			}
			if !key.defined() {
				continue
			}
			if key.kind != stringKind {
				return value{}, fault("T1003", p.key.pos, "", key)
			}
			b, ok := buckets[key.str]
			switch {
			case !ok:
				b = &bucket{pair: which}
				buckets[key.str] = b
				keys = append(keys, key.str)
				if err := ev.alloc(3); err != nil {
					return value{}, err
				}
				fallthrough
			case b.pair == which:
				if err := b.add(ev, l, i, !ok); err != nil {
					return value{}, err
				}
			default:
				return value{}, fault("D1009", p.key.pos, "", key)
			}
		}
	}
	result := newDict()
	for _, key := range keys {
		b := buckets[key]
		context, inner, err := b.context(ev, l.isTuples, f)
		if err != nil {
			return value{}, err
		}
		v, err := ev.eval(n.pairs[b.pair].value, context, inner)
		if err != nil {
			return value{}, err
		}
		if v.defined() {
			result.set(key, v)
		}
	}
	return objectOf(result), nil
}

func (b *bucket) add(ev *evaluator, l *list, i int, first bool) error {
	switch {
	case l.isTuples:
		b.tuples = append(b.tuples, l.tuples[i])
		return ev.alloc(1)
	case first:
		b.first = l.at(i)
		return nil
	case b.many == nil:
		b.many = append([]value{}, b.first.items()...)
	}
	item := l.at(i)
	more := item.items()
	b.many = append(b.many, more...)
	return ev.alloc(1 + len(more))
}

// context returns what the value of a key is evaluated for. Of tuples, the
// variables are lists as well.
func (b *bucket) context(ev *evaluator, bound bool, f *frame) (value, *frame, error) {
	switch {
	case bound:
	case b.many != nil:
		return plain(b.many), f, nil
	default:
		return b.first, f, nil
	}
	merged := tuple{item: b.tuples[0].item, vars: append([]variable(nil), b.tuples[0].vars...)}
	if len(b.tuples) > 1 {
		items := make([]value, 0, len(b.tuples))
		for _, t := range b.tuples {
			items = append(items, t.item.items()...)
		}
		merged.item = plain(items)
		for i := range merged.vars {
			all := make([]value, 0, len(b.tuples))
			for _, t := range b.tuples {
				for _, x := range t.vars {
					if x.name == merged.vars[i].name {
						all = append(all, x.value.items()...)
					}
				}
			}
			if err := ev.alloc(len(all)); err != nil {
				return value{}, nil, err
			}
			merged.vars[i].value = plain(all)
		}
	}
	return merged.item, merged.frame(f), nil
}
