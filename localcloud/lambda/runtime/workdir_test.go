package runtime

import (
	"golang.org/x/sync/errgroup"

	"os"
	"path/filepath"
	"testing"
)

func TestADirectoryIsUsedByOneCloudAndFreedWhenItIsGone(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	first, err := openWorkDir("")
	if err != nil {
		t.Fatal(err)
	}
	second, err := openWorkDir("")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(first.path); err != nil {
		t.Errorf("the second cloud removed the first one's directory: %v", err)
	}
	if _, err := openWorkDir(first.path); err == nil {
		t.Error("two clouds use one directory")
	}
	// As the kernel does for a cloud that is killed.
	if err := first.lock.Close(); err != nil {
		t.Fatal(err)
	}
	third, err := openWorkDir("")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(first.path); !os.IsNotExist(err) {
		t.Errorf("what a killed cloud left is still there: %v", err)
	}
	for _, d := range []*workDir{second, third} {
		if err := d.remove(); err != nil {
			t.Error(err)
		}
	}
}

func TestADirectoryOfSomebodyElseIsLeftAlone(t *testing.T) {
	dir := t.TempDir()
	precious := filepath.Join(dir, "precious")
	touch(t, precious)
	if _, err := openWorkDir(dir); err == nil {
		t.Error("a directory with something in it is used")
	}
	if _, err := os.Stat(precious); err != nil {
		t.Error(err)
	}
}

func TestManyCloudsMayStartAtOnce(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	var group errgroup.Group
	for range 16 {
		group.Go(func() error {
			for range 20 {
				d, err := openWorkDir("")
				if err != nil {
					return err
				}
				if err := os.WriteFile(filepath.Join(d.path, "code"), nil, 0o600); err != nil {
					return err
				}
				if err := d.remove(); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Error(err)
	}
}
