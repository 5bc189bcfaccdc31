package machine

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

// A Saver tells what changed in a running execution since it last looked, so that one with many
// frames need not be saved whole after every step. It keeps a copy of what steps write to;
// values never change, so they are compared by where they lie.
type Saver struct {
	start   Start
	input   document
	round   int // counts the looks
	frames  map[int64]*seenFrame
	mapRuns []MapRun // with copies of Started
}

// A seenFrame is a frame as it was.
type seenFrame struct {
	frame   frame // with copies of Retries and Variables
	task    task
	child   child
	group   group // with copies of Results and Ended, without Frames
	parent  int64
	present int // the last round in which it was there
}

// changes are what a Saver found, as they are saved. What did not change is left out.
type changes struct {
	Events   int64          `json:"events"`
	Draws    uint64         `json:"draws"`
	Deadline time.Time      `json:"deadline,omitzero"`
	LastStep time.Time      `json:"lastStep,omitzero"`
	Spawned  int64          `json:"spawned"` // how many frames there have been
	LastTask TaskID         `json:"lastTask"`
	Queue    []int64        `json:"queue,omitempty"`
	Frames   []frameChange  `json:"frames,omitempty"` // each after the one that it belongs to
	Gone     []int64        `json:"gone,omitempty"`
	MapRuns  []mapRunChange `json:"mapRuns,omitempty"`
}

// A frameChange is a frame that is new, or is not what it was. The frame's own Group is empty.
type frameChange struct {
	Parent int64        `json:"parent,omitempty"`
	Frame  frame        `json:"frame"`
	Group  *groupChange `json:"group,omitempty"` // nil when the frame has none
	// Those that are large are left out when they are as they were.
	SameInput     bool `json:"sameInput,omitempty"`
	SameVariables bool `json:"sameVariables,omitempty"`
	SameTask      bool `json:"sameTask,omitempty"`
	SameItem      bool `json:"sameItem,omitempty"`
}

// A groupChange is a group with the results and the ended children that are new. Its frames are
// changes of their own.
type groupChange struct {
	Same      bool           `json:"same,omitempty"` // it is the group that was there before
	SameItems bool           `json:"sameItems,omitempty"`
	Group     group          `json:"group"`
	Size      int            `json:"size"`           // how many results there are in all
	Kept      int            `json:"kept,omitempty"` // how many ended children go before those of Group
	Results   []resultChange `json:"results,omitempty"`
}

type resultChange struct {
	At     int      `json:"at"`
	Result document `json:"result"`
}

type mapRunChange struct {
	At       int           `json:"at"`
	Run      MapRun        `json:"run"`
	Children []childChange `json:"children,omitempty"`
}

type childChange struct {
	At    int      `json:"at"`
	Child ChildRun `json:"child"`
}

// NewSaver returns a Saver that has seen the execution as it is.
func NewSaver(x *Execution) *Saver {
	s := &Saver{start: x.start, input: x.input, frames: make(map[int64]*seenFrame, x.frames)}
	s.look(x)
	return s
}

// Changes returns what changed since the Saver last looked, in the form that Load reads. The
// answer is false when the execution has to be saved whole instead, as MarshalJSON does, and a
// new Saver is to be made: when it does not run, or was taken up again meanwhile.
func (s *Saver) Changes(x *Execution) ([]byte, bool) {
	if x.Status != StatusRunning || x.start != s.start || !x.input.same(s.input) {
		return nil, false
	}
	text, err := json.Marshal(s.look(x))
	return text, err == nil
}

// look returns what changed, and remembers what there is now.
func (s *Saver) look(x *Execution) changes {
	s.round++
	c := changes{
		Events: x.EventCount, Draws: x.draws, Deadline: x.deadline, LastStep: x.lastStep,
		Spawned: x.frames, LastTask: x.lastTask,
	}
	for _, f := range x.queue {
		c.Queue = append(c.Queue, f.Serial)
	}
	count := s.visit(&c, x.root, 0)
	if count < len(s.frames) {
		for serial, old := range s.frames {
			if old.present != s.round {
				c.Gone = append(c.Gone, serial)
				delete(s.frames, serial)
			}
		}
		slices.Sort(c.Gone)
	}
	for i, m := range x.mapRuns {
		if i == len(s.mapRuns) {
			s.mapRuns = append(s.mapRuns, MapRun{})
		}
		if change, changed := m.update(&s.mapRuns[i]); changed {
			change.At = i
			c.MapRuns = append(c.MapRuns, change)
		}
	}
	return c
}

// visit looks at a frame and those below it, and returns how many they are.
func (s *Saver) visit(c *changes, f *frame, parent int64) int {
	if f == nil {
		return 0
	}
	old := s.frames[f.Serial]
	if old == nil {
		old = &seenFrame{parent: parent}
		s.frames[f.Serial] = old
		c.Frames = append(c.Frames, old.update(f))
	} else if !old.same(f) {
		c.Frames = append(c.Frames, old.update(f))
	}
	old.present = s.round
	count := 1
	if f.Group != nil {
		for _, inner := range f.Group.Frames {
			count += s.visit(c, inner, f.Serial)
		}
	}
	return count
}

// same says whether two documents are one. A text may have been made meanwhile.
func (d document) same(old document) bool {
	return d.value == old.value && (d.text == old.text || old.text == "" && len(d.text) == d.value.Size())
}

// same says whether the frame is what it was.
func (old *seenFrame) same(f *frame) bool {
	was := &old.frame
	return f.Index == was.Index && f.State == was.State && f.Phase == was.Phase &&
		f.Entered == was.Entered && f.Before == was.Before && f.Last == was.Last && f.EnteredAt.Equal(was.EnteredAt) &&
		f.Wake.Equal(was.Wake) && f.Retried == was.Retried && slices.Equal(f.Retries, was.Retries) &&
		f.Item == was.Item && f.Input.same(was.Input) && slices.Equal(f.Variables, was.Variables) &&
		f.Child == was.Child && (f.Child == nil || *f.Child == old.child) &&
		old.sameTask(f) && f.Group == was.Group && (f.Group == nil || old.sameGroup(f.Group))
}

func (old *seenFrame) sameTask(f *frame) bool {
	return f.Task == old.frame.Task && (f.Task == nil || *f.Task == old.task)
}

func (old *seenFrame) sameGroup(g *group) bool {
	was := &old.group
	return g.Done == was.Done && g.Next == was.Next && g.Limit == was.Limit && g.Run == was.Run && g.Label == was.Label &&
		g.Items == was.Items && g.Input == was.Input && slices.Equal(g.Ended, was.Ended) &&
		slices.EqualFunc(g.Results, was.Results, document.same)
}

// update takes over what the frame is now, and returns the change.
func (old *seenFrame) update(f *frame) frameChange {
	was := old.frame
	c := frameChange{Parent: old.parent, Frame: *f}
	c.Frame.Group = nil
	if c.SameInput = f.Input.same(was.Input); c.SameInput {
		c.Frame.Input = document{}
	}
	if c.SameVariables = slices.Equal(f.Variables, was.Variables); c.SameVariables {
		c.Frame.Variables = nil
	}
	if c.SameTask = old.sameTask(f); c.SameTask {
		c.Frame.Task = nil
	}
	if c.SameItem = f.Item == was.Item; c.SameItem {
		c.Frame.Item = nil
	}
	if f.Group != nil {
		c.Group = old.updateGroup(f.Group, f.Group == was.Group)
	} else {
		old.group = group{}
	}
	old.frame = *f
	old.frame.Retries, old.frame.Variables = slices.Clone(f.Retries), slices.Clone(f.Variables)
	if f.Task != nil {
		old.task = *f.Task
	}
	if f.Child != nil {
		old.child = *f.Child
	}
	return c
}

func (old *seenFrame) updateGroup(g *group, same bool) *groupChange {
	if !same {
		old.group = group{}
	}
	was := &old.group
	c := &groupChange{Same: same, Group: *g, Size: len(g.Results)}
	c.Group.Frames, c.Group.Results = nil, nil
	if c.SameItems = same && g.Items == was.Items && g.Input == was.Input; c.SameItems {
		c.Group.Items, c.Group.Input = jsonvalue.Value{}, jsonvalue.Value{}
	}
	for c.Kept < min(len(g.Ended), len(was.Ended)) && g.Ended[c.Kept] == was.Ended[c.Kept] {
		c.Kept++
	}
	c.Group.Ended = g.Ended[c.Kept:]
	for i, d := range g.Results {
		if i >= len(was.Results) {
			was.Results = append(was.Results, document{})
		}
		if !d.same(was.Results[i]) {
			c.Results = append(c.Results, resultChange{i, d})
			was.Results[i] = d
		}
	}
	results, ended := was.Results[:len(g.Results)], append(was.Ended[:c.Kept], g.Ended[c.Kept:]...)
	*was = *g
	was.Frames, was.Results, was.Ended = nil, results, ended
	return c
}

// update makes was what the run is now, and returns the change.
func (m *MapRun) update(was *MapRun) (mapRunChange, bool) {
	started := was.Started
	was.Started = nil
	c := mapRunChange{Run: *m}
	c.Run.Started = nil
	changed := !reflect.DeepEqual(c.Run, *was)
	for i, child := range m.Started {
		if i == len(started) {
			started = append(started, ChildRun{})
		}
		if child != started[i] {
			started[i] = child
			c.Children = append(c.Children, childChange{i, child})
		}
	}
	*was = c.Run
	was.Started = started
	return c, changed || len(c.Children) > 0
}

// Load returns the execution that MarshalJSON and then, one after the other, Changes saved. It
// must be run with the program of the same definition.
func Load(whole []byte, later ...[]byte) (*Execution, error) {
	s, err := readSaved(whole)
	if err != nil {
		return nil, err
	}
	frames := map[int64]*frame{}
	s.Root.index(nil, frames)
	for _, text := range later {
		var c changes
		if err := json.Unmarshal(text, &c); err != nil {
			return nil, fmt.Errorf("load the changes of an execution: %w", err)
		}
		if err := s.apply(c, frames); err != nil {
			return nil, fmt.Errorf("load the changes of an execution: %w", err)
		}
	}
	x := new(Execution)
	return x, x.load(s)
}

// index finds the frames below f by their serials.
func (f *frame) index(parent *frame, frames map[int64]*frame) {
	if f == nil {
		return
	}
	f.parent = parent
	frames[f.Serial] = f
	if f.Group != nil {
		for _, inner := range f.Group.Frames {
			inner.index(f, frames)
		}
	}
}

func (s *saved) apply(c changes, frames map[int64]*frame) error {
	s.Events, s.Draws, s.Deadline, s.LastStep = c.Events, c.Draws, c.Deadline, c.LastStep
	s.Frames, s.LastTask, s.Queue = c.Spawned, c.LastTask, c.Queue
	for i := range c.Frames {
		if err := s.applyFrame(&c.Frames[i], frames); err != nil {
			return err
		}
	}
	for _, serial := range c.Gone {
		f := frames[serial]
		if f == nil {
			return fmt.Errorf("frame %d is gone, and was never there", serial)
		}
		delete(frames, serial)
		if f.parent != nil && f.parent.Group != nil {
			f.parent.Group.remove(f)
		}
	}
	for _, change := range c.MapRuns {
		switch {
		case change.At == len(s.MapRuns):
			s.MapRuns = append(s.MapRuns, new(MapRun))
		case change.At > len(s.MapRuns):
			return fmt.Errorf("map run %d comes after %d", change.At, len(s.MapRuns))
		}
		m := s.MapRuns[change.At]
		started := m.Started
		*m = change.Run
		for _, child := range change.Children {
			switch {
			case child.At < len(started):
				started[child.At] = child.Child
			case child.At == len(started):
				started = append(started, child.Child)
			default:
				return fmt.Errorf("child %d of a map run comes after %d", child.At, len(started))
			}
		}
		m.Started = started
	}
	return nil
}

func (s *saved) applyFrame(c *frameChange, frames map[int64]*frame) error {
	f := frames[c.Frame.Serial]
	if f == nil {
		f = &frame{parent: frames[c.Parent]}
		frames[c.Frame.Serial] = f
		switch {
		case c.Parent == 0:
			s.Root = f
		case f.parent == nil || f.parent.Group == nil:
			return fmt.Errorf("frame %d belongs to frame %d, which has none", c.Frame.Serial, c.Parent)
		default:
			f.parent.Group.Frames = append(f.parent.Group.Frames, f)
		}
	}
	was := *f
	*f = c.Frame
	f.parent = was.parent
	if c.SameInput {
		f.Input = was.Input
	}
	if c.SameVariables {
		f.Variables = was.Variables
	}
	if c.SameTask {
		f.Task = was.Task
	}
	if c.SameItem {
		f.Item = was.Item
	}
	if c.Group == nil {
		return nil
	}
	old := &group{}
	if c.Group.Same {
		if was.Group == nil {
			return fmt.Errorf("frame %d has no group", f.Serial)
		}
		old = was.Group
	}
	g := c.Group.Group
	if c.Group.Kept > len(old.Ended) {
		return fmt.Errorf("frame %d lacks children that have ended", f.Serial)
	}
	g.Frames, g.Ended = old.Frames, append(old.Ended[:c.Group.Kept], g.Ended...)
	if c.Group.SameItems {
		g.Items, g.Input = old.Items, old.Input
	}
	g.Results = make([]document, c.Group.Size)
	copy(g.Results, old.Results)
	for _, r := range c.Group.Results {
		if r.At >= len(g.Results) {
			return fmt.Errorf("frame %d has a result too many", f.Serial)
		}
		g.Results[r.At] = r.Result
	}
	f.Group = &g
	return nil
}
