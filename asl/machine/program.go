package machine

import (
	"fmt"
	"slices"

	"github.com/crossfade-dev/crossfade/asl"
)

// A Program is a definition made ready to run: immutable, and shared by all executions of its
// revision.
type Program struct {
	machine *asl.StateMachine
	// states holds the states of all flows. A saved execution names them by their place, so
	// that the order must follow from the definition alone.
	states []*state
	start  int32
	// activities are the ARNs of the activities that its tasks name.
	activities []string
}

// A state is one state of a program with its ways on. Those are places in Program.states.
type state struct {
	def      asl.State
	common   *asl.Common
	kind     kind
	jsonata  bool
	handlers asl.Handlers

	next     int32 // none at the end of a flow
	rules    []int32
	catchers []int32
	fallback int32   // Choice: Default
	starts   []int32 // Parallel: of each branch; Map: of the processor
}

const none int32 = -1

// A kind is a state's type, with the names of its events.
type kind struct {
	entered, exited, aborted EventType
	id                       kindID
}

type kindID uint8

const (
	passState kindID = iota
	taskState
	choiceState
	waitState
	succeedState
	failState
	parallelState
	mapState
)

func kindOf(s asl.State) kind {
	switch s.(type) {
	case *asl.Pass:
		return kind{EventPassStateEntered, EventPassStateExited, "", passState}
	case *asl.Task:
		return kind{EventTaskStateEntered, EventTaskStateExited, EventTaskStateAborted, taskState}
	case *asl.Choice:
		return kind{EventChoiceStateEntered, EventChoiceStateExited, "", choiceState}
	case *asl.Wait:
		return kind{EventWaitStateEntered, EventWaitStateExited, EventWaitStateAborted, waitState}
	case *asl.Succeed:
		return kind{EventSucceedStateEntered, EventSucceedStateExited, "", succeedState}
	case *asl.Fail:
		return kind{EventFailStateEntered, "", "", failState}
	case *asl.Parallel:
		return kind{EventParallelStateEntered, EventParallelStateExited, EventParallelStateAborted, parallelState}
	case *asl.Map:
		return kind{EventMapStateEntered, EventMapStateExited, EventMapStateAborted, mapState}
	default:
		panic(fmt.Sprintf("machine: state of type %T", s))
	}
}

// Compile prepares a definition that Parse accepted. It fails on what Parse accepts and this
// package cannot run, naming the state.
func Compile(sm *asl.StateMachine) (*Program, error) {
	p := &Program{machine: sm}
	start, err := p.flow(&sm.Flow)
	if err != nil {
		return nil, err
	}
	p.start = start
	return p, nil
}

// Activities returns the ARNs of the activities that its tasks are for.
func (p *Program) Activities() []string { return p.activities }

// Definition returns what the program was compiled from.
func (p *Program) Definition() *asl.StateMachine { return p.machine }

// flow adds the states of a flow, and those of the flows in them, and returns where it starts.
func (p *Program) flow(f *asl.Flow) (int32, error) {
	places := make(map[string]int32, len(f.States))
	for _, def := range f.States {
		common := def.Base()
		places[common.Name] = int32(len(p.states))
		p.states = append(p.states, &state{
			def: def, common: common, kind: kindOf(def),
			jsonata:  common.QueryLanguage == asl.JSONata,
			handlers: asl.HandlersOf(def),
			next:     none, fallback: none,
		})
	}
	find := func(name string) int32 {
		if at, ok := places[name]; ok {
			return at
		}
		return none
	}
	for _, def := range f.States {
		s := p.states[places[def.Base().Name]]
		s.next = find(s.common.Next)
		for _, c := range s.handlers.Catch {
			s.catchers = append(s.catchers, find(c.Next))
		}
		if err := p.inside(s, find); err != nil {
			return none, err
		}
	}
	start := find(f.StartAt)
	if start == none {
		return none, fmt.Errorf("compile: there is no state %q to start at", f.StartAt)
	}
	return start, nil
}

// inside adds what states of some types hold: rules, branches, a processor, an activity.
func (p *Program) inside(s *state, find func(string) int32) error {
	switch def := s.def.(type) {
	case *asl.Task:
		if r := def.Resource; r.Kind == asl.Activity && !slices.Contains(p.activities, r.Text) {
			p.activities = append(p.activities, r.Text)
		}
	case *asl.Choice:
		for _, r := range def.Rules {
			s.rules = append(s.rules, find(r.Next))
		}
		s.fallback = find(def.Default)
	case *asl.Parallel:
		for i := range def.Branches {
			start, err := p.flow(&def.Branches[i])
			if err != nil {
				return fmt.Errorf("state %s: branch %d: %w", s.common.Name, i, err)
			}
			s.starts = append(s.starts, start)
		}
	case *asl.Map:
		start, err := p.flow(&def.Processor)
		if err != nil {
			return fmt.Errorf("state %s: %w", s.common.Name, err)
		}
		s.starts = []int32{start}
	}
	return nil
}
