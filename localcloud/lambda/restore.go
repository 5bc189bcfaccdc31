package lambda

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/crossfade-dev/crossfade/localcloud/journal"
)

// restore reads the journal. Events that had not ended are attempted at the
// first Run after it.
func (s *Service) restore() error {
	if err := s.newEpoch(); err != nil {
		return err
	}
	r := &restoring{Service: s, functions: map[string]*function{}, controls: map[string]*control{}}
	for _, step := range []struct {
		kind string
		read func(key string, value []byte) error
	}{
		{recordLayer, journal.FromJSON(r.layer)},
		{recordSigning, journal.FromJSON(r.signing)},
		{recordFunction, journal.FromJSON(r.function)},
		{recordVersion, journal.FromJSON(r.version)},
		{recordAlias, journal.FromJSON(r.alias)},
	} {
		if err := s.journal.Load(step.kind, step.read); err != nil {
			return err
		}
	}
	if err := r.finish(); err != nil {
		return err
	}
	return s.journal.Load(recordEvent, journal.FromJSON(r.event))
}

// newEpoch makes the draws of this service differ from those of the services
// before it over the same journal, also when they were given the same seed: ids
// must not come again.
func (s *Service) newEpoch() error {
	epoch, err := journal.NextEpoch(s.journal, recordEpoch)
	s.random.Reseed(epoch)
	return err
}

// A restoring service is one that reads its journal.
type restoring struct {
	*Service
	functions map[string]*function // by id
	controls  map[string]*control  // likewise, until they are whole
}

func (r *restoring) layer(_ string, rec layerRecord) error {
	sp := r.space(rec.Place)
	l := sp.addLayer(rec.Name)
	l.last = rec.Last
	for _, v := range rec.Versions {
		content, err := r.archives.get(v.SHA256, v.Size)
		if err != nil {
			return err
		}
		l.versions = append(l.versions, &layerVersion{
			number: v.Number, arn: l.arn + ":" + strconv.Itoa(v.Number), description: v.Description, licence: v.Licence,
			runtimes: v.Runtimes, architectures: v.Architectures, created: v.Created, content: content, policy: v.Policy,
		})
	}
	return nil
}

func (r *restoring) function(id string, rec functionRecord) error {
	r.functions[id] = r.space(rec.Place).newFunction(id, rec.Name)
	r.controls[id] = &control{
		lastVersion: rec.LastVersion,
		tags:        rec.Tags,
		reserved:    rec.Reserved,
		policies:    rec.Policies,
		events:      rec.Events,
		urls:        rec.URLs,
		provisioned: rec.Provisioned,
		recursion:   rec.Recursion,
		signing:     rec.Signing,
	}
	for _, u := range rec.URLs {
		r.urls.Store(u.ID, r.functions[id])
	}
	return nil
}

func (r *restoring) version(key string, rec versionRecord) error {
	f, c := r.functions[rec.Function], r.controls[rec.Function]
	if f == nil {
		return fmt.Errorf("there is no function %s", rec.Function)
	}
	v := &version{
		number: rec.Number, revision: rec.Revision, settled: rec.Settled, settles: rec.Settles, creating: rec.Creating,
		description: rec.Description, settings: rec.Settings, modified: rec.Modified,
	}
	var err error
	if v.code, err = r.archives.get(rec.SHA256, rec.Size); err != nil {
		return err
	}
	for _, l := range v.settings.Layers {
		content, err := r.archives.get(l.SHA256, l.Size)
		if err != nil {
			return err
		}
		v.layers = append(v.layers, content)
	}
	v.run = r.runnable(f, v)
	if v.number == 0 {
		c.latest = v
		return nil
	}
	c.versions = append(c.versions, v)
	return nil
}

func (r *restoring) alias(_ string, rec aliasRecord) error {
	c := r.controls[rec.Function]
	if c == nil {
		return fmt.Errorf("there is no function %s", rec.Function)
	}
	a := &alias{
		name: rec.Name, revision: rec.Revision, description: rec.Description,
		version: rec.Version, other: rec.Other, weight: rec.Weight,
	}
	a.dealer = r.dealer(a)
	c.aliases = append(c.aliases, a)
	return nil
}

// finish puts the functions in their spaces.
func (r *restoring) finish() error {
	for id, f := range r.functions {
		c := r.controls[id]
		if c.latest == nil {
			return fmt.Errorf("function %s has no $LATEST", f.arn)
		}
		slices.SortFunc(c.versions, func(a, b *version) int { return a.number - b.number })
		slices.SortFunc(c.aliases, func(a, b *alias) int { return strings.Compare(a.name, b.name) })
		f.control.Store(c)
		f.space.functions[f.name] = f
		if len(c.provisioned) > 0 {
			r.timers.set(r.now(), func() { r.provide(f) })
		}
	}
	return nil
}

// event has an event attempted again when it is due. One whose function was
// deleted is forgotten by its attempt.
func (r *restoring) event(_ string, rec eventRecord) error {
	if rec.Number > r.queued.Load() {
		r.queued.Store(rec.Number)
	}
	e := &event{function: r.functions[rec.Function], eventRecord: rec}
	if e.function == nil {
		r.forgetLater(e)
		return nil
	}
	r.timers.set(rec.Next, func() { r.attempt(e) })
	return nil
}

// forgetLater forgets an event once the journal is not being read any more.
func (r *restoring) forgetLater(e *event) {
	r.timers.set(e.Next, func() { r.forget(e) })
}
