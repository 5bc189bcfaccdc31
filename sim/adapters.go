package sim

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/crossfade-dev/crossfade/analysis"
	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/plan"
	"github.com/crossfade-dev/crossfade/rollout"
)

// adapters are all of a controller's ports into the model world. Each
// controller has its own, so that the world knows who calls.
type adapters struct {
	w  *world
	by *actor
	// deadline is when the caller gives up. Contexts have theirs in real time.
	deadline time.Time
	asked    time.Time // when the shift that is under way was asked for
}

// errLost is a call whose answer never came.
var errLost = errors.New("connection reset")

// call lets a call take its time, in which other things happen, and fail. do is
// what it does; it may be done and reported as failed. writes says that do may
// be repeated later by an impatient client.
func (a adapters) call(name string, writes bool, do func() error) error {
	w := a.w
	w.mayCrash(a.by, name+", before")
	w.pass(w.between(0, w.faults.slow))
	if !a.deadline.IsZero() && w.now.After(a.deadline) {
		return fmt.Errorf("%s: %w", name, context.DeadlineExceeded)
	}
	if w.chance(w.faults.callFails) || w.outage(name) {
		w.tell("%s: %s fails", a.by.name, name)
		return fmt.Errorf("%s: %w", name, pick(w.rand, controller.ErrThrottled, errLost))
	}
	if next := w.next[name]; len(next) > 0 {
		w.next[name] = next[1:]
		if next[0] != nil {
			return fmt.Errorf("%s: %w", name, next[0])
		}
	}
	err := do()
	if writes && err == nil && w.chance(w.faults.doubled) {
		w.later(w.between(0, doubleDelay), "a repeated "+name+" arrives", func() { _ = do() })
	}
	w.pass(w.between(0, w.faults.slow))
	w.mayCrash(a.by, name+", after")
	if w.chance(w.faults.answerLost) {
		w.tell("%s: the answer to %s is lost", a.by.name, name)
		return fmt.Errorf("%s: %w", name, errLost)
	}
	return err
}

// doubleDelay is how late a repeated write may arrive. It and the largest lag
// together are less than the settle windows of the plans.
const doubleDelay = 1500 * time.Millisecond

// callTimeout is the controllers'.
const callTimeout = 10 * time.Second

// find returns the service behind an alias.
func (w *world) find(alias string) (*service, error) {
	for _, s := range w.services {
		if s.arn == alias && !s.gone {
			return s, nil
		}
	}
	return nil, fmt.Errorf("alias %s: %w", alias, controller.ErrNotFound)
}

// Routing reads what the alias does, or did a little earlier.
func (a adapters) Routing(ctx context.Context, alias string) (r rollout.Routing, err error) {
	err = a.call("read", false, func() error {
		s, err := a.w.find(alias)
		if err == nil {
			r = oriented(s.read())
		}
		return err
	})
	return r, err
}

// Shift reads, compares, writes and reads back.
func (a adapters) Shift(ctx context.Context, alias string, from, to rollout.Routing) error {
	a.w.watchRequest(a.by, alias, to)
	a.asked, a.deadline = a.w.now, a.w.now.Add(callTimeout)
	if l, ok, _ := a.w.store.inner.Lease(ctx, alias); ok && l.Until.Sub(a.w.clock()) < callTimeout {
		a.deadline = a.w.now.Add(l.Until.Sub(a.w.clock()))
	}
	if to.Weight < 0 || to.Weight > plan.Full || !to.Weight.WholePercent() {
		return fmt.Errorf("weight %s: %w", to.Weight, controller.ErrInvalid)
	}
	seen, err := a.Routing(ctx, alias)
	if err != nil {
		return err
	}
	if !seen.Same(from) && !seen.Same(to) {
		return fmt.Errorf("alias %s has %+v: %w", alias, seen, controller.ErrConflict)
	}
	err = a.call("write", true, func() error {
		s, err := a.w.find(alias)
		if err != nil {
			return err
		}
		a.w.watchWrite(a, s, from, to)
		s.put(to, false)
		a.w.tell("%s: %s does %s", a.by.name, s.name, to)
		return nil
	})
	if err != nil {
		return err
	}
	switch seen, err = a.Routing(ctx, alias); {
	case err != nil:
		return fmt.Errorf("read back: %w: %w", controller.ErrUnsettled, err)
	case seen.Same(to):
		return nil
	case seen.Same(from):
		return fmt.Errorf("alias %s: %w", alias, controller.ErrUnsettled)
	default:
		return fmt.Errorf("alias %s has %+v: %w", alias, seen, controller.ErrConflict)
	}
}

// Versions lists versions, newest first.
func (a adapters) Versions(ctx context.Context, alias string) (list []controller.Version, err error) {
	err = a.call("versions", false, func() error {
		s, err := a.w.find(alias)
		if err != nil {
			return err
		}
		r := s.read()
		for _, v := range slices.Backward(s.versions) {
			entry := controller.Version{Number: v.number}
			if r.Share(v.number) > 0 {
				entry.Aliases = []string{s.alias}
			}
			list = append(list, entry)
		}
		return nil
	})
	return list, err
}

// InUse says whether executions of a version run.
func (a adapters) InUse(ctx context.Context, alias, version string) (use controller.Use, err error) {
	err = a.call("in use", false, func() error {
		s, err := a.w.find(alias)
		if err == nil && s.index(version) >= 0 && s.versions[s.index(version)].executing {
			use = controller.Executing
		}
		return err
	})
	return use, err
}

// DeleteVersion deletes a version.
func (a adapters) DeleteVersion(ctx context.Context, alias, version string) error {
	return a.call("delete", true, func() error {
		s, err := a.w.find(alias)
		if err != nil {
			return err
		}
		a.w.watchDelete(s, version)
		return s.remove(version)
	})
}

// Resolve finds the resource that a target names.
func (a adapters) Resolve(ctx context.Context, t plan.Target, _ controller.Files) (r controller.Resolved, err error) {
	err = a.call("resolve", false, func() error {
		for _, s := range a.w.services {
			if s.name != t.Name {
				continue
			}
			arn := s.resource() + ":" + t.Alias
			if t.Version != "" && s.index(t.Version) < 0 {
				return fmt.Errorf("version %s: %w", t.Version, controller.ErrNotFound)
			}
			r = controller.Resolved{
				Target: t, Alias: arn, Exists: arn == s.arn && !s.gone, Version: t.Version,
				Upload: s.changed, Revision: strconv.Itoa(s.revision), Content: s.content(t.Version),
			}
			if r.Exists {
				r.Now = oriented(s.read())
			}
			return nil
		}
		return fmt.Errorf("%s: %w", t.Name, controller.ErrNotFound)
	})
	return r, err
}

// Publish publishes a version.
func (a adapters) Publish(ctx context.Context, r controller.Resolved, _ controller.Files) (p controller.Published, err error) {
	err = a.call("publish", false, func() error {
		s := a.w.services[slices.IndexFunc(a.w.services, func(s *service) bool { return s.name == r.Target.Name })]
		switch {
		case r.Version != "":
			p = controller.Published{Canary: r.Version, Reused: true}
		case r.Revision != strconv.Itoa(s.revision):
			return fmt.Errorf("%s was changed: %w", s.name, controller.ErrConflict)
		default:
			p = s.publish()
		}
		return nil
	})
	return p, err
}

// CreateAlias creates an alias.
func (a adapters) CreateAlias(ctx context.Context, alias, version string) error {
	return a.call("create alias", true, func() error {
		for _, s := range a.w.services {
			if s.arn == alias && s.gone {
				s.gone = false
				s.put(rollout.Routing{Stable: version}, false)
				return nil
			}
			if s.arn == alias && s.current().routing.Share(version) < plan.Full {
				return controller.ErrConflict
			}
			if s.arn == alias {
				return nil
			}
		}
		a.w.addAlias(alias, version)
		return nil
	})
}

// Alarms reads alarms.
func (a adapters) Alarms(ctx context.Context, names []string) (states map[string]analysis.AlarmState, err error) {
	err = a.call("alarms", false, func() error {
		states = make(map[string]analysis.AlarmState)
		for _, name := range names {
			states[name] = a.w.alarms[name]
		}
		return nil
	})
	if err != nil {
		states = nil // an answer that never came brought nothing
	}
	a.by.alarms, a.by.alarmsProblem = states, err != nil
	return states, err
}

// Counts counts outcomes.
func (a adapters) Counts(ctx context.Context, alias, version string, _ time.Time) (c analysis.Counts, err error) {
	err = a.call("counts", false, func() error {
		s, err := a.w.find(alias)
		if err == nil {
			c = s.counts(version)
		}
		return err
	})
	return c, err
}

// ReadFile is not needed: what is published is the model's.
func (adapters) ReadFile(name string) ([]byte, error) { return nil, fmt.Errorf("no file %s", name) }
