package outbox_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/crossfade-dev/crossfade/internal/clock"
	"github.com/crossfade-dev/crossfade/localcloud/journal"
	"github.com/crossfade-dev/crossfade/localcloud/outbox"
)

var start = time.Date(2026, 3, 4, 10, 0, 0, 0, time.UTC)

// A yard is where items are brought to.
type yard struct {
	*testing.T
	clock *clock.Virtual
	box   *outbox.Box

	mu      sync.Mutex
	brought []string
	refuse  int // attempts that fail
}

func (y *yard) deliver(_ context.Context, i outbox.Item) time.Duration {
	y.mu.Lock()
	defer y.mu.Unlock()
	if y.refuse > 0 {
		y.refuse--
		return time.Minute
	}
	y.brought = append(y.brought, i.ID)
	return 0
}

func newYard(t *testing.T, j outbox.Journal) *yard {
	y := &yard{T: t, clock: clock.NewVirtual(start)}
	var err error
	if y.box, err = outbox.New(outbox.Config{Clock: y.clock, Journal: j, Kind: "parcel", Deliver: y.deliver, Limit: 1}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(y.box.Close)
	return y
}

func (y *yard) add(ids ...string) error {
	items := make([]outbox.Item, len(ids))
	for i, id := range ids {
		items[i] = outbox.Item{ID: id, Payload: json.RawMessage(`{}`)}
	}
	return y.box.Add(items...)
}

// pass lets time pass, and what is brought arrive.
func (y *yard) pass(d time.Duration) {
	y.Helper()
	until := y.clock.Now().Add(d)
	for {
		at, ok := y.box.Next()
		if !ok || at.After(until) {
			break
		}
		if at.After(y.clock.Now()) {
			y.clock.Set(at)
		}
		if err := y.box.Run(y.Context(), y.clock.Now()); err != nil {
			y.Fatal(err)
		}
		y.box.Idle()
	}
	y.clock.Set(until)
}

func TestItemsAreBroughtInTheirOrder(t *testing.T) {
	y := newYard(t, nil)
	if err := y.add("a", "b", "c"); err != nil {
		t.Fatal(err)
	}
	y.pass(0)
	if !slices.Equal(y.brought, []string{"a", "b", "c"}) {
		t.Errorf("got %v, want a b c", y.brought)
	}
	if at, ok := y.box.Next(); ok {
		t.Errorf("there is something to do at %v after all was brought", at)
	}
}

func TestWhatFailsIsTriedAgain(t *testing.T) {
	y := newYard(t, nil)
	y.refuse = 2
	if err := y.add("a"); err != nil {
		t.Fatal(err)
	}
	y.pass(119 * time.Second)
	if len(y.brought) > 0 {
		t.Errorf("got %v before the second minute", y.brought)
	}
	y.pass(time.Second)
	if !slices.Equal(y.brought, []string{"a"}) {
		t.Errorf("got %v, want a", y.brought)
	}
}

func TestAnotherProcessBringsWhatIsLeft(t *testing.T) {
	j, err := journal.Open(t.TempDir(), journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = j.Close() }()
	first := newYard(t, j)
	first.refuse = 1
	if err := first.add("a", "b"); err != nil {
		t.Fatal(err)
	}
	first.pass(0) // a is refused once, b is brought
	first.box.Close()

	second := newYard(t, j)
	second.pass(time.Hour)
	if got := append(first.brought, second.brought...); !slices.Equal(got, []string{"b", "a"}) {
		t.Errorf("got %v, want each once", got)
	}
	third := newYard(t, j)
	third.pass(time.Hour)
	if len(third.brought) > 0 {
		t.Errorf("got %v again", third.brought)
	}
}

type full struct{}

func (full) Commit(...journal.Record) error                { return errors.New("disk full") }
func (full) Load(string, func(string, []byte) error) error { return nil }

func TestWhatCannotBeKeptIsNotAccepted(t *testing.T) {
	y := newYard(t, full{})
	if err := y.add("a"); err == nil {
		t.Error("an item was accepted that nothing remembers")
	}
	y.pass(time.Hour)
	if len(y.brought) > 0 {
		t.Errorf("got %v, which was not accepted", y.brought)
	}
}
