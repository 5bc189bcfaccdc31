package cli

import (
	"context"
	"errors"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/crossfade-dev/crossfade/controller"
)

// A standing is a rollout and whether some process looks after it: what programs
// read.
type standing struct {
	controller.Record
	Attended bool `json:"attended"`
	// Uncertain says that nobody may look after it: its lease has ended by this
	// machine's clock, and its owner is elsewhere and may have another.
	Uncertain bool `json:"uncertain,omitempty"`

	// now is what time it is for the rollout.
	now time.Time
}

// abandoned says whether a rollout is open that nobody looks after.
func (s standing) abandoned() bool {
	return !s.Attended && !s.Uncertain && !s.Status.Phase.Ended()
}

// standingOf finds out whether some process looks after a rollout. Leases are by
// their owner's clock, which is AWS's. A session has AWS's time; whoever only has the
// store goes by how long ago by the machine's clock they were renewed.
func standingOf(ctx context.Context, env *Env, store controller.Store, rec controller.Record) (standing, error) {
	s := standing{Record: rec, now: env.Clock.Now()}
	ended := rec.Status.Phase.Ended()
	gone := ended
	for _, alias := range rec.Aliases() {
		if ended {
			break
		}
		l, ok, err := store.Lease(ctx, alias)
		if err != nil {
			return s, err
		}
		now, owners, err := env.timeOf(ctx, store, alias)
		if err != nil {
			return s, err
		}
		s.now = now
		switch {
		case !ok, l.Rollout != rec.ID, l.Owner == "", env.isDead(l.Owner):
			gone = true
		case !l.Free(now):
		case owners && (env.isByTheService() || env.isHere(l.Owner)):
			gone = true
		default:
			s.Uncertain = true
		}
	}
	s.Uncertain = s.Uncertain && !gone
	s.Attended = !gone && !s.Uncertain
	// The time of a cloud may pass faster than here.
	for _, t := range []time.Time{rec.Created, rec.Status.LookedAt, rec.Status.Ended} {
		if t.After(s.now) {
			s.now = t
		}
	}
	return s, nil
}

// isAttended says whether some process certainly looks after a rollout.
func isAttended(ctx context.Context, env *Env, store controller.Store, rec controller.Record) (bool, error) {
	s, err := standingOf(ctx, env, store, rec)
	return s.Attended, err
}

// A hearer is a store that knows when a lease was last taken or renewed, by two
// clocks.
type hearer interface {
	Heard(ctx context.Context, alias string) (owner, machine time.Time, ok bool, err error)
}

// timeOf returns what time it is by the clock that an alias's lease goes by, if
// owners; otherwise the machine's time, for want of a better one.
func (env *Env) timeOf(ctx context.Context, store controller.Store, alias string) (now time.Time, owners bool, err error) {
	now = env.Clock.Now()
	if env.isByTheService() {
		return now, true, nil
	}
	h, ok := store.(hearer)
	if !ok {
		return now, false, nil
	}
	owner, machine, ok, err := h.Heard(ctx, alias)
	if err != nil || !ok {
		return now, false, err
	}
	return owner.Add(now.Sub(machine)), true, nil
}

// isByTheService says whether the clock shows the time of a service, and not only
// this machine's.
func (env *Env) isByTheService() bool {
	service, ok := env.Clock.(controller.ServiceTime)
	if !ok {
		return false
	}
	_, known := service.Off()
	return known
}

// processOf reads where an owner runs; ok is false where its name does not say.
func processOf(owner string) (host string, pid int, ok bool) {
	who, number, ok := strings.Cut(owner, " pid ")
	if !ok {
		return "", 0, false
	}
	_, host, _ = strings.Cut(who, "@")
	pid, err := strconv.Atoi(number)
	return host, pid, err == nil
}

// isHere says whether an owner is a process of this machine, which may have ended.
func (env *Env) isHere(owner string) bool {
	host, _, ok := processOf(owner)
	_, here, _ := strings.Cut(env.person(), "@")
	return ok && host == here
}

// isDead says whether an owner is known not to run any more: a process of this
// machine that does not exist.
func (env *Env) isDead(owner string) bool {
	_, pid, _ := processOf(owner)
	if !env.isHere(owner) {
		return false
	}
	p, err := os.FindProcess(pid)
	if err != nil {
		return true
	}
	defer func() { _ = p.Release() }() // it only lets go of a handle
	return errors.Is(p.Signal(syscall.Signal(0)), os.ErrProcessDone)
}
