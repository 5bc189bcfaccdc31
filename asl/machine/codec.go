package machine

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

// savedVersion is that of the form in which executions are saved. A new form gets a new
// number, and reads the old ones.
const savedVersion = 1

// saved is the form in which an execution is kept.
type saved struct {
	Version  int       `json:"version"`
	Status   Status    `json:"status"`
	Output   *document `json:"output,omitempty"`
	Error    *string   `json:"error,omitempty"`
	Cause    *string   `json:"cause,omitempty"`
	Events   int64     `json:"events"`
	Start    Start     `json:"start"`
	Input    document  `json:"input"`
	Draws    uint64    `json:"draws"`
	Deadline time.Time `json:"deadline,omitzero"`
	LastStep time.Time `json:"lastStep,omitzero"`
	Frames   int64     `json:"frames"`
	LastTask TaskID    `json:"lastTask"`
	Root     *frame    `json:"root,omitempty"`
	Queue    []int64   `json:"queue,omitempty"` // serials of frames
	MapRuns  []*MapRun `json:"mapRuns,omitempty"`
}

// MarshalJSON returns the whole state of the execution. An execution that is loaded from it
// goes on exactly as this one would.
func (x *Execution) MarshalJSON() ([]byte, error) {
	s := saved{
		Version: savedVersion, Status: x.Status, Error: x.Error, Cause: x.Cause, Events: x.EventCount,
		Start: x.start, Input: x.input, Draws: x.draws, Deadline: x.deadline, LastStep: x.lastStep,
		Frames: x.frames, LastTask: x.lastTask, Root: x.root, MapRuns: x.mapRuns,
	}
	if x.Output.IsDefined() {
		s.Output = &document{x.Output, x.OutputText}
	}
	for _, f := range x.queue {
		s.Queue = append(s.Queue, f.Serial)
	}
	return json.Marshal(s)
}

// UnmarshalJSON loads what MarshalJSON saved. It must be run with the program of the same
// definition.
func (x *Execution) UnmarshalJSON(text []byte) error {
	s, err := readSaved(text)
	if err != nil {
		return err
	}
	return x.load(s)
}

func readSaved(text []byte) (*saved, error) {
	s := new(saved)
	if err := json.Unmarshal(text, s); err != nil {
		return nil, fmt.Errorf("load an execution: %w", err)
	}
	if s.Version != savedVersion {
		return nil, fmt.Errorf("load an execution: it is of version %d, this program reads version %d", s.Version, savedVersion)
	}
	return s, nil
}

// load makes the execution what was saved.
func (x *Execution) load(s *saved) error {
	*x = Execution{
		Status: s.Status, Error: s.Error, Cause: s.Cause, EventCount: s.Events,
		start: s.Start, input: s.Input, draws: s.Draws, deadline: s.Deadline, lastStep: s.LastStep,
		frames: s.Frames, lastTask: s.LastTask, root: s.Root, mapRuns: s.MapRuns,
	}
	if s.Output != nil {
		x.Output, x.OutputText = s.Output.value, s.Output.json()
	}
	bySerial := make(map[int64]*frame)
	x.restore(x.root, nil, bySerial)
	slices.SortFunc(x.tasks, func(a, b *frame) int { return int(a.Task.ID - b.Task.ID) })
	for _, serial := range s.Queue {
		f := bySerial[serial]
		if f == nil {
			return fmt.Errorf("load an execution: frame %d is missing", serial)
		}
		x.queue = append(x.queue, f)
	}
	return nil
}

// restore finds again what is not saved of a frame and those below it.
func (x *Execution) restore(f, parent *frame, bySerial map[int64]*frame) {
	if f == nil {
		return
	}
	f.parent = parent
	bySerial[f.Serial] = f
	if f.Task != nil {
		x.tasks = append(x.tasks, f)
	}
	for k := onWake; k <= onBeat; k++ {
		if at := f.due(k); !at.IsZero() {
			x.timers.add(at, f, k)
		}
	}
	if f.Group != nil {
		for _, child := range f.Group.Frames {
			x.restore(child, f, bySerial)
		}
	}
}

// MarshalJSON saves the text, which is the value too.
func (d document) MarshalJSON() ([]byte, error) {
	if !d.value.IsDefined() {
		return []byte("null"), nil
	}
	return json.Marshal(d.json())
}

// UnmarshalJSON loads what MarshalJSON saved.
func (d *document) UnmarshalJSON(text []byte) error {
	var s *string
	if err := json.Unmarshal(text, &s); err != nil {
		return err
	}
	*d = document{}
	if s == nil {
		return nil
	}
	v, err := jsonvalue.Parse(*s)
	*d = document{v, *s}
	return err
}
