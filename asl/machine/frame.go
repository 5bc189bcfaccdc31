package machine

import (
	"time"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

// A document is a JSON value with its text. Values that no state has touched keep the text in
// which they came, blanks included, as AWS shows them. An empty text is made when needed.
type document struct {
	value jsonvalue.Value
	text  string
}

func documentOf(v jsonvalue.Value) document { return document{value: v} }

// json returns the text, which is made once.
func (d *document) json() string {
	if d.text == "" && d.value.IsDefined() {
		d.text = d.value.String()
	}
	return d.text
}

// listOf joins documents to an array. Their texts stay as they are.
func listOf(items []document) document {
	var b jsonvalue.ArrayBuilder
	b.Grow(len(items))
	size := 2 + len(items)
	compact := true
	for i := range items {
		b.Append(items[i].value)
		size += len(items[i].text)
		compact = compact && len(items[i].text) == items[i].value.Size()
	}
	if compact {
		return documentOf(b.Value())
	}
	text := make([]byte, 0, size)
	text = append(text, '[')
	for i := range items {
		if i > 0 {
			text = append(text, ',')
		}
		text = append(text, items[i].json()...)
	}
	return document{b.Value(), string(append(text, ']'))}
}

// A frame is one thread of an execution: the machine itself, a branch, or an iteration. It is
// in one state at a time, and owns the variables that states of its flow assign.
//
// The fields that JSON does not name are found again when an execution is loaded.
type frame struct {
	parent *frame

	Serial int64    `json:"serial"` // of the frame within its execution, from 1
	Index  int32    `json:"index"`  // of the branch or the iteration
	State  int32    `json:"state"`  // place in Program.states; none before the first
	Phase  phase    `json:"phase"`
	Input  document `json:"input"` // of the state, or of the next one while ready

	Entered   int64     `json:"entered"`           // the event of entering the state
	Before    int64     `json:"before"`            // the event that led to it
	Last      int64     `json:"last"`              // the event that the next one links to
	EnteredAt time.Time `json:"enteredAt"`         // when the state was entered
	Wake      time.Time `json:"wake,omitzero"`     // while waiting or retrying
	Retries   []int32   `json:"retries,omitempty"` // attempts by each retrier of the state
	Retried   int32     `json:"retried,omitempty"` // all attempts but the first

	Variables []variable `json:"variables,omitempty"`
	Task      *task      `json:"task,omitempty"`
	Group     *group     `json:"group,omitempty"`
	Item      *item      `json:"item,omitempty"`  // of an iteration
	Child     *child     `json:"child,omitempty"` // of a distributed Map
}

// A phase says what a frame is waiting for.
type phase uint8

const (
	ready    phase = iota // to enter its state
	again                 // to run its state once more, without entering it
	waiting               // for Wake, in a Wait state
	retrying              // for Wake, before another attempt
	working               // for its task
	joining               // for the frames of its group
	stopped               // for nothing: it failed, or was stopped because another did
	held                  // for nothing: it was stopped before it entered its state
)

type variable struct {
	Name  string          `json:"name"`
	Value jsonvalue.Value `json:"value"`
}

// A task is work that a frame waits for.
type task struct {
	ID        TaskID          `json:"id"`
	Token     string          `json:"token,omitempty"`
	Input     jsonvalue.Value `json:"input"`
	RoleARN   string          `json:"role,omitempty"`
	Started   bool            `json:"started,omitempty"`
	Submitted bool            `json:"submitted,omitempty"`
	Timeout   int64           `json:"timeout,omitempty"`   // seconds; 0: none
	Heartbeat int64           `json:"heartbeat,omitempty"` // seconds; 0: none
	Deadline  time.Time       `json:"deadline,omitzero"`
	Beat      time.Time       `json:"beat,omitzero"` // when a missing heartbeat fails the task
	// Transfer is set when a Map waits for a bucket.
	Transfer *transfer `json:"transfer,omitempty"`
}

// A group is the frames that a Parallel or a Map state has started.
type group struct {
	Frames  []*frame   `json:"frames"` // those that are not done, by Serial
	Results []document `json:"results"`
	Done    int        `json:"done"`
	// Next is the first item that has no frame yet, Items what a Map maps over, Input what its
	// selector sees, and Limit how many iterations may run at once.
	Next  int             `json:"next,omitempty"`
	Items jsonvalue.Value `json:"items,omitzero"`
	Input jsonvalue.Value `json:"input,omitzero"`
	Limit int             `json:"limit,omitempty"`
	// Run is the number of the distributed Map run, from 1, and Label its label.
	Run   int    `json:"run,omitempty"`
	Label string `json:"label,omitempty"`
	// Ended is what a ResultWriter is to write.
	Ended []ended `json:"ended,omitempty"`
}

// An item is what the context object of an iteration shows as Map.Item.
type item struct {
	Value jsonvalue.Value `json:"value"`
}

// variable returns the value of a variable in the frame or those around it.
func (f *frame) variable(name string) (jsonvalue.Value, bool) {
	for ; f != nil; f = f.parent {
		for i := range f.Variables {
			if f.Variables[i].Name == name {
				return f.Variables[i].Value, true
			}
		}
		if f.Child != nil {
			break
		}
	}
	return jsonvalue.Value{}, false
}

// assign sets a variable of the frame.
func (f *frame) assign(name string, v jsonvalue.Value) {
	for i := range f.Variables {
		if f.Variables[i].Name == name {
			f.Variables[i].Value = v
			return
		}
	}
	f.Variables = append(f.Variables, variable{name, v})
}

// halt makes a frame wait for nothing.
func (f *frame) halt() {
	switch f.Phase {
	case held:
	case ready:
		f.Phase = held
	default:
		f.Phase = stopped
	}
}

// remove takes a frame that is done out of the group.
func (g *group) remove(f *frame) {
	for i, other := range g.Frames {
		if other == f {
			g.Frames = append(g.Frames[:i], g.Frames[i+1:]...)
			return
		}
	}
}
