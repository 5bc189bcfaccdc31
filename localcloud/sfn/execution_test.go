package sfn

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/sfnapi"
)

func TestAnExecutionShowsHowItWasStarted(t *testing.T) {
	c := newCloud(t)
	arn := c.create("shown", passDefinition("one"), published)
	live := c.makeAlias("live", to(arn+":1", 100))
	for target, want := range map[string][2]string{arn: {"", ""}, arn + ":1": {arn + ":1", ""}, live: {arn + ":1", live}} {
		got := c.look(c.begin(target, `{"n": 1}`))
		if wire.Value(got.StateMachineVersionArn) != want[0] || wire.Value(got.StateMachineAliasArn) != want[1] || got.StateMachineArn != arn {
			t.Errorf("started through %s: machine %s, version %s, alias %s", target, got.StateMachineArn, wire.Value(got.StateMachineVersionArn), wire.Value(got.StateMachineAliasArn))
		}
		if got.Status != "SUCCEEDED" || *got.Input != `{"n": 1}` || *got.Output != `{"made":"here"}` || !*got.InputDetails.Included || !*got.OutputDetails.Included ||
			!got.StopDate.Equal(testStart) || *got.RedriveCount != 0 || *got.RedriveStatus != "NOT_REDRIVABLE" ||
			*got.RedriveStatusReason != "Execution is SUCCEEDED and cannot be redriven" {
			t.Errorf("described as %+v", got)
		}
		started := must[*sfnapi.GetExecutionHistoryOutput](t)(c.getExecutionHistory(c.ctx, &sfnapi.GetExecutionHistoryInput{ExecutionArn: got.ExecutionArn})).Events[0].ExecutionStartedEventDetails
		if wire.Value(started.StateMachineVersionArn) != want[0] || wire.Value(started.StateMachineAliasArn) != want[1] || *started.RoleArn != testRole {
			t.Errorf("the history begins with %+v", started)
		}
	}
	for _, gone := range []string{arn + ":2", arn + ":dead", arn + "x"} {
		_, err := c.startExecution(c.ctx, &sfnapi.StartExecutionInput{StateMachineArn: gone})
		refused(t, err, "StateMachineDoesNotExist", "State Machine Does Not Exist: '"+gone+"'")
	}
}

func TestARunningExecutionKeepsItsDefinition(t *testing.T) {
	c := newCloud(t)
	slow := `{"Comment":%q,"StartAt":"Sleep","States":{"Sleep":{"Type":"Wait","Seconds":60,"Next":"Say"},"Say":{"Type":"Pass","Result":%q,"End":true}}}`
	arn := c.create("kept", fmt.Sprintf(slow, "1", "old"), published)
	live := c.makeAlias("live", to(arn+":1", 100))
	before := c.begin(live)
	two := c.update(arn, fmt.Sprintf(slow, "2", "new"))
	must[*sfnapi.UpdateStateMachineAliasOutput](t)(c.updateStateMachineAlias(c.ctx, &sfnapi.UpdateStateMachineAliasInput{
		StateMachineAliasArn: live, RoutingConfiguration: []sfnapi.RoutingConfigurationListItem{to(two, 100)},
	}))
	must[*sfnapi.DeleteStateMachineVersionOutput](t)(c.deleteStateMachineVersion(c.ctx, &sfnapi.DeleteStateMachineVersionInput{StateMachineVersionArn: arn + ":1"}))
	after := c.begin(live)
	c.pass(2 * time.Minute)
	if got := c.look(before); *got.Output != `"old"` || *got.StateMachineVersionArn != arn+":1" {
		t.Errorf("the execution from before ended with %s on %s", *got.Output, *got.StateMachineVersionArn)
	}
	if got := c.look(after); *got.Output != `"new"` || *got.StateMachineVersionArn != two {
		t.Errorf("the execution from after ended with %s on %s", *got.Output, *got.StateMachineVersionArn)
	}
	of := must[*sfnapi.DescribeStateMachineForExecutionOutput](t)(c.describeStateMachineForExecution(c.ctx,
		&sfnapi.DescribeStateMachineForExecutionInput{ExecutionArn: before}))
	if of.Definition != fmt.Sprintf(slow, "1", "old") || of.StateMachineArn != arn || of.RevisionId != nil || !of.UpdateDate.Equal(testStart) {
		t.Errorf("its state machine is described as %+v", of)
	}
}

func TestAStartIsRepeatableWhileTheExecutionRuns(t *testing.T) {
	c := newCloud(t)
	arn := c.create("named", waitAnHour)
	start := func(input string) (*sfnapi.StartExecutionOutput, error) {
		return c.startExecution(c.ctx, &sfnapi.StartExecutionInput{StateMachineArn: arn, Name: ptr("job"), Input: &input})
	}
	first := must[*sfnapi.StartExecutionOutput](t)(start(`{}`))
	if want := "arn:aws:states:eu-central-1:123456789012:execution:named:job"; first.ExecutionArn != want {
		t.Errorf("its ARN is %s, want %s", first.ExecutionArn, want)
	}
	c.pass(time.Minute)
	if again := must[*sfnapi.StartExecutionOutput](t)(start(`{}`)); *again != *first {
		t.Errorf("the repeated start answered %v, want %v", again, first)
	}
	_, err := start(`{"other":1}`)
	refused(t, err, "ExecutionAlreadyExists", "Execution Already Exists: '"+first.ExecutionArn+"'")
	c.pass(time.Hour)
	_, err = start(`{}`)
	refused(t, err, "ExecutionAlreadyExists", "Execution Already Exists: '"+first.ExecutionArn+"'")
}

func TestAWaitThatEndsWithinAMillisecondEndsWithIt(t *testing.T) {
	c := newCloud(t)
	until := testStart.Add(1500 * time.Microsecond).Format(time.RFC3339Nano)
	execution := c.begin(c.create("short", oneState(`{"Type":"Wait","Timestamp":"`+until+`","End":true}`)))
	if at, ok := c.Next(); !ok || !at.Equal(testStart.Add(2*time.Millisecond)) {
		t.Fatalf("the next tick is at %v (%t), want the first whole millisecond after %s", at, ok, until)
	}
	c.pass(2 * time.Millisecond)
	if got := c.look(execution); got.Status != "SUCCEEDED" {
		t.Errorf("after the wait the execution is %s", got.Status)
	}
}

func TestInputsThatAreNoJSON(t *testing.T) {
	c := newCloud(t)
	arn := c.create("fed", passDefinition(""))
	for input, why := range map[string]string{
		"":        "Invalid execution input.",
		"really?": "Unrecognized token 'really': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')",
		"{'a':1}": "Unexpected character (''' (code 39)): was expecting double-quote to start field name",
	} {
		_, err := c.startExecution(c.ctx, &sfnapi.StartExecutionInput{StateMachineArn: arn, Input: &input})
		refused(t, err, "InvalidExecutionInput", "Invalid State Machine Execution Input: '"+why+"'")
	}
	for _, input := range []string{"7", `"text"`, "null", "[1, 2]"} {
		if got := c.look(c.begin(arn, input)); *got.Input != input || got.Status != "SUCCEEDED" {
			t.Errorf("input %s is shown as %s, status %s", input, *got.Input, got.Status)
		}
	}
	if got := c.look(c.begin(arn)); *got.Input != "{}" {
		t.Errorf("without input it is %s, want {}", *got.Input)
	}
	_, err := c.startExecution(c.ctx, &sfnapi.StartExecutionInput{StateMachineArn: arn, Input: ptr(`"` + strings.Repeat("€", 90_000) + `"`)})
	refused(t, err, "InvalidExecutionInput", "")
}

func TestStoppingAbortsAnExecutionOnce(t *testing.T) {
	c := newCloud(t)
	execution := c.begin(c.create("stopped", waitAnHour))
	c.pass(time.Minute)
	stop := func() time.Time {
		return must[*sfnapi.StopExecutionOutput](t)(c.stopExecution(c.ctx, &sfnapi.StopExecutionInput{
			ExecutionArn: execution, Error: ptr("Enough"), Cause: ptr("it was me"),
		})).StopDate
	}
	first := stop()
	c.pass(time.Minute)
	if again := stop(); !again.Equal(first) || !first.Equal(testStart.Add(time.Minute)) {
		t.Errorf("stopped at %v, then at %v", first, again)
	}
	got := c.look(execution)
	if got.Status != "ABORTED" || *got.Error != "Enough" || *got.Cause != "it was me" || got.Output != nil || *got.RedriveStatus != "REDRIVABLE" || got.RedriveStatusReason != nil {
		t.Errorf("described as %+v", got)
	}
	if got, want := c.events(execution), "ExecutionStarted WaitStateEntered ExecutionAborted"; got != want {
		t.Errorf("history %s, want %s", got, want)
	}
	if at, ok := c.Next(); ok {
		t.Errorf("a timer is left for %v", at)
	}
}

func TestHistoryIsPagedBothWays(t *testing.T) {
	c := newCloud(t)
	var states []string
	for i := range 6 {
		next := fmt.Sprintf(`"Next":"S%d"`, i+1)
		if i == 5 {
			next = `"End":true`
		}
		states = append(states, fmt.Sprintf(`"S%d":{"Type":"Pass",%s}`, i, next))
	}
	execution := c.begin(c.create("long", `{"StartAt":"S0","States":{`+strings.Join(states, ",")+`}}`))
	for _, reverse := range []bool{false, true} {
		var ids []string
		in := &sfnapi.GetExecutionHistoryInput{ExecutionArn: execution, MaxResults: ptr(int32(5)), ReverseOrder: &reverse}
		for {
			out := must[*sfnapi.GetExecutionHistoryOutput](t)(c.getExecutionHistory(c.ctx, in))
			for _, e := range out.Events {
				ids = append(ids, fmt.Sprint(e.Id))
			}
			if in.NextToken = out.NextToken; in.NextToken == nil {
				break
			}
		}
		want := "1 2 3 4 5 6 7 8 9 10 11 12 13 14"
		if reverse {
			want = "14 13 12 11 10 9 8 7 6 5 4 3 2 1"
		}
		if got := strings.Join(ids, " "); got != want {
			t.Errorf("reverse %v: %s, want %s", reverse, got, want)
		}
	}
	bare := must[*sfnapi.GetExecutionHistoryOutput](t)(c.getExecutionHistory(c.ctx, &sfnapi.GetExecutionHistoryInput{
		ExecutionArn: execution, IncludeExecutionData: ptr(false),
	}))
	for _, e := range bare.Events {
		if d := e.StateEnteredEventDetails; d != nil && (d.Input != nil || d.Name == "") {
			t.Errorf("without data event %d shows %+v", e.Id, d)
		}
	}
	if d := bare.Events[0].ExecutionStartedEventDetails; d.Input != nil {
		t.Errorf("without data the start shows %+v", d)
	}
}

func TestExecutionsAreListedNewestFirstWithFilters(t *testing.T) {
	c := newCloud(t)
	choosing := `{"StartAt":"Pick","States":{"Pick":{"Type":"Choice","Choices":[
		{"Variable":"$.do","StringEquals":"fail","Next":"Bad"},{"Variable":"$.do","StringEquals":"wait","Next":"Sleep"}],"Default":"Good"},
		"Bad":{"Type":"Fail"},"Sleep":{"Type":"Wait","Seconds":60,"End":true},"Good":{"Type":"Succeed"}}}`
	arn := c.create("listed", choosing)
	var want []string
	for i, do := range []string{"succeed", "fail", "wait", "succeed", "wait", "fail", "succeed"} {
		name := fmt.Sprintf("%s-%d", do, i)
		must[*sfnapi.StartExecutionOutput](t)(c.startExecution(c.ctx, &sfnapi.StartExecutionInput{
			StateMachineArn: arn, Name: &name, Input: ptr(`{"do":"` + do + `"}`),
		}))
		want = append([]string{name}, want...)
	}
	list := func(status, redrive *string, size int32) string {
		t.Helper()
		var names []string
		in := &sfnapi.ListExecutionsInput{StateMachineArn: &arn, StatusFilter: status, RedriveFilter: redrive, MaxResults: &size}
		for {
			out := must[*sfnapi.ListExecutionsOutput](t)(c.listExecutions(c.ctx, in))
			for _, x := range out.Executions {
				names = append(names, x.Name)
				if x.StateMachineArn != arn || *x.RedriveCount < 0 || (x.Status == "RUNNING") != (x.StopDate == nil) {
					t.Errorf("item %+v", x)
				}
			}
			if in.NextToken = out.NextToken; in.NextToken == nil {
				return strings.Join(names, " ")
			}
		}
	}
	for _, size := range []int32{0, 1, 2, 7} {
		if got := list(nil, nil, size); got != strings.Join(want, " ") {
			t.Errorf("in pages of %d: %s", size, got)
		}
	}
	if got := list(ptr("RUNNING"), nil, 1); got != "wait-4 wait-2" {
		t.Errorf("running: %s", got)
	}
	if got := list(ptr("FAILED"), ptr("NOT_REDRIVEN"), 0); got != "fail-5 fail-1" {
		t.Errorf("failed: %s", got)
	}
	c.pass(time.Minute)
	if got := list(ptr("SUCCEEDED"), nil, 2); got != "succeed-6 wait-4 succeed-3 wait-2 succeed-0" {
		t.Errorf("succeeded: %s", got)
	}
	if got := list(nil, ptr("REDRIVEN"), 0); got != "" {
		t.Errorf("redriven: %s", got)
	}
	_, err := c.listExecutions(c.ctx, &sfnapi.ListExecutionsInput{StateMachineArn: ptr(arn + "x")})
	refused(t, err, "StateMachineDoesNotExist", "")
	_, err = c.listExecutions(c.ctx, &sfnapi.ListExecutionsInput{})
	refused(t, err, "ValidationException", "")
	_, err = c.listExecutions(c.ctx, &sfnapi.ListExecutionsInput{StateMachineArn: &arn, NextToken: ptr(strings.Repeat("x", 300))})
	refused(t, err, "InvalidToken", "Invalid Token: 'Invalid token'")
}

func TestRedriveGoesOnWhereItFailed(t *testing.T) {
	c := newCloud(t)
	failing := `{"StartAt":"Before","States":{"Before":{"Type":"Pass","Next":"Bad"},"Bad":{"Type":"Fail","Error":"E"}}}`
	execution := c.begin(c.create("again", failing))
	redrive := func(token *string) (*sfnapi.RedriveExecutionOutput, error) {
		return c.redriveExecution(c.ctx, &sfnapi.RedriveExecutionInput{ExecutionArn: execution, ClientToken: token})
	}
	c.pass(time.Minute)
	first := must[*sfnapi.RedriveExecutionOutput](t)(redrive(ptr("token")))
	c.pass(time.Minute)
	if again := must[*sfnapi.RedriveExecutionOutput](t)(redrive(ptr("token"))); !again.RedriveDate.Equal(first.RedriveDate) {
		t.Errorf("the same token redrove at %v and %v", first.RedriveDate, again.RedriveDate)
	}
	got := c.look(execution)
	if *got.RedriveCount != 1 || !got.RedriveDate.Equal(first.RedriveDate) || got.Status != "FAILED" {
		t.Errorf("described as %+v", got)
	}
	if got, want := c.events(execution), "ExecutionStarted PassStateEntered PassStateExited FailStateEntered ExecutionFailed ExecutionRedriven FailStateEntered ExecutionFailed"; got != want {
		t.Errorf("history\n\t%s\nwant\n\t%s", got, want)
	}
	c.pass(15 * 24 * time.Hour)
	_, err := redrive(nil)
	refused(t, err, "ExecutionNotRedrivable", "")
	if got := c.look(execution); *got.RedriveStatusReason != "Execution redrivable period exceeded" {
		t.Errorf("after 15 days the reason is %s", *got.RedriveStatusReason)
	}
	good := c.begin(c.create("fine", passDefinition("")))
	_, err = c.redriveExecution(c.ctx, &sfnapi.RedriveExecutionInput{ExecutionArn: good})
	refused(t, err, "ExecutionNotRedrivable", "")
}

func TestExpressExecutionsAreNotListedAndSyncOnesAnswerTheirEnd(t *testing.T) {
	c := newCloud(t)
	arn := c.create("quick", passDefinition("one"), express, published)
	out := must[*sfnapi.StartExecutionOutput](t)(c.startExecution(c.ctx, &sfnapi.StartExecutionInput{StateMachineArn: arn, Name: ptr("n")}))
	if want := "arn:aws:states:eu-central-1:123456789012:express:quick:n:"; !strings.HasPrefix(out.ExecutionArn, want) || len(out.ExecutionArn) != len(want)+36 {
		t.Errorf("its ARN is %s", out.ExecutionArn)
	}
	if again := must[*sfnapi.StartExecutionOutput](t)(c.startExecution(c.ctx, &sfnapi.StartExecutionInput{StateMachineArn: arn, Name: ptr("n")})); again.ExecutionArn == out.ExecutionArn {
		t.Error("two starts of one name are one execution")
	}
	_, err := c.listExecutions(c.ctx, &sfnapi.ListExecutionsInput{StateMachineArn: &arn})
	refused(t, err, "StateMachineTypeNotSupported", "This operation is not supported by this type of state machine")
	_, err = c.stopExecution(c.ctx, &sfnapi.StopExecutionInput{ExecutionArn: out.ExecutionArn})
	refused(t, err, "InvalidArn", "Invalid Arn: 'Resource type not valid in this context: express'")

	done := must[*sfnapi.StartSyncExecutionOutput](t)(c.startSyncExecution(c.ctx, &sfnapi.StartSyncExecutionInput{StateMachineArn: arn + ":1", Input: ptr(`{"a":1}`)}))
	if done.Status != "SUCCEEDED" || *done.Output != `{"made":"here"}` || *done.Input != `{"a":1}` || *done.StateMachineArn != arn ||
		*done.BillingDetails.BilledDurationInMilliseconds != 100 || *done.BillingDetails.BilledMemoryUsedInMB != 64 {
		t.Errorf("answered %+v", done)
	}
	standard := c.create("slow", passDefinition(""))
	_, err = c.startSyncExecution(c.ctx, &sfnapi.StartSyncExecutionInput{StateMachineArn: standard})
	refused(t, err, "StateMachineTypeNotSupported", "This operation is not supported by this type of state machine")
}

func TestOldExecutionsAreForgotten(t *testing.T) {
	c := newCloud(t, func(config *Config) { config.Keep, config.KeepFor = 20, 24*time.Hour })
	arn := c.create("busy", passDefinition(""))
	slow := c.begin(c.create("patient", waitAnHour))
	first := c.begin(arn)
	for range 50 {
		c.begin(arn)
	}
	c.pass(0)
	m := c.here(c.ctx).machine("busy")
	if n := len(m.runs.snapshot()); n > 22 {
		t.Errorf("%d executions are kept, want about 20", n)
	}
	if _, err := c.describeExecution(c.ctx, &sfnapi.DescribeExecutionInput{ExecutionArn: first}); !wire.IsCode(err, "ExecutionDoesNotExist") {
		t.Errorf("the oldest execution: %v, want it to be forgotten", err)
	}
	c.look(slow)
	c.pass(30 * time.Hour) // the hour's wait is the last thing that happens by itself
	if err := c.Run(c.ctx, c.clock.Now()); err != nil {
		t.Fatal(err)
	}
	c.pass(0)
	if n := len(m.runs.snapshot()); n != 0 {
		t.Errorf("after a day %d executions are kept", n)
	}
}

func TestADistributedMapShowsItsRun(t *testing.T) {
	j := &fakeJournal{}
	c := over(t, j, 0)
	arn := c.create("mapped", oneState(`{"Type":"Map","MaxConcurrency":2,"Label":"each","ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},
		"StartAt":"Item","States":{"Item":{"Type":"Wait","Seconds":10,"End":true}}},"End":true}`))
	execution := c.begin(arn, `[1,2,3]`)
	list := func(c *cloud) []sfnapi.MapRunListItem {
		return must[*sfnapi.ListMapRunsOutput](t)(c.listMapRuns(c.ctx, &sfnapi.ListMapRunsInput{ExecutionArn: execution})).MapRuns
	}
	found := list(c)
	if len(found) != 1 || found[0].StateMachineArn != arn+"/each" || found[0].StopDate != nil {
		t.Fatalf("map runs %+v", found)
	}
	describe := func(c *cloud) *sfnapi.DescribeMapRunOutput {
		return must[*sfnapi.DescribeMapRunOutput](t)(c.describeMapRun(c.ctx, &sfnapi.DescribeMapRunInput{MapRunArn: found[0].MapRunArn}))
	}
	if got := describe(c); got.Status != "RUNNING" || got.MaxConcurrency != 2 || *got.ItemCounts != (sfnapi.MapRunItemCounts{Running: 2, Pending: 1, Total: 3}) {
		t.Errorf("running, it is described as %+v with %+v", got, got.ItemCounts)
	}
	c.pass(time.Minute)
	c.Close()
	for _, c := range []*cloud{c, over(t, j, time.Hour)} {
		got := describe(c)
		if got.Status != "SUCCEEDED" || *got.ExecutionCounts != (sfnapi.MapRunExecutionCounts{Succeeded: 3, ResultsWritten: 3, Total: 3}) || got.ExecutionArn != execution {
			t.Errorf("ended, it is described as %+v with %+v", got, got.ExecutionCounts)
		}
		if _, err := c.updateMapRun(c.ctx, &sfnapi.UpdateMapRunInput{MapRunArn: found[0].MapRunArn}); !wire.IsCode(err, "ValidationException") {
			t.Errorf("an update of an ended map run: %v", err)
		}
		if !strings.Contains(c.events(execution), "MapRunStarted") {
			t.Errorf("history %s", c.events(execution))
		}
	}
}

func TestAMapRunListsItsChildrenAndTakesNewLimits(t *testing.T) {
	j := &fakeJournal{}
	c := over(t, j, 0)
	arn := c.create("mapped", oneState(`{"Type":"Map","MaxConcurrency":2,"Label":"each","ToleratedFailureCount":1,
		"ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},
		"StartAt":"Item","States":{"Item":{"Type":"Wait","SecondsPath":"$","Next":"Odd"},
			"Odd":{"Type":"Choice","Choices":[{"Variable":"$","NumericEquals":11,"Next":"Bad"}],"Default":"Good"},"Bad":{"Type":"Fail"},"Good":{"Type":"Succeed"}}},"End":true}`))
	execution := c.begin(arn, `[10,11,12,13,14,15]`)
	run := must[*sfnapi.ListMapRunsOutput](t)(c.listMapRuns(c.ctx, &sfnapi.ListMapRunsInput{ExecutionArn: execution})).MapRuns[0].MapRunArn
	children := func(c *cloud, status *string) (states string) {
		in := &sfnapi.ListExecutionsInput{MapRunArn: &run, StatusFilter: status, MaxResults: ptr(int32(2))}
		for {
			out := must[*sfnapi.ListExecutionsOutput](t)(c.listExecutions(c.ctx, in))
			for _, x := range out.Executions {
				states += x.Status[:1]
				if x.StateMachineArn != arn+"/each" || *x.MapRunArn != run || *x.ItemCount != 1 || (x.Status == "RUNNING") != (x.StopDate == nil) {
					t.Errorf("a child is shown as %+v", x)
				}
				if _, err := c.describeExecution(c.ctx, &sfnapi.DescribeExecutionInput{ExecutionArn: x.ExecutionArn}); !wire.IsCode(err, "NotImplementedException") {
					t.Errorf("a child alone: %v", err)
				}
			}
			if in.NextToken = out.NextToken; in.NextToken == nil {
				return states
			}
		}
	}
	if got, want := children(c, nil), "RR"; got != want {
		t.Errorf("at first the children are %s, want %s", got, want)
	}
	must[*sfnapi.UpdateMapRunOutput](t)(c.updateMapRun(c.ctx, &sfnapi.UpdateMapRunInput{MapRunArn: run, MaxConcurrency: ptr(int32(5)), ToleratedFailureCount: ptr(int64(3))}))
	if got, want := children(c, nil), "RRRRR"; got != want {
		t.Errorf("with more room the children are %s, want %s", got, want)
	}
	must[*sfnapi.UpdateMapRunOutput](t)(c.updateMapRun(c.ctx, &sfnapi.UpdateMapRunInput{MapRunArn: run, MaxConcurrency: ptr(int32(1))}))
	c.Close()

	c = over(t, j, 12*time.Second)
	c.pass(0) // 10, 11 and 12 are over
	if got, want := children(c, nil), "RRSFS"; got != want {
		t.Errorf("with less room the children are %s, want %s", got, want)
	}
	if got, want := children(c, ptr("SUCCEEDED")), "SS"; got != want {
		t.Errorf("those that succeeded are %s, want %s", got, want)
	}
	described := must[*sfnapi.DescribeMapRunOutput](t)(c.describeMapRun(c.ctx, &sfnapi.DescribeMapRunInput{MapRunArn: run}))
	if described.MaxConcurrency != 1 || described.ToleratedFailureCount != 3 {
		t.Errorf("the limits are %d at once and %d failures, want 1 and 3", described.MaxConcurrency, described.ToleratedFailureCount)
	}
	c.pass(time.Minute)
	if got, want := children(c, nil), "SSSSFS"; got != want {
		t.Errorf("in the end the children are %s, want %s", got, want)
	}
	if got := c.look(execution); got.Status != "SUCCEEDED" {
		t.Errorf("the execution is %s: %s", got.Status, wire.Value(got.Cause))
	}
}
