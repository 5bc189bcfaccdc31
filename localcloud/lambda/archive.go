package lambda

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// What the code of a function may measure, in bytes.
//
// Source: Lambda quotas; the unzipped size is recorded.
const (
	maxZipped   = 50 << 20
	maxUnzipped = 262_144_000
)

// An Archive is a zip file with code: that of a function or of a layer. It is
// immutable, and kept once however many versions have it.
type Archive struct {
	// SHA256 is the base64 of the file's SHA-256, AWS's CodeSha256.
	SHA256 string
	// Size is the file's, in bytes.
	Size int64

	content []byte
	path    string // where the content is when it is not in memory
}

// NewArchive returns an archive in memory. It keeps zip.
func NewArchive(zip []byte) *Archive {
	sum := sha256.Sum256(zip)
	return &Archive{
		SHA256:  base64.StdEncoding.EncodeToString(sum[:]),
		Size:    int64(len(zip)),
		content: zip,
	}
}

// Bytes returns the zip file, which nobody may change. The error is that of
// reading it from disk.
func (a *Archive) Bytes() ([]byte, error) {
	if a.path == "" {
		return a.content, nil
	}
	content, err := os.ReadFile(a.path)
	if err != nil {
		return nil, fmt.Errorf("read the code %s: %w", a.SHA256, err)
	}
	return content, nil
}

// unzippedSize returns what the files in a zip file measure; ok is false if it
// is not a zip file.
func unzippedSize(content []byte) (size uint64, ok bool) {
	r, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		return 0, false
	}
	for _, f := range r.File {
		size += f.UncompressedSize64
	}
	return size, true
}

// errUnzipped is the answer to code that would take too much room.
//
// Source: recorded.
var errUnzipped = invalid(fmt.Sprintf("Unzipped size must be smaller than %d bytes", maxUnzipped))

// checkZip refuses what AWS refuses to unpack. What only begins like an archive
// is taken, and fails when it is to be run: recorded.
//
// Source of the message: recorded.
func checkZip(content []byte) error {
	size, ok := unzippedSize(content)
	switch {
	case ok && size > maxUnzipped:
		return errUnzipped
	case !ok && !bytes.HasPrefix(content, []byte("PK\x03\x04")):
		return invalid("Could not unzip uploaded file. Please check your file, then try to upload again.")
	}
	return nil
}

// archives keeps code, in files of a folder or in memory.
type archives struct {
	dir string

	// use is held for reading by whoever adds code, until a record that is
	// kept names it, and for writing while what no record names is removed.
	use sync.RWMutex

	mu    sync.Mutex
	known map[string]*Archive // by SHA256
}

// put keeps content; use is held for reading. The code is safe on disk when
// put returns.
func (a *archives) put(content []byte) (*Archive, error) {
	made := NewArchive(content)
	a.mu.Lock()
	defer a.mu.Unlock()
	if there := a.known[made.SHA256]; there != nil {
		return there, nil
	}
	if a.dir != "" {
		made.path = a.file(made.SHA256)
		made.content = nil
		if err := writeFile(made.path, content); err != nil {
			return nil, fmt.Errorf("keep the code: %w", err)
		}
	}
	a.known[made.SHA256] = made
	return made, nil
}

// get returns code that a record names.
func (a *archives) get(sum string, size int64) (*Archive, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if there := a.known[sum]; there != nil {
		return there, nil
	}
	made := &Archive{SHA256: sum, Size: size, path: a.file(sum)}
	if info, err := os.Stat(made.path); err != nil {
		return nil, err
	} else if info.Size() != size {
		return nil, fmt.Errorf("%s has %d bytes, want %d", made.path, info.Size(), size)
	}
	a.known[sum] = made
	return made, nil
}

// keep removes all code but the named.
func (a *archives) keep(named map[*Archive]bool) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	var errs []error
	for sum, there := range a.known {
		if named[there] {
			continue
		}
		delete(a.known, sum)
		if there.path != "" {
			errs = append(errs, os.Remove(there.path))
		}
	}
	return errors.Join(errs...)
}

// sweep removes the files that nothing has asked for since the start: code of
// which no record was kept.
func (a *archives) sweep() error {
	if a.dir == "" {
		return nil
	}
	entries, err := os.ReadDir(a.dir)
	if err != nil {
		return err
	}
	known := map[string]bool{}
	for _, there := range a.known {
		known[filepath.Base(there.path)] = true
	}
	for _, e := range entries {
		if !known[e.Name()] {
			if err := os.Remove(filepath.Join(a.dir, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	return nil
}

// file returns the name of the file with a sum.
func (a *archives) file(sum string) string { return filepath.Join(a.dir, fileName(sum)) }

// fileName returns a sum as a file is named by it; base64 has slashes.
func fileName(sum string) string {
	raw, err := base64.StdEncoding.DecodeString(sum)
	if err != nil {
		raw = []byte(sum)
	}
	return hex.EncodeToString(raw) + ".zip"
}

// named returns the code whose file has, or would have, that name; nil if there
// is none.
func (a *archives) named(file string) *Archive {
	a.mu.Lock()
	defer a.mu.Unlock()
	for sum, there := range a.known {
		if fileName(sum) == file {
			return there
		}
	}
	return nil
}

// writeFile writes a file that is whole or not there, whenever the machine stops.
func writeFile(path string, content []byte) (err error) {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, "new-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err = os.Rename(f.Name(), path); err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
