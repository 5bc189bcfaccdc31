package sfn

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
	"github.com/crossfade-dev/crossfade/internal/clock"
	"github.com/crossfade-dev/crossfade/localcloud/journal"
	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/sfnapi"
)

const (
	testAccount = "123456789012"
	testRegion  = "eu-central-1"
	testRole    = "arn:aws:iam::123456789012:role/runner"
)

var testStart = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// A cloud is a service in virtual time, with a caller.
type cloud struct {
	*Service
	t     testing.TB
	ctx   context.Context
	clock *clock.Virtual
}

func newCloud(t testing.TB, with ...func(*Config)) *cloud {
	t.Helper()
	c := &cloud{t: t, clock: clock.NewVirtual(testStart)}
	c.ctx = wire.WithCaller(context.Background(), wire.Caller{Account: testAccount, Region: testRegion})
	config := Config{Clock: c.clock, Rand: rand.NewPCG(1, 2)}
	for _, set := range with {
		set(&config)
	}
	s, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	c.Service = s
	t.Cleanup(s.Close)
	return c
}

// as returns the same cloud for another caller.
func (c *cloud) as(account, region string) *cloud {
	other := *c
	other.ctx = wire.WithCaller(context.Background(), wire.Caller{Account: account, Region: region})
	return &other
}

// pass lets time go on by d, with everything that happens in it.
func (c *cloud) pass(d time.Duration) {
	c.t.Helper()
	until := c.clock.Now().Add(d)
	for {
		c.calls.Wait()
		at, ok := c.Next()
		if !ok || at.After(until) {
			break
		}
		if err := c.clock.Drive(c.ctx, latest(at, c.clock.Now()), 0, c.Service); err != nil {
			c.t.Fatal(err)
		}
	}
	c.clock.Set(until)
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// must returns the answer of a call that has to succeed.
func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatalf("the call failed: %v", err)
		}
		return v
	}
}

// refused checks an error's code and, unless it is empty, its message.
func refused(t testing.TB, err error, code, message string) {
	t.Helper()
	e, ok := errors.AsType[*wire.Error](err)
	switch {
	case !ok:
		t.Fatalf("got error %v, want %s", err, code)
	case e.Code != code:
		t.Fatalf("got %s: %s, want %s", e.Code, e.Message, code)
	case message != "" && e.Message != message:
		t.Fatalf("%s says\n\t%s\nwant\n\t%s", code, e.Message, message)
	}
}

func ptr[T any](v T) *T { return &v }

// pass returns a definition of one Pass state; different comments make
// different definitions.
func passDefinition(comment string) string {
	return fmt.Sprintf(`{"Comment":%q,"StartAt":"Only","States":{"Only":{"Type":"Pass","Result":{"made":"here"},"End":true}}}`, comment)
}

// oneState returns a definition of a single state, which must hold End.
func oneState(state string) string { return `{"StartAt":"Only","States":{"Only":` + state + `}}` }

const waitAnHour = `{"StartAt":"Sleep","States":{"Sleep":{"Type":"Wait","Seconds":3600,"Next":"Wake"},"Wake":{"Type":"Pass","End":true}}}`

func (c *cloud) create(name, definition string, change ...func(*sfnapi.CreateStateMachineInput)) string {
	c.t.Helper()
	in := &sfnapi.CreateStateMachineInput{Name: name, Definition: definition, RoleArn: testRole}
	for _, f := range change {
		f(in)
	}
	return must[*sfnapi.CreateStateMachineOutput](c.t)(c.createStateMachine(c.ctx, in)).StateMachineArn
}

func express(in *sfnapi.CreateStateMachineInput)   { in.Type = ptr("EXPRESS") }
func published(in *sfnapi.CreateStateMachineInput) { in.Publish = ptr(true) }

// update changes the definition and publishes it; it returns the version's ARN.
func (c *cloud) update(arn, definition string) string {
	c.t.Helper()
	out := must[*sfnapi.UpdateStateMachineOutput](c.t)(c.updateStateMachine(c.ctx, &sfnapi.UpdateStateMachineInput{
		StateMachineArn: arn, Definition: &definition, Publish: ptr(true),
	}))
	return *out.StateMachineVersionArn
}

func (c *cloud) makeAlias(name string, routes ...sfnapi.RoutingConfigurationListItem) string {
	c.t.Helper()
	out := must[*sfnapi.CreateStateMachineAliasOutput](c.t)(c.createStateMachineAlias(c.ctx, &sfnapi.CreateStateMachineAliasInput{
		Name: name, RoutingConfiguration: routes,
	}))
	return out.StateMachineAliasArn
}

func to(version string, weight int32) sfnapi.RoutingConfigurationListItem {
	return sfnapi.RoutingConfigurationListItem{StateMachineVersionArn: version, Weight: weight}
}

func (c *cloud) begin(arn string, input ...string) string {
	c.t.Helper()
	in := &sfnapi.StartExecutionInput{StateMachineArn: arn}
	if len(input) > 0 {
		in.Input = &input[0]
	}
	return must[*sfnapi.StartExecutionOutput](c.t)(c.startExecution(c.ctx, in)).ExecutionArn
}

func (c *cloud) look(arn string) *sfnapi.DescribeExecutionOutput {
	c.t.Helper()
	return must[*sfnapi.DescribeExecutionOutput](c.t)(c.describeExecution(c.ctx, &sfnapi.DescribeExecutionInput{ExecutionArn: arn}))
}

// events returns the types of an execution's history.
func (c *cloud) events(arn string) string {
	c.t.Helper()
	out := must[*sfnapi.GetExecutionHistoryOutput](c.t)(c.getExecutionHistory(c.ctx, &sfnapi.GetExecutionHistoryInput{ExecutionArn: arn}))
	var types []string
	for _, e := range out.Events {
		types = append(types, e.Type)
	}
	return strings.Join(types, " ")
}

// A fakeJournal keeps records in memory and fails when it is told to.
type fakeJournal struct {
	mu      sync.Mutex
	commits [][]journal.Record
	fail    func(commit int, records []journal.Record) error
}

func (j *fakeJournal) Commit(records ...journal.Record) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.fail != nil {
		if err := j.fail(len(j.commits), records); err != nil {
			return err
		}
	}
	j.commits = append(j.commits, records)
	return nil
}

func (j *fakeJournal) Load(kind string, yield func(key string, value []byte) error) error {
	j.mu.Lock()
	live := map[string][]byte{}
	for _, records := range j.commits {
		for _, r := range records {
			switch {
			case r.Kind != kind:
			case r.Delete:
				delete(live, r.Key)
			default:
				live[r.Key] = r.Value
			}
		}
	}
	j.mu.Unlock()
	for key, value := range maps.All(live) {
		if err := yield(key, value); err != nil {
			return err
		}
	}
	return nil
}

// upTo returns the journal as it was after so many commits.
func (j *fakeJournal) upTo(commits int) *fakeJournal {
	j.mu.Lock()
	defer j.mu.Unlock()
	return &fakeJournal{commits: append([][]journal.Record(nil), j.commits[:commits]...)}
}

func (j *fakeJournal) len() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.commits)
}

// integrations answers tasks by a function and counts the calls.
type integrations struct {
	mu     sync.Mutex
	calls  []string
	answer func(ctx context.Context, service, action string, params jsonvalue.Value) (jsonvalue.Value, error)
}

func (i *integrations) Call(ctx context.Context, service, action string, params jsonvalue.Value) (jsonvalue.Value, error) {
	i.mu.Lock()
	i.calls = append(i.calls, service+":"+action+" "+params.String())
	i.mu.Unlock()
	return i.answer(ctx, service, action, params)
}

func (i *integrations) count() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return len(i.calls)
}
