package localcloud

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
	"github.com/crossfade-dev/crossfade/internal/arn"
	"github.com/crossfade-dev/crossfade/localcloud/events"
	"github.com/crossfade-dev/crossfade/localcloud/s3"
)

// destinations takes the records of asynchronous invocations, and events that
// nobody could handle, to topics, the default bus and buckets.
type destinations struct {
	operations *integrations
	bus        *events.Service
	s3         *s3.Service
	log        *slog.Logger
}

// Deliver hands a record on. On AWS a delivery that fails is seen in a metric
// alone; whoever runs the cloud is told why, too.
func (d destinations) Deliver(ctx context.Context, to string, record []byte, attributes map[string]string) error {
	err := d.deliver(ctx, to, record, attributes)
	if err != nil {
		d.log.Warn("what came of an asynchronous invocation could not be delivered", "to", to, "err", err)
	}
	return err
}

func (d destinations) deliver(ctx context.Context, to string, record []byte, attributes map[string]string) error {
	target, err := arn.Parse(to)
	if err != nil {
		return err
	}
	switch target.Service {
	case "sns":
		var described []jsonvalue.Member
		for _, name := range slices.Sorted(maps.Keys(attributes)) {
			described = append(described, jsonvalue.Member{Key: name, Value: jsonvalue.ObjectOf(
				jsonvalue.Member{Key: "DataType", Value: jsonvalue.String("String")},
				jsonvalue.Member{Key: "StringValue", Value: jsonvalue.String(attributes[name])},
			)})
		}
		return d.operations.publish(ctx, target, "", string(record), described...)
	case "events":
		return d.put(ctx, target, record)
	case "s3":
		return d.store(ctx, target.Resource, record)
	case "sqs":
		return fmt.Errorf("the local cloud has no SQS: send it to a topic, a function, the default bus or a bucket")
	default:
		return fmt.Errorf("the local cloud has no destinations of the service %s", target.Service)
	}
}

// A delivered is as much of a record as it takes to deliver it.
type delivered struct {
	Timestamp time.Time `json:"timestamp"`
	Context   struct {
		RequestID   string `json:"requestId"`
		FunctionARN string `json:"functionArn"`
		Condition   string `json:"condition"`
	} `json:"requestContext"`
}

// put puts the record of an invocation on the bus.
//
// Source: Lambda developer guide, "Capturing records of Lambda asynchronous
// invocations".
func (d destinations) put(ctx context.Context, target arn.ARN, record []byte) error {
	if target.Resource != "event-bus/default" {
		return fmt.Errorf("the local cloud has no bus %s", target.Resource)
	}
	var r delivered
	if err := json.Unmarshal(record, &r); err != nil {
		return err
	}
	result := "Failure"
	if r.Context.Condition == "Success" {
		result = "Success"
	}
	return d.bus.Put(ctx, events.Event{
		Account: target.Account, Region: target.Region, Source: "lambda", DetailType: "Lambda Function Invocation Result - " + result,
		Resources: []string{target.String(), r.Context.FunctionARN}, Time: r.Timestamp, Detail: record,
	})
}

// store puts the record of an invocation into a bucket. Where AWS's key ends with
// a random id, this one has the request's, which is found again.
//
// Source: Lambda developer guide, "Capturing records of Lambda asynchronous
// invocations".
func (d destinations) store(ctx context.Context, bucket string, record []byte) error {
	var r delivered
	if err := json.Unmarshal(record, &r); err != nil {
		return err
	}
	function, _, _ := strings.Cut(r.Context.FunctionARN[strings.Index(r.Context.FunctionARN, ":function:")+len(":function:"):], ":")
	at := r.Timestamp.UTC()
	key := "aws/lambda/async/" + function + at.Format("/2006/01/02/2006-01-02T15.04.05-") + r.Context.RequestID
	_, err := d.s3.Put(ctx, bucket, key, "application/json", bytes.NewReader(record))
	return err
}
