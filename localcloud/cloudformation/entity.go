package cloudformation

import (
	"fmt"
	"sync"
	"time"

	"github.com/crossfade-dev/crossfade/localcloud/cloudformation/stack"
	"github.com/crossfade-dev/crossfade/localcloud/wire"
)

// A place is where a stack is.
type place struct{ wire.Place }

func placeOf(c wire.Caller) place { return place{c.Place()} }

func (p place) name(name string) placedName { return placedName{p.Account, p.Region, name} }

// An entity is one stack: the state that package stack decides by, and all that
// is known of it beside.
type entity struct {
	place   place
	name    string
	uuid    string
	id      string // the ARN
	created time.Time

	mu    sync.Mutex // guards all below
	state stack.State
	// current is what the stack was last made of, next what the operation that
	// goes on, or that failed and was left, makes of it.
	current, next *deployment
	deployments   int // how many there were
	updated       time.Time
	deleted       time.Time
	protected     bool
	policy        string   // that of the stack, as JSON; empty for none
	disabled      bool     // rollback, by the last operation
	timeout       int32    // minutes for the creation
	changeSet     string   // ARN of the change set that was executed last
	parent, root  string   // ARNs, of a stack within a stack
	asked         string   // token of the stack above's request that began the last update
	imports       []string // names of the exports that it uses
	using         map[string]bool
	events        []event
	eventIDs      map[string]bool
	sets          []*changeSet
	watch         time.Time // when rollback triggers are looked at next
	retry         time.Time // when a failed save is tried again; zero when none failed

	inFlight  map[string]bool // tokens of calls that providers are carrying out
	inbox     inbox
	quiet     waiters               // told when no provider is asked for anything
	rest      waiters               // told when none will be in the next moment either
	unsaved   map[string]bool       // resources
	dirtySets map[string]bool       // change sets that are not saved, by ARN
	kept      map[int]bool          // deployments in the journal, by number
	told      int                   // events that are saved
	heard     int                   // events that topics have heard of
	telling   bool                  // topics are being told
	designs   map[*deployment]*plan // made of the deployments
}

func (s *Service) newEntity(c wire.Caller, name string, now time.Time) *entity {
	id := s.newID()
	e := &entity{
		place: placeOf(c), name: name, uuid: id, created: now,
		id: c.ARN("cloudformation", "stack/"+name+"/"+id),
	}
	e.state.Seed = id
	e.init()
	return e
}

func (e *entity) init() {
	e.eventIDs, e.inFlight = map[string]bool{}, map[string]bool{}
	e.unsaved, e.dirtySets, e.kept = map[string]bool{}, map[string]bool{}, map[int]bool{}
	e.designs = map[*deployment]*plan{}
	if e.using == nil {
		e.using = map[string]bool{}
	}
}

// shown is the deployment whose parameters and tags the stack shows.
func (e *entity) shown() *deployment {
	if e.next != nil {
		return e.next
	}
	return e.current
}

// meant is the deployment that a call is for: what goes back becomes what the one
// before has of it.
func (e *entity) meant(c stack.Call) *deployment {
	if c.Rollback && e.current != nil {
		return e.current
	}
	return e.shown()
}

// lives says that the stack is not deleted.
func (e *entity) lives() bool { return e.state.Status != stack.DeleteComplete }

// begin makes d what the operation that begins makes of the stack.
func (e *entity) begin(d *deployment) {
	e.deployments++
	d.Number = e.deployments
	e.next, e.watch = d, time.Time{}
	clear(e.using)
}

// An event is an entry of a stack's history as it is kept.
type event struct {
	stack.Event
	EventID string `json:"eventId"`
}

// note keeps events, each with an id of its own.
func (s *Service) note(e *entity, events []stack.Event) {
	for _, ev := range events {
		kept := event{Event: ev}
		switch {
		case ev.ID == "":
			kept.EventID = s.newID()
		case ev.Former:
			kept.EventID = ev.ID + "-" + s.newID()
		default:
			// Events of one instant differ by their ids: clients tell by them
			// what they have seen.
			for at := ev.Time; kept.EventID == "" || e.eventIDs[kept.EventID]; at = at.Add(time.Millisecond) {
				kept.EventID = fmt.Sprintf("%s-%s-%s", ev.ID, ev.Status, at.UTC().Format("2006-01-02T15:04:05.000Z"))
			}
			e.eventIDs[kept.EventID] = true
		}
		e.events = append(e.events, kept)
	}
}
