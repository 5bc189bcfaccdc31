package runtime

import (
	"archive/zip"
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/crossfade-dev/crossfade/localcloud/lambda"
)

// entry is a file of an archive, of whatever kind.
type entry struct {
	name, content string
	mode          fs.FileMode
}

func zipOf(t *testing.T, entries ...entry) *lambda.Archive {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, e := range entries {
		h := &zip.FileHeader{Name: e.name, Method: zip.Deflate}
		h.SetMode(e.mode)
		f, err := w.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(e.content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return lambda.NewArchive(b.Bytes())
}

func newCodeStore(t *testing.T) *codeStore {
	return &codeStore{dir: filepath.Join(t.TempDir(), "code"), there: map[string]*unpacked{}}
}

func TestArchivesThatLeadElsewhereAreRefused(t *testing.T) {
	for name, entries := range map[string][]entry{
		"parent":             {{"../evil", "x", 0o644}},
		"deep parent":        {{"a/b/../../../evil", "x", 0o644}},
		"absolute":           {{"/evil", "x", 0o644}},
		"backslash":          {{`..\evil`, "x", 0o644}},
		"absolute link":      {{"link", "/etc", fs.ModeSymlink | 0o777}},
		"link to the parent": {{"a/link", "../../evil", fs.ModeSymlink | 0o777}},
		"through a link":     {{"link", "..", fs.ModeSymlink | 0o777}, {"link/evil", "x", 0o644}},
		"device":             {{"device", "", fs.ModeDevice | 0o644}},
		"pipe":               {{"pipe", "", fs.ModeNamedPipe | 0o644}},
		"file as directory":  {{"a", "x", 0o644}, {"a/b", "x", 0o644}},
	} {
		s := newCodeStore(t)
		if u, err := s.get(zipOf(t, entries...)); err == nil {
			u.release()
			t.Errorf("%s: the archive was unpacked", name)
		}
		if found, _ := filepath.Glob(filepath.Join(filepath.Dir(s.dir), "*", "*")); len(found) > 0 {
			t.Errorf("%s: it left %v", name, found)
		}
		if _, err := os.Stat(filepath.Join(s.dir, "evil")); err == nil {
			t.Errorf("%s: a file was written outside", name)
		}
	}
}

// copiesOf makes an archive of as many copies of the one file of another as there are
// names. They are not compressed again, which takes long for a file that is large.
func copiesOf(t *testing.T, of *lambda.Archive, names ...string) *lambda.Archive {
	t.Helper()
	content, err := of.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	r, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, name := range names {
		named := *r.File[0]
		named.Name = name
		if err := w.Copy(&named); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return lambda.NewArchive(b.Bytes())
}

func TestArchivesThatGrowTooLargeAreRefused(t *testing.T) {
	half := zipOf(t, entry{"a", strings.Repeat("\x00", maxUnpacked/2+1), 0o644})
	s := newCodeStore(t)
	_, err := s.get(copiesOf(t, half, "a", "b"))
	if !errors.Is(err, errBomb) {
		t.Errorf("a bomb is answered with %v", err)
	}
	_, err = s.get(half, copiesOf(t, half, "b"))
	if !errors.Is(err, errBomb) {
		t.Errorf("a bomb in layers is answered with %v", err)
	}
}

func TestUnpackedCodeIsSharedAndReadOnlyAndGoesWithItsLastUser(t *testing.T) {
	s := newCodeStore(t)
	code := zipOf(t,
		entry{"lib/", "", fs.ModeDir | 0o755},
		entry{"lib/private.py", "x", 0o600},
		entry{"bin/run", "x", 0o755},
		entry{"bin/link", "../lib/private.py", fs.ModeSymlink | 0o777},
	)
	one, err := s.get(code)
	if err != nil {
		t.Fatal(err)
	}
	two, err := s.get(code)
	if err != nil || one != two {
		t.Fatalf("the same code is unpacked twice: %v", err)
	}
	for name, want := range map[string]fs.FileMode{"lib": fs.ModeDir | 0o555, "lib/private.py": 0o444, "bin/run": 0o555, "bin/link": 0o444} {
		info, err := os.Stat(filepath.Join(one.dir, name))
		if err != nil || info.Mode() != want {
			t.Errorf("%s is %v, %v; want %v", name, info.Mode(), err, want)
		}
	}
	one.release()
	if _, err := os.Stat(two.dir); err != nil {
		t.Errorf("the code is gone while it has a user: %v", err)
	}
	two.release()
	if _, err := os.Stat(two.dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the code is still there without a user: %v", err)
	}
}

func FuzzUnzipStaysInside(f *testing.F) {
	f.Add("a/../../b", "..", uint32(fs.ModeSymlink))
	f.Add("a", "content", uint32(0o644))
	f.Fuzz(func(t *testing.T, name, content string, mode uint32) {
		var b bytes.Buffer
		w := zip.NewWriter(&b)
		h := &zip.FileHeader{Name: name}
		h.SetMode(fs.FileMode(mode))
		file, err := w.CreateHeader(h)
		if err != nil {
			return
		}
		_, _ = file.Write([]byte(content)) // a directory takes none
		if w.Close() != nil {
			return
		}
		outer := t.TempDir()
		inner := filepath.Join(outer, "inner")
		if err := os.Mkdir(inner, 0o755); err != nil {
			t.Fatal(err)
		}
		_ = unzip(b.Bytes(), inner, &budget{bytes: 1 << 20, files: 10})
		if found, _ := os.ReadDir(outer); len(found) != 1 {
			t.Errorf("%q with %q of mode %o left %v", name, content, mode, found)
		}
	})
}
