package jsonata

// sort orders input by the terms of a sort step.
func (ev *evaluator) sort(n *node, input value, f *frame) (value, error) {
	if !input.defined() {
		return input, nil
	}
	if input.kind == arrayKind && input.list().isTuples {
		tuples := append([]tuple(nil), input.list().tuples...)
		err := mergeSort(ev, tuples, func(a, b tuple) (bool, error) {
			return ev.after(n.terms, a.item, b.item, a.frame(f), b.frame(f))
		})
		return tupleStream(tuples), err
	}
	items := append([]value(nil), unwrapped(input).items()...)
	err := mergeSort(ev, items, func(a, b value) (bool, error) {
		return ev.after(n.terms, a, b, f, f)
	})
	return sequenceOf(items), err
}

// after reports whether a must come after b.
func (ev *evaluator) after(terms []term, a, b value, fa, fb *frame) (bool, error) {
	for _, t := range terms {
		x, err := ev.eval(t.by, a, fa)
		if err != nil {
			return false, err
		}
		y, err := ev.eval(t.by, b, fb)
		if err != nil {
			return false, err
		}
		// What has no value for a term comes last.
		if !x.defined() || !y.defined() {
			if x.defined() == y.defined() {
				continue
			}
			return !x.defined(), nil
		}
		for _, v := range []value{x, y} {
			if v.kind != stringKind && v.kind != numberKind {
				return false, fault("T2008", t.by.pos, "", v)
			}
		}
		if x.kind != y.kind {
			return false, fault("T2007", t.by.pos, "", plain([]value{x, y}))
		}
		sign := 0
		if x.kind == stringKind {
			sign = compareUTF16(x.str, y.str)
		} else if x.num < y.num {
			sign = -1
		} else if x.num > y.num {
			sign = 1
		}
		if sign != 0 {
			return (sign > 0) != t.descending, nil
		}
	}
	return false, nil
}

// mergeSort sorts items in place and keeps the order of those that are equal.
// after may fail, and need not be consistent: the sort ends all the same.
func mergeSort[T any](ev *evaluator, items []T, after func(a, b T) (bool, error)) error {
	if err := ev.alloc(len(items)); err != nil {
		return err
	}
	return mergeInto(ev, items, make([]T, len(items)), after)
}

func mergeInto[T any](ev *evaluator, items, spare []T, after func(a, b T) (bool, error)) error {
	if len(items) < 2 {
		return nil
	}
	half := len(items) / 2
	if err := mergeInto(ev, items[:half], spare[:half], after); err != nil {
		return err
	}
	if err := mergeInto(ev, items[half:], spare[half:], after); err != nil {
		return err
	}
	if err := ev.spend(len(items)); err != nil {
		return err
	}
	copy(spare, items)
	left, right := spare[:half], spare[half:]
	for i := range items {
		takeRight := len(left) == 0
		if len(left) > 0 && len(right) > 0 {
			var err error
			if takeRight, err = after(left[0], right[0]); err != nil {
				return err
			}
		}
		if takeRight {
			items[i], right = right[0], right[1:]
		} else {
			items[i], left = left[0], left[1:]
		}
	}
	return nil
}
