package cloudwatch

import (
	"fmt"
	"sync"

	"github.com/crossfade-dev/crossfade/localcloud/journal"
)

// A Journal keeps records by kind and key. When Put or Delete return, the change
// survives the process. localcloud/journal is one.
type Journal interface {
	Put(kind, key string, value []byte) error
	Delete(kind, key string) error
	// Load calls f for every record of a kind.
	Load(kind string, f func(key string, value []byte) error) error
}

// The kinds of records.
const (
	kindAlarm       = "cloudwatch.alarm"
	kindHistory     = "cloudwatch.history"
	kindDashboard   = "cloudwatch.dashboard"
	kindDetector    = "cloudwatch.detector"
	kindInsightRule = "cloudwatch.insightrule"
)

// A writer brings changes into the journal in order, outside of the service's
// lock. Changes of one record that come before it gets to write become one.
type writer struct {
	journal Journal

	mu      sync.Mutex // guards pending
	pending map[recordKey][]byte
	order   []recordKey

	saving sync.Mutex // held while writing, so that changes stay in order
}

type recordKey struct{ kind, key string }

// note remembers that a record became v, or ended when v is nil. It is called
// under the service's lock, so that the order is that of the changes.
func (w *writer) note(kind, key string, v any) {
	if w.journal == nil {
		return
	}
	var value []byte
	if v != nil {
		value = journal.JSON(kind, key, v).Value
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	k := recordKey{kind, key}
	if _, ok := w.pending[k]; !ok {
		w.order = append(w.order, k)
	}
	if w.pending == nil {
		w.pending = map[recordKey][]byte{}
	}
	w.pending[k] = value
}

// take returns the oldest change that is not written.
func (w *writer) take() (k recordKey, value []byte, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.order) == 0 {
		return k, nil, false
	}
	k = w.order[0]
	return k, w.pending[k], true
}

// drop forgets a change that was written, unless another one came meanwhile.
func (w *writer) drop(k recordKey, value []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.order = w.order[1:]
	if now := w.pending[k]; len(now) == len(value) && (len(now) == 0 || &now[0] == &value[0]) {
		delete(w.pending, k)
		return
	}
	w.order = append(w.order, k)
}

// save writes all changes. After an error what is left is tried again by the
// next save.
func (s *Service) save() error {
	w := &s.writes
	if w.journal == nil {
		return nil
	}
	w.saving.Lock()
	defer w.saving.Unlock()
	for {
		k, value, ok := w.take()
		if !ok {
			return nil
		}
		var err error
		if value == nil {
			err = w.journal.Delete(k.kind, k.key)
		} else {
			err = w.journal.Put(k.kind, k.key, value)
		}
		if err != nil {
			return fmt.Errorf("save %s %s: %w", k.kind, k.key, err)
		}
		w.drop(k, value)
	}
}

// load reads everything back.
func (s *Service) load(j Journal) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, kind := range []struct {
		name string
		read func(key string, value []byte) error
	}{
		{kindAlarm, journal.FromJSON(s.loadAlarm)},
		{kindHistory, journal.FromJSON(s.loadHistory)},
		{kindDashboard, journal.FromJSON(s.loadDashboard)},
		{kindDetector, journal.FromJSON(s.loadDetector)},
		{kindInsightRule, journal.FromJSON(s.loadInsightRule)},
	} {
		if err := j.Load(kind.name, kind.read); err != nil {
			return err
		}
	}
	now := s.clock.Now()
	for _, r := range s.regions {
		r.history.sort()
		for _, e := range r.alarms {
			s.schedule(e, now)
		}
	}
	return nil
}

// key is the key of an owner's record in the journal.
func (o owner) key(name string) string { return o.Account + "/" + o.Region + "/" + name }
