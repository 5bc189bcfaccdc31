package sfn

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/crossfade-dev/crossfade/asl"
	"github.com/crossfade-dev/crossfade/asl/machine"
	"github.com/crossfade-dev/crossfade/localcloud/journal"
)

// A restoring service is one that reads its journal. What belongs to a state
// machine that is gone is swept up.
type restoring struct {
	*Service
	machines  map[string]*stateMachine        // by id
	current   map[string]string               // the current revision, by state machine
	revisions map[string]map[string]*revision // by state machine and id
	used      map[*revision]bool
	parts     map[*execution][]historyPart
	states    map[string]*restoredState // by the execution's key
	orphans   []journal.Record
}

// restore reads the journal. Executions that were running go on at the first
// Run after it.
func (s *Service) restore() error {
	if err := s.newEpoch(); err != nil {
		return err
	}
	r := &restoring{
		Service:   s,
		machines:  map[string]*stateMachine{},
		current:   map[string]string{},
		revisions: map[string]map[string]*revision{},
		used:      map[*revision]bool{},
		parts:     map[*execution][]historyPart{},
		states:    map[string]*restoredState{},
	}
	for _, step := range []func() error{
		r.load(recordActivity, journal.FromJSON(s.restoreActivity)),
		r.load(recordMachine, journal.FromJSON(r.machine)),
		r.load(recordRevision, journal.FromJSON(r.revision)),
		r.setRevisions,
		r.load(recordVersion, journal.FromJSON(r.version)),
		r.sortVersions,
		r.load(recordAlias, journal.FromJSON(r.alias)),
		r.load(recordExecution, journal.FromJSON(r.execution)),
		r.load(recordState, r.state),
		r.load(recordChange, r.change),
		r.loadStates,
		r.load(recordHistory, r.history),
		r.finish,
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// load returns the step that reads the records of a kind.
func (r *restoring) load(kind string, read func(key string, value []byte) error) func() error {
	return func() error { return r.journal.Load(kind, read) }
}

// newEpoch makes the draws of this service differ from those of the services
// before it over the same journal, also when they were given the same seed: ids
// and tokens must not come again.
func (s *Service) newEpoch() error {
	epoch, err := journal.NextEpoch(s.journal, recordEpoch)
	s.random.Reseed(epoch)
	return err
}

func (r *restoring) orphan(kind, key string) error {
	r.orphans = append(r.orphans, journal.Deletion(kind, key))
	return nil
}

func (r *restoring) machine(id string, rec machineRecord) error {
	sp := r.space(rec.Place)
	m := sp.newMachine(id, rec.Name, rec.Kind, rec.Created)
	m.counted = r.series(m, nil)
	m.control.Store(&control{
		lastVersion:        rec.LastVersion,
		lastAlias:          rec.LastAlias,
		tags:               rec.Tags,
		deleting:           rec.Deleting,
		createdPublished:   rec.CreatedPublished,
		createdDescription: rec.CreatedDescription,
	})
	sp.machines[m.name] = m
	r.machines[id] = m
	r.current[id] = rec.Revision
	r.revisions[id] = map[string]*revision{}
	return nil
}

func (r *restoring) revision(key string, rec revisionRecord) error {
	if r.machines[rec.Machine] == nil {
		return r.orphan(recordRevision, key)
	}
	r.revisions[rec.Machine][rec.ID] = &revision{id: rec.ID, created: rec.Created, settings: settings{
		definition: rec.Definition, roleARN: rec.RoleARN, logging: rec.Logging, tracing: rec.Tracing, encryption: rec.Encryption,
	}}
	return nil
}

// setRevisions gives each state machine its current revision.
func (r *restoring) setRevisions() error {
	for id, m := range r.machines {
		found, err := r.find(id, r.current[id])
		if err != nil {
			return err
		}
		m.control.Load().revision = found
	}
	return nil
}

// find returns a revision that something refers to.
func (r *restoring) find(machineID, id string) (*revision, error) {
	found := r.revisions[machineID][id]
	if found == nil {
		return nil, fmt.Errorf("revision %q of state machine %s is missing", id, r.machines[machineID].arn)
	}
	r.used[found] = true
	return found, nil
}

func (r *restoring) version(key string, rec versionRecord) error {
	m := r.machines[rec.Machine]
	if m == nil {
		return r.orphan(recordVersion, key)
	}
	pinned, err := r.find(rec.Machine, rec.Revision)
	if err != nil {
		return err
	}
	v := &version{number: rec.Number, description: rec.Description, created: rec.Created, revision: pinned}
	v.arn = m.arn + ":" + v.qualifier()
	v.counted = r.series(m, []Dimension{{"Version", v.qualifier()}})
	c := m.control.Load()
	c.versions = append(c.versions, v)
	return nil
}

func (r *restoring) sortVersions() error {
	for _, m := range r.machines {
		slices.SortFunc(m.control.Load().versions, func(a, b *version) int { return a.number - b.number })
	}
	return nil
}

func (r *restoring) alias(key string, rec aliasRecord) error {
	m := r.machines[rec.Machine]
	if m == nil {
		return r.orphan(recordAlias, key)
	}
	c := m.control.Load()
	a := &alias{
		number: rec.Number, name: rec.Name, arn: m.arn + ":" + rec.Name, description: rec.Description,
		created: rec.Created, updated: rec.Updated,
	}
	for _, to := range rec.Routes {
		v := c.version(to.Version)
		if v == nil {
			return fmt.Errorf("alias %s refers to version %d, which is missing", a.arn, to.Version)
		}
		a.routes = append(a.routes, route{version: v, weight: to.Weight})
	}
	a.dealer = r.dealer(a.routes)
	a.counted = r.series(m, []Dimension{{"Alias", a.name}})
	c.aliases = append(c.aliases, a)
	slices.SortFunc(c.aliases, func(a, b *alias) int { return a.number - b.number })
	return nil
}

func (r *restoring) execution(key string, rec executionRecord) error {
	m := r.machines[rec.Machine]
	if m == nil {
		return r.orphan(recordExecution, key)
	}
	pinned, err := r.find(rec.Machine, rec.Revision)
	if err != nil {
		return err
	}
	x := &execution{
		machine: m, revision: pinned, number: rec.Number, name: rec.Name, arn: m.executionPrefix + rec.Name, trace: rec.Trace,
		started: rec.Started, stopped: rec.Stopped, last: rec.Last, chunks: rec.Parts,
		redrives: rec.Redrives, redriven: rec.Redriven, redriveTokens: rec.RedriveTokens,
		state: rec.State,
	}
	if p := rec.Parent; p != nil {
		x.parent = &parent{arn: p.ARN, task: p.Task, pattern: p.Pattern}
	}
	c := m.control.Load()
	if rec.Version != 0 {
		if x.version = c.version(rec.Version); x.version == nil { // it was deleted meanwhile
			x.version = &version{number: rec.Version, revision: pinned}
			x.version.arn = m.arn + ":" + x.version.qualifier()
		}
	}
	if rec.Alias != "" {
		if x.alias = c.alias(rec.Alias); x.alias == nil {
			x.alias = &alias{name: rec.Alias, arn: m.arn + ":" + rec.Alias}
		}
	}
	x.status.Store(rec.Status)
	x.ended.Store(rec.Stopped.UnixMilli())
	if rec.Changes != nil {
		x.kept = keptState{apart: true, changes: *rec.Changes}
		r.states[key] = &restoredState{execution: x, changes: make([][]byte, *rec.Changes)}
	}
	r.parts[x] = nil
	m.runs.last = max(m.runs.last, x.number)
	m.runs.enter(x)
	return nil
}

func (r *restoring) history(key string, value []byte) error {
	part, err := decodePart(value)
	if err != nil {
		return err
	}
	m := r.machines[part.machine]
	if m == nil {
		return r.orphan(recordHistory, key)
	}
	x := m.runs.named(part.name)
	if x == nil || part.part >= x.chunks {
		return r.orphan(recordHistory, key)
	}
	r.parts[x] = append(r.parts[x], part)
	return nil
}

// finish puts the histories together, lets the executions that were running go
// on, and sweeps up.
func (r *restoring) finish() error {
	now := r.clock.Now()
	for x, parts := range r.parts {
		slices.SortFunc(parts, func(a, b historyPart) int { return a.part - b.part })
		if len(parts) != x.chunks {
			return fmt.Errorf("execution %s has %d parts of its history, want %d", x.arn, len(parts), x.chunks)
		}
		for _, part := range parts {
			x.history.append(part.events.unpack())
		}
		events := x.history.all()
		if len(events) == 0 {
			return fmt.Errorf("execution %s has no history", x.arn)
		}
		x.input = events[0].Details.Input
		x.indexMapRuns(events)
		if !x.running() {
			if last := events[len(events)-1]; last.Details != nil {
				x.output = last.Details.Output
			}
			x.history.pack()
			continue
		}
		x.machine.runs.open.Add(1)
		x.recovers = true
		r.timers.set(x, now)
		if err := r.openTokens(x); err != nil {
			return fmt.Errorf("execution %s: %w", x.arn, err)
		}
	}
	var errs []error
	for id, m := range r.machines {
		m.runs.sort()
		for _, rev := range r.revisions[id] {
			if !r.used[rev] {
				errs = append(errs, r.orphan(recordRevision, id+"/"+rev.id))
			}
		}
		if m.control.Load().deleting {
			errs = append(errs, r.finishDelete(m))
		}
	}
	if len(r.orphans) > 0 {
		errs = append(errs, r.journal.Commit(r.orphans...))
	}
	return errors.Join(errs...)
}

// openTokens makes the tokens known that an execution gave away, before anybody can
// ask: who is told that a token is none does not come back.
func (r *restoring) openTokens(x *execution) error {
	if !x.state.Waiting() {
		return nil
	}
	program, err := x.program()
	if err != nil {
		return err
	}
	for _, open := range x.state.OpenTasks(program) {
		if open.Call.Token != "" {
			r.openTask(x, open.Call)
		}
	}
	return nil
}

// sort puts the logs in the order of the starts.
func (r *runs) sort() {
	byNumber := func(a, b *execution) int { return int(a.number) - int(b.number) }
	slices.SortFunc(r.all, byNumber)
	for _, log := range r.byVersion {
		slices.SortFunc(*log, byNumber)
	}
	for _, log := range r.byAlias {
		slices.SortFunc(*log, byNumber)
	}
}

// recover takes up an execution that was running when the service before this
// one ended. Its timers are kept. What it had asked for is treated as AWS treats
// a worker that was lost: an activity or a token stays open until somebody
// answers or its time is up; a call whose answer never came has failed, and
// Retry may make it again. A child that the execution started is found again by
// its parent, so that it is not started twice.
func (s *Service) recover(x *execution) {
	x.mu.Lock()
	if !x.running() { // it was answered or stopped meanwhile
		x.mu.Unlock()
		return
	}
	program, err := x.program()
	if err != nil { // a definition that was accepted is refused by this version
		x.mu.Unlock()
		return
	}
	tasks := x.state.OpenTasks(program)
	children := s.childrenOf(x, tasks)
	var after []func()
	for _, open := range tasks {
		c := open.Call
		switch {
		case c.Kind == asl.Activity && open.Started,
			c.Pattern == asl.WaitForTaskToken && open.Submitted:
			s.openTask(x, c)
		case c.Kind == asl.Activity:
			s.offer(s.openTask(x, c))
		case c.Map != nil:
			t := s.openTask(x, c)
			s.calls.Submit(func() { s.carryOut(t) })
		case c.Kind == asl.Integration && c.Service == "states" && c.Action == "startExecution":
			t := s.openTask(x, c)
			child := children[c.Task]
			switch {
			case child == nil && !open.Submitted:
				s.calls.Submit(func() { s.carryOut(t) })
			case child == nil:
				after = append(after, func() { s.report(t, lost(c)) })
			default:
				after = append(after, func() { s.childFound(t, child, open.Submitted) })
			}
		default:
			t := s.openTask(x, c)
			after = append(after, func() { s.report(t, lost(c)) })
		}
	}
	more, err := s.step(x, machine.Tick{}, s.now())
	x.mu.Unlock()
	run(more)
	if err != nil {
		return // the step is tried again by itself
	}
	run(after)
}

// lost returns the event of a call whose answer never came.
func lost(c machine.CallTask) machine.TaskFailed {
	name := namesOf(c).prefix + ".SdkClientException"
	cause := "The call was interrupted before its answer came: the local cloud was restarted."
	return machine.TaskFailed{Task: c.Task, Error: &name, Cause: &cause}
}

// childFound goes on with a child that was started before a restart.
func (s *Service) childFound(t *task, child *execution, submitted bool) {
	if !submitted {
		s.childStarted(t, child, s.random.UUID())
		return
	}
	t.x.mu.Lock()
	t.child, t.submitted = child.arn, true
	t.x.mu.Unlock()
	if !child.running() {
		s.childEnded(child)
	}
}

// childrenOf finds the executions that open tasks of an execution started.
func (s *Service) childrenOf(x *execution, tasks []machine.OpenTask) map[machine.TaskID]*execution {
	found := map[machine.TaskID]*execution{}
	for _, open := range tasks {
		c := open.Call
		if c.Kind != asl.Integration || c.Service != "states" {
			continue
		}
		target, _ := c.Input.Get("StateMachineArn") // Undefined is no ARN
		r, err := parseResource(target.Str(), kindMachine)
		if err != nil {
			continue
		}
		m := s.space(r.place).machine(strings.Split(r.name, "/")[0])
		if m == nil {
			continue
		}
		for _, child := range m.runs.snapshot() {
			if p := child.parent; p != nil && p.arn == x.arn && p.task == c.Task && !child.dropped.Load() {
				found[c.Task] = child
			}
		}
	}
	return found
}
