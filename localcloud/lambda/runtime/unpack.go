package runtime

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"github.com/crossfade-dev/crossfade/localcloud/lambda"
)

// What an archive may contain. AWS allows 250 MiB for a function and its layers
// together; the number of files is bounded here only so that a small archive
// cannot use up a file system.
const (
	maxUnpacked = 262_144_000
	maxFiles    = 200_000
)

// A codeStore holds unpacked archives. Environments share them, since none can
// write to them.
type codeStore struct {
	dir string

	mu    sync.Mutex
	there map[string]*unpacked
}

// unpacked is a directory with what some archives contain, one over the other.
type unpacked struct {
	store *codeStore
	key   string
	dir   string
	users int // guarded by store.mu

	once sync.Once
	err  error
}

// get returns the content of archives, which whoever asked must release. Without
// archives it is an empty directory.
func (s *codeStore) get(archives ...*lambda.Archive) (*unpacked, error) {
	h := sha256.New()
	for _, a := range archives {
		fmt.Fprintln(h, a.SHA256)
	}
	key := hex.EncodeToString(h.Sum(nil)[:16])
	s.mu.Lock()
	u := s.there[key]
	if u == nil {
		u = &unpacked{store: s, key: key, dir: filepath.Join(s.dir, key)}
		s.there[key] = u
	}
	u.users++
	s.mu.Unlock()
	u.once.Do(func() { u.err = u.unpack(archives) })
	if u.err != nil {
		u.release()
		return nil, u.err
	}
	return u, nil
}

// release says that one user less needs u. The last one takes it away.
func (u *unpacked) release() {
	if u == nil {
		return
	}
	u.store.mu.Lock()
	defer u.store.mu.Unlock()
	u.users--
	if u.users == 0 {
		delete(u.store.there, u.key)
		// Under the lock, since the next user unpacks to the same place. What
		// cannot be removed now is removed with the runtime's directory.
		_ = removeAll(u.dir)
	}
}

func (u *unpacked) unpack(archives []*lambda.Archive) error {
	// A directory of this name is what an interrupted run left.
	if err := errors.Join(removeAll(u.dir), os.MkdirAll(u.dir, 0o755)); err != nil {
		return err
	}
	left := budget{bytes: maxUnpacked, files: maxFiles}
	for _, a := range archives {
		content, err := a.Bytes()
		if err == nil {
			err = unzip(content, u.dir, &left)
		}
		if err != nil {
			return fmt.Errorf("unpack the code %s: %w", a.SHA256, err)
		}
	}
	return setReadOnly(u.dir)
}

// A budget is what archives may still use.
type budget struct {
	bytes int64
	files int
}

var (
	errBomb   = errors.New("it is larger than 262144000 bytes, or has too many files")
	errEscape = errors.New("it leads out of the archive")
)

// unzip writes the files of an archive below dir, over those that are there.
// Nothing is written outside dir, whatever the names and links in the archive
// say: os.Root does not follow links out of it.
func unzip(content []byte, dir string, left *budget) error {
	archive, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer release(root)
	for _, f := range archive.File {
		if left.files--; left.files < 0 {
			return errBomb
		}
		if err := unzipFile(root, f, left); err != nil {
			return fmt.Errorf("%q: %w", f.Name, err)
		}
	}
	return nil
}

func unzipFile(root *os.Root, f *zip.File, left *budget) error {
	name := strings.TrimSuffix(f.Name, "/")
	if name == "" || name == "." {
		return nil
	}
	local := filepath.FromSlash(name)
	if !filepath.IsLocal(local) || strings.ContainsAny(name, "\\\x00") {
		return errEscape
	}
	mode := f.Mode()
	if mode.IsDir() || strings.HasSuffix(f.Name, "/") {
		return root.MkdirAll(local, 0o755)
	}
	if dir := filepath.Dir(local); dir != "." {
		if err := root.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	if err := root.Remove(local); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	switch mode.Type() {
	case 0:
		return writeEntry(root, local, f, left)
	case fs.ModeSymlink:
		return linkEntry(root, local, name, f)
	}
	return fmt.Errorf("a file of the kind %s cannot be part of a function", mode.Type())
}

func writeEntry(root *os.Root, local string, f *zip.File, left *budget) (err error) {
	from, err := f.Open()
	if err != nil {
		return err
	}
	defer release(from)
	// A process that is forked while a program is open for writing keeps it open
	// until it execs, and a program that is open for writing cannot be run.
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	// Writable for now; setReadOnly takes that back.
	to, err := root.OpenFile(local, os.O_WRONLY|os.O_CREATE|os.O_EXCL, f.Mode().Perm()&0o555|0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	// The size that the archive states is a claim; what comes out is counted.
	n, err := io.Copy(to, io.LimitReader(from, left.bytes+1))
	if err != nil {
		return err
	}
	if left.bytes -= n; left.bytes < 0 {
		return errBomb
	}
	return nil
}

// maxLink is how long the target of a link may be.
const maxLink = 4096

// linkEntry makes a symbolic link, if it stays inside.
func linkEntry(root *os.Root, local, name string, f *zip.File) error {
	from, err := f.Open()
	if err != nil {
		return err
	}
	defer release(from)
	content, err := io.ReadAll(io.LimitReader(from, maxLink))
	if err != nil {
		return err
	}
	target := string(content)
	if path.IsAbs(target) || !filepath.IsLocal(filepath.FromSlash(path.Join(path.Dir(name), target))) || strings.ContainsAny(target, "\\\x00") {
		return errEscape
	}
	return root.Symlink(filepath.FromSlash(target), local)
}

// setReadOnly takes the right to write from everything below dir.
func setReadOnly(dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Type()&fs.ModeSymlink != 0 {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.Chmod(path, 0o555)
		}
		// AWS gives functions files that all may read.
		return os.Chmod(path, info.Mode().Perm()&0o555|0o444)
	})
}

// removeAll removes dir with what setReadOnly protected, and what functions did.
func removeAll(dir string) error {
	if os.RemoveAll(dir) == nil {
		return nil
	}
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if d != nil && d.IsDir() {
			_ = os.Chmod(path, 0o700)
		}
		return nil
	})
	return os.RemoveAll(dir)
}
