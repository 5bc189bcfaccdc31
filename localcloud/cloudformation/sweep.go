package cloudformation

import (
	"fmt"
	"strconv"
	"time"

	"github.com/crossfade-dev/crossfade/localcloud/journal"
)

// keptDeleted is for how long a stack that was deleted is still shown to those who
// know its ARN.
//
// Source: CloudFormation API Reference, ListStacks: 90 days.
const keptDeleted = 90 * 24 * time.Hour

// sweep forgets a stack that was deleted long ago, in memory and in the journal, and
// says whether it is one.
func (s *Service) sweep(e *entity, now time.Time) (due bool, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.lives() || e.telling || now.Before(e.deleted.Add(keptDeleted)) {
		return false, nil
	}
	if s.config.Journal != nil {
		if err := s.config.Journal.Commit(e.records()...); err != nil {
			e.retry = now.Add(saveAgain)
			s.schedule(e)
			return true, fmt.Errorf("forget deleted stack %s: %w", e.name, err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.stacks, e.id)
	delete(s.timers, e)
	return true, nil
}

// records are the deletions of all that the journal has of a stack without change
// sets, which go with its deletion. e.mu is held.
func (e *entity) records() []journal.Record {
	gone := []journal.Record{journal.Deletion(recordStack, e.uuid)}
	for number := range e.kept {
		gone = append(gone, journal.Deletion(recordDeployment, e.uuid+"/"+strconv.Itoa(number)))
	}
	for _, r := range e.state.Resources {
		gone = append(gone, journal.Deletion(recordResource, e.uuid+"/"+r.ID))
	}
	for i := range e.told {
		gone = append(gone, journal.Deletion(recordEvent, e.uuid+"/"+strconv.Itoa(i)))
	}
	return gone
}
