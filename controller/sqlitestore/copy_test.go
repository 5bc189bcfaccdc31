package sqlitestore

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/crossfade-dev/crossfade/internal/clock"
)

func TestAStoreThatMayOnlyBeReadIsShownAsItStands(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rollouts.db")
	s := openAt(t, path)
	begin(t, s, "r-1", "a:1") // what was just committed is not in the file itself yet
	c, err := OpenCopy(t.Context(), path, clock.System{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Load(t.Context(), "r-1"); err != nil {
		t.Errorf("the copy does not have what the store has: %v", err)
	}
	begin(t, c, "r-2", "a:2")
	if _, err := s.Load(t.Context(), "r-2"); err == nil {
		t.Error("what was written to the copy is in the store")
	}
	scratch := c.scratch
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(scratch); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the copy is left in %s (%v)", scratch, err)
	}
	if _, err := OpenCopy(t.Context(), path+"-not", clock.System{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("of a file that is not there: got %v, want ErrNotExist", err)
	}
}

func TestAFolderThatMayNotBeWrittenIsToldAsThat(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rollouts.db")
	if err := openAt(t, path).Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(path+"-wal", 0o700); err != nil { // keeps also the superuser from writing beside the file
		t.Fatal(err)
	}
	_, err := Open(t.Context(), path, clock.System{})
	if !errors.Is(err, fs.ErrPermission) || strings.Count(err.Error(), path) != 1 {
		t.Errorf("got %v, want ErrPermission that names the file once", err)
	}
}
