package controller

import (
	"context"
	"time"

	"github.com/crossfade-dev/crossfade/rollout"
)

// A Store remembers rollouts. Every method is one transaction, except those for
// All, and safe for concurrent use, also from several processes where the store is shared.
// storetest holds all implementations to the same promises.
type Store interface {
	// Create stores a new rollout with its first events and takes the leases
	// of all its aliases for rec.Owner until until, or fails with ErrLeased (a
	// *LeasedError) when one of them is bound to another open rollout, and
	// stores nothing. A rollout with this ID is ErrConflict.
	Create(ctx context.Context, rec Record, until time.Time, events []rollout.Event) ([]Lease, error)
	// Load returns a rollout by ID; ErrNotFound if there is none.
	Load(ctx context.Context, id string) (Record, error)
	// List returns rollouts, newest first.
	List(ctx context.Context, f Filter) ([]Record, error)
	// Save stores rec.Status and appends events and notes, if rec.Revision is
	// still the stored one and every lease still has the newest token of its
	// alias; ErrConflict otherwise. It returns the new revision. Saving an
	// ended status gives the aliases free.
	Save(ctx context.Context, rec Record, leases []Lease, events []rollout.Event, notes []LedgerEntry) (revision int64, err error)
	// SaveAll saves several rollouts, each as Save does: one transaction for each,
	// or for many where that is cheaper, as long as nobody can tell. What refuses
	// or fails one leaves the others as they are. It returns an answer for each, in
	// the order of the savings.
	SaveAll(ctx context.Context, savings []Saving) []Saved

	// Acquire takes or, for the same owner, renews the leases of an open
	// rollout's aliases, all or none. ErrLeased while another owner's has not
	// ended at now; ErrNotFound without the rollout; ErrEnded after its end.
	Acquire(ctx context.Context, id, owner string, now, until time.Time) ([]Lease, error)
	// AcquireAll takes or renews the leases of several rollouts, each as Acquire
	// does, and is to Acquire what SaveAll is to Save.
	AcquireAll(ctx context.Context, ids []string, owner string, now, until time.Time) []Grant
	// Release gives leases up before they end. Those that somebody else has
	// taken since are left alone.
	Release(ctx context.Context, leases []Lease) error
	// Lease returns who holds the alias, and for which open rollout; ok is
	// false when no rollout is open on it.
	Lease(ctx context.Context, alias string) (l Lease, ok bool, err error)

	// Order appends a person's order and returns its number, which grows by
	// one within a rollout. ErrNotFound without the rollout; ErrEnded after
	// its end.
	Order(ctx context.Context, id string, o rollout.Order) (int64, error)
	// Orders returns the orders after number, oldest first.
	Orders(ctx context.Context, id string, after int64) ([]rollout.Order, error)
	// Ordered returns the IDs of the open rollouts that have orders after
	// their Status.Orders.
	Ordered(ctx context.Context) ([]string, error)

	// Events returns what happened after event number, oldest first. Numbers
	// begin at 1.
	Events(ctx context.Context, id string, after int64) ([]NumberedEvent, error)

	// Ledger returns what is known about an alias's versions, newest entry
	// first; Note adds to it.
	Ledger(ctx context.Context, alias string) ([]LedgerEntry, error)
	Note(ctx context.Context, e LedgerEntry) error
}

// A Saving is what Save stores of one rollout.
type Saving struct {
	Record Record
	Leases []Lease
	Events []rollout.Event
	Notes  []LedgerEntry
}

// Saved is what became of a Saving: the new revision, or why it was not stored.
type Saved struct {
	Revision int64
	Err      error
}

// A Grant is what became of a wish for one rollout's leases: all of them in the
// plan's order, or why there is none.
type Grant struct {
	Leases []Lease
	Err    error
}

// SaveOneByOne is SaveAll for a store to which many rollouts are no cheaper
// together.
func SaveOneByOne(ctx context.Context, s Store, savings []Saving) []Saved {
	saved := make([]Saved, len(savings))
	for i, one := range savings {
		saved[i].Revision, saved[i].Err = s.Save(ctx, one.Record, one.Leases, one.Events, one.Notes)
	}
	return saved
}

// AcquireOneByOne is AcquireAll for such a store.
func AcquireOneByOne(ctx context.Context, s Store, ids []string, owner string, now, until time.Time) []Grant {
	grants := make([]Grant, len(ids))
	for i, id := range ids {
		grants[i].Leases, grants[i].Err = s.Acquire(ctx, id, owner, now, until)
	}
	return grants
}

// A Filter narrows List. The zero value lists everything.
type Filter struct {
	Alias string // only rollouts with this alias's ARN among their targets
	Open  bool   // only rollouts that have not ended
	Name  string // only rollouts of plans with this name
	Limit int    // 0: all
}

// Matches says whether the filter lets a record through, Limit aside.
func (f Filter) Matches(rec Record) bool {
	if f.Open && rec.Status.Phase.Ended() || f.Name != "" && rec.Plan.Name != f.Name {
		return false
	}
	if f.Alias == "" {
		return true
	}
	for _, t := range rec.Status.Targets {
		if t.Alias == f.Alias {
			return true
		}
	}
	return false
}
