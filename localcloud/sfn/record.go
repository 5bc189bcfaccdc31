package sfn

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/crossfade-dev/crossfade/asl"
	"github.com/crossfade-dev/crossfade/asl/machine"
	"github.com/crossfade-dev/crossfade/localcloud/journal"
)

// The kinds of records. A state machine's parts are kept under its id, not its
// ARN, so that one which is created again under its name does not inherit them:
// to delete a state machine is to delete one record, and a restart sweeps up
// what belonged to it.
const (
	recordMachine   = "sfn.machine"   // id
	recordRevision  = "sfn.revision"  // id/revision
	recordVersion   = "sfn.version"   // id/number
	recordAlias     = "sfn.alias"     // id/name
	recordActivity  = "sfn.activity"  // ARN
	recordExecution = "sfn.execution" // id/name
	recordHistory   = "sfn.history"   // id/name/part
	recordState     = "sfn.state"     // id/name: see keptState
	recordChange    = "sfn.change"    // id/name/number
	recordEpoch     = "sfn.epoch"     // how many services have used the journal
)

// The values of records are JSON, but for the parts of histories. A member may be
// added; what a member means does not change, so that an older directory can be
// read for good.
type (
	machineRecord struct {
		Place              place     `json:"place"`
		Name               string    `json:"name"`
		Kind               asl.Type  `json:"kind"`
		Created            time.Time `json:"created"`
		Revision           string    `json:"revision,omitempty"`
		LastVersion        int       `json:"lastVersion,omitempty"`
		LastAlias          int       `json:"lastAlias,omitempty"`
		Tags               []tag     `json:"tags,omitempty"`
		Deleting           bool      `json:"deleting,omitempty"`
		CreatedPublished   bool      `json:"createdPublished,omitempty"`
		CreatedDescription *string   `json:"createdDescription,omitempty"`
	}

	revisionRecord struct {
		Machine    string     `json:"machine"`
		ID         string     `json:"id,omitempty"`
		Created    time.Time  `json:"created"`
		Definition string     `json:"definition"`
		RoleARN    string     `json:"roleArn"`
		Logging    logging    `json:"logging"`
		Tracing    bool       `json:"tracing,omitempty"`
		Encryption encryption `json:"encryption"`
	}

	versionRecord struct {
		Machine     string    `json:"machine"`
		Number      int       `json:"number"`
		Description *string   `json:"description,omitempty"`
		Created     time.Time `json:"created"`
		Revision    string    `json:"revision,omitempty"`
	}

	aliasRecord struct {
		Machine     string        `json:"machine"`
		Number      int           `json:"number"`
		Name        string        `json:"name"`
		Description *string       `json:"description,omitempty"`
		Created     time.Time     `json:"created"`
		Updated     time.Time     `json:"updated"`
		Routes      []routeRecord `json:"routes"`
	}

	routeRecord struct {
		Version int `json:"version"`
		Weight  int `json:"weight"`
	}

	executionRecord struct {
		Machine       string         `json:"machine"`
		Number        uint64         `json:"number"`
		Name          string         `json:"name"`
		Revision      string         `json:"revision,omitempty"`
		Version       int            `json:"version,omitempty"`
		Alias         string         `json:"alias,omitempty"`
		Trace         *string        `json:"trace,omitempty"`
		Started       time.Time      `json:"started"`
		Stopped       time.Time      `json:"stopped,omitzero"`
		Last          time.Time      `json:"last"`
		Parent        *parentRecord  `json:"parent,omitempty"`
		Redrives      int32          `json:"redrives,omitempty"`
		Redriven      time.Time      `json:"redriven,omitzero"`
		RedriveTokens []redriveToken `json:"redriveTokens,omitempty"`
		Parts         int            `json:"parts"`
		Status        machine.Status `json:"status"`
		// State is left out once the execution has succeeded, unless it had map
		// runs: its input and output stand in its history. A large one that runs is
		// a record of its own, with so many Changes after it.
		State   *machine.Execution `json:"state,omitempty"`
		Changes *int               `json:"changes,omitempty"`
	}

	parentRecord struct {
		ARN     string         `json:"arn"`
		Task    machine.TaskID `json:"task"`
		Pattern asl.Pattern    `json:"pattern"`
	}

	// A historyRecord is a part of a history in the form of older releases; see
	// historyPart.
	historyRecord struct {
		Machine string                 `json:"machine"`
		Name    string                 `json:"name"`
		Part    int                    `json:"part"`
		Events  []machine.HistoryEvent `json:"events"`
	}
)

// changes returns the records that take the journal from one control to the
// next; old is nil for a new state machine.
func (m *stateMachine) changes(old, next *control) []journal.Record {
	records := []journal.Record{journal.JSON(recordMachine, m.id, machineRecord{
		Place:              m.space.place,
		Name:               m.name,
		Kind:               m.kind,
		Created:            m.created,
		Revision:           next.revision.id,
		LastVersion:        next.lastVersion,
		LastAlias:          next.lastAlias,
		Tags:               next.tags,
		Deleting:           next.deleting,
		CreatedPublished:   next.createdPublished,
		CreatedDescription: next.createdDescription,
	})}
	if old == nil {
		old = &control{}
	}
	if old.revision != next.revision {
		r := next.revision
		records = append(records, journal.JSON(recordRevision, m.id+"/"+r.id, revisionRecord{
			Machine: m.id, ID: r.id, Created: r.created, Definition: r.definition, RoleARN: r.roleARN,
			Logging: r.logging, Tracing: r.tracing, Encryption: r.encryption,
		}))
	}
	for _, v := range next.versions {
		if old.version(v.number) == nil {
			records = append(records, journal.JSON(recordVersion, m.id+"/"+v.qualifier(), versionRecord{
				Machine: m.id, Number: v.number, Description: v.description, Created: v.created, Revision: v.revision.id,
			}))
		}
	}
	for _, v := range old.versions {
		if next.version(v.number) == nil {
			records = append(records, journal.Deletion(recordVersion, m.id+"/"+v.qualifier()))
		}
	}
	for _, a := range next.aliases {
		if old.alias(a.name) != a {
			r := aliasRecord{
				Machine: m.id, Number: a.number, Name: a.name, Description: a.description, Created: a.created, Updated: a.updated,
			}
			for _, to := range a.routes {
				r.Routes = append(r.Routes, routeRecord{Version: to.version.number, Weight: to.weight})
			}
			records = append(records, journal.JSON(recordAlias, m.id+"/"+a.name, r))
		}
	}
	for _, a := range old.aliases {
		if next.alias(a.name) == nil {
			records = append(records, journal.Deletion(recordAlias, m.id+"/"+a.name))
		}
	}
	return records
}

// deletion is the record that ends a state machine.
func (m *stateMachine) deletion() journal.Record {
	return journal.Deletion(recordMachine, m.id)
}

func (x *execution) key() string { return x.machine.id + "/" + x.name }

func (x *execution) partKey(part int) string { return x.key() + "/" + strconv.Itoa(part) }

// records returns what one step changed: the execution, and the events that
// the step added; and how its state is kept once they are committed. x.mu is held.
func (x *execution) records(events []machine.HistoryEvent) ([]journal.Record, keptState, error) {
	r := executionRecord{
		Machine:       x.machine.id,
		Number:        x.number,
		Name:          x.name,
		Revision:      x.revision.id,
		Trace:         x.trace,
		Started:       x.started,
		Stopped:       x.stopped,
		Last:          x.last,
		Redrives:      x.redrives,
		Redriven:      x.redriven,
		RedriveTokens: x.redriveTokens,
		Parts:         x.chunks,
		Status:        x.state.Status,
	}
	if x.version != nil {
		r.Version = x.version.number
	}
	if x.alias != nil {
		r.Alias = x.alias.name
	}
	if p := x.parent; p != nil {
		r.Parent = &parentRecord{ARN: p.arn, Task: p.task, Pattern: p.pattern}
	}
	if len(events) > 0 {
		r.Parts++
	}
	state, records, kept, err := x.keepState()
	if err != nil {
		return nil, kept, fmt.Errorf("encode execution %s: %w", x.arn, err)
	}
	if kept.apart {
		r.Changes = &kept.changes
	}
	saved, err := json.Marshal(r)
	if err != nil {
		return nil, kept, fmt.Errorf("encode execution %s: %w", x.arn, err)
	}
	if state != nil { // spliced in, for Marshal would read it all again
		saved = append(saved[:len(saved)-1], `,"state":`...)
		saved = append(append(saved, state...), '}')
	}
	records = append(records, journal.Record{Kind: recordExecution, Key: x.key(), Value: saved})
	if len(events) > 0 {
		part := historyPart{machine: x.machine.id, name: x.name, part: x.chunks}
		if part.events = x.history.packed; part.events == nil || part.events.count != len(events) {
			part.events = packEvents(events)
		}
		records = append(records, journal.Record{Kind: recordHistory, Key: x.partKey(x.chunks), Value: part.encode()})
	}
	return records, kept, nil
}

// forgotten returns the records that forget an execution. x.mu is held.
func (x *execution) forgotten() []journal.Record {
	records := []journal.Record{journal.Deletion(recordExecution, x.key())}
	for part := range x.chunks {
		records = append(records, journal.Deletion(recordHistory, x.partKey(part)))
	}
	return append(records, x.kept.forgotten(x)...)
}
