package sim

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/crossfade-dev/crossfade/analysis"
	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/plan"
	"github.com/crossfade-dev/crossfade/rollout"
)

// A service is one resource with its versions and an alias, as a cloud keeps it:
// writes are ordered, reads may be older than the last write.
type service struct {
	w        *world
	kind     plan.Kind
	arn      string
	name     string
	alias    string
	versions []version
	changed  bool // published next, it makes a new version
	revision int  // grows with every change
	writes   []write
	gone     bool

	perSecond float64            // starts through the alias
	bad       map[string]float64 // share of bad outcomes, by version
	ended     map[string]float64 // outcomes so far, by version
	failed    map[string]float64
	counted   time.Time
	traffic   *traffic // nil where nobody compares
}

type version struct {
	number    string
	content   string // what it is made of
	executing bool
}

// A write is one state of the alias, until the next.
type write struct {
	at      time.Time
	routing rollout.Routing
	person  bool
	told    int // events that there were when a person wrote
}

// change makes the resource differ from its last version.
func (s *service) change() { s.changed, s.revision = true, s.revision+1 }

func (s *service) current() write { return s.writes[len(s.writes)-1] }

// serve lets executions end until now.
func (s *service) serve() {
	seconds := s.w.now.Sub(s.counted).Seconds()
	s.counted = s.w.now
	if seconds <= 0 || s.gone {
		return
	}
	r := s.current().routing
	for _, v := range []string{r.Stable, r.Canary} {
		if v == "" {
			continue
		}
		n := s.perSecond * seconds * float64(r.Share(v)) / float64(plan.Full)
		s.ended[v] += n
		s.failed[v] += n * s.bad[v]
	}
}

// read returns what the alias did at a time within the lag.
func (s *service) read() rollout.Routing {
	at := s.w.now
	if s.w.faults.lag > 0 {
		at = at.Add(-s.w.between(0, s.w.faults.lag))
	}
	return s.at(at)
}

// at returns what was written last at a time.
func (s *service) at(at time.Time) rollout.Routing {
	for _, w := range slices.Backward(s.writes) {
		if !w.at.After(at) {
			return w.routing
		}
	}
	return s.writes[0].routing
}

func (s *service) put(r rollout.Routing, person bool) {
	s.serve()
	if r.Weight == plan.Full {
		r = rollout.Routing{Stable: r.Canary}
	}
	if r.Weight == 0 {
		r.Canary = ""
	}
	told := 0
	for _, id := range s.w.rollouts {
		events, _ := s.w.store.inner.Events(s.w.ctx, id, 0)
		told += len(events)
	}
	s.writes = append(s.writes, write{at: s.w.now, routing: r, person: person, told: told})
}

func (s *service) index(number string) int {
	return slices.IndexFunc(s.versions, func(v version) bool { return v.number == number })
}

func (s *service) counts(number string) analysis.Counts {
	s.serve()
	failed := int(s.failed[number])
	return analysis.Counts{
		Version: number, Succeeded: int(s.ended[number]) - failed, Failed: failed, AsOf: s.w.clock(),
	}
}

// revised is what the resource is made of since it was changed last.
func (s *service) revised() string { return "revision " + strconv.Itoa(s.revision) }

// content is what a version is made of, or, if number is empty, what publishing now
// would make.
func (s *service) content(number string) string {
	i := len(s.versions) - 1
	switch {
	case number != "":
		i = s.index(number)
	case s.changed:
		return s.revised()
	}
	if v := s.versions[i]; v.content == "" {
		return "version " + v.number
	}
	return s.versions[i].content
}

// publish makes a new version if anything changed.
func (s *service) publish() controller.Published {
	if !s.changed {
		return controller.Published{Canary: s.versions[len(s.versions)-1].number, Reused: true}
	}
	s.changed = false
	last, _ := strconv.Atoi(s.versions[len(s.versions)-1].number)
	s.versions = append(s.versions, version{number: strconv.Itoa(last + 1), content: s.revised()})
	return controller.Published{Canary: strconv.Itoa(last + 1)}
}

// remove deletes a version that no alias refers to.
func (s *service) remove(number string) error {
	i := s.index(number)
	if i < 0 {
		return nil
	}
	if s.current().routing.Share(number) > 0 {
		return fmt.Errorf("version %s: %w: the alias refers to it", number, controller.ErrConflict)
	}
	s.versions = slices.Delete(s.versions, i, i+1)
	return nil
}

// oriented writes a routing as a service does that does not say which version
// is the new one: the older one first.
func oriented(r rollout.Routing) rollout.Routing {
	a, _ := strconv.Atoi(r.Stable)
	b, _ := strconv.Atoi(r.Canary)
	if r.Canary != "" && b < a {
		return rollout.Routing{Stable: r.Canary, Canary: r.Stable, Weight: plan.Full - r.Weight}
	}
	return r
}

// resource is the ARN without the alias.
func (s *service) resource() string { return strings.TrimSuffix(s.arn, ":"+s.alias) }

// addAlias adds a second alias to a resource.
func (w *world) addAlias(arn, number string) {
	for _, s := range w.services {
		if alias, ok := strings.CutPrefix(arn, s.resource()+":"); ok {
			second := *s
			second.arn, second.alias, second.versions = arn, alias, slices.Clone(s.versions)
			second.writes = []write{{at: w.now, routing: rollout.Routing{Stable: number}}}
			w.services = append(w.services, &second)
			return
		}
	}
}
