// Package lambdatest has what tests of other packages need of functions: their
// code, and a runtime that runs none.
package lambdatest

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/crossfade-dev/crossfade/localcloud/lambda"
)

// Code returns a function's code: an archive with app.py alone.
func Code(source string) []byte { return Archive(map[string]string{"app.py": source}) }

// Archive zips files, in the order of their names. A name that ends in * is that
// of a program, without the *.
func Archive(files map[string]string) []byte {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(files)) {
		plain, isProgram := strings.CutSuffix(name, "*")
		mode := fs.FileMode(0o644)
		if isProgram {
			mode = 0o755
		}
		h := &zip.FileHeader{Name: plain, Method: zip.Store}
		h.SetMode(mode)
		f, err := w.CreateHeader(h)
		if err == nil {
			_, err = f.Write([]byte(files[name]))
		}
		errs = append(errs, err)
	}
	if err := errors.Join(append(errs, w.Close())...); err != nil {
		panic(err) // a buffer takes everything
	}
	return b.Bytes()
}

// Idle is a [lambda.Runtime] for functions that nobody cares about: they answer
// null.
type Idle struct{}

var _ lambda.Runtime = Idle{}

// Check finds nothing wrong.
func (Idle) Check(string, string) error { return nil }

// Invoke answers null.
func (Idle) Invoke(context.Context, *lambda.FunctionVersion, lambda.Request) (lambda.Response, error) {
	return lambda.Response{Payload: []byte("null")}, nil
}

// Retire does nothing.
func (Idle) Retire(*lambda.FunctionVersion) {}

// Provision does nothing.
func (Idle) Provision(*lambda.FunctionVersion, int) {}

// Provisioned is zero.
func (Idle) Provisioned(*lambda.FunctionVersion) lambda.Provisioned { return lambda.Provisioned{} }
