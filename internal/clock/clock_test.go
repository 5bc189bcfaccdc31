package clock

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// every is a process that runs at a fixed interval and notes when.
type every struct {
	next time.Time
	step time.Duration
	ran  []time.Time
	err  error
}

func (e *every) Next() (time.Time, bool) { return e.next, !e.next.IsZero() }

func (e *every) Run(_ context.Context, now time.Time) error {
	e.ran = append(e.ran, now)
	e.next = now.Add(e.step)
	return e.err
}

func TestDriveRunsTheEarliestProcessFirstAndStopsAtUntil(t *testing.T) {
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	v := NewVirtual(start)
	slow := &every{next: start.Add(time.Minute), step: time.Minute}
	fast := &every{next: start.Add(20 * time.Second), step: 20 * time.Second}
	if err := v.Drive(t.Context(), start.Add(2*time.Minute), 0, slow, fast); err != nil {
		t.Fatal(err)
	}
	if len(slow.ran) != 2 || len(fast.ran) != 6 {
		t.Errorf("slow ran %d times, fast %d times; want 2 and 6", len(slow.ran), len(fast.ran))
	}
	if got, want := v.Now(), start.Add(2*time.Minute); !got.Equal(want) {
		t.Errorf("clock shows %v, want %v", got, want)
	}
}

func TestDriveReportsAProcessThatNeverLetsTimePass(t *testing.T) {
	start := time.Unix(0, 0)
	stuck := &every{next: start, step: 0}
	if err := NewVirtual(start).Drive(t.Context(), start.Add(time.Hour), 100, stuck); !errors.Is(err, errStuck) {
		t.Errorf("got %v, want %v", err, errStuck)
	}
}

func TestRunWaitsForWorkAndForWake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		p := &every{step: time.Hour, err: errors.New("noted")}
		wake := make(chan struct{}, 1)
		var reported int
		go Run(ctx, System{}, p, wake, func(error) { reported++ })
		synctest.Wait()
		p.next = System{}.Now().Add(time.Second)
		wake <- struct{}{}
		time.Sleep(3*time.Hour + time.Minute) // virtual: the bubble's clock
		synctest.Wait()
		if len(p.ran) != 4 || reported != 4 {
			t.Errorf("ran %d times and reported %d, want 4 and 4", len(p.ran), reported)
		}
	})
}
