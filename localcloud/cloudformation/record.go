package cloudformation

import (
	"fmt"
	"slices"
	"strconv"
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
	Asked       string      `json:"asked,omitempty"`
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
		Disabled: e.disabled, Timeout: e.timeout, ChangeSet: e.changeSet, Parent: e.parent, Root: e.root, Asked: e.asked,
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
