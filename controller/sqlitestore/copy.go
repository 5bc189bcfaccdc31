package sqlitestore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/crossfade-dev/crossfade/internal/clock"
)

// OpenCopy opens a copy of the store in the file at path, for who may read the file
// and not write it: on a file system that is mounted read-only, or that is another
// user's. It shows how things stood when it was opened; what is written to it is
// lost. fs.ErrNotExist without the file.
//
// SQLite cannot read a file in WAL mode without writing beside it, unless it leaves
// out what was last committed.
func OpenCopy(ctx context.Context, path string, machine clock.Clock) (*Store, error) {
	dir, err := os.MkdirTemp("", "crossfade-store-")
	if err != nil {
		return nil, fmt.Errorf("store %s: copy: %w", path, err)
	}
	to := filepath.Join(dir, filepath.Base(path))
	for _, suffix := range []string{"", "-wal"} {
		err := copyFile(path+suffix, to+suffix)
		if err != nil && (suffix == "" || !errors.Is(err, fs.ErrNotExist)) { // all is in the file itself
			return nil, errors.Join(fmt.Errorf("store %s: copy: %w", path, err), os.RemoveAll(dir))
		}
	}
	s, err := Open(ctx, to, machine)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	s.scratch = dir
	return s, nil
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }() // it was only read
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
