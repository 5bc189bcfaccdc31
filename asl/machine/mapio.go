package machine

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/crossfade-dev/crossfade/asl"
	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

// The errors of a distributed Map that reads or writes a bucket.
const (
	errorItemReaderFailed   = "States.ItemReaderFailed"
	errorResultWriterFailed = "States.ResultWriterFailed"
)

// A MapIO is what a distributed Map asks of a bucket, as part of a CallTask. Reading, the
// answer is the array of items; writing, it is the object to be shown as ResultWriterDetails.
// Either may be done twice.
type MapIO struct {
	// RunARN is the Map run.
	RunARN string
	// Config is the state's ReaderConfig or WriterConfig as written; undefined without one.
	Config jsonvalue.Value
	// MaxItems is how many items to read at most; 0 for all.
	MaxItems int64
	// Writes says that Children are to be written; else items are to be read.
	Writes bool
	// Children are the executions of the run, in the order of their items.
	Children []MapChild
}

// A MapChild is a child execution that has ended.
type MapChild struct {
	// ExecutionARN and StateMachineARN are as AWS shows them, with the run's label.
	ExecutionARN, StateMachineARN, Name string

	Status               Status
	StartedAt, StoppedAt time.Time
	// Input and Output are JSON texts; Output is empty unless Status is StatusSucceeded.
	Input, Output string
	Error, Cause  *string
}

// An ended child is what a run keeps of a child for its ResultWriter.
type ended struct {
	Index     int32     `json:"index"`
	Name      string    `json:"name"`
	Status    Status    `json:"status"`
	StartedAt time.Time `json:"startedAt"`
	StoppedAt time.Time `json:"stoppedAt"`
	Output    document  `json:"output"`
	Error     *string   `json:"error,omitempty"`
	Cause     *string   `json:"cause,omitempty"`
}

// A transfer is what a Map's task is about.
type transfer struct {
	MaxItems int64 `json:"maxItems,omitempty"`
	Writes   bool  `json:"writes,omitempty"`
}

// maxItems evaluates how many items are to be read; 0 for all. What is below is for the reader
// to refuse.
func (r *run) maxItems(f *frame, s *state, reader *asl.ItemReader, input jsonvalue.Value) (int64, *failure) {
	e := firstOf(reader.MaxItems, reader.MaxItemsPath)
	if e == nil {
		return 0, nil
	}
	r.look(input)
	if s.jsonata {
		r.lookAt(f, jsonvalue.Value{})
	}
	v, failed := r.eval(f, e)
	if failed != nil {
		return 0, failed
	}
	n, err := strconv.ParseInt(v.Text(), 10, 64)
	switch {
	case err == nil:
		return n, nil
	case s.jsonata:
		return 0, r.queryFailure(f, "MaxItems", true, "The MaxItems field must be a whole number, but was: %s", v)
	default:
		return 0, r.runtimeFailure(f, "The MaxItemsPath field refers to value \"%s\" which is not a valid integer: %s", v.Text(), e)
	}
}

// read asks for the items of a run that has begun.
func (r *run) read(f *frame, s *state, reader *asl.ItemReader, most int64) *failure {
	if most < 0 {
		return r.failRun(f, fail(errorItemReaderFailed, "field MaxItems must be positive"))
	}
	return r.transfer(f, s, reader.Input, &transfer{MaxItems: most})
}

// transfer makes the frame of a Map wait for a bucket.
func (r *run) transfer(f *frame, s *state, e asl.Expression, t *transfer) *failure {
	input, failed := r.argument(f, s, e)
	if failed != nil {
		return failed
	}
	r.x.lastTask++
	f.Task = &task{ID: r.x.lastTask, Input: input.value, Transfer: t}
	r.x.tasks = append(r.x.tasks, f)
	f.Phase = working
	r.result.Effects = append(r.result.Effects, r.call(f))
	return nil
}

// callOfMap returns the effect that asks for what a Map waits for.
func callOfMap(x *Execution, f *frame, s *state, def *asl.Map) CallTask {
	c := CallTask{
		Task: f.Task.ID, Kind: asl.Integration, Service: "s3", Pattern: asl.RequestResponse,
		Input: f.Task.Input, RoleARN: x.start.Context.RoleARN, Name: s.common.Name,
		Map: &MapIO{RunARN: x.mapRuns[f.Group.Run-1].ARN, MaxItems: f.Task.Transfer.MaxItems, Writes: f.Task.Transfer.Writes},
	}
	if !c.Map.Writes {
		c.Resource, c.Action, c.Map.Config = def.ItemReader.Resource, actionOf(def.ItemReader.Resource), def.ItemReader.Config
		return c
	}
	c.Resource, c.Action, c.Map.Config = def.ResultWriter.Resource, actionOf(def.ResultWriter.Resource), def.ResultWriter.Config
	c.Map.Children = f.children(x)
	return c
}

// actionOf returns the last part of a Resource such as arn:aws:states:::s3:getObject, which
// only Maps may name.
func actionOf(resource string) string { return resource[strings.LastIndexByte(resource, ':')+1:] }

// children returns what became of the children of a run, as their executions show it.
func (f *frame) children(x *Execution) []MapChild {
	g := f.Group
	start := &x.start.Context
	machineARN := start.StateMachineARN + "/" + g.Label
	list := make([]MapChild, len(g.Ended))
	inOrder := slices.SortedFunc(slices.Values(g.Ended), func(a, b ended) int { return int(a.Index - b.Index) })
	for i, e := range inOrder {
		list[i] = MapChild{
			ExecutionARN: executionARN(machineARN, e.Name), StateMachineARN: machineARN, Name: e.Name,
			Status: e.Status, StartedAt: e.StartedAt, StoppedAt: e.StoppedAt,
			Input: g.Items.At(int(e.Index)).String(), Output: e.Output.json(), Error: e.Error, Cause: e.Cause,
		}
	}
	return list
}

// executionARN is the name of a child execution.
func executionARN(machineARN, name string) string {
	return strings.Replace(machineARN, ":stateMachine:", ":execution:", 1) + ":" + name
}

// transferred goes on with a Map whose bucket has answered.
func (r *run) transferred(f *frame, answer jsonvalue.Value) {
	s := r.state(f)
	def := s.def.(*asl.Map)
	t := f.Task.Transfer
	r.closeTask(f)
	var failed *failure
	if t.Writes {
		failed = r.closeRun(f, s, documentOf(jsonvalue.ObjectOf(
			jsonvalue.Member{Key: "MapRunArn", Value: jsonvalue.String(r.mapRun(f.Group).ARN)},
			jsonvalue.Member{Key: "ResultWriterDetails", Value: answer},
		)))
	} else {
		input, problem := r.effectiveInput(f, s)
		if failed = problem; failed == nil {
			failed = r.startChildren(f, s, def, input.value, answer)
		}
	}
	if failed != nil {
		r.handle(f, failed)
	}
}

// notTransferred fails a Map whose bucket did not take or give what it should.
func (r *run) notTransferred(f *frame, cause *string) {
	name := errorItemReaderFailed
	if f.Task.Transfer.Writes {
		name = errorResultWriterFailed
	}
	r.closeTask(f)
	r.handle(f, r.failRun(f, &failure{name: &name, cause: cause}))
}

// failRun ends the run of a Map that fails.
func (r *run) failRun(f *frame, failed *failure) *failure {
	m := r.mapRun(f.Group)
	m.Status, m.StoppedAt = StatusFailed, r.now
	r.emit(f, EventMapRunFailed, &Details{Error: failed.name, Cause: failed.cause})
	return failed
}

// keep notes for a ResultWriter how a child ended.
func (r *run) keep(c *frame, status Status, output document, failed *failure) {
	f := c.parent
	if r.state(f).def.(*asl.Map).ResultWriter == nil {
		return
	}
	e := ended{
		Index: c.Index, Name: c.Child.Name, Status: status,
		StartedAt: c.Child.StartedAt, StoppedAt: r.now, Output: output,
	}
	if failed != nil {
		e.Error, e.Cause = failed.name, failed.cause
	}
	f.Group.Ended = append(f.Group.Ended, e)
}
