package controller

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/crossfade-dev/crossfade/plan"
	"github.com/crossfade-dev/crossfade/rollout"
)

// A Task is what a rollout was made for.
type Task string

// The tasks. A rollback and an adoption are rollouts that begin in the phase
// RollingBack: they take everything to one version and end.
const (
	Deploy   Task = "deploy"
	Rollback Task = "rollback" // back to a version that was verified
	Adopt    Task = "adopt"    // finish or revert an alias that something else left split
)

// A Record is everything stored about one rollout.
type Record struct {
	ID       string         `json:"id"` // r-…, unique in a store
	Task     Task           `json:"task"`
	Plan     plan.Plan      `json:"plan"` // never changed after Create
	Status   rollout.Status `json:"status"`
	Revision int64          `json:"revision"` // grows by one with every save
	Owner    string         `json:"owner"`    // who created it: user@host pid
	Created  time.Time      `json:"created"`
}

// Clone returns a copy that shares nothing that is ever written. Plans are not
// written after a rollout was created, so the copies share theirs.
func (r Record) Clone() Record {
	r.Status = cloneStatus(r.Status)
	return r
}

// Aliases returns the ARNs of the aliases that the rollout moves.
func (r Record) Aliases() []string {
	aliases := make([]string, len(r.Status.Targets))
	for i, t := range r.Status.Targets {
		aliases[i] = t.Alias
	}
	return aliases
}

// cloneStatus copies what Decide may write to. TestCloneSharesNothing walks the
// type, so that a new field cannot be forgotten here.
func cloneStatus(s rollout.Status) rollout.Status {
	s.Targets = slices.Clone(s.Targets)
	for i := range s.Targets {
		if c := s.Targets[i].Comparison; c != nil {
			copied := c.Clone()
			s.Targets[i].Comparison = &copied
		}
		s.Targets[i].Forgiven = maps.Clone(s.Targets[i].Forgiven)
	}
	s.Findings = slices.Clone(s.Findings)
	s.Accepted = maps.Clone(s.Accepted)
	s.Calls = slices.Clone(s.Calls)
	return s
}

// A Lease is the right to act on one alias until it ends. The alias stays bound
// to its rollout until that ends, also while nobody holds the lease, so that two
// rollouts are never open on one alias.
type Lease struct {
	Alias   string    `json:"alias"`
	Rollout string    `json:"rollout"`
	Owner   string    `json:"owner"` // empty: given up, anybody may take it
	Token   int64     `json:"token"` // grows with every change of the owner; a save with an older one is refused
	Since   time.Time `json:"since"` // when the owner took it
	Until   time.Time `json:"until"` // anybody may take it from then on
}

// Free says whether anybody may take the lease at now.
func (l Lease) Free(now time.Time) bool { return l.Owner == "" || !now.Before(l.Until) }

// A NumberedEvent is a stored event; numbers grow by one within a rollout.
type NumberedEvent struct {
	Number int64 `json:"number"`
	rollout.Event
}

// A LedgerEntry says what became of a version behind an alias.
type LedgerEntry struct {
	Alias   string               `json:"alias"` // ARN
	Version string               `json:"version"`
	State   rollout.VersionState `json:"state"`
	Rollout string               `json:"rollout"`
	At      time.Time            `json:"at"`
	Why     string               `json:"why"`
	// Content is a digest of what the version is made of, see [Resolved]; empty
	// where it is not known.
	Content string `json:"content,omitempty"`
}

// ledger returns what is known of an alias's versions, newest entry first.
func (c *Controller) ledger(ctx context.Context, alias string) ([]LedgerEntry, error) {
	entries, err := c.cfg.Store.Ledger(ctx, alias)
	if err != nil {
		return nil, fmt.Errorf("ledger of %s: %w", alias, err)
	}
	return entries, nil
}

// standings returns the newest state of each version in a ledger, which is
// ordered newest first.
func standings(ledger []LedgerEntry) map[string]rollout.VersionState {
	m := make(map[string]rollout.VersionState)
	for _, e := range slices.Backward(ledger) {
		m[e.Version] = e.State
	}
	return m
}
