package s3

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
)

// A store keeps blobs.
type store interface {
	// create begins a blob.
	create() (draft, error)
	// open reads a blob, from its beginning.
	open(id string) (io.ReadSeekCloser, error)
	// remove forgets a blob, which nobody uses any more. That it may fail costs
	// space until the next start, and nothing else.
	remove(id string)
}

// A draft is a blob that is being written.
type draft interface {
	io.Writer
	// commit keeps what was written and returns its name; it is safe then.
	commit() (id string, err error)
	// discard forgets the draft; after commit it does nothing.
	discard()
}

// memory keeps blobs in memory.
type memory struct {
	limit int64

	mu    sync.Mutex
	used  int64 // drafts too
	next  int64
	blobs map[string][]byte
}

func newMemory(limit int64) *memory { return &memory{limit: limit, blobs: map[string][]byte{}} }

func (m *memory) create() (draft, error) { return &memoryDraft{memory: m}, nil }

func (m *memory) open(id string) (io.ReadSeekCloser, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b, ok := m.blobs[id]
	if !ok {
		return nil, fmt.Errorf("blob %s: %w", id, fs.ErrNotExist)
	}
	return readSeekNopCloser{bytes.NewReader(b)}, nil
}

type readSeekNopCloser struct{ *bytes.Reader }

func (readSeekNopCloser) Close() error { return nil }

func (m *memory) remove(id string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.used -= int64(len(m.blobs[id]))
	delete(m.blobs, id)
}

// reserve takes n bytes of what is left.
func (m *memory) reserve(n int) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.used+int64(n) > m.limit {
		return refused(http.StatusBadRequest, "EntityTooLarge",
			fmt.Sprintf("The local S3 keeps at most %d bytes in memory. Give the local cloud a directory to keep more.", m.limit))
	}
	m.used += int64(n)
	return nil
}

type memoryDraft struct {
	memory *memory
	b      []byte
	done   bool
}

func (d *memoryDraft) Write(p []byte) (int, error) {
	if err := d.memory.reserve(len(p)); err != nil {
		return 0, err
	}
	d.b = append(d.b, p...)
	return len(p), nil
}

func (d *memoryDraft) commit() (string, error) {
	m := d.memory
	m.mu.Lock()
	defer m.mu.Unlock()
	m.next++
	id := strconv.FormatInt(m.next, 10)
	m.blobs[id] = bytes.Clone(d.b) // without what append left over
	d.done = true
	return id, nil
}

func (d *memoryDraft) discard() {
	if d.done {
		return
	}
	d.done = true
	d.memory.mu.Lock()
	defer d.memory.mu.Unlock()
	d.memory.used -= int64(len(d.b))
}

// A folder keeps blobs as files: AB/ABCDEF... below its root, and what is not
// whole yet in "incoming".
type folder struct{ root string }

const incoming = "incoming"

func openFolder(root string) (*folder, error) {
	f := &folder{root}
	// What a crash left half written is nobody's.
	if err := os.RemoveAll(filepath.Join(root, incoming)); err != nil {
		return nil, err
	}
	return f, os.MkdirAll(filepath.Join(root, incoming), 0o700)
}

func (f *folder) path(id string) string { return filepath.Join(f.root, id[:2], id) }

func (f *folder) create() (draft, error) {
	file, err := os.CreateTemp(filepath.Join(f.root, incoming), "*")
	if err != nil {
		return nil, err
	}
	return &fileDraft{folder: f, file: file}, nil
}

func (f *folder) open(id string) (io.ReadSeekCloser, error) { return os.Open(f.path(id)) }

func (f *folder) remove(id string) { _ = os.Remove(f.path(id)) }

// each calls yield with the name of every blob.
func (f *folder) each(yield func(id string)) error {
	folders, err := os.ReadDir(f.root)
	if err != nil {
		return err
	}
	for _, sub := range folders {
		if len(sub.Name()) != 2 || !sub.IsDir() {
			continue
		}
		files, err := os.ReadDir(filepath.Join(f.root, sub.Name()))
		if err != nil {
			return err
		}
		for _, file := range files {
			yield(file.Name())
		}
	}
	return nil
}

type fileDraft struct {
	folder *folder
	file   *os.File
	done   bool
}

func (d *fileDraft) Write(p []byte) (int, error) { return d.file.Write(p) }

// commit gives the file its name once its bytes are on the disk, and makes sure
// that the name is there as well.
func (d *fileDraft) commit() (string, error) {
	if err := errors.Join(d.file.Sync(), d.file.Close()); err != nil {
		return "", err
	}
	id := rand.Text()
	path := d.folder.path(id)
	dir := filepath.Dir(path)
	if err := os.Mkdir(dir, 0o700); err == nil {
		if err := syncFolder(d.folder.root); err != nil {
			return "", err
		}
	} else if !errors.Is(err, fs.ErrExist) {
		return "", err
	}
	if err := os.Rename(d.file.Name(), path); err != nil {
		return "", err
	}
	d.done = true
	return id, syncFolder(dir)
}

func (d *fileDraft) discard() {
	if d.done {
		return
	}
	d.done = true
	_ = d.file.Close() // it may be closed already
	_ = os.Remove(d.file.Name())
}
