package runtime

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// A workDir is the directory that a Runtime works in. While it does, it holds a
// lock, so that what a killed cloud leaves can be told from what is in use.
type workDir struct {
	path string
	lock *os.File
}

const (
	tempPattern = "crossfade-lambda-*"
	lockName    = "lock"
)

// openWorkDir makes a directory, or a new one among the temporary ones; it also
// removes those that clouds which were killed have left there.
func openWorkDir(path string) (*workDir, error) {
	if path != "" {
		path, err := filepath.Abs(path)
		if err != nil {
			return nil, err
		}
		return reuseWorkDir(path)
	}
	old, _ := filepath.Glob(filepath.Join(os.TempDir(), tempPattern)) // the pattern is good
	for _, path := range old {
		if _, err := os.Stat(filepath.Join(path, lockName)); err != nil {
			continue // just being made, or not ours
		}
		if d, err := lockWorkDir(path); err == nil {
			_ = d.remove() // or the next one will
		}
	}
	return newWorkDir()
}

// newWorkDir makes a directory among the temporary ones. Between its making and
// its locking another cloud may take it for one that a killed cloud has left, and
// remove it: then there is another one to be made.
func newWorkDir() (*workDir, error) {
	var last error
	for range 10 {
		path, err := os.MkdirTemp("", tempPattern)
		if err != nil {
			return nil, err
		}
		d, err := lockWorkDir(path)
		if err != nil {
			last = err
			continue
		}
		if d.there() {
			return d, nil
		}
		last = errors.Join(fmt.Errorf("%s is gone", path), d.lock.Close())
	}
	return nil, last
}

// there says whether the lock that is held is still the directory's.
func (d *workDir) there() bool {
	held, err := d.lock.Stat()
	if err != nil {
		return false
	}
	now, err := os.Stat(filepath.Join(d.path, lockName))
	return err == nil && os.SameFile(held, now)
}

// reuseWorkDir makes a directory that somebody named, and empties it if it is one
// of ours. Any other that has something in it is left alone.
func reuseWorkDir(path string) (*workDir, error) {
	there, err := os.ReadDir(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	if len(there) > 0 {
		if _, err := os.Stat(filepath.Join(path, lockName)); err != nil {
			return nil, fmt.Errorf("%s is not empty: %w", path, err)
		}
		d, err := lockWorkDir(path)
		if err != nil {
			return nil, err
		}
		if err := d.remove(); err != nil {
			return nil, err
		}
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, err
	}
	return lockWorkDir(path)
}

// lockWorkDir takes a directory's lock. The error says that another has it.
func lockWorkDir(path string) (*workDir, error) {
	lock, err := os.OpenFile(filepath.Join(path, lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := lockFile(lock); err != nil {
		return nil, errors.Join(fmt.Errorf("%s is in use: %w", path, err), lock.Close())
	}
	return &workDir{path: path, lock: lock}, nil
}

// remove removes the directory and gives the lock back.
func (d *workDir) remove() error {
	// Closed first: Windows does not remove what is open.
	return errors.Join(d.lock.Close(), removeAll(d.path))
}
