package cloudformation

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/crossfade-dev/crossfade/localcloud/cloudformation/stack"
	"github.com/crossfade-dev/crossfade/localcloud/journal"
)

// restoring is what is known while the journal is read.
type restoring struct {
	service *Service
	stacks  map[string]*restored // by uuid
}

// A restored stack is one whose records are being put together.
type restored struct {
	*entity
	currentNumber, nextNumber int // of deployments; 0 without one
	byNumber                  map[int]event
}

// restore loads all stacks. It is called once, by New.
func (s *Service) restore() error {
	r := &restoring{service: s, stacks: map[string]*restored{}}
	for _, step := range []struct {
		kind string
		read func(key string, value []byte) error
	}{
		{recordStack, journal.FromJSON(r.stack)},
		{recordDeployment, partOf(r, r.deployment)},
		{recordResource, partOf(r, r.resource)},
		{recordEvent, partOf(r, r.event)},
		{recordChangeSet, partOf(r, r.changeSet)},
	} {
		if err := s.config.Journal.Load(step.kind, step.read); err != nil {
			return err
		}
	}
	for _, e := range r.stacks {
		r.finish(e)
	}
	return nil
}

// partOf makes of take, which wants a part of a stack and its key below the
// stack's, what Load calls for each. What belongs to no stack is left alone.
func partOf[T any](r *restoring, take func(e *restored, key string, part T) error) func(key string, value []byte) error {
	return func(key string, value []byte) error {
		uuid, rest, _ := strings.Cut(key, "/")
		e := r.stacks[uuid]
		if e == nil {
			return nil
		}
		return journal.FromJSON(func(key string, part T) error { return take(e, key, part) })(rest, value)
	}
}

func (r *restoring) stack(uuid string, rec stackRecord) error {
	e := &entity{
		place: rec.Place, name: rec.Name, uuid: uuid, id: rec.ARN, created: rec.Created, updated: rec.Updated, deleted: rec.Deleted,
		protected: rec.Protected, policy: rec.Policy, disabled: rec.Disabled, timeout: rec.Timeout, changeSet: rec.ChangeSet, parent: rec.Parent, root: rec.Root, asked: rec.Asked,
		imports: rec.Imports, heard: rec.Heard, deployments: rec.Deployments, state: rec.State,
	}
	e.init()
	for _, name := range rec.Using {
		e.using[name] = true
	}
	r.stacks[uuid] = &restored{entity: e, currentNumber: rec.Current, nextNumber: rec.Next, byNumber: map[int]event{}}
	return nil
}

func (r *restoring) deployment(e *restored, _ string, d *deployment) error {
	if err := r.service.bind(e.entity, d); err != nil {
		return err
	}
	e.kept[d.Number] = true
	if d.Number == e.currentNumber {
		e.current = d
	}
	if d.Number == e.nextNumber {
		e.next = d
	}
	return nil
}

func (r *restoring) resource(e *restored, _ string, part *stack.Resource) error {
	e.state.Resources = append(e.state.Resources, part)
	return nil
}

func (r *restoring) event(e *restored, key string, told event) error {
	number, err := strconv.Atoi(key)
	e.byNumber[number] = told
	return err
}

func (r *restoring) changeSet(e *restored, _ string, set *changeSet) error {
	e.sets = append(e.sets, set)
	return r.service.bind(e.entity, set.Deployment)
}

// finish puts the parts of a stack in order.
func (r *restoring) finish(e *restored) {
	slices.SortFunc(e.state.Resources, func(a, b *stack.Resource) int { return strings.Compare(a.ID, b.ID) })
	slices.SortFunc(e.sets, func(a, b *changeSet) int { return a.Created.Compare(b.Created) })
	for _, number := range slices.Sorted(maps.Keys(e.byNumber)) {
		told := e.byNumber[number]
		e.events = append(e.events, told)
		e.eventIDs[told.EventID] = true
	}
	e.told = len(e.events)
	r.service.take(e.entity)
}

// take makes a restored stack one of the service's. What providers were asked for
// is due again.
func (s *Service) take(e *entity) {
	e.mu.Lock()
	defer e.mu.Unlock()
	s.stacks[e.id] = e
	if e.lives() {
		s.names[e.place.name(e.name)] = e
		s.exports.set(e)
	}
	if len(e.topics()) == 0 {
		e.heard = e.told
	}
	s.schedule(e)
}
