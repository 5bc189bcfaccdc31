package controller

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/crossfade-dev/crossfade/internal/arn"
	"github.com/crossfade-dev/crossfade/plan"
	"github.com/crossfade-dev/crossfade/rollout"
)

// A VersionReport says what is known of a version, and why it stays or goes.
type VersionReport struct {
	Version
	State   rollout.VersionState `json:"state,omitempty"` // the alias's ledger's newest word on it
	Stays   string               `json:"stays,omitempty"` // why it must stay; empty when it may go
	Deleted bool                 `json:"deleted,omitempty"`
	Problem string               `json:"problem,omitempty"` // why it could not be deleted
}

// A PruneReport lists the versions behind an alias, newest first.
type PruneReport struct {
	Alias    string          `json:"alias"`
	Versions []VersionReport `json:"versions"`
}

// Prune deletes the versions behind an alias that nothing needs, or with dry
// only says which those are. What is referenced by any alias, executing, part of
// an open rollout, among the newest keep.Versions or among the last
// keep.Verified verified ones (the last one always) of any alias stays. With
// keep.Versions zero everything stays. A version that cannot be deleted is a
// Problem in the report; the error is for when nothing could be found out.
func (c *Controller) Prune(ctx context.Context, kind plan.Kind, alias string, keep plan.Keep, dry bool) (PruneReport, error) {
	report, err := c.prunable(ctx, kind, alias, keep)
	if err != nil || dry {
		return report, err
	}
	target, err := c.target(kind)
	if err != nil {
		return report, err
	}
	for i, v := range report.Versions {
		if v.Stays != "" {
			continue
		}
		err := c.within(ctx, func(ctx context.Context) error { return target.DeleteVersion(ctx, alias, v.Number) })
		if err != nil && !errors.Is(err, ErrNotFound) {
			report.Versions[i].Problem = err.Error()
			continue
		}
		report.Versions[i].Deleted = true
	}
	return report, nil
}

// prunable says of each version behind an alias whether it must stay, and why.
func (c *Controller) prunable(ctx context.Context, kind plan.Kind, alias string, keep plan.Keep) (PruneReport, error) {
	report := PruneReport{Alias: alias}
	target, err := c.target(kind)
	if err != nil {
		return report, err
	}
	// The open rollouts are read before the versions: one that begins later
	// finds its version deleted before it has shifted anything.
	inUse, err := c.inUse(ctx, alias)
	if err != nil {
		return report, err
	}
	var versions []Version
	err = c.within(ctx, func(ctx context.Context) (err error) {
		versions, err = target.Versions(ctx, alias)
		return err
	})
	if err != nil {
		return report, fmt.Errorf("versions of %s: %w", alias, err)
	}
	ledger, err := c.ledger(ctx, alias)
	if err != nil {
		return report, err
	}
	states := standings(ledger)
	trusted, err := c.trusted(ctx, alias, versions, keep)
	if err != nil {
		return report, err
	}
	for i, v := range versions {
		why := stays(v, i, keep, inUse[v.Number], trusted[v.Number])
		if why == "" { // asked last, because it costs calls
			why = c.stillUsed(ctx, target, alias, v.Number)
		}
		report.Versions = append(report.Versions, VersionReport{Version: v, State: states[v.Number], Stays: why})
	}
	return report, nil
}

// stillUsed says why executions make a version stay. Not knowing is a reason.
func (c *Controller) stillUsed(ctx context.Context, target Target, alias, version string) string {
	ctx, cancel := c.call(ctx)
	defer cancel()
	switch use, err := target.InUse(ctx, alias, version); {
	case err != nil:
		return fmt.Sprintf("whether executions of it run is not known: %v", err)
	case use == Executing:
		return "executions of it run"
	case use == Referenced:
		return "something besides aliases uses it: an event source, or provisioned concurrency"
	case use == Redrivable && !c.cfg.DropRedrivable:
		return "executions of it may be redriven"
	default:
		return ""
	}
}

// stays says why the version that is i-th from the newest must stay.
func stays(v Version, i int, keep plan.Keep, rolloutID, trusted string) string {
	switch {
	case len(v.Aliases) > 0:
		return fmt.Sprintf("alias %s refers to it", v.Aliases[0])
	case rolloutID != "":
		return "rollout " + rolloutID + " is open on it"
	case trusted != "":
		return trusted
	case keep.Versions == 0:
		return "pruning is off"
	case i < keep.Versions:
		return fmt.Sprintf("it is among the newest %d", keep.Versions)
	default:
		return ""
	}
}

// inUse returns the versions of the resource behind an alias that open rollouts
// name, each with the rollout's ID.
func (c *Controller) inUse(ctx context.Context, alias string) (map[string]string, error) {
	open, err := c.cfg.Store.List(ctx, Filter{Open: true})
	if err != nil {
		return nil, fmt.Errorf("open rollouts: %w", err)
	}
	inUse := make(map[string]string)
	for _, rec := range open {
		for _, ts := range rec.Status.Targets {
			if sameResource(ts.Alias, alias) {
				inUse[ts.Stable], inUse[ts.Canary] = rec.ID, rec.ID
			}
		}
	}
	return inUse, nil
}

// trusted returns the versions that a rollback of any alias of the resource may
// want, each with the reason to keep it.
func (c *Controller) trusted(ctx context.Context, alias string, versions []Version, keep plan.Keep) (map[string]string, error) {
	aliases := []string{alias}
	for _, v := range versions {
		for _, name := range v.Aliases {
			if a := sibling(alias, name); !slices.Contains(aliases, a) {
				aliases = append(aliases, a)
			}
		}
	}
	trusted := make(map[string]string)
	for _, a := range aliases {
		ledger, err := c.ledger(ctx, a)
		if err != nil {
			return nil, err
		}
		serves := func(version string) bool {
			return slices.ContainsFunc(versions, func(v Version) bool {
				return v.Number == version && slices.ContainsFunc(v.Aliases, func(name string) bool { return sibling(alias, name) == a })
			})
		}
		if to, state, ok := lastGood(ledger, serves); ok && state == rollout.Served {
			trusted[to] = "a rollback goes to it: it served last, and nothing else is verified"
		}
		n := max(keep.Verified, 1)
		for _, v := range verified(ledger) {
			if n == 0 {
				break
			}
			trusted[v] = fmt.Sprintf("it is among the last %d verified", max(keep.Verified, 1))
			n--
		}
	}
	return trusted, nil
}

// verified returns the versions whose newest word is Verified, last verified
// first.
func verified(ledger []LedgerEntry) []string {
	states := standings(ledger)
	var versions []string
	for _, e := range ledger {
		if e.State == rollout.Verified && states[e.Version] == rollout.Verified && !slices.Contains(versions, e.Version) {
			versions = append(versions, e.Version)
		}
	}
	return versions
}

// lastGood returns the version that a rollback goes to: the last verified one
// or, where there is none, the last that served; never a quarantined one, nor
// one that except names.
func lastGood(ledger []LedgerEntry, except func(version string) bool) (version string, state rollout.VersionState, ok bool) {
	states := standings(ledger)
	for _, want := range []rollout.VersionState{rollout.Verified, rollout.Served} {
		for _, e := range ledger {
			if e.State == want && states[e.Version] == want && !except(e.Version) {
				return e.Version, want, true
			}
		}
	}
	return "", "", false
}

// sibling returns the ARN of another alias of the same resource.
func sibling(alias, name string) string {
	a, err := arn.Parse(alias)
	if err != nil {
		return alias
	}
	resource, _ := a.Qualified()
	return resource.With(name).String()
}

// sameResource says whether two aliases belong to one state machine or function.
func sameResource(a, b string) bool { return sibling(a, "") == sibling(b, "") }

// pruneAfter deletes what a finished rollout's target needs no more. What cannot
// be deleted stays; it never changes how the rollout ended.
func (c *Controller) pruneAfter(ctx context.Context, rec Record, target int) {
	keep := rec.Plan.Keep
	if keep.Versions == 0 {
		return
	}
	report, err := c.Prune(ctx, rec.Plan.Targets[target].Kind, rec.Status.Targets[target].Alias, keep, false)
	if err != nil {
		c.cfg.Log.WarnContext(ctx, "prune", "rollout", rec.ID, "err", err)
		return
	}
	for _, v := range report.Versions {
		if v.Deleted || v.Problem != "" {
			c.cfg.Log.InfoContext(ctx, "prune", "rollout", rec.ID, "version", v.Number, "problem", v.Problem)
		}
	}
}
