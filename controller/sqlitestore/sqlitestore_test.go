package sqlitestore

import (
	"path/filepath"
	"testing"

	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/controller/storetest"
)

// openTemp opens a new store in a folder of its own.
func openTemp(t testing.TB) *Store {
	t.Helper()
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), "rollouts.db"))
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

func TestSqlitestoreKeepsTheStoresPromises(t *testing.T) {
	storetest.Run(t, func(t testing.TB) controller.Store { return openTemp(t) })
}
