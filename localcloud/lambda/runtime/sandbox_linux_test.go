package runtime

import (
	"os"
	"strings"
	"testing"
)

func TestASandboxThatCannotBeMadeSaysWhy(t *testing.T) {
	b := newBed(t, Options{Sandbox: self(t)})
	if !b.sandboxes() {
		t.Skip("skipped: no sandboxes can be made here")
	}
	here := t.TempDir()
	box, err := b.openBox(boxSetup{Root: b.sandboxRoot(), Task: here + "/absent", Opt: here, Runtime: here, TmpMB: 1})
	if err == nil {
		box.close()
	}
	if err == nil || !strings.Contains(err.Error(), "bind /var/task: no such file or directory") {
		t.Errorf("a sandbox without code is answered with %v", err)
	}
}

func TestWithoutAWorkingHelperFunctionsRunWithoutASandbox(t *testing.T) {
	b := newBed(t, Options{Sandbox: "/bin/true"})
	if b.sandboxes() {
		t.Error("a program that makes no sandboxes is trusted with them")
	}
	b.wantResult(program(), `{"a":1}`, `{"a":1}`)
}

func TestAnInterpreterBelowTmpOrOptStaysWhereItIs(t *testing.T) {
	b := newBed(t, Options{Sandbox: self(t)})
	if !b.sandboxes() {
		t.Skip("skipped: no sandboxes can be made here")
	}
	v := python(t, "import os, sys\ndef handler(event, context):\n    return [os.listdir(p) for p in event]\n")
	f, err := familyOf(v.Runtime)
	if err != nil {
		t.Fatal(err)
	}
	it, err := b.interpreters.find(f)
	if err != nil {
		t.Fatal(err)
	}
	// As if the interpreter had been installed to a directory below /tmp.
	dir := t.TempDir()
	touch(t, dir+"/installed")
	if !strings.HasPrefix(dir, "/tmp/") {
		t.Skipf("skipped: temporary directories are at %s", os.TempDir())
	}
	it.prefixes = append(it.prefixes, dir)
	known := &finding{interpreter: it}
	known.once.Do(func() {})
	b.interpreters = &interpreters{log: b.options.Log, found: map[string]*finding{v.Runtime: known}}
	b.wantResult(v, `["`+dir+`"]`, `[["installed"]]`)
}
