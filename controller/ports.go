// Package controller carries rollouts out: load, observe, decide, save, act.
// What to decide is [rollout.Decide]'s business; the outside world is behind the
// ports declared here, which the packages below this one implement.
package controller

import (
	"context"
	"errors"
	"time"

	"github.com/crossfade-dev/crossfade/analysis"
	"github.com/crossfade-dev/crossfade/plan"
	"github.com/crossfade-dev/crossfade/rollout"
)

// Errors that callers branch on.
var (
	// ErrNotFound: there is no such rollout, alias or version.
	ErrNotFound = errors.New("not found")
	// ErrConflict: somebody else saved first, or an alias has another routing
	// than expected; look again.
	ErrConflict = errors.New("conflict")
	// ErrLeased: another owner holds the alias. The error's text says who,
	// since when and where.
	ErrLeased = errors.New("leased")
)

// A Record is everything stored about one rollout.
type Record struct {
	ID       string         `json:"id"` // r-…, unique in a store
	Plan     plan.Plan      `json:"plan"`
	Status   rollout.Status `json:"status"`
	Revision int64          `json:"revision"` // grows by one with every save
	Owner    string         `json:"owner"`    // who runs it: user@host pid
	Created  time.Time      `json:"created"`
}

// A Lease is the right to act on one alias until it ends. Token grows with
// every grant for the alias; a save with an older token is refused.
type Lease struct {
	Alias string    `json:"alias"`
	Owner string    `json:"owner"`
	Token int64     `json:"token"`
	Since time.Time `json:"since"`
	Until time.Time `json:"until"`
}

// A Store remembers rollouts. Every method is one transaction. storetest holds
// all implementations to the same promises.
type Store interface {
	// Create stores a new rollout and takes the leases of all its aliases in
	// one transaction, or fails with ErrLeased and stores nothing.
	Create(ctx context.Context, rec Record, owner string, now, until time.Time) ([]Lease, error)
	// Load returns a rollout by ID; ErrNotFound if there is none.
	Load(ctx context.Context, id string) (Record, error)
	// List returns rollouts, newest first.
	List(ctx context.Context, f Filter) ([]Record, error)
	// Save stores rec.Status and appends events, if rec.Revision is still the
	// stored one and every lease is still the newest granted for its alias;
	// ErrConflict otherwise. It returns the new revision. Saving an ended
	// status releases the leases.
	Save(ctx context.Context, rec Record, leases []Lease, events []rollout.Event) (revision int64, err error)
	// Acquire takes (or, for the same owner, renews) the leases of a
	// rollout's aliases; ErrLeased while another owner's have not ended.
	Acquire(ctx context.Context, id, owner string, now, until time.Time) ([]Lease, error)
	// Leases returns who holds the alias; ok is false when nobody does.
	Lease(ctx context.Context, alias string) (l Lease, ok bool, err error)
	// Order appends a person's order and returns its number.
	Order(ctx context.Context, id string, o rollout.Order) (int64, error)
	// Orders returns the orders after number, oldest first.
	Orders(ctx context.Context, id string, after int64) ([]rollout.Order, error)
	// Events returns what happened after event number, oldest first.
	Events(ctx context.Context, id string, after int64) ([]NumberedEvent, error)
	// Ledger returns what is known about an alias's versions, newest entry
	// first; Note adds to it.
	Ledger(ctx context.Context, alias string) ([]LedgerEntry, error)
	Note(ctx context.Context, e LedgerEntry) error
}

// A Filter narrows List. The zero value lists everything.
type Filter struct {
	Alias string // only rollouts with this alias among their targets
	Open  bool   // only rollouts that have not ended
	Name  string
	Limit int // 0: all
}

// A NumberedEvent is a stored event; numbers grow by one within a rollout.
type NumberedEvent struct {
	Number int64 `json:"number"`
	rollout.Event
}

// A LedgerEntry says what became of a version behind an alias.
type LedgerEntry struct {
	Alias   string    `json:"alias"` // ARN
	Version string    `json:"version"`
	State   string    `json:"state"` // verified, quarantined
	Rollout string    `json:"rollout"`
	At      time.Time `json:"at"`
	Why     string    `json:"why"`
}

// A Target shifts aliases of one kind. targettest holds all implementations to
// the same promises.
type Target interface {
	// Routing reads what the alias does now; ErrNotFound without the alias.
	Routing(ctx context.Context, alias string) (rollout.Routing, error)
	// Shift makes the alias do to. It reads first and refuses with
	// ErrConflict when the alias has neither from nor to; it reads back, and
	// returns an error while what it reads is not what it wrote.
	Shift(ctx context.Context, alias string, from, to rollout.Routing) error
	// Versions lists the versions behind the alias's resource, newest first.
	Versions(ctx context.Context, alias string) ([]Version, error)
	// DeleteVersion deletes one; a version that is in use is ErrConflict.
	DeleteVersion(ctx context.Context, alias, version string) error
}

// A Version is one immutable version of a state machine or function.
type Version struct {
	Number  string    `json:"number"`
	Created time.Time `json:"created"`
	// Aliases are the names of the aliases that refer to it.
	Aliases []string `json:"aliases,omitempty"`
	// Executing is true while executions of it run or may be redriven.
	Executing   bool   `json:"executing,omitempty"`
	Description string `json:"description,omitempty"`
}

// A Publisher makes a version out of what a target names: it uploads a
// definition or code if there is one, publishes on the condition that nobody
// changed it in between, and reads the alias.
type Publisher interface {
	Publish(ctx context.Context, t plan.Target, files Files) (Published, error)
}

// Files reads the files that a plan names.
type Files interface {
	ReadFile(name string) ([]byte, error)
}

// Published is a target made definite.
type Published struct {
	Alias  string          // the alias's ARN
	Canary string          // the version to introduce
	Now    rollout.Routing // what the alias does; zero when it does not exist yet
	Exists bool            // whether the alias exists
	Reused bool            // the version existed already: nothing changed since it was published
}

// A Monitor knows the state of alarms.
type Monitor interface {
	// Alarms returns the state of each named alarm, metric or composite. An
	// alarm that cannot be read has a Problem; one that does not exist is
	// Missing. The error is for when none could be read.
	Alarms(ctx context.Context, names []string) (map[string]analysis.AlarmState, error)
}

// A Counter counts the outcomes of one version.
type Counter interface {
	// Counts returns the outcomes of a version of the alias's resource since
	// from, through this alias where the source can tell.
	Counts(ctx context.Context, alias, version string, from time.Time) (analysis.Counts, error)
}
