package cloudformation

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/crossfade-dev/crossfade/localcloud/cloudformation/stack"
	"github.com/crossfade-dev/crossfade/localcloud/journal"
)

// A Journal keeps records for good; package journal has one on disk.
type Journal interface {
	// Commit keeps all records or none. It returns nil once they are safe.
	Commit(records ...journal.Record) error
	// Load calls yield with every record of a kind, in no order.
	Load(kind string, yield func(key string, value []byte) error) error
}

// The kinds of records. All keys begin with the stack's own id.
const (
	recordStack      = "cloudformation.stack"      // id
	recordDeployment = "cloudformation.deployment" // id/number
	recordResource   = "cloudformation.resource"   // id/logical id
	recordEvent      = "cloudformation.event"      // id/number
	recordChangeSet  = "cloudformation.changeset"  // id/ARN
)

// A stackRecord is all of a stack that has no record of its own. The values of
// records are JSON; a member may be added, but what one means does not change.
type stackRecord struct {
	Place       place       `json:"place"`
	Name        string      `json:"name"`
	ARN         string      `json:"arn"`
	Created     time.Time   `json:"created"`
	Updated     time.Time   `json:"updated,omitzero"`
	Deleted     time.Time   `json:"deleted,omitzero"`
	Protected   bool        `json:"protected,omitempty"`
	Policy      string      `json:"policy,omitempty"`
	Disabled    bool        `json:"disabled,omitempty"`
	Timeout     int32       `json:"timeout,omitempty"`
	ChangeSet   string      `json:"changeSet,omitempty"`
	Parent      string      `json:"parent,omitempty"`
	Root        string      `json:"root,omitempty"`
	Imports     []string    `json:"imports,omitempty"`
	Using       []string    `json:"using,omitempty"`
	Heard       int         `json:"heard,omitempty"`
	Deployments int         `json:"deployments"`
	Current     int         `json:"current,omitempty"`
	Next        int         `json:"next,omitempty"`
	State       stack.State `json:"state"`
}

// save writes what changed of a stack. e.mu is held. After an error the next save
// writes it. What is saved is told.
func (s *Service) save(e *entity) error {
	if s.config.Journal == nil {
		clear(e.unsaved)
		clear(e.dirtySets)
		e.told = len(e.events)
		s.tell(e)
		return nil
	}
	var records []journal.Record
	put := func(kind, key string, v any) { records = append(records, journal.JSON(kind, key, v)) }
	drop := func(kind, key string) { records = append(records, journal.Deletion(kind, key)) }

	header := stackRecord{
		Place: e.place, Name: e.name, ARN: e.id, Created: e.created, Updated: e.updated, Deleted: e.deleted, Protected: e.protected, Policy: e.policy,
		Disabled: e.disabled, Timeout: e.timeout, ChangeSet: e.changeSet, Parent: e.parent, Root: e.root,
		Imports: e.imports, Using: sortedKeys(e.using), Heard: e.heard, Deployments: e.deployments, State: e.state,
	}
	kept := map[int]bool{}
	for d, number := range map[*deployment]*int{e.current: &header.Current, e.next: &header.Next} {
		if d == nil {
			continue
		}
		*number = d.Number
		kept[d.Number] = true
		if !e.kept[d.Number] {
			put(recordDeployment, e.uuid+"/"+strconv.Itoa(d.Number), d)
		}
	}
	for number := range e.kept {
		if !kept[number] {
			drop(recordDeployment, e.uuid+"/"+strconv.Itoa(number))
		}
	}
	put(recordStack, e.uuid, header)
	for id := range e.unsaved {
		if r := e.state.Resource(id); r != nil {
			put(recordResource, e.uuid+"/"+id, r)
		} else {
			drop(recordResource, e.uuid+"/"+id)
		}
	}
	for i := e.told; i < len(e.events); i++ {
		put(recordEvent, e.uuid+"/"+strconv.Itoa(i), e.events[i])
	}
	for id := range e.dirtySets {
		if i := slices.IndexFunc(e.sets, func(c *changeSet) bool { return c.ID == id }); i >= 0 {
			put(recordChangeSet, e.uuid+"/"+id, e.sets[i])
		} else {
			drop(recordChangeSet, e.uuid+"/"+id)
		}
	}
	if err := s.config.Journal.Commit(records...); err != nil {
		return fmt.Errorf("save stack %s: %w", e.name, err)
	}
	e.kept, e.told = kept, len(e.events)
	clear(e.unsaved)
	clear(e.dirtySets)
	s.tell(e)
	return nil
}

// restore loads all stacks. It is called once, by New.
func (s *Service) restore() error {
	load := s.config.Journal.Load
	byUUID := map[string]*entity{}
	numbers := map[*entity][2]int{}
	err := load(recordStack, journal.FromJSON(func(key string, r stackRecord) error {
		e := &entity{
			place: r.Place, name: r.Name, uuid: key, id: r.ARN, created: r.Created, updated: r.Updated, deleted: r.Deleted,
			protected: r.Protected, policy: r.Policy, disabled: r.Disabled, timeout: r.Timeout, changeSet: r.ChangeSet, parent: r.Parent, root: r.Root,
			imports: r.Imports, heard: r.Heard, deployments: r.Deployments, state: r.State,
		}
		e.init()
		for _, name := range r.Using {
			e.using[name] = true
		}
		byUUID[key], numbers[e] = e, [2]int{r.Current, r.Next}
		return nil
	}))
	if err != nil {
		return err
	}
	// What belongs to no stack is left over from one whose deletion was not
	// completely swept up.
	each := func(kind string, take func(e *entity, rest string, value []byte) error) error {
		return load(kind, func(key string, value []byte) error {
			uuid, rest, _ := strings.Cut(key, "/")
			if e := byUUID[uuid]; e != nil {
				return take(e, rest, value)
			}
			return nil
		})
	}
	if err := each(recordDeployment, func(e *entity, rest string, value []byte) error {
		d := &deployment{}
		if err := json.Unmarshal(value, d); err != nil {
			return err
		}
		if err := s.bind(e, d); err != nil {
			return err
		}
		e.kept[d.Number] = true
		if d.Number == numbers[e][0] {
			e.current = d
		}
		if d.Number == numbers[e][1] {
			e.next = d
		}
		return nil
	}); err != nil {
		return err
	}
	if err := each(recordResource, func(e *entity, _ string, value []byte) error {
		r := &stack.Resource{}
		e.state.Resources = append(e.state.Resources, r)
		return json.Unmarshal(value, r)
	}); err != nil {
		return err
	}
	type numbered struct {
		number int
		event  event
	}
	events := map[*entity][]numbered{}
	if err := each(recordEvent, func(e *entity, rest string, value []byte) error {
		number, err := strconv.Atoi(rest)
		if err != nil {
			return err
		}
		n := numbered{number: number}
		err = json.Unmarshal(value, &n.event)
		events[e] = append(events[e], n)
		return err
	}); err != nil {
		return err
	}
	if err := each(recordChangeSet, func(e *entity, _ string, value []byte) error {
		c := &changeSet{}
		if err := json.Unmarshal(value, c); err != nil {
			return err
		}
		e.sets = append(e.sets, c)
		return s.bind(e, c.Deployment)
	}); err != nil {
		return err
	}
	for _, e := range byUUID {
		slices.SortFunc(e.state.Resources, func(a, b *stack.Resource) int { return strings.Compare(a.ID, b.ID) })
		slices.SortFunc(e.sets, func(a, b *changeSet) int { return a.Created.Compare(b.Created) })
		slices.SortFunc(events[e], func(a, b numbered) int { return a.number - b.number })
		for _, n := range events[e] {
			e.events = append(e.events, n.event)
			e.eventIDs[n.event.EventID] = true
		}
		e.told = len(e.events)
		s.take(e)
	}
	return nil
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
