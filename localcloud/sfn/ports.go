package sfn

import (
	"context"
	"io"
	"time"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
	"github.com/crossfade-dev/crossfade/localcloud/journal"
)

// Integrations carries out operations of AWS services for tasks. ctx says in
// whose name (wire.CallerFrom) and ends when nobody waits any more.
type Integrations interface {
	// Call calls an operation. service and action are as in the ARN of the
	// state's Resource, without "aws-sdk:" and suffixes: "sns" and "publish",
	// "cloudwatch" and "putMetricData". Member names of params and of the
	// answer are in upper camel case. An error that the service answers is a
	// *wire.Error; any other means that it could not be asked.
	Call(ctx context.Context, service, action string, params jsonvalue.Value) (jsonvalue.Value, error)
}

// Functions invokes Lambda functions for tasks.
type Functions interface {
	// Invoke invokes a function and waits for its answer. The error is a
	// *wire.Error when Lambda refuses, such as ResourceNotFoundException; a
	// function that failed is an answer.
	Invoke(ctx context.Context, in Invocation) (Invoked, error)
}

// An Invocation is one call of a function.
type Invocation struct {
	// Function is a name, a partial or a whole ARN, with or without qualifier.
	Function  string
	Qualifier string // may be empty
	// Payload is JSON text.
	Payload       string
	ClientContext string // may be empty
	// Event asks for an asynchronous invocation: nobody waits for the result.
	Event bool
	// Tail asks for the last lines of the log.
	Tail bool
}

// Invoked is the answer to an Invocation.
type Invoked struct {
	// Status is the HTTP status that Lambda answers with: 200, or 202 for Event.
	Status int
	// ExecutedVersion is the version that ran: "$LATEST", "7".
	ExecutedVersion string
	// FunctionError is empty when the function succeeded, else "Handled" or
	// "Unhandled"; Payload is then an object with errorType and errorMessage.
	FunctionError string
	// Payload is what the function returned, JSON text.
	Payload string
	// LogResult is what Tail asked for, in base64.
	LogResult string
}

// Objects are the buckets of distributed Maps. ctx says in whose name
// (wire.CallerFrom). An error that S3 answers is a *wire.Error, such as NoSuchKey.
type Objects interface {
	// Get opens an object; version may be empty. The caller closes it.
	Get(ctx context.Context, bucket, key, version string) (io.ReadCloser, error)
	// Put makes body the object of a key.
	Put(ctx context.Context, bucket, key, contentType string, body []byte) error
	// List calls yield for the objects whose keys have a prefix, in the order of
	// the keys, until it returns false.
	List(ctx context.Context, bucket, prefix string, yield func(ObjectInfo) bool) error
}

// ObjectInfo is what a list tells of an object.
type ObjectInfo struct {
	Key, ETag    string // the tag has its quotes
	Size         int64  // in bytes
	Modified     time.Time
	StorageClass string // "STANDARD"
}

// Metrics is where executions are counted.
type Metrics interface {
	// Series returns where the values of one metric of AWS/States go, in an
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

// Logs knows CloudWatch log groups.
type Logs interface {
	// Exists says whether there is a group of that ARN, given without ":*".
	Exists(ctx context.Context, group string) bool
	// Write adds events to a stream of a group, and creates the stream when it
	// is not there.
	Write(ctx context.Context, group, stream string, events []LogEvent) error
}

// A LogEvent is one line of a log.
type LogEvent struct {
	At      time.Time
	Message string
}

// A Journal keeps records for good; package journal has one on disk.
type Journal interface {
	// Commit keeps all records or none. It returns nil once they are safe.
	Commit(records ...journal.Record) error
	// Load calls yield with every record of a kind, in no order.
	Load(kind string, yield func(key string, value []byte) error) error
}
