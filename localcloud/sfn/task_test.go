package sfn

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
	"github.com/crossfade-dev/crossfade/internal/clock"
	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/sfnapi"
)

func answering(v string) *integrations {
	return &integrations{answer: func(context.Context, string, string, jsonvalue.Value) (jsonvalue.Value, error) {
		return jsonvalue.Parse(v)
	}}
}

func TestAnSDKTaskCallsTheOperation(t *testing.T) {
	var caller wire.Caller
	calls := &integrations{answer: func(ctx context.Context, service, action string, params jsonvalue.Value) (jsonvalue.Value, error) {
		caller = wire.CallerFrom(ctx)
		return jsonvalue.Parse(`{"Alarms":[]}`)
	}}
	c := newCloud(t, func(config *Config) { config.Integrations = calls })
	arn := c.create("asks", oneState(`{"Type":"Task","Resource":"arn:aws:states:::aws-sdk:cloudwatch:describeAlarms","Parameters":{"AlarmNames":["a"]},"End":true}`))
	execution := c.begin(arn)
	c.pass(time.Second)
	if got := c.look(execution); got.Status != "SUCCEEDED" || *got.Output != `{"Alarms":[]}` {
		t.Fatalf("ended %s with %s %s", got.Status, wire.Value(got.Output), wire.Value(got.Cause))
	}
	if got, want := strings.Join(calls.calls, "; "), `cloudwatch:describeAlarms {"AlarmNames":["a"]}`; got != want {
		t.Errorf("called %s, want %s", got, want)
	}
	if caller.Account != testAccount || caller.Region != testRegion {
		t.Errorf("called in the name of %+v", caller)
	}
	if got, want := c.events(execution), "ExecutionStarted TaskStateEntered TaskScheduled TaskStarted TaskSucceeded TaskStateExited ExecutionSucceeded"; got != want {
		t.Errorf("history %s, want %s", got, want)
	}
}

func TestErrorsOfCallsAreWordedAsTheSDKsWordThem(t *testing.T) {
	gone := &wire.Error{Code: "TopicGone", Message: "No such topic", Status: 404}
	for what, test := range map[string]struct {
		resource, error, cause string
		err                    error
	}{
		"SDK integration": {"arn:aws:states:::aws-sdk:sns:publish", "Sns.TopicGoneException",
			"No such topic (Service: Sns, Status Code: 404, Request ID: *) (SDK Attempt Count: 1)", gone},
		"optimized integration": {"arn:aws:states:::sns:publish", "SNS.TopicGoneException",
			"No such topic (Service: AmazonSNS; Status Code: 404; Error Code: TopicGone; Request ID: *; Proxy: null)", gone},
		"no answer": {"arn:aws:states:::aws-sdk:sns:publish", "Sns.SdkClientException", "no route", errors.New("no route")},
		"nobody to ask": {"arn:aws:states:::lambda:invoke", "Lambda.ResourceNotFoundException",
			"Function not found: f (there is no Lambda here) (Service: AWSLambda; Status Code: 404; Error Code: ResourceNotFoundException; Request ID: *; Proxy: null)", nil},
	} {
		t.Run(what, func(t *testing.T) {
			calls := &integrations{answer: func(context.Context, string, string, jsonvalue.Value) (jsonvalue.Value, error) {
				return jsonvalue.Value{}, test.err
			}}
			c := newCloud(t, func(config *Config) { config.Integrations = calls })
			arn := c.create("failing", oneState(`{"Type":"Task","Resource":"`+test.resource+`","Parameters":{"FunctionName":"f","Message":"m"},"End":true}`))
			execution := c.begin(arn)
			c.pass(time.Second)
			got := c.look(execution)
			before, after, _ := strings.Cut(test.cause, "*")
			if got.Status != "FAILED" || *got.Error != test.error || !strings.HasPrefix(*got.Cause, before) || !strings.HasSuffix(*got.Cause, after) {
				t.Errorf("ended %s with %s: %s, want %s: %s", got.Status, *got.Error, *got.Cause, test.error, test.cause)
			}
		})
	}
}

// functions answers by a function.
type functions func(in Invocation) (Invoked, error)

func (f functions) Invoke(_ context.Context, in Invocation) (Invoked, error) { return f(in) }

func TestTasksInvokeFunctionsByARNAndByIntegration(t *testing.T) {
	var asked []Invocation
	c := newCloud(t, func(config *Config) {
		config.Functions = functions(func(in Invocation) (Invoked, error) {
			asked = append(asked, in)
			if in.Payload == `"bad"` {
				return Invoked{Status: 200, FunctionError: "Unhandled", Payload: `{"errorType":"Oops","errorMessage":"no"}`}, nil
			}
			return Invoked{Status: 200, ExecutedVersion: "3", Payload: `{"said": ` + in.Payload + `}`}, nil
		})
	})
	const function = "arn:aws:lambda:eu-central-1:123456789012:function:f:live"
	direct := c.create("direct", oneState(`{"Type":"Task","Resource":"`+function+`","End":true}`))
	optimized := c.create("optimized", oneState(`{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Parameters":{"FunctionName":"f","Payload.$":"$"},"End":true}`))

	good := c.begin(direct, `"hi"`)
	c.pass(0)
	if got := c.look(good); *got.Output != `{"said": "hi"}` || asked[0].Function != function || asked[0].Payload != `"hi"` {
		t.Errorf("output %s after %+v", *got.Output, asked)
	}
	bad := c.begin(direct, `"bad"`)
	c.pass(0)
	if got := c.look(bad); *got.Error != "Oops" || *got.Cause != `{"errorType":"Oops","errorMessage":"no"}` {
		t.Errorf("failed with %s: %s", *got.Error, *got.Cause)
	}
	if got, want := c.events(bad), "ExecutionStarted TaskStateEntered LambdaFunctionScheduled LambdaFunctionStarted LambdaFunctionFailed ExecutionFailed"; got != want {
		t.Errorf("history %s, want %s", got, want)
	}
	wrapped := c.begin(optimized, `"hi"`)
	c.pass(0)
	out, err := jsonvalue.Parse(*c.look(wrapped).Output)
	if err != nil {
		t.Fatal(err)
	}
	if v := member(out, "ExecutedVersion").Str(); v != "3" || member(out, "Payload").String() != `{"said":"hi"}` ||
		member(out, "StatusCode").Literal() != "200" || member(member(out, "SdkHttpMetadata"), "HttpStatusCode").Literal() != "200" {
		t.Errorf("output %s", out)
	}
}

func TestTheIntegrationWithLambdaPrintsCausesAnewAndShowsTheLog(t *testing.T) {
	c := newCloud(t, func(config *Config) {
		config.Functions = functions(func(in Invocation) (Invoked, error) {
			switch in.Payload {
			case `"bad"`:
				return Invoked{Status: 200, FunctionError: "Unhandled", Payload: `{"errorType": "Oops", "errorMessage": "no beans"}`}, nil
			case `"long"`:
				return Invoked{Status: 200, Payload: strings.Repeat("x", maxData+1)}, nil // and no JSON
			}
			return Invoked{Status: 200, ExecutedVersion: "3", Payload: `{}`, LogResult: "bG9n"}, nil
		})
	})
	arn := c.create("tail", oneState(`{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Parameters":{"FunctionName":"f","Payload.$":"$","LogType":"Tail"},"End":true}`))
	end := func(input string) *sfnapi.DescribeExecutionOutput {
		x := c.begin(arn, input)
		c.pass(0)
		return c.look(x)
	}
	if got := end(`"bad"`); *got.Cause != `{"errorType":"Oops","errorMessage":"no beans"}` {
		t.Errorf("the cause is %s, want it without blanks", *got.Cause)
	}
	if got := end(`"long"`); *got.Error != "States.DataLimitExceeded" {
		t.Errorf("an answer that is too long is %s: %s", *got.Error, wire.Value(got.Cause))
	}
	out, err := jsonvalue.Parse(*end(`"good"`).Output)
	if err != nil {
		t.Fatal(err)
	}
	headers := member(member(out, "SdkHttpMetadata"), "HttpHeaders")
	if member(out, "LogResult").Str() != "bG9n" || member(headers, "X-Amz-Log-Result").Str() != "bG9n" {
		t.Errorf("output %s", out)
	}
}

func TestAnActivityIsFetchedAndEndedByItsWorker(t *testing.T) {
	c := newCloud(t)
	worker := must[*sfnapi.CreateActivityOutput](t)(c.createActivity(c.ctx, &sfnapi.CreateActivityInput{Name: "work"})).ActivityArn
	arn := c.create("working", oneState(`{"Type":"Task","Resource":"`+worker+`","HeartbeatSeconds":30,"TimeoutSeconds":300,"End":true}`))
	fetch := func() *sfnapi.GetActivityTaskOutput {
		t.Helper()
		return must[*sfnapi.GetActivityTaskOutput](t)(c.getActivityTask(c.ctx, &sfnapi.GetActivityTaskInput{ActivityArn: worker, WorkerName: ptr("me")}))
	}
	good := c.begin(arn, `{"n":1}`)
	task := fetch()
	if *task.Input != `{"n":1}` || wire.Value(task.TaskToken) == "" {
		t.Fatalf("fetched %+v", task)
	}
	for range 3 {
		c.pass(20 * time.Second)
		must[*sfnapi.SendTaskHeartbeatOutput](t)(c.sendTaskHeartbeat(c.ctx, &sfnapi.SendTaskHeartbeatInput{TaskToken: *task.TaskToken}))
	}
	success := func() error {
		_, err := c.sendTaskSuccess(c.ctx, &sfnapi.SendTaskSuccessInput{TaskToken: *task.TaskToken, Output: `{"n": 2}`})
		return err
	}
	if err := success(); err != nil {
		t.Fatal(err)
	}
	refused(t, success(), "TaskTimedOut", "Task Timed Out: 'Provided task does not exist anymore'")
	if got := c.look(good); got.Status != "SUCCEEDED" || *got.Output != `{"n": 2}` {
		t.Errorf("ended %s with %s", got.Status, wire.Value(got.Output))
	}
	if got, want := c.events(good), "ExecutionStarted TaskStateEntered ActivityScheduled ActivityStarted ActivitySucceeded TaskStateExited ExecutionSucceeded"; got != want {
		t.Errorf("history %s, want %s", got, want)
	}

	bad := c.begin(arn)
	task = fetch()
	must[*sfnapi.SendTaskFailureOutput](t)(c.sendTaskFailure(c.ctx, &sfnapi.SendTaskFailureInput{TaskToken: *task.TaskToken, Error: ptr("E")}))
	if got := c.look(bad); got.Status != "FAILED" || *got.Error != "E" || got.Cause != nil {
		t.Errorf("ended %s with %s", got.Status, wire.Value(got.Error))
	}
	silent := c.begin(arn)
	task = fetch()
	c.pass(time.Minute)
	if got := c.look(silent); got.Status != "FAILED" || *got.Error != "States.HeartbeatTimeout" && *got.Error != "States.Timeout" {
		t.Errorf("without a heartbeat it ended %s with %s", got.Status, wire.Value(got.Error))
	}
	refused(t, success(), "TaskTimedOut", "")
	_, err := c.sendTaskHeartbeat(c.ctx, &sfnapi.SendTaskHeartbeatInput{TaskToken: "made-up"})
	refused(t, err, "InvalidToken", "Invalid Token: 'Invalid token'")
	c.begin(arn)
	_, err = c.sendTaskSuccess(c.ctx, &sfnapi.SendTaskSuccessInput{TaskToken: *fetch().TaskToken, Output: "{"})
	refused(t, err, "InvalidOutput", "")
	_, err = c.sendTaskSuccess(c.ctx, &sfnapi.SendTaskSuccessInput{TaskToken: "made-up", Output: "{"})
	refused(t, err, "InvalidToken", "") // the token comes first
}

func TestActivitiesComeAndGo(t *testing.T) {
	c := newCloud(t)
	create := func() *sfnapi.CreateActivityOutput {
		return must[*sfnapi.CreateActivityOutput](t)(c.createActivity(c.ctx, &sfnapi.CreateActivityInput{Name: "a.b-c_1"}))
	}
	first := create()
	c.pass(time.Second)
	if again := create(); *again != *first {
		t.Errorf("the repeated creation answered %v, want %v", again, first)
	}
	got := must[*sfnapi.DescribeActivityOutput](t)(c.describeActivity(c.ctx, &sfnapi.DescribeActivityInput{ActivityArn: first.ActivityArn}))
	if got.Name != "a.b-c_1" || got.EncryptionConfiguration.Type != "AWS_OWNED_KEY" {
		t.Errorf("described as %+v", got)
	}
	for range 2 {
		must[*sfnapi.DeleteActivityOutput](t)(c.deleteActivity(c.ctx, &sfnapi.DeleteActivityInput{ActivityArn: first.ActivityArn}))
	}
	_, err := c.describeActivity(c.ctx, &sfnapi.DescribeActivityInput{ActivityArn: first.ActivityArn})
	refused(t, err, "ActivityDoesNotExist", "Activity Does Not Exist: '"+first.ActivityArn+"'")
	_, err = c.getActivityTask(c.ctx, &sfnapi.GetActivityTaskInput{ActivityArn: first.ActivityArn})
	refused(t, err, "ActivityDoesNotExist", "Activity Does Not Exist: '"+first.ActivityArn+"'")
	_, err = c.getActivityTask(c.ctx, &sfnapi.GetActivityTaskInput{ActivityArn: "worker"})
	refused(t, err, "InvalidArn", "Invalid Arn: 'Invalid ARN prefix: worker'")

	execution := c.begin(c.create("orphan", oneState(`{"Type":"Task","Resource":"`+first.ActivityArn+`","End":true}`)))
	c.pass(0)
	if got := c.look(execution); got.Status != "FAILED" {
		t.Errorf("a task of a deleted activity leaves its execution %s", got.Status)
	}
	if got, want := c.events(execution), "ExecutionStarted TaskStateEntered ExecutionFailed"; got != want {
		t.Errorf("the history has %s, want %s", got, want)
	}
}

func TestACallbackEndsItsTask(t *testing.T) {
	tokens := make(chan string, 1)
	calls := &integrations{answer: func(_ context.Context, _, _ string, params jsonvalue.Value) (jsonvalue.Value, error) {
		tokens <- member(params, "Message").Str()
		return jsonvalue.Parse(`{"MessageId":"m"}`)
	}}
	c := newCloud(t, func(config *Config) { config.Integrations = calls })
	arn := c.create("called-back", oneState(`{"Type":"Task","Resource":"arn:aws:states:::sns:publish.waitForTaskToken","Parameters":{"TopicArn":"t","Message.$":"$$.Task.Token"},"End":true}`))
	execution := c.begin(arn)
	c.pass(time.Minute)
	must[*sfnapi.SendTaskSuccessOutput](t)(c.sendTaskSuccess(c.ctx, &sfnapi.SendTaskSuccessInput{TaskToken: <-tokens, Output: `"done"`}))
	if got := c.look(execution); got.Status != "SUCCEEDED" || *got.Output != `"done"` {
		t.Errorf("ended %s with %s", got.Status, wire.Value(got.Output))
	}
	if got, want := c.events(execution), "ExecutionStarted TaskStateEntered TaskScheduled TaskStarted TaskSubmitted TaskSucceeded TaskStateExited ExecutionSucceeded"; got != want {
		t.Errorf("history %s, want %s", got, want)
	}
}

func startTask(suffix, target, more string) string {
	return oneState(`{"Type":"Task","Resource":"arn:aws:states:::states:startExecution` + suffix + `","Parameters":{"StateMachineArn":"` + target + `","Name":"child","Input.$":"$"}` + more + `,"End":true}`)
}

func TestAnExecutionStartsAnother(t *testing.T) {
	c := newCloud(t)
	slow := c.create("slow", waitAnHour)
	failing := c.create("failing", `{"StartAt":"Sleep","States":{"Sleep":{"Type":"Wait","Seconds":1,"Next":"Bad"},"Bad":{"Type":"Fail","Error":"E","Cause":"C"}}}`)
	output := func(execution string) jsonvalue.Value {
		t.Helper()
		got := c.look(execution)
		if got.Output == nil {
			t.Fatalf("%s is %s: %s", execution, got.Status, wire.Value(got.Cause))
		}
		v, err := jsonvalue.Parse(*got.Output)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	fire := c.begin(c.create("fire", startTask("", slow, "")), `{"k":1}`)
	c.pass(time.Second)
	child := "arn:aws:states:eu-central-1:123456789012:execution:slow:child"
	if got := output(fire); member(got, "ExecutionArn").Str() != child || member(member(got, "SdkHttpMetadata"), "HttpStatusCode").Literal() != "200" {
		t.Errorf("a request answers %s", got)
	}
	if got := c.look(child); got.Status != "RUNNING" || *got.Input != `{"k":1}` {
		t.Errorf("the child is %s with input %s", got.Status, *got.Input)
	}
	must[*sfnapi.StopExecutionOutput](t)(c.stopExecution(c.ctx, &sfnapi.StopExecutionInput{ExecutionArn: child}))

	for suffix, want := range map[string]string{".sync": `"{\"made\":\"here\"}"`, ".sync:2": `{"made":"here"}`} {
		name := "for" + strings.ReplaceAll(strings.ReplaceAll(suffix, ".", "-"), ":", "-")
		quick := c.create("quick"+name, passDefinition(""))
		parent := c.begin(c.create(name, startTask(suffix, quick, "")), `{"k":1}`)
		c.pass(time.Second)
		got := output(parent)
		if member(got, "Output").String() != want || member(got, "Status").Str() != "SUCCEEDED" || member(got, "Name").Str() != "child" {
			t.Errorf("%s answers %s, want output %s", suffix, got, want)
		}
		if got, want := c.events(parent), "ExecutionStarted TaskStateEntered TaskScheduled TaskStarted TaskSubmitted TaskSucceeded TaskStateExited ExecutionSucceeded"; got != want {
			t.Errorf("history %s, want %s", got, want)
		}
	}

	failed := c.begin(c.create("for-bad", startTask(".sync", failing, "")), `null`)
	c.pass(time.Minute)
	got := c.look(failed)
	cause, err := jsonvalue.Parse(wire.Value(got.Cause))
	if err != nil || got.Status != "FAILED" || *got.Error != "States.TaskFailed" || member(cause, "Status").Str() != "FAILED" ||
		member(cause, "Error").Str() != "E" || member(cause, "Cause").Str() != "C" || member(cause, "Input").Str() != "{}" {
		t.Errorf("ended %s with %s: %s", got.Status, wire.Value(got.Error), wire.Value(got.Cause))
	}
	nowhere := c.begin(c.create("nowhere", startTask("", slow+"x", "")), `null`)
	c.pass(0)
	if got := c.look(nowhere); *got.Error != "StepFunctions.StateMachineDoesNotExistException" ||
		!strings.HasPrefix(*got.Cause, "State Machine Does Not Exist: '"+slow+"x' (Service: AWSStepFunctions; Status Code: 400; Error Code: StateMachineDoesNotExist; Request ID: ") {
		t.Errorf("ended with %s: %s", *got.Error, *got.Cause)
	}
}

func TestAChildIsStoppedWhenNobodyWaitsForIt(t *testing.T) {
	c := newCloud(t)
	slow := c.create("slow", waitAnHour)
	parent := c.begin(c.create("impatient", startTask(".sync", slow, `,"TimeoutSeconds":60`)), `null`)
	c.pass(2 * time.Minute)
	if got := c.look(parent); got.Status != "FAILED" || *got.Error != "States.Timeout" {
		t.Errorf("the parent is %s with %s", got.Status, wire.Value(got.Error))
	}
	if got := c.look("arn:aws:states:eu-central-1:123456789012:execution:slow:child"); got.Status != "ABORTED" {
		t.Errorf("the child is %s, want ABORTED", got.Status)
	}
}

func TestATaskThatTakesTooLongIsCalledOff(t *testing.T) {
	calledOff := make(chan struct{})
	calls := &integrations{answer: func(ctx context.Context, _, _ string, _ jsonvalue.Value) (jsonvalue.Value, error) {
		<-ctx.Done()
		close(calledOff)
		return jsonvalue.Value{}, ctx.Err()
	}}
	synctest.Test(t, func(t *testing.T) {
		calledOff = make(chan struct{})
		c := newCloud(t, func(config *Config) { config.Integrations, config.Clock = calls, clock.System{} })
		ctx, stop := context.WithCancel(t.Context())
		go clock.Run(ctx, clock.System{}, c.Service, c.Wake(), nil)
		execution := c.begin(c.create("slow", oneState(`{"Type":"Task","Resource":"arn:aws:states:::aws-sdk:sns:publish","TimeoutSeconds":5,"End":true}`)))
		<-calledOff
		synctest.Wait()
		if got := c.look(execution); got.Status != "FAILED" || *got.Error != "States.Timeout" {
			t.Errorf("ended %s with %s", got.Status, wire.Value(got.Error))
		}
		stop()
		c.Close()
	})
}

// TestTheShellInRealTime has workers, waits and many executions at once, in a
// bubble whose clock is the real one's stand-in.
func TestTheShellInRealTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCloud(t, func(config *Config) { config.Clock = clock.System{} })
		ctx, stop := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { clock.Run(ctx, clock.System{}, c.Service, c.Wake(), func(err error) { t.Error(err) }) })
		worker := must[*sfnapi.CreateActivityOutput](t)(c.createActivity(c.ctx, &sfnapi.CreateActivityInput{Name: "work"})).ActivityArn
		arn := c.create("both", `{"StartAt":"Sleep","States":{"Sleep":{"Type":"Wait","Seconds":90,"Next":"Work"},"Work":{"Type":"Task","Resource":"`+worker+`","End":true}}}`)
		began := time.Now()
		var executions []string
		for range 50 {
			executions = append(executions, c.begin(arn))
		}
		// A poll of a minute finds nothing and says so; the next one finds a task.
		if got := must[*sfnapi.GetActivityTaskOutput](t)(c.getActivityTask(c.ctx, &sfnapi.GetActivityTaskInput{ActivityArn: worker})); got.TaskToken != nil {
			t.Error("a task came before its time")
		}
		if waited := time.Since(began); waited != time.Minute {
			t.Errorf("the poll lasted %v, want a minute", waited)
		}
		for range 5 {
			wg.Go(func() {
				for range 10 {
					task, err := c.getActivityTask(c.ctx, &sfnapi.GetActivityTaskInput{ActivityArn: worker})
					if err != nil || task.TaskToken == nil {
						t.Errorf("fetched %v, %v", task, err)
						return
					}
					if _, err := c.sendTaskSuccess(c.ctx, &sfnapi.SendTaskSuccessInput{TaskToken: *task.TaskToken, Output: "1"}); err != nil {
						t.Error(err)
					}
				}
			})
		}
		time.Sleep(time.Minute) // virtual: the bubble's clock
		synctest.Wait()
		for _, x := range executions {
			if got := c.look(x); got.Status != "SUCCEEDED" || got.StopDate.Sub(began.Truncate(time.Millisecond)) != 90*time.Second {
				t.Errorf("%s after %v", got.Status, got.StopDate.Sub(began))
			}
		}
		abandoned, cancel := context.WithCancel(c.ctx)
		wg.Go(func() {
			if _, err := c.getActivityTask(abandoned, &sfnapi.GetActivityTaskInput{ActivityArn: worker}); !errors.Is(err, context.Canceled) {
				t.Errorf("an abandoned poll ended with %v", err)
			}
		})
		synctest.Wait()
		cancel()
		stop()
		wg.Wait()
		c.Close()
	})
}
