package sfn

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"github.com/crossfade-dev/crossfade/asl/machine"
	"github.com/crossfade-dev/crossfade/localcloud/journal"
)

// largeState is how many bytes a state may take that is saved whole at every step.
const largeState = 8 << 10

// keptState is how the journal has the state of an execution. A small one is part
// of the execution's record. A large one that runs, such as that of a Map with a
// thousand children, is apart from it: once whole, and then as the changes of each
// step, until these are as much as the whole and it is written anew. So what is
// written grows with what happens, and not with its square.
type keptState struct {
	apart   bool
	changes int // how many there are after the whole
	// Sizes in bytes, of the whole and of what changed since.
	whole, changed int
	saver          *machine.Saver // nil: the whole is written next
}

func (x *execution) changeKey(number int) string { return x.key() + "/" + strconv.Itoa(number) }

// keepState returns the state as it is to be in the execution's record, nil if it
// is not, the records that it needs beside, and what there is once they are
// committed. x.mu is held.
func (x *execution) keepState() (inRecord []byte, records []journal.Record, next keptState, err error) {
	kept := x.kept
	if kept.saver != nil {
		if text, ok := kept.saver.Changes(x.state); ok && kept.changed+len(text) <= kept.whole {
			next = kept
			next.changes++
			next.changed += len(text)
			return nil, []journal.Record{{Kind: recordChange, Key: x.changeKey(kept.changes), Value: text}}, next, nil
		}
	}
	if x.state.Status == machine.StatusSucceeded && len(x.state.MapRuns()) == 0 {
		return nil, kept.forgotten(x), next, nil
	}
	text, err := x.state.MarshalJSON()
	if err != nil {
		return nil, nil, next, err
	}
	if x.state.Status != machine.StatusRunning || len(text) <= largeState {
		return text, kept.forgotten(x), next, nil
	}
	records = append(kept.forgottenChanges(x), journal.Record{Kind: recordState, Key: x.key(), Value: text})
	return nil, records, keptState{apart: true, whole: len(text), saver: machine.NewSaver(x.state)}, nil
}

// forgotten returns the records that forget what is kept apart.
func (k keptState) forgotten(x *execution) []journal.Record {
	if !k.apart {
		return nil
	}
	return append(k.forgottenChanges(x), journal.Deletion(recordState, x.key()))
}

func (k keptState) forgottenChanges(x *execution) []journal.Record {
	records := make([]journal.Record, 0, k.changes+1)
	for number := range k.changes {
		records = append(records, journal.Deletion(recordChange, x.changeKey(number)))
	}
	return records
}

// A restoredState is a state that was kept apart from its execution.
type restoredState struct {
	execution *execution
	whole     []byte
	changes   [][]byte
}

func (r *restoring) state(key string, value []byte) error {
	s := r.states[key]
	if s == nil {
		return r.orphan(recordState, key)
	}
	s.whole = bytes.Clone(value)
	return nil
}

func (r *restoring) change(key string, value []byte) error {
	at := strings.LastIndexByte(key, '/')
	number, err := strconv.Atoi(key[at+1:])
	if err != nil {
		return fmt.Errorf("the change has no number: %w", err)
	}
	s := r.states[key[:max(at, 0)]]
	if s == nil || number >= len(s.changes) {
		return r.orphan(recordChange, key)
	}
	s.changes[number] = bytes.Clone(value)
	return nil
}

// loadStates puts the states together.
func (r *restoring) loadStates() error {
	for _, s := range r.states {
		if s.whole == nil {
			return fmt.Errorf("the state of execution %s is missing", s.execution.arn)
		}
		for number, text := range s.changes {
			if text == nil {
				return fmt.Errorf("execution %s: change %d of its state is missing", s.execution.arn, number)
			}
		}
		state, err := machine.Load(s.whole, s.changes...)
		if err != nil {
			return fmt.Errorf("execution %s: %w", s.execution.arn, err)
		}
		s.execution.state = state
	}
	r.states = nil
	return nil
}
