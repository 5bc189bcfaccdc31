package lambda

import (
	"context"
	"io"
	"time"

	"github.com/crossfade-dev/crossfade/localcloud/journal"
)

// A Runtime runs the code of functions. It owns the environments: it starts,
// reuses and ends them, as many as there are invocations at once. How many that
// may be is for the service to say, which asks for no more.
type Runtime interface {
	// Check says whether this machine can run a function. runtime is AWS's name
	// of one, such as "python3.12" or "provided.al2023"; architecture is
	// "x86_64" or "arm64". The error is for whoever creates the function: it
	// says what to install.
	Check(runtime, architecture string) error
	// Invoke runs the handler once and waits for its answer. A function that
	// fails, in whatever way, is an answer with FunctionError; the error says
	// that it could not be run at all, and is a *wire.Error if AWS has one for
	// that. When ctx ends nobody waits any more, and the function may be ended.
	Invoke(ctx context.Context, v *FunctionVersion, r Request) (Response, error)
	// Retire says that v will not be invoked any more, because it was deleted or
	// another one took its place. It does not wait: environments that are busy
	// finish what they do. An Invoke that is late is still served.
	Retire(v *FunctionVersion)
	// Provision keeps n environments of v started from now on, before and between
	// invocations, which take these first; 0 keeps none. It does not wait.
	Provision(v *FunctionVersion, n int)
	// Provisioned says how far that has come.
	Provisioned(v *FunctionVersion) Provisioned
}

// Provisioned is how many environments are kept for a version.
type Provisioned struct {
	Ready int // started
	Idle  int // of these, without an invocation
	// Failed says that one could not be started; no more are tried until
	// Provision is called again.
	Failed bool
}

// A FunctionVersion is everything that code runs by. It is immutable: a change
// of a function makes a new one.
type FunctionVersion struct {
	// ID tells it from every other one, also of the same name. It is good for a
	// file name.
	ID string

	// FunctionARN is the ARN without qualifier, Version "$LATEST" or a number.
	FunctionARN, Name, Version string
	Account, Region            string

	Runtime      string // "nodejs22.x"; empty for none
	Architecture string // "x86_64" or "arm64"
	Handler      string
	Code         *Archive   // unpacked at /var/task
	Layers       []*Archive // unpacked at /opt, one over the other
	Environment  map[string]string

	MemoryMB           int
	EphemeralStorageMB int // the size of /tmp
	// Timeout bounds one invocation, from when the handler has the event.
	Timeout time.Duration

	// LogGroup is where the lines go; each environment has a stream of its own,
	// which the runtime names: "2025/11/25/[$LATEST]" and 32 hexadecimal digits.
	LogGroup string
	// LogFormat is "Text" or "JSON".
	LogFormat string
	// EndpointURL is where the local cloud listens; empty when it does not.
	EndpointURL string
	// Credentials are those of the session of the function's role as which its
	// code calls AWS.
	Credentials Credentials
}

// Credentials are what requests are signed with.
type Credentials struct{ AccessKeyID, SecretAccessKey, SessionToken string }

// Sessions hands out the credentials of functions.
type Sessions interface {
	// Session returns credentials of a role's session for code in an account;
	// they last as long as the cloud.
	Session(account, partition, roleARN, name string) (Credentials, error)
}

// Objects is where code can be fetched from.
type Objects interface {
	// Get returns an object; version may be empty. The error is a *wire.Error if
	// S3 has one for it.
	Get(ctx context.Context, bucket, key, version string) (io.ReadCloser, error)
}

// A Request is one invocation.
type Request struct {
	// ID is the request id, a UUID; a repeated attempt has the id of the first.
	ID string
	// Payload is JSON text.
	Payload []byte
	// ClientContext is JSON text, decoded; empty without one.
	ClientContext string
	// InvokedARN is the function's ARN with the qualifier that the caller used.
	InvokedARN string
	// TraceID is the value of the X-Amzn-Trace-Id header.
	TraceID string
}

// A Response is what came of an invocation.
type Response struct {
	// Payload is JSON text: what the handler returned, or the error as an object
	// with errorType and errorMessage. It is at most MaxPayload long; for what
	// is longer the runtime answers Function.ResponseSizeTooLarge.
	Payload []byte
	// FunctionError is empty when the handler succeeded, else "Unhandled" (or
	// "Handled", which AWS no longer says).
	FunctionError string
	// ErrorType is the errorType in Payload, such as "Sandbox.Timedout"; empty
	// when the handler succeeded.
	ErrorType string
	// LogTail holds the last lines of this invocation's log, from START to
	// REPORT, at most 4 KiB.
	LogTail []byte

	Duration       time.Duration
	BilledDuration time.Duration
	InitDuration   time.Duration // of a cold start, else 0
	MaxMemoryMB    int
}

// MaxPayload is how many bytes the payload and the answer of a synchronous
// invocation may have.
//
// Source: recorded in the text of Function.ResponseSizeTooLarge.
const MaxPayload = 6_291_556

// Logs takes what functions print. The runtime writes to it while functions
// run: INIT_START, START, the lines, END and REPORT, as AWS words them.
type Logs interface {
	// Write adds events to a stream, and creates the group and the stream when
	// they are not there. It must not wait.
	Write(account, region, group, stream string, events []LogEvent)
}

// A LogEvent is one entry of a log.
type LogEvent struct {
	At      time.Time
	Message string
}

// Metrics is where invocations are counted.
type Metrics interface {
	// Series returns where the values of one metric of AWS/Lambda go, in an
	// account and a region. It is called seldom, what it returns often.
	Series(account, region, name, unit string, dimensions []Dimension) Series
}

// A Dimension says what a metric is about.
type Dimension struct{ Name, Value string }

// A Series takes the values of one metric.
type Series interface {
	// Record adds one value. It must not wait.
	Record(value float64, at time.Time)
}

// Destinations takes the records of asynchronous invocations to where they go.
type Destinations interface {
	// Deliver takes record, JSON text, to the queue, topic, bus or bucket of
	// that ARN. ctx says in whose name (wire.CallerFrom). An error says that it
	// is not there or did not take it; it is not tried again.
	Deliver(ctx context.Context, arn string, record []byte, attributes map[string]string) error
}

// A Journal keeps records for good; package journal has one on disk.
type Journal interface {
	// Commit keeps all records or none. It returns nil once they are safe.
	Commit(records ...journal.Record) error
	// Load calls yield with every record of a kind, in no order.
	Load(kind string, yield func(key string, value []byte) error) error
}
