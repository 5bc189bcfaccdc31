package wire

import (
	"context"
	"net/http"
	"reflect"
)

// An API is a service together with the operations that are implemented. An
// operation of the model without a row answers an error that says so.
type API struct {
	Service *Service
	Rows    []Row
	// MaxBody is the size of the largest request body in bytes; 0 means 1 MiB,
	// which is what AWS's JSON and query services take.
	MaxBody int64
	// MaxStream is the size of the largest streamed payload in bytes; 0 means
	// 5 GiB, which is what S3 takes at once.
	MaxStream int64
	// Refuse, unless it is nil, returns the service's own error for a request that
	// breaks a constraint of the model, or nil for the ValidationException of AWS's
	// framework, which all services have that set none.
	Refuse func(v Violation) *Error
}

// A Violation is the first constraint of the model that a request breaks.
type Violation struct {
	// Member is the member of the input that it is in, at any depth, as messages
	// write it: with a small letter at its beginning.
	Member string
	// Missing says that the member itself is not there, or is empty.
	Missing bool
	// Message is what AWS's framework says of it.
	Message string
}

// A Row is one implemented operation; Op makes it.
type Row struct {
	op      *Operation
	in, out reflect.Type
	call    func(ctx context.Context, in any) (any, error)
	headers http.Header // of answers that have a body
}

// WithHeader returns the row with a header that its answers have if they have a
// body: what a service sends and its model does not say.
func (r Row) WithHeader(name, value string) Row {
	headers := r.headers.Clone()
	if headers == nil {
		headers = http.Header{}
	}
	headers.Set(name, value)
	r.headers = headers
	return r
}

// Op returns the row of an operation that f carries out. f is called with a
// valid input, from any number of goroutines at once; wire.CallerFrom tells it
// in whose name. It returns an *Error, as the generated constructors make, for
// what AWS would refuse. A nil output stands for one without members.
func Op[In, Out any](op Typed[In, Out], f func(ctx context.Context, in *In) (*Out, error)) Row {
	return Row{
		op:  op.Operation,
		in:  reflect.TypeFor[In](),
		out: reflect.TypeFor[Out](),
		call: func(ctx context.Context, in any) (any, error) {
			out, err := f(ctx, in.(*In))
			if err != nil {
				return nil, err
			}
			if out == nil {
				out = new(Out)
			}
			return out, nil
		},
	}
}

// Name returns the operation's name.
func (r Row) Name() string { return r.op.Name }
