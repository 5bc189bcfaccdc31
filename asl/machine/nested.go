package machine

import (
	"strconv"
	"strings"

	"github.com/crossfade-dev/crossfade/asl"
	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

// maxIterations is how many iterations of an inline Map run at once.
//
// Source: Step Functions Developer Guide, "Map state processing modes".
const maxIterations = 40

// fork starts the branches of a Parallel.
func (r *run) fork(f *frame, s *state) *failure {
	def := s.def.(*asl.Parallel)
	input, failed := r.argument(f, s, def.Input)
	if failed != nil {
		return failed
	}
	r.emit(f, EventParallelStateStarted, nil)
	g := &group{Results: make([]document, len(s.starts)), Frames: make([]*frame, 0, len(s.starts))}
	f.Group, f.Phase = g, joining
	for i, start := range s.starts {
		g.Frames = append(g.Frames, r.spawn(f, int32(i), start, input))
	}
	return nil
}

// iterate starts the first iterations of a Map.
func (r *run) iterate(f *frame, s *state) *failure {
	def := s.def.(*asl.Map)
	if def.Distributed {
		return r.distribute(f, s, def)
	}
	input, failed := r.effectiveInput(f, s)
	if failed != nil {
		return failed
	}
	items, failed := r.items(f, s, def, input.value)
	if failed != nil {
		return failed
	}
	limit, failed := r.concurrency(f, s, def, input.value, maxIterations)
	if failed != nil {
		return failed
	}
	length := items.Len()
	r.emit(f, EventMapStateStarted, &Details{Length: int64(length)})
	g := &group{Results: make([]document, length), Items: items, Input: input.value, Limit: limit}
	f.Group, f.Phase = g, joining
	if length == 0 {
		return r.join(f)
	}
	for g.Next < min(limit, length) {
		if failed := r.iteration(f, f.Last); failed != nil {
			return failed
		}
	}
	return nil
}

// items returns what a Map maps over.
func (r *run) items(f *frame, s *state, def *asl.Map, input jsonvalue.Value) (jsonvalue.Value, *failure) {
	items := input
	switch {
	case s.jsonata && def.Items != nil:
		r.lookAt(f, jsonvalue.Value{})
		v, failed := r.eval(f, def.Items)
		if failed != nil {
			return v, failed
		}
		items = v
	case s.jsonata:
		if items.Kind() != jsonvalue.KindArray {
			return items, r.queryFailure(f, "", false, "Map state input must be an array but was: %s", items)
		}
	case def.ItemsPath != nil:
		r.look(input)
		v, failed := r.eval(f, def.ItemsPath)
		if failed != nil {
			return v, failed
		}
		items = v
	}
	if r.inspect != nil && !s.jsonata && def.ItemsPath != nil {
		r.inspect.AfterItemsPath = listed(items)
	}
	if items.Kind() != jsonvalue.KindArray {
		path := "$"
		if def.ItemsPath != nil {
			path = def.ItemsPath.String()
		}
		return items, r.runtimeFailure(f, "Reference path \"%s\" must point to array.", path)
	}
	return items, nil
}

// listed is the text of items as TestState shows them: an array with a blank after
// each comma between its elements.
//
// Source: recorded.
func listed(items jsonvalue.Value) string {
	if items.Kind() != jsonvalue.KindArray {
		return items.String()
	}
	var texts []string
	for e := range items.Elements() {
		texts = append(texts, e.String())
	}
	return "[" + strings.Join(texts, ", ") + "]"
}

// concurrency returns how many iterations may run at once, at most as many as given.
func (r *run) concurrency(f *frame, s *state, def *asl.Map, input jsonvalue.Value, most int64) (int, *failure) {
	if s.jsonata {
		r.lookAt(f, jsonvalue.Value{})
	} else {
		r.look(input)
	}
	limit := int64(0)
	switch {
	case def.MaxConcurrency != nil:
		v, failed := r.eval(f, def.MaxConcurrency)
		if failed != nil {
			return 0, failed
		}
		n, whole := v.Int()
		if !whole || n < 0 {
			return 0, r.queryFailure(f, "MaxConcurrency", false, "MaxConcurrency must be a non-negative integer, but was: %s", v)
		}
		limit = n
	case def.MaxConcurrencyPath != nil:
		v, failed := r.eval(f, def.MaxConcurrencyPath)
		if failed != nil {
			return 0, failed
		}
		n, err := strconv.ParseInt(v.Text(), 10, 64)
		if err != nil {
			return 0, r.runtimeFailure(f, "The MaxConcurrencyPath field refers to value \"%s\" which is not a valid integer: %s",
				v.Text(), def.MaxConcurrencyPath)
		}
		if n < 0 {
			return 0, r.runtimeFailure(f, "MaxConcurrency cannot be negative.")
		}
		limit = n
	}
	if limit == 0 || limit > most {
		limit = most
	}
	return int(limit), nil
}

// iteration starts the next iteration of a Map. Its first event links to previous.
func (r *run) iteration(f *frame, previous int64) *failure {
	s := r.state(f)
	def := s.def.(*asl.Map)
	g := f.Group
	index := g.Next
	g.Next++
	value := g.Items.At(index)
	child := r.spawn(f, int32(index), s.starts[0], documentOf(value))
	child.Item = &item{value}
	child.Last = previous
	g.Frames = append(g.Frames, child)
	r.emit(child, EventMapIterationStarted, &Details{Name: s.common.Name, Index: int64(index)})
	if def.ItemSelector == nil {
		return nil
	}
	v, failed := r.selectItem(f, s, def, g.Input, child)
	child.Input = documentOf(v)
	return failed
}

// selectItem evaluates ItemSelector for the item of an iteration.
func (r *run) selectItem(f *frame, s *state, def *asl.Map, input jsonvalue.Value, iteration *frame) (jsonvalue.Value, *failure) {
	if s.jsonata {
		r.lookAt(f, jsonvalue.Value{})
	} else {
		r.look(input)
	}
	r.world.item = iteration
	v, failed := r.eval(f, def.ItemSelector)
	r.world.item = nil
	return v, failed
}

// joined takes the output of a branch or an iteration that is done.
func (r *run) joined(child *frame, output document) {
	f := child.parent
	s := r.state(f)
	g := f.Group
	g.Results[child.Index] = output
	g.Done++
	g.remove(child)
	last := child.Last
	if s.kind.id == mapState {
		// The event is a leaf: the next iteration links past it, the end of the Map to it.
		leaf := r.leaf(child, last, EventMapIterationSucceeded, &Details{Name: s.common.Name, Index: int64(child.Index)})
		if g.Next < g.Items.Len() {
			if failed := r.iteration(f, last); failed != nil {
				r.disband(f)
				r.handle(f, failed)
			}
			return
		}
		last = leaf
	}
	if g.Done < len(g.Results) {
		return
	}
	f.Last = last
	if failed := r.join(f); failed != nil {
		r.handle(f, failed)
	}
}

// join ends a Parallel or a Map whose frames are all done.
func (r *run) join(f *frame) *failure {
	s := r.state(f)
	result := listOf(f.Group.Results)
	switch def := s.def.(type) {
	case *asl.Parallel:
		r.leaf(f, f.Last, EventParallelStateSucceeded, nil)
		return r.withResult(f, s, def.ResultSelector, def.ResultPath, result)
	case *asl.Map:
		r.leaf(f, f.Last, EventMapStateSucceeded, nil)
		return r.withResult(f, s, def.ResultSelector, def.ResultPath, result)
	default:
		panic("machine: a " + s.def.Type() + " state has no frames to join")
	}
}

// broken takes the failure of a branch or an iteration: the others stop, and the state fails
// with the same error.
func (r *run) broken(child *frame, failed *failure) {
	f := child.parent
	s := r.state(f)
	inner := r.state(child)
	passed := *failed
	passed.ofTask = false
	if s.kind.id == mapState {
		r.leaf(child, child.Last, EventMapIterationFailed, &Details{Name: s.common.Name, Index: int64(child.Index)})
	} else {
		passed.ofBranch = true
		if inner.kind.id == taskState {
			r.leaf(child, child.Last, EventTaskStateAborted, nil)
		}
	}
	r.drop(child)
	child.halt()
	f.Last = child.Last
	r.disband(f)
	r.handle(f, &passed)
}

// disband stops the frames of a group that are still under way.
func (r *run) disband(f *frame) {
	s := r.state(f)
	if r.mapRun(f.Group) != nil {
		r.disbandRun(f)
		return
	}
	for _, child := range f.Group.Frames {
		if child.Phase == stopped || child.Phase == held {
			continue
		}
		r.abandon(child)
		if s.kind.id == mapState {
			r.leaf(child, child.Last, EventMapIterationAborted, &Details{Name: s.common.Name, Index: int64(child.Index)})
		}
	}
}

// abandon stops a frame, and those below it, in the middle of its state.
func (r *run) abandon(f *frame) {
	if f.Group != nil {
		r.disband(f)
	}
	r.drop(f)
	if t := r.state(f).kind.aborted; t != "" && f.Phase != ready && f.Phase != held {
		r.leaf(f, f.Last, t, nil)
	}
	f.halt()
}
