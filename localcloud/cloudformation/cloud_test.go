package cloudformation_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/smithy-go"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
	"github.com/crossfade-dev/crossfade/internal/arn"
	"github.com/crossfade-dev/crossfade/internal/clock"
	"github.com/crossfade-dev/crossfade/localcloud/cloudformation"
	"github.com/crossfade-dev/crossfade/localcloud/wire"
)

var start = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

// A world has the resources of stacks, as a cloud would, in virtual time.
type world struct {
	t       testing.TB
	clock   *clock.Virtual
	time    clock.Clock   // the service's, where it is another one
	moment  time.Duration // Config.Moment
	lenient bool          // Config.Lenient
	service *cloudformation.Service
	client  *sdk.Client

	types  []string // of resources; nil means testTypes
	mu     sync.Mutex
	things map[string]string // properties by physical id
	did    []string
	// answer says what becomes of a request; nil has everything succeed.
	answer  func(r cloudformation.Request) (again time.Duration, failure string)
	objects map[string]string // by bucket/key
	alarms  map[string]string // states by name
	heard   []string          // messages of topics
}

// testTypes are the resource types that the world has.
var testTypes = []string{"AWS::SNS::Topic", "AWS::Logs::LogGroup", "AWS::IAM::Role", "AWS::Lambda::Version"}

func newClock() *clock.Virtual { return clock.NewVirtual(start) }

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, clock: newClock(), things: map[string]string{}, objects: map[string]string{}, alarms: map[string]string{}}
	w.open(nil)
	return w
}

// open starts a service, over what the journal has.
func (w *world) open(journal cloudformation.Journal) {
	w.t.Helper()
	providers := map[string]cloudformation.Provider{}
	if w.types == nil {
		w.types = testTypes
	}
	for _, name := range w.types {
		providers[name] = w
	}
	s, err := cloudformation.New(cloudformation.Config{
		Clock: cmp.Or(w.time, clock.Clock(w.clock)), Moment: w.moment, Lenient: w.lenient, Providers: providers, Objects: w, Alarms: w, Topics: w, Journal: journal,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(s.Close)
	w.service = s
	w.client = sdk.NewFromConfig(aws.Config{
		Region: "eu-central-1", BaseEndpoint: aws.String("http://cloud.local"), RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("111122223333", "secret", ""),
		HTTPClient:  wire.NewServer(wire.Config{}, s.API()).Client(),
	})
}

// pass lets time pass, and no faster than providers answer.
func (w *world) pass(d time.Duration) {
	w.t.Helper()
	until := w.clock.Now().Add(d)
	for at := w.clock.Now(); !at.After(until); {
		if err := w.clock.Drive(w.t.Context(), at, 0, w.service); err != nil {
			w.t.Fatal(err)
		}
		w.service.Settle()
		next, ok := w.service.Next()
		if !ok {
			break
		}
		at = later(next, w.clock.Now())
	}
	w.clock.Set(until)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func (w *world) Handle(_ context.Context, r cloudformation.Request) (cloudformation.Progress, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := cloudformation.Progress{PhysicalID: r.PhysicalID, Memo: "asked"}
	if w.answer != nil {
		again, failure := w.answer(r)
		if failure != "" {
			return p, &cloudformation.Failure{Code: "GeneralServiceException", Message: failure}
		}
		if again > 0 {
			p.Again = again
			return p, nil
		}
	}
	verb := [...]string{"create", "update", "delete"}[r.Action]
	if r.Rollback {
		verb = "rollback " + verb
	}
	w.did = append(w.did, verb+" "+r.LogicalID)
	if r.Action == cloudformation.Create {
		p.PhysicalID = strings.ToLower(r.StackName + "-" + r.LogicalID + "-" + r.Token[:6])
	}
	if r.Action == cloudformation.Delete {
		delete(w.things, p.PhysicalID)
		return p, nil
	}
	w.things[p.PhysicalID] = string(r.Properties.AppendJSON(nil))
	p.Attributes = map[string]jsonvalue.Value{
		"Arn":      jsonvalue.String("arn:test:" + p.PhysicalID),
		"TopicArn": jsonvalue.String("arn:test:" + p.PhysicalID),
		"Version":  jsonvalue.String("1"),
	}
	return p, nil
}

func (w *world) Get(_ context.Context, bucket, key, _ string) (io.ReadCloser, error) {
	text, ok := w.objects[bucket+"/"+key]
	if !ok {
		return nil, &wire.Error{Code: "NoSuchKey", Message: "The specified key does not exist."}
	}
	return io.NopCloser(strings.NewReader(text)), nil
}

func (w *world) Publish(_ context.Context, topic arn.ARN, subject, message string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.heard = append(w.heard, topic.Resource+": "+subject+"\n"+message)
	return errors.New("nobody listens") // which is nothing to a stack
}

func (w *world) States(_ context.Context, names []string) (map[string]string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := maps.Clone(w.alarms)
	maps.DeleteFunc(out, func(name, _ string) bool { return !slices.Contains(names, name) })
	return out, nil
}

// create creates a stack whose events topics hear of, and returns its id.
func (w *world) create(name, template string, topics ...string) string {
	w.t.Helper()
	out, err := w.client.CreateStack(w.t.Context(), &sdk.CreateStackInput{
		StackName: &name, TemplateBody: &template, NotificationARNs: topics,
		Capabilities: []types.Capability{types.CapabilityCapabilityNamedIam},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return *out.StackId
}

func (w *world) update(name, template string) {
	w.t.Helper()
	if _, err := w.client.UpdateStack(w.t.Context(), &sdk.UpdateStackInput{
		StackName: &name, TemplateBody: &template, Capabilities: []types.Capability{types.CapabilityCapabilityNamedIam},
	}); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) stack(name string) types.Stack {
	w.t.Helper()
	out, err := w.client.DescribeStacks(w.t.Context(), &sdk.DescribeStacksInput{StackName: &name})
	if err != nil {
		w.t.Fatal(err)
	}
	return out.Stacks[0]
}

// is fails unless a stack has a status.
func (w *world) is(name string, want types.StackStatus) {
	w.t.Helper()
	if got := w.stack(name); got.StackStatus != want {
		w.t.Fatalf("stack %s is %s (%s), want %s; its events are\n%s", name, got.StackStatus, aws.ToString(got.StackStatusReason), want, w.story(name))
	}
}

// story tells the events of a stack, oldest first.
func (w *world) story(name string) string {
	w.t.Helper()
	var events []types.StackEvent
	pages := sdk.NewDescribeStackEventsPaginator(w.client, &sdk.DescribeStackEventsInput{StackName: &name})
	for pages.HasMorePages() {
		page, err := pages.NextPage(w.t.Context())
		if err != nil {
			w.t.Fatal(err)
		}
		events = append(events, page.StackEvents...)
	}
	slices.Reverse(events)
	var b strings.Builder
	for _, e := range events {
		fmt.Fprintf(&b, "%s %s", *e.LogicalResourceId, e.ResourceStatus)
		if reason := strings.TrimSpace(aws.ToString(e.ResourceStatusReason)); reason != "" {
			b.WriteString(": " + reason)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// refused returns the text of an error that AWS's API would answer.
func refused(t *testing.T, err error) string {
	t.Helper()
	if err == nil {
		return ""
	}
	var api smithy.APIError
	if !errors.As(err, &api) {
		t.Fatalf("not an answer of the API: %v", err)
	}
	return api.ErrorCode() + ": " + api.ErrorMessage()
}
