// Command awsapi turns AWS service models into Go: for each service a package
// with the types of its operations' inputs and outputs, the constants of its
// enumerations, constructors of its errors, and the table that package wire
// decodes, validates and encodes by.
//
// Usage, by go generate:
//
//	awsapi -models DIR -out DIR package=model ...
//
// Each argument names a package to write below -out and the model that it is
// made from, a file in -models without ".json". A file corrections.json in
// -models overrides what a model says, where the service is known to differ.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"go/format"
	"os"
	"path/filepath"
	"strings"
)

func main() {
	models := flag.String("models", "models", "folder of the service models")
	out := flag.String("out", ".", "folder below which the packages are written")
	wire := flag.String("wire", "github.com/crossfade-dev/crossfade/localcloud/wire", "import path of package wire")
	flag.Parse()
	for _, arg := range flag.Args() {
		pkg, model, ok := strings.Cut(arg, "=")
		if !ok {
			fatal(fmt.Errorf("argument %q is not package=model", arg))
		}
		if err := generate(*models, model, filepath.Join(*out, pkg), *wire); err != nil {
			fatal(fmt.Errorf("%s: %w", model, err))
		}
	}
}

func fatal(err error) {
	fmt.Fprintln(os.Stderr, "awsapi:", err)
	os.Exit(1)
}

// generate writes the package in dir from the model called name.
func generate(models, name, dir, wire string) error {
	m, err := load(models, name)
	if err != nil {
		return err
	}
	g, err := newGenerator(m, filepath.Base(dir), wire)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, f := range []struct {
		name string
		emit func(*bytes.Buffer)
	}{
		{"types.gen.go", g.types},
		{"enums.gen.go", g.enums},
		{"errors.gen.go", g.errors},
		{"table.gen.go", g.table},
	} {
		var b bytes.Buffer
		f.emit(&b)
		if b.Len() == 0 {
			continue
		}
		src, err := format.Source(b.Bytes())
		if err != nil {
			return fmt.Errorf("%s: %w\n%s", f.name, err, b.Bytes())
		}
		if err := replace(filepath.Join(dir, f.name), src); err != nil {
			return err
		}
	}
	return nil
}

// replace writes a file in one step, so that a build that runs at the same time
// never reads half of it. A file that is right already is left alone.
func replace(name string, content []byte) error {
	if old, err := os.ReadFile(name); err == nil && bytes.Equal(old, content) {
		return nil
	}
	if err := os.WriteFile(name+".new", content, 0o644); err != nil {
		return err
	}
	return os.Rename(name+".new", name)
}
