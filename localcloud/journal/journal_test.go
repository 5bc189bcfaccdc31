package journal_test

import (
	"bufio"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/crossfade-dev/crossfade/localcloud/journal"
)

// TestMain lets the test binary play the other process.
func TestMain(m *testing.M) {
	if dir := os.Getenv("JOURNAL_TEST_WRITER"); dir != "" {
		writeUntilKilled(dir)
	}
	os.Exit(m.Run())
}

func open(t *testing.T, dir string, options journal.Options) *journal.Journal {
	t.Helper()
	j, err := journal.Open(dir, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := j.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return j
}

func load(t interface {
	Helper()
	Fatal(...any)
}, j *journal.Journal, kind string) map[string]string {
	t.Helper()
	got := map[string]string{}
	if err := j.Load(kind, func(key string, value []byte) error {
		if _, twice := got[key]; twice {
			return fmt.Errorf("key %s came twice", key)
		}
		got[key] = string(value)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return got
}

func TestWhatWasCommittedIsThereAfterReopening(t *testing.T) {
	dir := t.TempDir()
	j, err := journal.Open(dir, journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(j.Put("machine", "a", []byte("1")))
	must(j.Put("machine", "a", []byte("2")))
	must(j.Put("machine", "b", nil))
	must(j.Put("alias", "a", []byte("other kind")))
	must(j.Put("machine", "gone", []byte("x")))
	must(j.Delete("machine", "gone"))
	must(j.Delete("machine", "never was"))
	must(j.Close())

	again := open(t, dir, journal.Options{})
	if got, want := load(t, again, "machine"), map[string]string{"a": "2", "b": ""}; !maps.Equal(got, want) {
		t.Errorf("kind machine holds %v, want %v", got, want)
	}
	if got, want := load(t, again, "alias"), map[string]string{"a": "other kind"}; !maps.Equal(got, want) {
		t.Errorf("kind alias holds %v, want %v", got, want)
	}
	if got := load(t, again, "unknown"); len(got) != 0 {
		t.Errorf("an unknown kind holds %v, want nothing", got)
	}
}

func TestADirectoryInUseIsRefused(t *testing.T) {
	dir := t.TempDir()
	open(t, dir, journal.Options{})
	_, err := journal.Open(dir, journal.Options{})
	if !errors.Is(err, journal.ErrInUse) || !strings.Contains(err.Error(), dir) {
		t.Errorf("second Open says %v, want ErrInUse and the directory", err)
	}
}

func TestADirectoryMayHaveAnyName(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "what? 100% #1 & é", "inner")
	if err := open(t, dir, journal.Options{}).Put("k", "a", []byte("1")); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, journal.FileName)); err != nil {
		t.Errorf("the database is somewhere else: %v", err)
	}
}

func TestADirectoryOfANewerProgramIsRefused(t *testing.T) {
	dir := t.TempDir()
	j, err := journal.Open(dir, journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", filepath.Join(dir, journal.FileName))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("PRAGMA user_version=99"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := journal.Open(dir, journal.Options{}); !errors.Is(err, journal.ErrNewer) {
		t.Errorf("Open of format 99 says %v, want ErrNewer", err)
	}
}

func TestAfterCloseEverythingSaysClosed(t *testing.T) {
	j, err := journal.Open(t.TempDir(), journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if err := j.Put("k", "a", nil); !errors.Is(err, journal.ErrClosed) {
		t.Errorf("Put after Close says %v, want ErrClosed", err)
	}
	if err := j.Load("k", nil); !errors.Is(err, journal.ErrClosed) {
		t.Errorf("Load after Close says %v, want ErrClosed", err)
	}
	if err := j.Close(); err != nil {
		t.Errorf("a second Close says %v, want nil", err)
	}
}

func TestAFullDiskFailsTheCommitAndLosesNothingBefore(t *testing.T) {
	dir := t.TempDir()
	j, err := journal.Open(dir, journal.Options{MaxPages: 64})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{}
	value := strings.Repeat("x", 10_000)
	var full error
	for i := 0; full == nil && i < 1000; i++ {
		key := strconv.Itoa(i)
		if full = j.Put("k", key, []byte(value)); full == nil {
			want[key] = value
		}
	}
	if !errors.Is(full, journal.ErrFull) {
		t.Fatalf("after %d commits: %v, want ErrFull", len(want), full)
	}
	if got := load(t, j, "k"); !maps.Equal(got, want) {
		t.Errorf("%d records are readable, want the %d acknowledged", len(got), len(want))
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	again := open(t, dir, journal.Options{})
	if got := load(t, again, "k"); !maps.Equal(got, want) {
		t.Errorf("after reopening %d records are there, want the %d acknowledged", len(got), len(want))
	}
	if err := again.Put("k", "more", []byte(value)); err != nil {
		t.Errorf("with space again: %v", err)
	}
}

// TestAJournalBehavesLikeAMap also passes through compactions, which the small
// limit brings on all the time, and through reopening.
func TestAJournalBehavesLikeAMap(t *testing.T) {
	parent := t.TempDir()
	round := 0
	rapid.Check(t, func(t *rapid.T) {
		round++
		dir := filepath.Join(parent, strconv.Itoa(round))
		options := journal.Options{CompactAbove: 200}
		j, err := journal.Open(dir, options)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = j.Close() }()
		want := map[string]map[string]string{"k1": {}, "k2": {}}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			if rapid.IntRange(0, 20).Draw(t, "reopen") == 0 {
				if err := j.Close(); err != nil {
					t.Fatal(err)
				}
				if j, err = journal.Open(dir, options); err != nil {
					t.Fatal(err)
				}
			}
			var batch []journal.Record
			for range rapid.IntRange(1, 4).Draw(t, "records") {
				r := journal.Record{
					Kind:   rapid.SampledFrom([]string{"k1", "k2"}).Draw(t, "kind"),
					Key:    rapid.StringMatching(`[a-c]{1,2}`).Draw(t, "key"),
					Value:  []byte(rapid.StringN(0, 40, 80).Draw(t, "value")),
					Delete: rapid.IntRange(0, 3).Draw(t, "delete") == 0,
				}
				batch = append(batch, r)
				if r.Delete {
					delete(want[r.Kind], r.Key)
				} else {
					want[r.Kind][r.Key] = string(r.Value)
				}
			}
			if err := j.Commit(batch...); err != nil {
				t.Fatal(err)
			}
		}
		for kind, records := range want {
			if got := load(t, j, kind); !maps.Equal(got, records) {
				t.Fatalf("kind %s holds %v, want %v", kind, got, records)
			}
		}
	})
}

func TestTheLogOfAnEverChangingKeyStaysSmall(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, journal.Options{CompactAbove: 64 << 10})
	value := []byte(strings.Repeat("v", 1000))
	for range 3000 { // 3 MB in all
		if err := j.Put("k", "same", value); err != nil {
			t.Fatal(err)
		}
	}
	info, err := os.Stat(filepath.Join(dir, journal.FileName))
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() > 1<<20 {
		t.Errorf("after 3 MB of overruled values the file has %d bytes, want less than 1 MiB", info.Size())
	}
	if got := load(t, j, "k"); len(got) != 1 || got["same"] != string(value) {
		t.Errorf("the journal holds %d records, want the last value of one key", len(got))
	}
}

func TestManyWritersAtOnceAllFindTheirRecords(t *testing.T) {
	j := open(t, t.TempDir(), journal.Options{})
	var wg sync.WaitGroup
	for w := range 32 {
		wg.Go(func() {
			for i := range 20 {
				key := fmt.Sprintf("%d/%d", w, i)
				if err := j.Commit(
					journal.Record{Kind: "a", Key: key, Value: []byte(key)},
					journal.Record{Kind: "b", Key: key, Value: []byte("b" + key)},
				); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	a, b := load(t, j, "a"), load(t, j, "b")
	if len(a) != 640 || len(b) != 640 {
		t.Fatalf("%d and %d records, want 640 each", len(a), len(b))
	}
	for key, value := range a {
		if value != key || b[key] != "b"+key {
			t.Errorf("record %s holds %q and %q", key, value, b[key])
		}
	}
}

// TestAcknowledgedRecordsSurviveAKill kills another process while it writes.
func TestAcknowledgedRecordsSurviveAKill(t *testing.T) {
	dir := t.TempDir()
	for round := range 3 {
		writer := exec.Command(os.Args[0], "-test.run=^$")
		writer.Env = append(os.Environ(), "JOURNAL_TEST_WRITER="+dir)
		out, err := writer.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := writer.Start(); err != nil {
			t.Fatal(err)
		}
		acknowledged := 0
		lines := bufio.NewScanner(out)
		for acknowledged < 50*(round+1) && lines.Scan() {
			acknowledged++
			if acknowledged == 10 {
				if _, err := journal.Open(dir, journal.Options{}); !errors.Is(err, journal.ErrInUse) {
					t.Errorf("Open while another process writes says %v, want ErrInUse", err)
				}
			}
		}
		if err := writer.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		rest, _ := io.ReadAll(out) // what it acknowledged before it died
		acknowledged += strings.Count(string(rest), "\n")
		_ = writer.Wait() // it was killed, and says so

		j, err := journal.Open(dir, journal.Options{})
		if err != nil {
			t.Fatal(err)
		}
		got := load(t, j, "k")
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		for n := range acknowledged {
			if got[strconv.Itoa(n)] == "" {
				t.Fatalf("round %d: record %d of %d acknowledged ones is lost", round, n, acknowledged)
			}
		}
	}
}

func writeUntilKilled(dir string) {
	j, err := journal.Open(dir, journal.Options{CompactAbove: 1000})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for n := 0; ; n++ {
		if err := j.Commit(
			journal.Record{Kind: "k", Key: strconv.Itoa(n), Value: []byte("value")},
			journal.Record{Kind: "k", Key: "counter", Value: []byte(strconv.Itoa(n))},
		); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Println(n)
	}
}

func BenchmarkCommit(b *testing.B) {
	for _, clients := range []int{1, 32} {
		b.Run(fmt.Sprintf("clients=%d", clients), func(b *testing.B) {
			j, err := journal.Open(b.TempDir(), journal.Options{})
			if err != nil {
				b.Fatal(err)
			}
			defer j.Close()
			value := make([]byte, 600)
			b.SetParallelism(max(1, clients/2)) // two CPUs
			if clients == 1 {
				for i := 0; b.Loop(); i++ {
					if err := j.Put("k", strconv.Itoa(i), value); err != nil {
						b.Fatal(err)
					}
				}
				return
			}
			b.RunParallel(func(pb *testing.PB) {
				for i := 0; pb.Next(); i++ {
					if err := j.Put("k", strconv.Itoa(i), value); err != nil {
						b.Fatal(err)
					}
				}
			})
		})
	}
}

func TestARecordThatCannotBeReadIsNamed(t *testing.T) {
	j := open(t, t.TempDir(), journal.Options{})
	type person struct{ Name string }
	if err := j.Commit(journal.JSON("people", "ann", person{"Ann"}), journal.Record{Kind: "people", Key: "bob", Value: []byte("{")}); err != nil {
		t.Fatal(err)
	}
	names := map[string]string{}
	err := j.Load("people", journal.FromJSON(func(key string, p person) error {
		names[key] = p.Name
		return nil
	}))
	if err == nil || !strings.Contains(err.Error(), "load people: bob: ") {
		t.Errorf("got error %v, want one that names the kind and the key", err)
	}
	if err := j.Commit(journal.Deletion("people", "bob")); err != nil {
		t.Fatal(err)
	}
	if err := j.Load("people", journal.FromJSON(func(key string, p person) error { names[key] = p.Name; return nil })); err != nil || names["ann"] != "Ann" {
		t.Errorf("without that record: got %v and error %v, want Ann", names, err)
	}
}
