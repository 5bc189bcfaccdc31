// Package outbox keeps what services have accepted and must still bring somewhere:
// durably, until it was brought or given up, and tried again after a while when
// that failed.
//
// What is in a [Box] is brought at least once. After a crash it is brought again
// where nobody knows whether it was.
package outbox

import (
	"container/heap"
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/crossfade-dev/crossfade/internal/clock"
	"github.com/crossfade-dev/crossfade/localcloud/calls"
	"github.com/crossfade-dev/crossfade/localcloud/journal"
)

// An Item is something to be brought.
type Item struct {
	// ID tells items apart.
	ID string `json:"id"`
	// Payload is what the service needs to know.
	Payload json.RawMessage `json:"payload"`
	// Since is when it was accepted, At when it is tried next.
	Since time.Time `json:"since"`
	At    time.Time `json:"at"`
	// Attempt counts the attempts that failed.
	Attempt int `json:"attempt,omitempty"`
}

// Journal keeps records for good; package journal has one on disk.
type Journal interface {
	Commit(records ...journal.Record) error
	Load(kind string, each func(key string, value []byte) error) error
}

// Config is what a Box is made of.
type Config struct {
	// Clock tells when items are due; nil means the machine's.
	Clock clock.Clock
	// Journal keeps the items, as records of Kind; nil keeps them in memory.
	Journal Journal
	Kind    string
	// Deliver brings an item, on a goroutine of its own and outside of all
	// locks. It returns after how long to try again; 0 means that the item is
	// brought, or given up.
	Deliver func(ctx context.Context, i Item) (again time.Duration)
	// Limit is how many deliveries may run at once; 0 means 64.
	Limit int
}

// A Box holds items. It is a clock.Process and safe for concurrent use.
type Box struct {
	config Config
	calls  *calls.Pool
	ctx    context.Context // of deliveries, until Close
	stop   context.CancelFunc
	wake   chan struct{}

	mu     sync.Mutex
	queue  queue
	seen   int // items so far
	closed bool
}

// New returns a box with what the journal remembers.
func New(c Config) (*Box, error) {
	if c.Clock == nil {
		c.Clock = clock.System{}
	}
	const limit = 64
	if c.Limit == 0 {
		c.Limit = limit
	}
	b := &Box{config: c, calls: calls.New(c.Limit), wake: make(chan struct{}, 1)}
	b.ctx, b.stop = context.WithCancel(context.Background())
	if c.Journal == nil {
		return b, nil
	}
	err := c.Journal.Load(c.Kind, journal.FromJSON(func(_ string, i Item) error {
		b.push(i)
		return nil
	}))
	if err != nil {
		return nil, fmt.Errorf("outbox %s: load: %w", c.Kind, err)
	}
	return b, nil
}

// Add puts items in, to be brought at once. When it returns without an error they
// survive the process.
func (b *Box) Add(items ...Item) error {
	now := b.config.Clock.Now().UTC()
	records := make([]journal.Record, len(items))
	for i := range items {
		items[i].Since, items[i].At = now, now
		records[i] = b.record(items[i])
	}
	if err := b.commit(records...); err != nil {
		return err
	}
	b.mu.Lock()
	for _, i := range items {
		b.push(i)
	}
	b.mu.Unlock()
	b.Kick()
	return nil
}

func (b *Box) record(i Item) journal.Record { return journal.JSON(b.config.Kind, i.ID, i) }

func (b *Box) commit(records ...journal.Record) error {
	if b.config.Journal == nil {
		return nil
	}
	return b.config.Journal.Commit(records...)
}

// Kick makes whoever runs the box ask Next again.
func (b *Box) Kick() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// Wake is what [clock.Run] listens to.
func (b *Box) Wake() <-chan struct{} { return b.wake }

// Next returns when an item is to be brought.
func (b *Box) Next() (time.Time, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.queue) == 0 || b.closed {
		return time.Time{}, false
	}
	return b.queue[0].At, true
}

// Run begins to bring what is due. It does not wait for that.
func (b *Box) Run(_ context.Context, now time.Time) error {
	b.mu.Lock()
	var due []Item
	for len(b.queue) > 0 && !b.queue[0].At.After(now) && !b.closed {
		due = append(due, heap.Pop(&b.queue).(waiting).Item)
	}
	b.mu.Unlock()
	for _, i := range due {
		b.calls.Submit(func() { b.bring(i) })
	}
	return nil
}

// bring makes one attempt.
func (b *Box) bring(i Item) {
	again := b.config.Deliver(b.ctx, i)
	if b.ctx.Err() != nil {
		return // what was not brought is in the journal
	}
	if again <= 0 {
		// An item that cannot be forgotten is brought again after a restart.
		_ = b.commit(journal.Deletion(b.config.Kind, i.ID))
		return
	}
	i.Attempt++
	i.At = b.config.Clock.Now().UTC().Add(again)
	// A number of attempts that cannot be kept counts anew after a restart.
	_ = b.commit(b.record(i))
	b.mu.Lock()
	b.push(i)
	b.mu.Unlock()
	b.Kick()
}

// Idle waits until nothing is being brought.
func (b *Box) Idle() { b.calls.Wait() }

// Close ends the deliveries under way. What was not brought is in the journal.
func (b *Box) Close() {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	b.stop()
	b.calls.Wait()
}

// push adds an item. b.mu is held, or nobody else knows b.
func (b *Box) push(i Item) {
	b.seen++
	heap.Push(&b.queue, waiting{Item: i, place: b.seen})
}

// A waiting item is one in the queue; those of the same time go in the order in
// which they came.
type waiting struct {
	Item
	place int
}

// queue is for container/heap.
type queue []waiting

func (q queue) Len() int { return len(q) }
func (q queue) Less(i, k int) bool {
	if q[i].At.Equal(q[k].At) {
		return q[i].place < q[k].place
	}
	return q[i].At.Before(q[k].At)
}
func (q queue) Swap(i, k int) { q[i], q[k] = q[k], q[i] }

// Push adds at the end.
func (q *queue) Push(x any) { *q = append(*q, x.(waiting)) }

// Pop takes from the end.
func (q *queue) Pop() any {
	old := *q
	last := old[len(old)-1]
	old[len(old)-1] = waiting{}
	*q = old[:len(old)-1]
	return last
}
