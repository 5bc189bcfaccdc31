package controller

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/crossfade-dev/crossfade/plan"
	"github.com/crossfade-dev/crossfade/rollout"
)

// trouble is what goes wrong with shifting one target, or with asking one hook.
type trouble struct {
	failures int             // in a row
	to       rollout.Routing // what was tried, of a shift
	until    time.Time       // do not try the same again before
	text     string          // what went wrong last; empty when nothing did
	told     time.Time       // when an event last said so
}

// waits says whether it is too early to try again.
func (t trouble) waits(now time.Time) bool {
	wait := t.until.Sub(now)
	return wait > 0 && wait <= maxBackoff // more: the clock was set back
}

// maxBackoff is the longest wait between two attempts.
const maxBackoff = 30 * time.Second

// act does one thing that was decided and saved. What fails is remembered for
// the next look, which asks again.
func (c *Controller) act(ctx context.Context, h *held, a rollout.Action) {
	switch a := a.(type) {
	case rollout.Shift:
		c.shift(ctx, h, a)
	case rollout.Ask:
		c.ask(ctx, h, a)
	case rollout.Prune:
		c.pruneAfter(ctx, h.rec, a.Target)
	default:
		panic(fmt.Sprintf("controller: action %T", a))
	}
}

func (c *Controller) shift(ctx context.Context, h *held, a rollout.Shift) {
	t := &h.trouble[a.Target]
	now := c.cfg.Clock.Now()
	if t.to == a.To && t.waits(now) {
		return
	}
	left := c.left(h, now)
	if left == 0 {
		return // somebody else may be acting by now; the next look finds out
	}
	alias := h.rec.Status.Targets[a.Target].Alias
	err := func() error {
		target, err := c.target(h.rec.Plan.Targets[a.Target].Kind)
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(ctx, min(left, c.cfg.CallTimeout))
		defer cancel()
		return target.Shift(ctx, alias, a.From, a.To)
	}()
	if err == nil || errors.Is(err, ErrUnsettled) {
		*t = trouble{}
		return
	}
	now = c.cfg.Clock.Now()
	if t.to != a.To {
		*t = trouble{to: a.To}
	}
	changed := t.text != err.Error()
	t.failures++
	t.text = err.Error()
	wait := c.backoff(t.failures, err, h.rec.Status.Phase == rollout.RollingBack)
	t.until = now.Add(wait)
	if changed || now.Sub(t.told) >= time.Minute {
		t.told = now
		h.pending = append(h.pending, rollout.Event{
			At: now, Kind: "problem", Phase: h.rec.Status.Phase, Weight: a.To.Weight,
			Text: fmt.Sprintf("%s: shift to %s: %s; trying again in %s",
				h.rec.Plan.Targets[a.Target], a.To, err, wait.Round(100*time.Millisecond)),
		})
	}
	c.cfg.Log.WarnContext(ctx, "shift", "rollout", h.rec.ID, "alias", alias, "to", a.To.String(), "err", err, "failures", t.failures, "wait", wait)
}

// backoff returns how long to wait after so many failures in a row. Taking
// traffic back is tried again sooner than anything else.
func (c *Controller) backoff(failures int, err error, back bool) time.Duration {
	first, most := 500*time.Millisecond, 10*time.Second
	switch {
	case errors.Is(err, ErrConflict):
		most = time.Second // the next look sees what the alias does instead
	case errors.Is(err, ErrThrottled), errors.Is(err, ErrDenied):
		first, most = time.Second, maxBackoff
	}
	if back {
		most = min(most, 3*time.Second)
	}
	wait := most
	if failures < 16 {
		wait = min(most, first<<(failures-1))
	}
	return wait/2 + time.Duration(c.cfg.Draw()*float64(wait/2))
}

func (c *Controller) target(kind plan.Kind) (Target, error) {
	if t := c.cfg.Targets[kind]; t != nil {
		return t, nil
	}
	return nil, fmt.Errorf("%w: nothing here can shift aliases of the kind %s", ErrInvalid, kind)
}

func (c *Controller) publisher(kind plan.Kind) (Publisher, error) {
	if p := c.cfg.Publishers[kind]; p != nil {
		return p, nil
	}
	return nil, fmt.Errorf("%w: nothing here can publish versions of the kind %s", ErrInvalid, kind)
}
