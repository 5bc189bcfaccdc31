package machine

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/crossfade-dev/crossfade/asl"
	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

// A MapRun is one run of a distributed Map state. Its children are executions of their own to
// everything that they can see: their events are numbered from 1 and are not in the history,
// they see no variables but theirs, and what cannot be processed ends only them.
type MapRun struct {
	ARN   string `json:"arn"`
	State string `json:"state"` // the Map state
	// MaxConcurrency is how many children run at once.
	MaxConcurrency int64 `json:"maxConcurrency"`
	// More failed children than either of these end the run. ToleratedFailurePercentage is
	// from 0 to 100.
	ToleratedFailureCount      int64   `json:"toleratedFailureCount"`
	ToleratedFailurePercentage float64 `json:"toleratedFailurePercentage"`
	// Items is the number of items, Children that of the executions for them, which is smaller
	// with an ItemBatcher.
	Items                      int `json:"items"`
	Children                   int `json:"children"`
	Succeeded, Failed, Aborted int
	Status                     Status    `json:"status"`
	StartedAt                  time.Time `json:"startedAt"`
	StoppedAt                  time.Time `json:"stoppedAt,omitzero"` // zero while it runs
	// Started are the children that have started, by their place among all.
	Started []ChildRun `json:"started,omitempty"`
}

// A ChildRun is the execution of one child of a map run.
type ChildRun struct {
	Name      string    `json:"name"`
	Status    Status    `json:"status"`
	StartedAt time.Time `json:"startedAt"`
	StoppedAt time.Time `json:"stoppedAt,omitzero"` // zero while it runs
	Items     int       `json:"items"`              // how many items it works on
}

// MapRuns returns the distributed Map runs of the execution, oldest first, without their
// children.
func (x *Execution) MapRuns() []MapRun {
	list := make([]MapRun, len(x.mapRuns))
	for i, m := range x.mapRuns {
		list[i] = *m
		list[i].Started = nil
	}
	return list
}

// ChildRuns returns the children of a map run that have started, oldest first.
func (x *Execution) ChildRuns(mapRunARN string) []ChildRun {
	for _, m := range x.mapRuns {
		if m.ARN == mapRunARN {
			return slices.Clone(m.Started)
		}
	}
	return nil
}

// ended notes how a child ended.
func (m *MapRun) ended(c *frame, status Status, now time.Time) {
	if i := int(c.Index); i < len(m.Started) { // a run of an older release has none
		m.Started[i].Status, m.Started[i].StoppedAt = status, now
	}
}

// updateMapRun changes the limits of a run that is under way. Children that may run now are
// started; none is stopped.
func (r *run) updateMapRun(ev UpdateMapRun) {
	for number, m := range r.x.mapRuns {
		if m.ARN != ev.MapRunARN || m.Status != StatusRunning {
			continue
		}
		if ev.MaxConcurrency != nil {
			if m.MaxConcurrency = *ev.MaxConcurrency; m.MaxConcurrency == 0 {
				m.MaxConcurrency = maxChildren
			}
		}
		if ev.ToleratedFailureCount != nil {
			m.ToleratedFailureCount = *ev.ToleratedFailureCount
		}
		if ev.ToleratedFailurePercentage != nil {
			m.ToleratedFailurePercentage = *ev.ToleratedFailurePercentage
		}
		if f := r.x.root.runs(number + 1); f != nil {
			f.Group.Limit = int(m.MaxConcurrency)
			for f.Phase == joining && len(f.Group.Frames) < f.Group.Limit && f.Group.Next < f.Group.Items.Len() {
				r.startChild(f, r.state(f))
			}
		}
	}
}

// runs returns the frame of the Map state that a run of that number belongs to, or nil.
func (f *frame) runs(number int) *frame {
	if f == nil || f.Group == nil {
		return nil
	}
	if f.Group.Run == number {
		return f
	}
	for _, inner := range f.Group.Frames {
		if found := inner.runs(number); found != nil {
			return found
		}
	}
	return nil
}

// A child makes a frame an execution of its own.
type child struct {
	Events int64  `json:"events"` // how many it has had
	Name   string `json:"name"`
	Label  string `json:"label"`
	// StartedAt is when it began.
	StartedAt time.Time `json:"startedAt,omitzero"`
}

// maxChildren is how many child executions run at once where the Map sets no limit.
//
// Source: Step Functions Developer Guide, "Map state concurrency".
const maxChildren = 10_000

// owner returns the frame of the child execution that f belongs to, or nil.
func (f *frame) owner() *frame {
	for ; f != nil; f = f.parent {
		if f.Child != nil {
			return f
		}
	}
	return nil
}

// distribute starts the run of a distributed Map. With an ItemReader the items come later.
func (r *run) distribute(f *frame, s *state, def *asl.Map) *failure {
	if transformation(def) == "NONE" && def.ResultWriter.Resource == "" {
		return r.runtimeFailure(f, "A ResultWriter that shows executions without writing them is not supported here.")
	}
	input, failed := r.effectiveInput(f, s)
	if failed != nil {
		return failed
	}
	var items jsonvalue.Value
	var most int64
	if def.ItemReader == nil {
		if items, failed = r.items(f, s, def, input.value); failed != nil {
			return failed
		}
	}
	// Items that are yet to be read do not count.
	r.emit(f, EventMapStateStarted, &Details{Length: int64(items.Len())})
	m := &MapRun{State: s.common.Name, Status: StatusRunning, StartedAt: r.now}
	limit, failed := r.concurrency(f, s, def, input.value, maxChildren)
	if failed != nil {
		return failed
	}
	m.MaxConcurrency = int64(limit)
	if failed := r.tolerance(f, s, def, input.value, m); failed != nil {
		return failed
	}
	if def.ItemReader != nil {
		most, failed = r.maxItems(f, s, def.ItemReader, input.value)
	} else {
		m.Items = items.Len()
		items, failed = r.childInputs(f, s, def, input.value, items)
	}
	if failed != nil {
		return failed
	}
	label := def.Label
	if label == "" {
		label = r.world.UUID()
	}
	start := &r.x.start
	m.ARN = strings.Join([]string{"arn", start.Partition, "states", start.Region, start.Account, "mapRun",
		start.Context.StateMachineName + "/" + label, r.world.UUID()}, ":")
	r.x.mapRuns = append(r.x.mapRuns, m)
	r.emit(f, EventMapRunStarted, &Details{MapRunARN: m.ARN})
	f.Group = &group{Limit: limit, Run: len(r.x.mapRuns), Label: label}
	if def.ItemReader != nil {
		return r.read(f, s, def.ItemReader, most)
	}
	return r.start(f, s, items)
}

// startChildren starts the children of a run whose items were read.
func (r *run) startChildren(f *frame, s *state, def *asl.Map, input, items jsonvalue.Value) *failure {
	r.mapRun(f.Group).Items = items.Len()
	inputs, failed := r.childInputs(f, s, def, input, items)
	if failed != nil {
		return failed
	}
	return r.start(f, s, inputs)
}

// start starts as many children as may run at once.
func (r *run) start(f *frame, s *state, inputs jsonvalue.Value) *failure {
	g, m := f.Group, r.mapRun(f.Group)
	m.Children = inputs.Len()
	g.Items, g.Results = inputs, make([]document, m.Children)
	f.Phase = joining
	for g.Next < min(g.Limit, m.Children) {
		r.startChild(f, s)
	}
	if m.Children == 0 {
		return r.endRun(f, s)
	}
	return nil
}

// mapRun returns the run that a group belongs to, or nil for groups of other states.
func (r *run) mapRun(g *group) *MapRun {
	if g.Run == 0 {
		return nil
	}
	return r.x.mapRuns[g.Run-1]
}

// tolerance evaluates how many children may fail.
func (r *run) tolerance(f *frame, s *state, def *asl.Map, input jsonvalue.Value, m *MapRun) *failure {
	r.look(input)
	if s.jsonata {
		r.lookAt(f, jsonvalue.Value{})
	}
	if e := firstOf(def.ToleratedFailureCount, def.ToleratedFailureCountPath); e != nil {
		v, failed := r.eval(f, e)
		if failed != nil {
			return failed
		}
		n, err := strconv.ParseInt(v.Text(), 10, 64)
		if err != nil {
			return r.runtimeFailure(f, "The ToleratedFailureCountPath field refers to value \"%s\" which is not a valid integer: %s", v.Text(), e)
		}
		if n < 0 {
			return r.runtimeFailure(f, "ToleratedFailureCount cannot be negative.")
		}
		m.ToleratedFailureCount = n
	}
	if e := firstOf(def.ToleratedFailurePercentage, def.ToleratedFailurePercentagePath); e != nil {
		v, failed := r.eval(f, e)
		if failed != nil {
			return failed
		}
		percentage, err := strconv.ParseFloat(v.Text(), 64)
		if err != nil || math.IsNaN(percentage) {
			return r.runtimeFailure(f, "The ToleratedFailurePercentagePath field refers to value \"%s\" which is not a valid float: %s", v.Text(), e)
		}
		if percentage < 0 || percentage > 100 {
			return r.runtimeFailure(f, "ToleratedFailurePercentage must be between 0 and 100.")
		}
		m.ToleratedFailurePercentage = percentage
	}
	return nil
}

// firstOf returns the expression that is there: a field or its Path form.
func firstOf(literal, path asl.Expression) asl.Expression {
	if literal != nil {
		return literal
	}
	return path
}

// childInputs makes the inputs of all children: the items as the selector shapes them, in
// batches if there is a batcher.
func (r *run) childInputs(f *frame, s *state, def *asl.Map, input, items jsonvalue.Value) (jsonvalue.Value, *failure) {
	if def.ItemSelector != nil {
		var selected jsonvalue.ArrayBuilder
		selected.Grow(items.Len())
		for i := range items.Len() {
			v, failed := r.selectItem(f, s, def, input, &frame{parent: f, Index: int32(i), Item: &item{items.At(i)}})
			if failed != nil {
				return v, failed
			}
			selected.Append(v)
		}
		items = selected.Value()
	}
	if def.ItemBatcher == nil {
		return items, nil
	}
	return r.batches(f, s, def.ItemBatcher, input, items)
}

func (r *run) batches(f *frame, s *state, b *asl.ItemBatcher, input, items jsonvalue.Value) (jsonvalue.Value, *failure) {
	r.look(input)
	if s.jsonata {
		r.lookAt(f, jsonvalue.Value{})
	}
	bound := func(literal, path asl.Expression, field string, most int64) (int, *failure) {
		e := firstOf(literal, path)
		if e == nil {
			return int(most), nil
		}
		v, failed := r.eval(f, e)
		if failed != nil {
			return 0, failed
		}
		n, whole := v.Int()
		if !whole || n < 1 {
			return 0, r.runtimeFailure(f, "The %s field refers to value \"%s\" which is not a valid positive integer", field, v.Text())
		}
		return int(min(n, most)), nil
	}
	count, failed := bound(b.MaxItemsPerBatch, b.MaxItemsPerBatchPath, "MaxItemsPerBatch", math.MaxInt32)
	if failed != nil {
		return items, failed
	}
	size, failed := bound(b.MaxInputBytesPerBatch, b.MaxInputBytesPerBatchPath, "MaxInputBytesPerBatch", maxPayload)
	if failed != nil {
		return items, failed
	}
	var shared jsonvalue.Value
	if b.BatchInput != nil {
		if shared, failed = r.eval(f, b.BatchInput); failed != nil {
			return items, failed
		}
	}
	var all, batch jsonvalue.ArrayBuilder
	bytes := 0
	flush := func() {
		if batch.Len() == 0 {
			return
		}
		var members []jsonvalue.Member
		if shared.IsDefined() {
			members = append(members, jsonvalue.Member{Key: "BatchInput", Value: shared})
		}
		all.Append(jsonvalue.ObjectOf(append(members, jsonvalue.Member{Key: "Items", Value: batch.Value()})...))
		bytes = 0
	}
	for v := range items.Elements() {
		if batch.Len() == count || batch.Len() > 0 && bytes+v.Size() > size {
			flush()
		}
		batch.Append(v)
		bytes += v.Size() + 1
	}
	flush()
	return all.Value(), nil
}

// startChild starts the next child of a run.
func (r *run) startChild(f *frame, s *state) {
	g := f.Group
	index := g.Next
	g.Next++
	value := g.Items.At(index)
	c := r.spawn(f, int32(index), s.starts[0], documentOf(value))
	c.Child = &child{Events: 1, Name: r.world.UUID(), Label: g.Label, StartedAt: r.now}
	c.Last = 0
	g.Frames = append(g.Frames, c)
	items := 1
	if s.def.(*asl.Map).ItemBatcher != nil {
		if batch, ok := value.Get("Items"); ok {
			items = batch.Len()
		}
	}
	m := r.mapRun(g)
	m.Started = append(m.Started, ChildRun{Name: c.Child.Name, Status: StatusRunning, StartedAt: r.now, Items: items})
}

// childDone takes the output of a child that ended well.
func (r *run) childDone(c *frame, output document) {
	f := c.parent
	f.Group.Results[c.Index] = output
	r.keep(c, StatusSucceeded, output, nil)
	m := r.mapRun(f.Group)
	m.Succeeded++
	m.ended(c, StatusSucceeded, r.now)
	r.nextChild(c)
}

// childFailed takes the failure of a child, which the run may tolerate.
func (r *run) childFailed(c *frame, why *failure) {
	r.stop(c)
	r.keep(c, StatusFailed, document{}, why)
	f := c.parent
	g := f.Group
	m := r.mapRun(g)
	m.Failed++
	m.ended(c, StatusFailed, r.now)
	failures := int64(m.Failed)
	counted := m.ToleratedFailureCount > 0 && failures <= m.ToleratedFailureCount
	share := 100 * float64(failures) / float64(m.Children)
	if counted || m.ToleratedFailurePercentage > 0 && share <= m.ToleratedFailurePercentage {
		r.nextChild(c)
		return
	}
	r.disbandRun(f)
	r.handle(f, r.failRun(f, fail("States.ExceedToleratedFailureThreshold", "The specified tolerated failure threshold was exceeded")))
}

// nextChild lets another child take the place of one that is done.
func (r *run) nextChild(c *frame) {
	f := c.parent
	g := f.Group
	s := r.state(f)
	g.Done++
	g.remove(c)
	if g.Next < g.Items.Len() {
		if len(g.Frames) < g.Limit { // it may have been lowered meanwhile
			r.startChild(f, s)
		}
		return
	}
	if g.Done < len(g.Results) {
		return
	}
	if failed := r.endRun(f, s); failed != nil {
		r.handle(f, failed)
	}
}

// endRun ends a run that did well enough, after its results are written if they are to be.
// Children that failed leave no result.
func (r *run) endRun(f *frame, s *state) *failure {
	def := s.def.(*asl.Map)
	if w := def.ResultWriter; w != nil && w.Resource != "" {
		return r.transfer(f, s, w.Input, &transfer{Writes: true})
	}
	results := make([]document, 0, len(f.Group.Results))
	for _, d := range f.Group.Results {
		switch {
		case !d.value.IsDefined():
		case transformation(def) == "FLATTEN" && d.value.Kind() == jsonvalue.KindArray:
			for e := range d.value.Elements() {
				results = append(results, documentOf(e))
			}
		default:
			results = append(results, d)
		}
	}
	return r.closeRun(f, s, listOf(results))
}

// transformation is what a Map's WriterConfig makes of the results; empty when it does not say.
func transformation(def *asl.Map) string {
	if def.ResultWriter == nil {
		return ""
	}
	t, _ := def.ResultWriter.Config.Get("Transformation") // Undefined is no text
	if t.Kind() != jsonvalue.KindString {
		return ""
	}
	return t.Str()
}

// closeRun leaves the state of a run that has ended.
func (r *run) closeRun(f *frame, s *state, result document) *failure {
	def := s.def.(*asl.Map)
	m := r.mapRun(f.Group)
	m.Status, m.StoppedAt = StatusSucceeded, r.now
	// Leaving the state links to the run's start, as AWS has it since November 2024.
	ended := r.leaf(f, f.Last, EventMapRunSucceeded, nil)
	r.leaf(f, ended, EventMapStateSucceeded, nil)
	return r.withResult(f, s, def.ResultSelector, def.ResultPath, result)
}

// disbandRun stops the children of a run that are still under way.
func (r *run) disbandRun(f *frame) {
	m := r.mapRun(f.Group)
	for _, c := range f.Group.Frames {
		if c.Phase != stopped && c.Phase != held {
			r.stop(c)
			m.Aborted++
			m.ended(c, StatusAborted, r.now)
		}
	}
}
