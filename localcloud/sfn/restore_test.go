package sfn

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
	"github.com/crossfade-dev/crossfade/localcloud/journal"
	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/sfnapi"
)

// over returns a cloud over a journal, at a time after the start.
func over(t testing.TB, j Journal, after time.Duration, with ...func(*Config)) *cloud {
	t.Helper()
	c := newCloud(t, append([]func(*Config){func(config *Config) {
		config.Journal = j
		clockOf(config).Set(testStart.Add(after))
	}}, with...)...)
	return c
}

func clockOf(c *Config) interface{ Set(time.Time) } { return c.Clock.(interface{ Set(time.Time) }) }

// shape tells everything that is to be seen of a service, as text.
func (c *cloud) shape() string {
	c.t.Helper()
	var b strings.Builder
	say := func(v any, err error) {
		text, _ := json.Marshal(v)
		fmt.Fprintln(&b, string(text), err)
	}
	machines := must[*sfnapi.ListStateMachinesOutput](c.t)(c.listStateMachines(c.ctx, &sfnapi.ListStateMachinesInput{}))
	for _, m := range machines.StateMachines {
		say(c.describeStateMachine(c.ctx, &sfnapi.DescribeStateMachineInput{StateMachineArn: m.StateMachineArn}))
		say(c.listTagsForResource(c.ctx, &sfnapi.ListTagsForResourceInput{ResourceArn: m.StateMachineArn}))
		for _, v := range c.versionARNs(m.StateMachineArn) {
			say(c.describeStateMachine(c.ctx, &sfnapi.DescribeStateMachineInput{StateMachineArn: v}))
		}
		aliases := must[*sfnapi.ListStateMachineAliasesOutput](c.t)(c.listStateMachineAliases(c.ctx, &sfnapi.ListStateMachineAliasesInput{StateMachineArn: m.StateMachineArn}))
		for _, a := range aliases.StateMachineAliases {
			say(c.describeStateMachineAlias(c.ctx, &sfnapi.DescribeStateMachineAliasInput{StateMachineAliasArn: a.StateMachineAliasArn}))
		}
		executions := must[*sfnapi.ListExecutionsOutput](c.t)(c.listExecutions(c.ctx, &sfnapi.ListExecutionsInput{StateMachineArn: &m.StateMachineArn}))
		for _, x := range executions.Executions {
			say(c.describeExecution(c.ctx, &sfnapi.DescribeExecutionInput{ExecutionArn: x.ExecutionArn}))
			say(c.getExecutionHistory(c.ctx, &sfnapi.GetExecutionHistoryInput{ExecutionArn: x.ExecutionArn}))
			say(c.describeStateMachineForExecution(c.ctx, &sfnapi.DescribeStateMachineForExecutionInput{ExecutionArn: x.ExecutionArn}))
		}
	}
	activities := must[*sfnapi.ListActivitiesOutput](c.t)(c.listActivities(c.ctx, &sfnapi.ListActivitiesInput{}))
	for _, a := range activities.Activities {
		say(c.describeActivity(c.ctx, &sfnapi.DescribeActivityInput{ActivityArn: a.ActivityArn}))
	}
	return b.String()
}

func TestAfterARestartEverythingIsAsItWas(t *testing.T) {
	j, err := journal.Open(t.TempDir(), journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	}()
	c := over(t, j, 0)
	arn := c.create("kept", waitAnHour, published, func(in *sfnapi.CreateStateMachineInput) {
		in.Tags = []sfnapi.Tag{{Key: ptr("a"), Value: ptr("b")}}
		in.VersionDescription = ptr("first")
		in.LoggingConfiguration = &sfnapi.LoggingConfiguration{Destinations: []sfnapi.LogDestination{}}
	})
	two := c.update(arn, passDefinition("two"))
	c.pass(time.Second)
	live := c.makeAlias("live", to(arn+":1", 50), to(two, 50))
	spare := c.makeAlias("spare", to(two, 100))
	gone := c.create("gone", passDefinition(""))
	c.begin(gone)
	must[*sfnapi.DeleteStateMachineOutput](t)(c.deleteStateMachine(c.ctx, &sfnapi.DeleteStateMachineInput{StateMachineArn: gone}))
	must[*sfnapi.CreateActivityOutput](t)(c.createActivity(c.ctx, &sfnapi.CreateActivityInput{Name: "work"}))
	for range 5 {
		c.begin(live, `{"in" :1}`)
		c.begin(arn)
	}
	c.begin(spare)
	failed := c.begin(c.create("failing", `{"StartAt":"Bad","States":{"Bad":{"Type":"Fail","Error":"E"}}}`))
	must[*sfnapi.RedriveExecutionOutput](t)(c.redriveExecution(c.ctx, &sfnapi.RedriveExecutionInput{ExecutionArn: failed, ClientToken: ptr("t")}))
	must[*sfnapi.DeleteStateMachineAliasOutput](t)(c.deleteStateMachineAlias(c.ctx, &sfnapi.DeleteStateMachineAliasInput{StateMachineAliasArn: spare}))
	c.pass(time.Minute)
	before := c.shape()
	c.Close()

	again := over(t, j, time.Minute+time.Second)
	if after := again.shape(); after != before {
		t.Errorf("after the restart:\n%s\nbefore:\n%s", after, before)
	}
	again.pass(2 * time.Hour)
	running := must[*sfnapi.ListExecutionsOutput](t)(again.listExecutions(again.ctx, &sfnapi.ListExecutionsInput{StateMachineArn: &arn, StatusFilter: ptr("RUNNING")}))
	if len(running.Executions) != 0 {
		t.Errorf("%d executions never went on", len(running.Executions))
	}
	done := must[*sfnapi.ListExecutionsOutput](t)(again.listExecutions(again.ctx, &sfnapi.ListExecutionsInput{StateMachineArn: ptr(arn + ":1")}))
	for _, x := range done.Executions {
		if x.Status != "SUCCEEDED" || !x.StopDate.Equal(x.StartDate.Add(time.Hour)) {
			t.Errorf("the hour's wait ended %s at %v, started at %v", x.Status, x.StopDate, x.StartDate)
		}
	}
	if got := again.update(arn, passDefinition("three")); got != arn+":3" {
		t.Errorf("the next version is %s, want %s:3", got, arn)
	}
}

// TestWhereverItIsKilledNothingIsLostAndNothingHappensTwice runs a story once,
// and then restarts from the journal as it was after each of its commits.
func TestWhereverItIsKilledNothingIsLostAndNothingHappensTwice(t *testing.T) {
	fake := func() *integrations {
		return &integrations{answer: func(_ context.Context, _, _ string, params jsonvalue.Value) (jsonvalue.Value, error) {
			return jsonvalue.Parse(`{"done":true}`)
		}}
	}
	const story = `{"StartAt":"Call","States":{
		"Call":{"Type":"Task","Resource":"arn:aws:states:::aws-sdk:sns:publish","Parameters":{"n.$":"$.n"},"ResultPath":"$.call","Next":"Sleep",
			"Catch":[{"ErrorEquals":["Sns.SdkClientException"],"ResultPath":"$.lost","Next":"Sleep"}]},
		"Sleep":{"Type":"Wait","Seconds":10,"Next":"Child"},
		"Child":{"Type":"Task","Resource":"arn:aws:states:::states:startExecution.sync:2","Parameters":{"StateMachineArn":"%s","Input.$":"$"},"ResultPath":"$.child","Next":"Work"},
		"Work":{"Type":"Task","Resource":"%s","ResultPath":"$.work","End":true}}}`

	// act starts what is not there yet, and works until everything has ended. The
	// worker outlives the service and knows the tokens that it was given.
	act := func(c *cloud, acknowledged func(arn string), given func(token string), tokens ...string) {
		worker := must[*sfnapi.CreateActivityOutput](t)(c.createActivity(c.ctx, &sfnapi.CreateActivityInput{Name: "work"})).ActivityArn
		child := c.create("child", `{"StartAt":"Sleep","States":{"Sleep":{"Type":"Wait","Seconds":5,"End":true}}}`)
		arn := c.create("story", fmt.Sprintf(story, child, worker), published)
		for n := range 3 {
			out, err := c.startExecution(c.ctx, &sfnapi.StartExecutionInput{
				StateMachineArn: arn + ":1", Name: ptr(fmt.Sprint("run-", n)), Input: ptr(fmt.Sprintf(`{"n":%d}`, n)),
			})
			if err != nil && !wire.IsCode(err, "ExecutionAlreadyExists") {
				t.Fatal(err)
			}
			if err == nil {
				acknowledged(out.ExecutionArn)
			}
		}
		c.pass(0)
		for _, token := range tokens {
			_, err := c.sendTaskSuccess(c.ctx, &sfnapi.SendTaskSuccessInput{TaskToken: token, Output: `"worked"`})
			if err != nil && !wire.IsCode(err, "InvalidToken") { // it was heard before the kill
				t.Error(err)
			}
		}
		for range 10 {
			c.pass(4 * time.Second)
			c.calls.Wait()
			for c.here(c.ctx).activity("work").queued() > 0 {
				task := must[*sfnapi.GetActivityTaskOutput](t)(c.getActivityTask(c.ctx, &sfnapi.GetActivityTaskInput{ActivityArn: worker}))
				given(*task.TaskToken)
				must[*sfnapi.SendTaskSuccessOutput](t)(c.sendTaskSuccess(c.ctx, &sfnapi.SendTaskSuccessInput{TaskToken: *task.TaskToken, Output: `"worked"`}))
			}
		}
	}

	whole := &fakeJournal{}
	var started []string
	startedAt := map[string]int{} // commits when the start was acknowledged
	calls := fake()
	first := over(t, whole, 0, func(config *Config) { config.Integrations = calls })
	tokens, givenAt := []string{}, map[string]int{}
	act(first, func(arn string) {
		started = append(started, arn)
		startedAt[arn] = whole.len()
	}, func(token string) {
		tokens = append(tokens, token)
		givenAt[token] = whole.len()
	})
	for _, arn := range started {
		if got := first.look(arn); got.Status != "SUCCEEDED" {
			t.Fatalf("without a kill %s is %s: %s", arn, got.Status, wire.Value(got.Cause))
		}
	}

	for commits := range whole.len() + 1 {
		rest := whole.upTo(commits)
		again := fake()
		c := over(t, rest, 5*time.Second, func(config *Config) { config.Integrations = again })
		for _, arn := range started {
			_, err := c.describeExecution(c.ctx, &sfnapi.DescribeExecutionInput{ExecutionArn: arn})
			if startedAt[arn] <= commits && err != nil {
				t.Fatalf("killed after commit %d: %s was acknowledged and is lost: %v", commits, arn, err)
			}
		}
		known := slices.DeleteFunc(slices.Clone(tokens), func(token string) bool { return givenAt[token] > commits })
		act(c, func(string) {}, func(string) {}, known...)
		children := must[*sfnapi.ListExecutionsOutput](t)(c.listExecutions(c.ctx, &sfnapi.ListExecutionsInput{
			StateMachineArn: ptr("arn:aws:states:eu-central-1:123456789012:stateMachine:child"),
		})).Executions
		if len(children) != 3 {
			t.Fatalf("killed after commit %d: %d children, want 3", commits, len(children))
		}
		for n, arn := range started {
			got := c.look(arn)
			if got.Status != "SUCCEEDED" {
				t.Fatalf("killed after commit %d of %d: %s is %s: %s %s; %s", commits, whole.len(), arn, got.Status, wire.Value(got.Error), wire.Value(got.Cause), c.events(arn))
			}
			types := strings.Fields(c.events(arn))
			for _, once := range []string{"ExecutionStarted", "ActivitySucceeded", "WaitStateExited", "ExecutionSucceeded"} {
				if count := len(slices.DeleteFunc(slices.Clone(types), func(s string) bool { return s != once })); count != 1 {
					t.Errorf("killed after commit %d: %s has %d %s", commits, arn, count, once)
				}
			}
			// The call is made once, or it is known to be lost.
			made := 0
			for _, call := range again.calls {
				if strings.Contains(call, fmt.Sprintf(`{"n":%d}`, n)) {
					made++
				}
			}
			wasLost := strings.Contains(*got.Output, "SdkClientException")
			if made > 1 || made == 1 && wasLost {
				t.Errorf("killed after commit %d: call %d was made %d times, lost: %v", commits, n, made, wasLost)
			}
		}
		c.Close()
	}
}

// queued is how many tasks wait for a worker.
func (a *activity) queued() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.waiting)
}

var errDisk = errors.New("the disk is full")

func TestWhatCannotBeSavedIsNotAcknowledged(t *testing.T) {
	j := &fakeJournal{}
	full := false
	j.fail = func(int, []journal.Record) error {
		if full {
			return errDisk
		}
		return nil
	}
	c := over(t, j, 0)
	arn := c.create("full", waitAnHour, published)
	live := c.makeAlias("live", to(arn+":1", 100))
	running := c.begin(live)
	c.pass(time.Minute)
	before := c.shape()
	full = true
	for what, call := range map[string]func() error{
		"create": func() error {
			_, err := c.createStateMachine(c.ctx, &sfnapi.CreateStateMachineInput{Name: "new", Definition: waitAnHour, RoleArn: testRole})
			return err
		},
		"update": func() error {
			_, err := c.updateStateMachine(c.ctx, &sfnapi.UpdateStateMachineInput{StateMachineArn: arn, Definition: ptr(passDefinition(""))})
			return err
		},
		"alias": func() error {
			_, err := c.updateStateMachineAlias(c.ctx, &sfnapi.UpdateStateMachineAliasInput{StateMachineAliasArn: live, Description: ptr("x")})
			return err
		},
		"tag": func() error {
			_, err := c.tagResource(c.ctx, &sfnapi.TagResourceInput{ResourceArn: arn, Tags: []sfnapi.Tag{{Key: ptr("a"), Value: ptr("b")}}})
			return err
		},
		"delete": func() error {
			_, err := c.deleteStateMachine(c.ctx, &sfnapi.DeleteStateMachineInput{StateMachineArn: arn})
			return err
		},
		"start": func() error {
			_, err := c.startExecution(c.ctx, &sfnapi.StartExecutionInput{StateMachineArn: live, Name: ptr("n")})
			return err
		},
		"activity": func() error {
			_, err := c.createActivity(c.ctx, &sfnapi.CreateActivityInput{Name: "n"})
			return err
		},
	} {
		err := call()
		if _, modelled := errors.AsType[*wire.Error](err); !errors.Is(err, errDisk) || modelled {
			t.Errorf("%s: %v, want the disk's error, which wire answers as a failure of the server", what, err)
		}
	}
	if after := c.shape(); after != before {
		t.Errorf("what was refused is to be seen:\n%s\nbefore:\n%s", after, before)
	}
	full = false
	must[*sfnapi.StartExecutionOutput](t)(c.startExecution(c.ctx, &sfnapi.StartExecutionInput{StateMachineArn: live, Name: ptr("n")}))
	c.pass(2 * time.Hour)
	if got := c.look(running); got.Status != "SUCCEEDED" {
		t.Errorf("the execution from before is %s", got.Status)
	}
}

func TestAStepThatCannotBeSavedIsTriedAgainBeforeItActs(t *testing.T) {
	j := &fakeJournal{}
	full := false
	j.fail = func(int, []journal.Record) error {
		if full {
			return errDisk
		}
		return nil
	}
	calls := answering(`{}`)
	c := over(t, j, 0, func(config *Config) { config.Integrations = calls })
	arn := c.create("slow", `{"StartAt":"Sleep","States":{"Sleep":{"Type":"Wait","Seconds":10,"Next":"Call"},
		"Call":{"Type":"Task","Resource":"arn:aws:states:::aws-sdk:sns:publish","End":true}}}`)
	execution := c.begin(arn)
	full = true
	c.clock.Set(testStart.Add(10 * time.Second))
	if err := c.Run(c.ctx, c.clock.Now()); !errors.Is(err, errDisk) {
		t.Fatalf("Run says %v, want the disk's error", err)
	}
	c.calls.Wait()
	if got := c.look(execution); got.Status != "RUNNING" || c.events(execution) != "ExecutionStarted WaitStateEntered" || calls.count() != 0 {
		t.Errorf("unsaved, it is %s with %s and %d calls", got.Status, c.events(execution), calls.count())
	}
	full = false
	c.pass(time.Second)
	if got := c.look(execution); got.Status != "SUCCEEDED" || calls.count() != 1 {
		t.Errorf("saved, it is %s with %d calls", got.Status, calls.count())
	}
	c.Close()
	again := over(t, j, time.Minute)
	if got := again.look(execution); got.Status != "SUCCEEDED" || len(strings.Fields(again.events(execution))) != 9 {
		t.Errorf("after a restart it is %s with %s", got.Status, again.events(execution))
	}
}

func TestADeletionIsFinishedAfterARestart(t *testing.T) {
	j := &fakeJournal{}
	c := over(t, j, 0)
	arn := c.create("leaving", waitAnHour)
	c.begin(arn)
	must[*sfnapi.DeleteStateMachineOutput](t)(c.deleteStateMachine(c.ctx, &sfnapi.DeleteStateMachineInput{StateMachineArn: arn}))
	c.Close()
	again := over(t, j, time.Minute)
	if got := *again.describe(arn).Status; got != "DELETING" {
		t.Errorf("after a restart it is %s, want DELETING", got)
	}
	again.pass(2 * time.Hour)
	if _, err := again.describeStateMachine(again.ctx, &sfnapi.DescribeStateMachineInput{StateMachineArn: arn}); !isGone(err) {
		t.Errorf("after its last execution: %v, want it to be gone", err)
	}
	again.Close()
	third := over(t, j, 3*time.Hour)
	if got := third.shape(); got != "" {
		t.Errorf("what is left: %s", got)
	}
	for _, kind := range []string{recordMachine, recordRevision, recordExecution, recordHistory} {
		if err := j.Load(kind, func(key string, _ []byte) error { return fmt.Errorf("record %s %s is left", kind, key) }); err != nil {
			t.Error(err)
		}
	}
}

func TestForgottenExecutionsLeaveTheJournal(t *testing.T) {
	j := &fakeJournal{}
	c := over(t, j, 0, func(config *Config) { config.Keep = 10 })
	arn := c.create("busy", passDefinition(""))
	for range 30 {
		c.begin(arn)
	}
	c.pass(0)
	count := 0
	if err := j.Load(recordHistory, func(string, []byte) error { count++; return nil }); err != nil {
		t.Fatal(err)
	}
	if count > 12 {
		t.Errorf("the journal holds the histories of %d executions, want about 10", count)
	}
}

// A worker that answers in the first instant after a restart must not be told that
// its token is none: it would not come again.
func TestATokenIsKnownBeforeAnybodyCanAskAfterARestart(t *testing.T) {
	const story = `{"StartAt":"Both","States":{"Both":{"Type":"Parallel","End":true,"Branches":[
		{"StartAt":"First","States":{"First":{"Type":"Task","Resource":"%[1]s","End":true}}},
		{"StartAt":"Sleep","States":{"Sleep":{"Type":"Wait","Seconds":60,"Next":"Second"},"Second":{"Type":"Task","Resource":"%[1]s","End":true}}}]}}}`
	j := &fakeJournal{}
	c := over(t, j, 0)
	worker := must[*sfnapi.CreateActivityOutput](t)(c.createActivity(c.ctx, &sfnapi.CreateActivityInput{Name: "work"})).ActivityArn
	arn := c.begin(c.create("story", fmt.Sprintf(story, worker)))
	c.pass(time.Second)
	token := must[*sfnapi.GetActivityTaskOutput](t)(c.getActivityTask(c.ctx, &sfnapi.GetActivityTaskInput{ActivityArn: worker})).TaskToken
	c.Close()

	again := over(t, j, 2*time.Second)
	must[*sfnapi.SendTaskSuccessOutput](t)(again.sendTaskSuccess(again.ctx, &sfnapi.SendTaskSuccessInput{TaskToken: *token, Output: `1`}))
	again.pass(2 * time.Minute)
	token = must[*sfnapi.GetActivityTaskOutput](t)(again.getActivityTask(again.ctx, &sfnapi.GetActivityTaskInput{ActivityArn: worker})).TaskToken
	must[*sfnapi.SendTaskSuccessOutput](t)(again.sendTaskSuccess(again.ctx, &sfnapi.SendTaskSuccessInput{TaskToken: *token, Output: `2`}))
	if got := again.look(arn); got.Status != "SUCCEEDED" || wire.Value(got.Output) != "[1,2]" {
		t.Errorf("the execution is %s with output %s, want SUCCEEDED with [1,2]", got.Status, wire.Value(got.Output))
	}
}
