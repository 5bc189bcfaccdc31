package sqlitestore

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/controller/storetest"
	"github.com/crossfade-dev/crossfade/internal/clock"
	"github.com/crossfade-dev/crossfade/rollout"
)

var t0 = time.Date(2026, 3, 4, 5, 6, 7, 890, time.UTC)

func openAt(t testing.TB, path string) *Store {
	t.Helper()
	s, err := Open(t.Context(), path, clock.System{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

// openTwice opens one file for two processes, of which the second has no patience.
func openTwice(t *testing.T) (first, second *Store) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "rollouts.db")
	first = openAt(t, path)
	second, err := open(t.Context(), path, clock.System{}, 20*time.Millisecond, migrations())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { second.Close() })
	return first, second
}

// lock keeps a file locked until free is called.
func lock(t *testing.T, s *Store) (free func()) {
	t.Helper()
	hold, err := s.write.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := hold.Rollback(); err != nil {
			t.Fatal(err)
		}
	}
}

func begin(t testing.TB, s *Store, id, alias string) (controller.Record, []controller.Lease) {
	t.Helper()
	rec := storetest.Record(id, "ann", alias)
	leases, err := s.Create(t.Context(), rec, rec.Created.Add(time.Minute), nil)
	if err != nil {
		t.Fatal(err)
	}
	rec.Revision = 1
	return rec, leases
}

func TestWhatWasAcknowledgedSurvivesACrash(t *testing.T) {
	dir := t.TempDir()
	s := openAt(t, filepath.Join(dir, "rollouts.db"))
	rec, leases := begin(t, s, "r-1", "a:1")
	rec.Status.Phase = rollout.Progressing
	if _, err := s.Save(t.Context(), rec, leases, []rollout.Event{{Text: "shifted"}}, nil); err != nil {
		t.Fatal(err)
	}
	// What a crash leaves behind: the files as they are, never closed.
	after := t.TempDir()
	for _, name := range []string{"rollouts.db", "rollouts.db-wal"} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(after, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	again := openAt(t, filepath.Join(after, "rollouts.db"))
	got, err := again.Load(t.Context(), "r-1")
	if err != nil || got.Status.Phase != rollout.Progressing || got.Revision != 2 {
		t.Errorf("after the crash: %+v, error %v; want revision 2, Progressing", got, err)
	}
	if events, err := again.Events(t.Context(), "r-1", 0); err != nil || len(events) != 1 {
		t.Errorf("after the crash: events %v, error %v; want one", events, err)
	}
}

func TestSeveralProcessesMayUseOneFileAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rollouts.db")
	runs, orders := openAt(t, path), openAt(t, path)
	rec, leases := begin(t, runs, "r-1", "a:1")
	const n = 100
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range n {
			if _, err := orders.Order(t.Context(), "r-1", rollout.Order{Kind: rollout.Pause, Reason: fmt.Sprint(i)}); err != nil {
				t.Errorf("order %d: %v", i, err)
			}
		}
	})
	wg.Go(func() {
		for i := range n {
			revision, err := runs.Save(t.Context(), rec, leases, []rollout.Event{{Text: "look"}}, nil)
			if err != nil {
				t.Errorf("save %d: %v", i, err)
				return
			}
			rec.Revision = revision
		}
	})
	wg.Wait()
	if list, err := runs.Orders(t.Context(), "r-1", 0); err != nil || len(list) != n {
		t.Errorf("%d orders, error %v; want %d", len(list), err, n)
	}
	if list, err := orders.Events(t.Context(), "r-1", 0); err != nil || len(list) != n {
		t.Errorf("%d events, error %v; want %d", len(list), err, n)
	}
}

func TestALockedFileSaysSoAndWorksOnceItIsFree(t *testing.T) {
	other, s := openTwice(t)
	free := lock(t, other)
	rec := storetest.Record("r-1", "ann", "a:1")
	_, err := s.Create(t.Context(), rec, t0, nil)
	if err == nil || !strings.Contains(err.Error(), "another process has kept it locked for 20ms") || !strings.Contains(err.Error(), s.path) {
		t.Errorf("got %v, want the file and that it is locked", err)
	}
	if _, err := s.List(t.Context(), controller.Filter{}); err != nil {
		t.Errorf("reading waits for a writer: %v", err)
	}
	free()
	if _, err := s.Create(t.Context(), rec, t0, nil); err != nil {
		t.Errorf("once it is free: %v", err)
	}
}

func TestAFullDiskSaysSoAndKeepsWhatWasThere(t *testing.T) {
	s := openTemp(t)
	rec, leases := begin(t, s, "r-1", "a:1")
	var pages int
	if err := s.write.QueryRowContext(t.Context(), "PRAGMA page_count").Scan(&pages); err != nil {
		t.Fatal(err)
	}
	limit := func(n int) {
		if _, err := s.write.ExecContext(t.Context(), fmt.Sprintf("PRAGMA max_page_count = %d", n)); err != nil {
			t.Fatal(err)
		}
	}
	limit(pages)
	big := []rollout.Event{{Text: strings.Repeat("x", 100_000)}}
	_, err := s.Save(t.Context(), rec, leases, big, nil)
	if err == nil || !strings.Contains(err.Error(), "the disk is full") {
		t.Errorf("got %v, want that the disk is full", err)
	}
	if got, err := s.Load(t.Context(), "r-1"); err != nil || got.Revision != 1 {
		t.Errorf("after the failure: revision %d, error %v; want 1", got.Revision, err)
	}
	limit(1 << 20)
	if _, err := s.Save(t.Context(), rec, leases, big, nil); err != nil {
		t.Errorf("with room again: %v", err)
	}
}

func TestOpenSaysWhatIsWrongWithTheFile(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "notes.txt")
	if err := os.WriteFile(text, []byte(strings.Repeat("not a store, but a long enough text\n", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		text:                           "not a store of rollouts",
		dir:                            "is a directory",
		filepath.Join(text, "x.db"):    "not a directory",
		filepath.Join("/proc", "x.db"): "/proc/x.db",
	} {
		s, err := Open(t.Context(), path, clock.System{})
		if err == nil {
			s.Close()
		}
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("open %s: got %v, want %q", path, err, want)
		}
	}
}

func TestAStoreOfANewerVersionIsLeftAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rollouts.db")
	future := append(migrations(), migration{number: len(migrations()) + 1, name: "future", text: "CREATE TABLE future (x INTEGER) STRICT"})
	s, err := open(t.Context(), path, clock.System{}, patience, future)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = Open(t.Context(), path, clock.System{})
	if want := fmt.Sprintf("written by a newer version: its schema is %d, this one knows %d", len(future), len(migrations())); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %q", err, want)
	}
}

func TestAMigrationThatChangedAfterItWasAppliedIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rollouts.db")
	openAt(t, path)
	changed := migrations()
	changed[0].text += "\n-- a harmless change\n"
	_, err := open(t.Context(), path, clock.System{}, patience, changed)
	if err == nil || !strings.Contains(err.Error(), "migration 1 (rollouts) is not the one that was applied") {
		t.Errorf("got %v, want that migration 1 changed", err)
	}
}

func TestSeveralMayOpenANewFileInTheSameMoment(t *testing.T) {
	for round := range 15 {
		path := filepath.Join(t.TempDir(), "rollouts.db")
		var opening sync.WaitGroup
		for range 8 {
			opening.Go(func() {
				s, err := Open(t.Context(), path, clock.System{})
				if err != nil {
					t.Errorf("round %d: %v", round, err)
					return
				}
				if list, err := s.List(t.Context(), controller.Filter{}); err != nil || len(list) > 0 {
					t.Errorf("round %d: got %v, error %v; want a store without rollouts", round, list, err)
				}
				if err := s.Close(); err != nil {
					t.Errorf("round %d: close: %v", round, err)
				}
			})
		}
		opening.Wait()
	}
}

func TestMigrationsApplyFromEveryEarlierSchema(t *testing.T) {
	all := append(migrations(), migration{number: len(migrations()) + 1, name: "next", text: "CREATE TABLE next (x INTEGER) STRICT"})
	for n := range all {
		path := filepath.Join(t.TempDir(), "rollouts.db")
		for _, list := range [][]migration{all[:n], all, all} {
			s, err := open(t.Context(), path, clock.System{}, patience, list)
			if err != nil {
				t.Fatalf("from schema %d: %v", n, err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestAMigrationThatFailsLeavesTheSchemaAsItWas(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rollouts.db")
	broken := append(migrations(), migration{number: len(migrations()) + 1, name: "broken", text: "CREATE TABLE half (x INTEGER) STRICT; CREATE NONSENSE"})
	if _, err := open(t.Context(), path, clock.System{}, patience, broken); err == nil || !strings.Contains(err.Error(), "(broken)") {
		t.Errorf("got %v, want that migration broken failed", err)
	}
	s := openAt(t, path)
	var n int
	if err := s.read.QueryRowContext(t.Context(), "SELECT count(*) FROM sqlite_schema WHERE name = 'half'").Scan(&n); err != nil || n != 0 {
		t.Errorf("%d tables of the broken migration are there, error %v", n, err)
	}
}

func TestTheFileIsForItsUserOnlyAndMayHaveAnyName(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new folder", "100% sure? #1.db")
	s := openAt(t, path)
	begin(t, s, "r-1", "a:1")
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 || info.Size() == 0 {
		t.Errorf("the file has mode %v, error %v; want it to be there with mode 600", info, err)
	}
}

func TestAClosedStoreAnswersWithAnError(t *testing.T) {
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), "rollouts.db"), clock.System{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Load(t.Context(), "r-1"); err == nil || errors.Is(err, controller.ErrNotFound) {
		t.Errorf("got %v, want another error", err)
	}
}

func BenchmarkSave(b *testing.B) {
	for _, events := range []int{0, 1} {
		b.Run(fmt.Sprintf("events=%d", events), func(b *testing.B) {
			s := openTemp(b)
			rec, leases := begin(b, s, "r-1", "a:1")
			list := make([]rollout.Event, events)
			for i := range list {
				list[i] = rollout.Event{At: t0, Kind: "shifted", Text: "orders:prod 7 → 8 at 10 %"}
			}
			for b.Loop() {
				revision, err := s.Save(b.Context(), rec, leases, list, nil)
				if err != nil {
					b.Fatal(err)
				}
				rec.Revision = revision
			}
		})
	}
}

func BenchmarkOrders(b *testing.B) {
	s := openTemp(b)
	begin(b, s, "r-1", "a:1")
	for b.Loop() {
		if _, err := s.Orders(b.Context(), "r-1", 0); err != nil {
			b.Fatal(err)
		}
	}
}
