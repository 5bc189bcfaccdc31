// Package stack decides what a CloudFormation stack does next: from what is
// there, what the template wants, what has finished and the time it makes the
// next resource operations, the stack's status and its events.
//
// [State.Apply] is the whole of it. An operation is begun by an input such as
// [Create] or [Update]; [State.Calls] then lists what is to be asked of the
// resources' providers, and each answer goes back as a [Report]. The state is
// data: saved and loaded between two inputs it goes on as if nothing had been,
// and the same inputs make the same states, tokens and events.
//
// An operation walks the graph of the template's resources, independent ones at
// once. Replacements are made first and the old resources deleted at the end.
// When something fails, what is under way is cancelled, and the walk is undone
// against the order of dependencies: what was changed gets its former properties
// back, and what is new is deleted.
//
// Source: CloudFormation User Guide, "Update behaviors of stack resources",
// "Stack failure options"; statuses from the service model; order of events
// recorded.
package stack

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

// A Policy says what becomes of a resource that is no longer wanted.
type Policy string

// The policies. An empty one is PolicyDelete.
const (
	PolicyDelete               Policy = "Delete"
	PolicyRetain               Policy = "Retain"
	PolicyRetainExceptOnCreate Policy = "RetainExceptOnCreate"
	PolicySnapshot             Policy = "Snapshot"
)

// A Declaration is a resource as the template declares it.
type Declaration struct {
	ID, Type string
	// After names the resources that have to be there first: declared ones,
	// without cycles.
	After []string
	// Deletion is the template's DeletionPolicy, Replace its
	// UpdateReplacePolicy.
	Deletion, Replace Policy
}

// Wanted is what a resource shall have, with all functions resolved.
type Wanted struct {
	Properties   jsonvalue.Value   `json:"properties"`
	UpdatePolicy jsonvalue.Value   `json:"updatePolicy,omitzero"`
	Tags         map[string]string `json:"tags,omitempty"` // of the stack, for types that have tags
}

// A Physical is a resource that is there.
type Physical struct {
	ID         string
	Attributes map[string]jsonvalue.Value
}

// A Lookup finds what stands for a logical id now.
type Lookup func(id string) (Physical, bool)

// A Change is what it takes to make one set of properties of another.
type Change int

// The changes.
const (
	Same    Change = iota
	InPlace        // an update
	Anew           // a new resource in its place
)

// A Design is what a template wants, once its parameters and conditions are
// settled. It is pure: the same question has the same answer.
type Design interface {
	// Resources lists what shall be there.
	Resources() []Declaration
	// Resolve returns what a declared resource shall have. Its error is the
	// reason for which the resource fails.
	Resolve(id string, there Lookup) (Wanted, error)
	// Compare says what a change from before to after takes.
	Compare(typeName string, before, after Wanted) Change
	// Conclude returns the stack's outputs when all resources are there. Its
	// error is the reason for which the stack fails.
	Conclude(there Lookup) ([]Output, error)
}

// An Output is one output of a stack.
type Output struct {
	Key         string `json:"key"`
	Value       string `json:"value"`
	Description string `json:"description,omitempty"`
	Export      string `json:"export,omitempty"`
}

// Options are the choices of one operation.
type Options struct {
	// KeepFailed leaves everything as it is when something fails
	// (DisableRollback, OnFailure DO_NOTHING).
	KeepFailed bool `json:"keepFailed,omitempty"`
	// DeleteFailed deletes the stack when its creation fails.
	DeleteFailed bool `json:"deleteFailed,omitempty"`
	// DropNew deletes what the operation created when it is rolled back, also
	// where a policy says Retain (RetainExceptOnCreate of the call).
	DropNew bool `json:"dropNew,omitempty"`
	// Timeout bounds a creation; 0 is no bound.
	Timeout time.Duration `json:"timeout,omitempty"`
	// Monitor is how long alarms are watched after the last resource.
	Monitor time.Duration `json:"monitor,omitempty"`
}

// A Version is one state of a resource.
type Version struct {
	PhysicalID string                     `json:"physicalId,omitempty"`
	Attributes map[string]jsonvalue.Value `json:"attributes,omitempty"`
	Wanted     Wanted                     `json:"wanted"`
	After      []string                   `json:"after,omitempty"`
	// On are the physical ids of what it was made to rest on, by the ids in After.
	On       map[string]string `json:"on,omitempty"`
	Deletion Policy            `json:"deletion,omitempty"`
	Replace  Policy            `json:"replace,omitempty"`
}

// A visit is how far the present walk has come with a resource.
type visit string

const (
	unvisited visit = ""
	waiting   visit = "waiting" // for what it needs, or for what needs it
	running   visit = "running"
	done      visit = "done"
	failed    visit = "failed"
)

// A Resource is one resource of a stack.
type Resource struct {
	ID      string    `json:"id"`
	Type    string    `json:"type"`
	Status  string    `json:"status,omitempty"` // "" before its first event
	Reason  string    `json:"reason,omitempty"`
	Changed time.Time `json:"changed,omitzero"` // when Status was set
	// Is is what is there; its PhysicalID is empty while nothing is.
	Is Version `json:"is"`
	// Was is what was there when the stack was last stable; nil when the
	// resource was not touched since, and of no PhysicalID when it is new.
	Was *Version `json:"was,omitempty"`

	// Rested is what the thing of Was rested on when another took its place.
	Rested map[string]string `json:"rested,omitempty"`
	// Tried is what failed operations have made, or tried to make, of what is there,
	// after which nobody knows how much of it was done.
	Tried *Wanted `json:"tried,omitempty"`

	Visit visit    `json:"visit,omitempty"`
	Next  *Version `json:"next,omitempty"` // what Work makes
	Work  *Work    `json:"work,omitempty"`
}

// PhysicalID is what the resource is called now, also while it is being made.
func (r *Resource) PhysicalID() string {
	if r.Work != nil && r.Work.PhysicalID != "" {
		return r.Work.PhysicalID
	}
	return r.Is.PhysicalID
}

// isNew says that the resource was not there when the stack was last stable.
func (r *Resource) isNew() bool { return r.Was != nil && r.Was.PhysicalID == "" }

// touch remembers what was there before the first change since the stack was
// stable.
func (r *Resource) touch() {
	if r.Was == nil {
		was := r.Is
		r.Was = &was
	}
}

// before is what an update is told of what is there. A property of which that is in
// doubt is told as something else than is wanted now, so that a provider that looks
// for changes takes care of it.
func (r *Resource) before() Wanted {
	is := r.Is.Wanted
	if r.Tried == nil {
		return is
	}
	for name, tried := range r.Tried.Properties.Members() {
		now, _ := is.Properties.Get(name)
		next, _ := r.Next.Wanted.Properties.Get(name)
		if same(now, next) && !same(now, tried) {
			is.Properties = is.Properties.With(name, tried)
		}
	}
	for name, now := range is.Properties.Members() {
		_, tried := r.Tried.Properties.Get(name)
		if next, _ := r.Next.Wanted.Properties.Get(name); !tried && same(now, next) {
			is.Properties = is.Properties.Without(name)
		}
	}
	return is
}

// doubt notes that an operation that failed may have done any part of what it tried.
func (r *Resource) doubt(tried Wanted) {
	if r.Tried != nil {
		// What an earlier one tried is still in doubt where this one tried nothing new.
		for name, earlier := range r.Tried.Properties.Members() {
			now, _ := r.Is.Wanted.Properties.Get(name)
			if last, _ := tried.Properties.Get(name); same(last, now) {
				tried.Properties = tried.Properties.With(name, earlier)
			}
		}
		for name, now := range r.Is.Wanted.Properties.Members() {
			_, earlier := r.Tried.Properties.Get(name)
			if last, _ := tried.Properties.Get(name); !earlier && same(last, now) {
				tried.Properties = tried.Properties.Without(name)
			}
		}
	}
	r.Tried = &tried
}

// same compares two properties, of which either may be absent.
func same(a, b jsonvalue.Value) bool {
	return a.IsDefined() == b.IsDefined() && jsonvalue.Equal(a, b)
}

// A Work is one operation on a resource that a provider was asked for.
type Work struct {
	Token      string    `json:"token"`
	Number     int       `json:"number"`
	Action     Action    `json:"action"`
	PhysicalID string    `json:"physicalId,omitempty"` // of what is changed or made, once known
	Memo       string    `json:"memo,omitempty"`
	Waits      string    `json:"waits,omitempty"` // for what, as the last event says
	At         time.Time `json:"at,omitzero"`     // when the provider is asked next
	Rollback   bool      `json:"rollback,omitempty"`
	Cancelled  bool      `json:"cancelled,omitempty"`
	Announced  bool      `json:"announced,omitempty"` // the physical id, in an event
}

// An Action is what is asked of a provider.
type Action string

// The actions.
const (
	ActionCreate Action = "create"
	ActionUpdate Action = "update"
	ActionDelete Action = "delete"
)

// A Removal is something that a phase of deletion takes away.
type Removal struct {
	ID      string  `json:"id"`
	Type    string  `json:"type"`
	Is      Version `json:"is"`
	Keep    bool    `json:"keep,omitempty"`    // skip it: a policy says so
	Current bool    `json:"current,omitempty"` // it is what the stack has under ID
	Tries   int     `json:"tries,omitempty"`
	Visit   visit   `json:"visit"`
	Work    *Work   `json:"work,omitempty"`
}

// A Phase is what a stack is about.
type Phase string

// The phases. In each but PhaseIdle the stack's status ends in IN_PROGRESS.
const (
	PhaseIdle    Phase = ""
	PhaseForward Phase = "forward" // make and change
	PhaseMonitor Phase = "monitor" // all is there, alarms are watched
	PhaseCleanup Phase = "cleanup" // delete what an update left over
	PhaseDrain   Phase = "drain"   // wait for what was cancelled
	PhaseUndo    Phase = "undo"    // delete what a creation made
	PhaseRevert  Phase = "revert"  // give back what an update changed
	PhaseTidy    Phase = "tidy"    // delete what a reverted update made
	PhaseDelete  Phase = "delete"  // the stack
)

// A State is everything that is remembered of a stack's resources and of the
// operation that goes on.
type State struct {
	// Seed makes this stack's tokens unlike those of others.
	Seed   string `json:"seed"`
	Status Status `json:"status"`
	Reason string `json:"reason,omitempty"`
	Phase  Phase  `json:"phase,omitempty"`
	// Creating is true while the operation creates the stack.
	Creating bool    `json:"creating,omitempty"`
	Options  Options `json:"options,omitzero"`
	// Resources are in the order of their ids. They are saved one by one.
	Resources []*Resource `json:"-"`
	Removals  []*Removal  `json:"removals,omitempty"`
	// Left is what a later cleanup will delete.
	Left []*Removal `json:"left,omitempty"`
	// Outputs are those of when the stack was last stable.
	Outputs  []Output  `json:"outputs,omitempty"`
	Works    int       `json:"works,omitempty"` // how many there were
	Deadline time.Time `json:"deadline,omitzero"`
	Watched  time.Time `json:"watched,omitzero"` // when PhaseMonitor ends
	// Trouble is why the operation turns back, "" when it does not.
	Trouble string `json:"trouble,omitempty"`
	// FailedCreate and its siblings name the resources that failed, oldest first.
	FailedCreate []string `json:"failedCreate,omitempty"`
	FailedUpdate []string `json:"failedUpdate,omitempty"`
	FailedDelete []string `json:"failedDelete,omitempty"`
	// Retain names resources that the deletion of the stack leaves alone.
	Retain []string `json:"retain,omitempty"`
}

// Resource returns the resource with an id, or nil.
func (s *State) Resource(id string) *Resource {
	if i, found := s.find(id); found {
		return s.Resources[i]
	}
	return nil
}

func (s *State) find(id string) (int, bool) {
	return slices.BinarySearchFunc(s.Resources, id, func(r *Resource, id string) int { return strings.Compare(r.ID, id) })
}

// there is the Lookup of what is there now.
func (s *State) there(id string) (Physical, bool) {
	r := s.Resource(id)
	if r == nil || r.Is.PhysicalID == "" {
		return Physical{}, false
	}
	return Physical{ID: r.Is.PhysicalID, Attributes: r.Is.Attributes}, true
}

// There finds what stands for a logical id now.
func (s *State) There(id string) (Physical, bool) { return s.there(id) }

// An Event is one entry of a stack's history.
type Event struct {
	Time time.Time `json:"time"`
	// ID is the resource's logical id, empty for the stack itself.
	ID         string          `json:"id,omitempty"`
	Type       string          `json:"type,omitempty"`
	PhysicalID string          `json:"physicalId,omitempty"`
	Status     string          `json:"status"`
	Reason     string          `json:"reason,omitempty"`
	Properties jsonvalue.Value `json:"properties,omitzero"`
	// Former is true for a resource that is no longer the one of its logical id.
	Former bool `json:"former,omitempty"`
}

// An Outcome is what an input led to.
type Outcome struct {
	Events []Event
	// Changed names the resources that are not what they were, those that are
	// gone among them, in order.
	Changed []string
}

// A Call is what to ask of a resource's provider.
type Call struct {
	Work
	ID, Type string
	Is       Wanted // what the resource shall have, or has when it is deleted
	Was      Wanted // what it has before an update
	// Shared says of a deletion that another resource of the type has the same
	// physical id and stays, or is deleted later.
	Shared bool
}

// Calls lists what is to be asked of providers, in the order in which it was
// decided. A call stays listed until its last [Report]; nothing before its At is
// due.
func (s *State) Calls() []Call {
	var calls []Call
	for _, r := range s.Resources {
		if r.Work != nil {
			c := Call{Work: *r.Work, ID: r.ID, Type: r.Type, Is: r.Next.Wanted}
			if r.Work.Action == ActionUpdate {
				c.Was = r.before()
			}
			calls = append(calls, c)
		}
	}
	for _, m := range s.Removals {
		if m.Work != nil {
			calls = append(calls, Call{Work: *m.Work, ID: m.ID, Type: m.Type, Is: m.Is.Wanted, Shared: s.shared(m)})
		}
	}
	slices.SortFunc(calls, func(a, b Call) int { return a.Number - b.Number })
	return calls
}

// shared says that what is being deleted is another resource, too, which is not
// deleted or deleted later.
func (s *State) shared(m *Removal) bool {
	same := func(id, typeName, physical string) bool {
		return id != m.ID && typeName == m.Type && physical == m.Is.PhysicalID
	}
	goes := map[string]bool{}
	for _, o := range s.Removals {
		goes[o.ID] = goes[o.ID] || o.Current
		later := o.Keep || o.Visit == waiting || o.Work != nil && o.Work.Number > m.Work.Number
		if later && same(o.ID, o.Type, o.Is.PhysicalID) {
			return true
		}
	}
	return slices.ContainsFunc(s.Resources, func(r *Resource) bool { return !goes[r.ID] && same(r.ID, r.Type, r.Is.PhysicalID) })
}

// Wait returns when a [Tick] is due for the sake of the stack itself; zero when
// none is.
func (s *State) Wait() time.Time {
	switch {
	case s.Phase == PhaseForward && s.Trouble == "":
		return s.Deadline
	case s.Phase == PhaseMonitor:
		return s.Watched
	}
	return time.Time{}
}

// step is one application of an input.
type step struct {
	*State
	design  Design
	now     time.Time
	events  []Event
	changed map[string]bool
}

func (p *step) outcome() Outcome {
	return Outcome{Events: p.events, Changed: slices.Sorted(maps.Keys(p.changed))}
}

// mark notes that a resource is not what it was.
func (p *step) mark(id string) { p.changed[id] = true }

// enter gives the stack a status and says so.
func (p *step) enter(status Status, reason string) {
	p.Status, p.Reason = status, reason
	p.events = append(p.events, Event{Time: p.now, Status: string(status), Reason: reason})
}

// tell gives a resource a status and says so.
func (p *step) tell(r *Resource, status, physical, reason string, of Wanted) {
	r.Status, r.Reason, r.Changed = status, reason, p.now
	p.mark(r.ID)
	p.events = append(p.events, Event{
		Time: p.now, ID: r.ID, Type: r.Type, PhysicalID: physical, Status: status, Reason: reason, Properties: of.Properties,
	})
}

// work makes the next Work.
func (p *step) work(action Action, physical string, rollback bool) *Work {
	p.Works++
	sum := sha256.Sum256(fmt.Appendf(nil, "%s/%d", p.Seed, p.Works))
	return &Work{
		Token: hex.EncodeToString(sum[:16]), Number: p.Works, Action: action, PhysicalID: physical, At: p.now, Rollback: rollback,
	}
}

// drop forgets a resource.
func (p *step) drop(id string) {
	if i, found := p.find(id); found {
		p.Resources = slices.Delete(p.Resources, i, i+1)
		p.mark(id)
	}
}
