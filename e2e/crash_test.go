package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/crossfade-dev/crossfade/internal/clock"
)

// The story of an execution that dies again and again: it waits, tries again,
// goes two ways at once and three times around, hands work to a worker, and hands
// a token out to be called back.
const crashStory = `{"StartAt": "Both", "States": {
	"Both": {"Type": "Parallel", "ResultPath": "$.both", "Next": "Around", "Branches": [
		{"StartAt": "Sleep", "States": {
			"Sleep": {"Type": "Wait", "Seconds": 1, "Next": "Slept"},
			"Slept": {"Type": "Pass", "Result": "slept", "End": true}}},
		{"StartAt": "Stumble", "States": {
			"Stumble": {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:sfn:describeStateMachine",
				"Parameters": {"StateMachineArn": "arn:aws:states:eu-central-1:000000000000:stateMachine:nowhere"},
				"Retry": [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "MaxAttempts": 1}],
				"Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Fell"}], "End": true},
			"Fell": {"Type": "Pass", "Result": "fell", "End": true}}}]},
	"Around": {"Type": "Map", "ItemsPath": "$.items", "ResultPath": "$.items", "Next": "Work",
		"ItemProcessor": {"StartAt": "Turn", "States": {
			"Turn": {"Type": "Wait", "Seconds": 1, "Next": "Turned"},
			"Turned": {"Type": "Pass", "Parameters": {"twice.$": "States.MathAdd($, $)"}, "End": true}}}},
	"Work": {"Type": "Task", "Resource": "%s", "HeartbeatSeconds": 2, "ResultPath": "$.work", "Next": "Call",
		"Retry": [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "MaxAttempts": 1000, "BackoffRate": 1}]},
	"Call": {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:s3:putObject.waitForTaskToken", "ResultPath": "$.call", "End": true,
		"Parameters": {"Bucket": "calls", "Key.$": "$.name", "Body.$": "$$.Task.Token"},
		"Retry": [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "MaxAttempts": 1000, "BackoffRate": 1}]}}}`

// A crashWorld is a cloud that is killed and started again, and those who use it
// meanwhile. They ask again until they are answered.
type crashWorld struct {
	t       *testing.T
	dir     string
	now     atomic.Pointer[life]
	machine string
	worker  string // the activity's ARN

	mu       sync.Mutex
	started  map[string]int // the number of each acknowledged execution, by ARN
	answered map[string]int // how often a worker's answer was acknowledged, by execution
}

// A life of the cloud is the time between two kills, with clients of its own.
type life struct {
	*cloud
	states  *sfn.Client
	buckets *s3.Client
}

// Whatever was acknowledged is there after any kill, goes on where it was, and ends
// once: no execution is lost, none does a thing again whose answer was recorded,
// and each history is one chain of events.
//
// CROSSFADE_KILLS says how often the cloud dies, CROSSFADE_SEED when.
func TestExecutionsSurviveKillsUnderLoad(t *testing.T) {
	t.Parallel()
	kills := number(t, "CROSSFADE_KILLS", 6)
	draw := rand.New(rand.NewPCG(uint64(number(t, "CROSSFADE_SEED", 1)), 7))
	w := &crashWorld{t: t, dir: t.TempDir(), started: map[string]int{}, answered: map[string]int{}}
	w.rise()
	w.prepare()

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var users, starters sync.WaitGroup
	for range 3 {
		users.Go(func() { w.work(ctx) })
	}
	users.Go(func() { w.callBack(ctx) })
	loading, enough := context.WithCancel(ctx)
	var next atomic.Int64
	for range 4 {
		starters.Go(func() {
			for loading.Err() == nil {
				w.start(ctx, int(next.Add(1)))
				<-clock.System{}.After(100 * time.Millisecond)
			}
		})
	}
	for range kills {
		<-clock.System{}.After(50*time.Millisecond + time.Duration(draw.Int64N(int64(1500*time.Millisecond))))
		w.now.Load().kill()
		w.rise()
	}
	enough()
	starters.Wait()
	for arn, n := range w.started {
		w.mustEndWell(arn, n)
	}
	stop()
	users.Wait()
	t.Logf("%d executions lived through %d kills", len(w.started), kills)
}

// rise starts the cloud over what it has written.
func (w *crashWorld) rise() {
	c := startCloud(w.t, "--data", w.dir)
	w.now.Store(&life{c, c.sfn(), s3.NewFromConfig(c.config(), func(o *s3.Options) { o.UsePathStyle = true })})
}

func (w *crashWorld) sfn() *sfn.Client { return w.now.Load().states }
func (w *crashWorld) s3() *s3.Client   { return w.now.Load().buckets }

func (w *crashWorld) prepare() {
	ctx := w.t.Context()
	if _, err := w.s3().CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String("calls")}); err != nil {
		w.t.Fatal(err)
	}
	activity, err := w.sfn().CreateActivity(ctx, &sfn.CreateActivityInput{Name: aws.String("work")})
	if err != nil {
		w.t.Fatal(err)
	}
	w.worker = aws.ToString(activity.ActivityArn)
	machine, err := w.sfn().CreateStateMachine(ctx, &sfn.CreateStateMachineInput{
		Name: aws.String("mortal"), RoleArn: aws.String(roleArn), Definition: aws.String(fmt.Sprintf(crashStory, w.worker)),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.machine = aws.ToString(machine.StateMachineArn)
}

// start asks for an execution until it is acknowledged.
func (w *crashWorld) start(ctx context.Context, n int) {
	for ctx.Err() == nil {
		out, err := w.sfn().StartExecution(ctx, &sfn.StartExecutionInput{
			StateMachineArn: &w.machine, Name: aws.String(crashName(n)),
			Input: aws.String(fmt.Sprintf(`{"name": %q, "n": %d, "items": [%[2]d, 1, 2]}`, crashName(n), n)),
		})
		var there *sfntypes.ExecutionAlreadyExists // it has ended before its start was heard of
		if err == nil || errors.As(err, &there) {
			arn := strings.Replace(w.machine, ":stateMachine:", ":execution:", 1) + ":" + crashName(n)
			if out != nil && aws.ToString(out.ExecutionArn) != arn {
				w.t.Errorf("%s was started as %s", arn, aws.ToString(out.ExecutionArn))
			}
			w.mu.Lock()
			w.started[arn] = n
			w.mu.Unlock()
			return
		}
	}
}

func crashName(n int) string { return fmt.Sprint("run-", n) }

// work is a worker: it takes tasks and answers each until it is heard.
func (w *crashWorld) work(ctx context.Context) {
	for ctx.Err() == nil {
		task, err := w.sfn().GetActivityTask(ctx, &sfn.GetActivityTaskInput{ActivityArn: &w.worker})
		if err != nil || aws.ToString(task.TaskToken) == "" {
			continue
		}
		name := nameIn(aws.ToString(task.Input))
		if w.answer(ctx, aws.ToString(task.TaskToken), `"worked"`) {
			w.mu.Lock()
			w.answered[name]++
			w.mu.Unlock()
		}
	}
}

// nameIn returns the name that an execution's input begins with.
func nameIn(input string) string {
	var name string
	_, _ = fmt.Sscanf(input, `{"name":%q`, &name)
	return name
}

// answer answers a task until it is heard, and says whether the answer was
// acknowledged; the task may have timed out, or an earlier answer may have counted.
func (w *crashWorld) answer(ctx context.Context, token, output string) bool {
	for ctx.Err() == nil {
		_, err := w.sfn().SendTaskSuccess(ctx, &sfn.SendTaskSuccessInput{TaskToken: &token, Output: &output})
		var gone *sfntypes.TaskTimedOut
		var none *sfntypes.TaskDoesNotExist
		var invalid *sfntypes.InvalidToken
		switch {
		case err == nil:
			return true
		case errors.As(err, &gone), errors.As(err, &none), errors.As(err, &invalid):
			return false
		}
	}
	return false
}

// callBack answers the tokens that executions put into the bucket.
func (w *crashWorld) callBack(ctx context.Context) {
	done := map[string]bool{}
	pause := time.NewTicker(200 * time.Millisecond)
	defer pause.Stop()
	for ctx.Err() == nil {
		pages := s3.NewListObjectsV2Paginator(w.s3(), &s3.ListObjectsV2Input{Bucket: aws.String("calls")})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				break
			}
			for _, object := range page.Contents {
				at := fmt.Sprint(aws.ToString(object.Key), aws.ToString(object.ETag)) // another token has another tag
				if done[at] {
					continue
				}
				if token := w.read(ctx, aws.ToString(object.Key)); token != "" {
					w.answer(ctx, token, `"called back"`)
					done[at] = true
				}
			}
		}
		select {
		case <-pause.C:
		case <-ctx.Done():
		}
	}
}

func (w *crashWorld) read(ctx context.Context, key string) string {
	out, err := w.s3().GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String("calls"), Key: &key})
	if err != nil {
		return ""
	}
	defer func() { _ = out.Body.Close() }()
	var token string // Step Functions writes JSON
	if err := json.NewDecoder(out.Body).Decode(&token); err != nil {
		return ""
	}
	return token
}

// mustEndWell waits for the end of an execution and reads its history.
func (w *crashWorld) mustEndWell(arn string, n int) {
	t := w.t
	t.Helper()
	var described *sfn.DescribeExecutionOutput
	defer func() {
		if t.Failed() {
			for _, e := range w.history(arn) {
				t.Logf("%d after %d %s %s", e.Id, e.PreviousEventId, e.Type, e.Timestamp.Format("05.000"))
			}
			t.FailNow()
		}
	}()
	eventually(t, "the end of "+arn, func() bool {
		var err error
		if described, err = w.sfn().DescribeExecution(t.Context(), &sfn.DescribeExecutionInput{ExecutionArn: &arn}); err != nil {
			t.Fatalf("an acknowledged execution is lost: %v", err)
		}
		return described.Status != sfntypes.ExecutionStatusRunning
	})
	want := fmt.Sprintf(`{"name":%q,"n":%d,"items":[{"twice":%d},{"twice":2},{"twice":4}],"both":["slept","fell"],"work":"worked","call":"called back"}`, crashName(n), n, 2*n)
	if got := aws.ToString(described.Output); got != want {
		t.Errorf("%s is %s (%s) with output\n%s, want\n%s", arn, described.Status, aws.ToString(described.Cause), got, want)
	}
	w.mu.Lock()
	if heard := w.answered[crashName(n)]; heard > 1 {
		t.Errorf("%s heard %d answers of a worker to one task", arn, heard)
	}
	w.mu.Unlock()

	mustBeOneChain(t, arn, w.history(arn))
}

// history returns all events of an execution.
func (w *crashWorld) history(arn string) []sfntypes.HistoryEvent {
	w.t.Helper()
	var events []sfntypes.HistoryEvent
	pages := sfn.NewGetExecutionHistoryPaginator(w.sfn(), &sfn.GetExecutionHistoryInput{ExecutionArn: &arn})
	for pages.HasMorePages() {
		page, err := pages.NextPage(context.WithoutCancel(w.t.Context()))
		if err != nil {
			w.t.Error(err)
			return events
		}
		events = append(events, page.Events...)
	}
	return events
}

// mustBeOneChain holds a history to be complete: numbered without a gap, each event
// after the one that it follows, in the order of time, and each thing that happens
// once there once.
func mustBeOneChain(t *testing.T, arn string, events []sfntypes.HistoryEvent) {
	t.Helper()
	count := map[sfntypes.HistoryEventType]int{}
	for i, e := range events {
		count[e.Type]++
		if e.Id != int64(i+1) || e.PreviousEventId >= e.Id || e.PreviousEventId < 0 || i > 1 && e.PreviousEventId == 0 {
			t.Errorf("%s: event %d of %d has the id %d after %d", arn, i+1, len(events), e.Id, e.PreviousEventId)
		}
		if i > 0 && e.Timestamp.Before(*events[i-1].Timestamp) {
			t.Errorf("%s: event %d at %v is before the event ahead of it, at %v", arn, e.Id, e.Timestamp, events[i-1].Timestamp)
		}
	}
	for kind, want := range map[sfntypes.HistoryEventType]int{
		sfntypes.HistoryEventTypeExecutionStarted:       1,
		sfntypes.HistoryEventTypeParallelStateSucceeded: 1,
		sfntypes.HistoryEventTypeMapIterationSucceeded:  3,
		sfntypes.HistoryEventTypeMapStateSucceeded:      1,
		sfntypes.HistoryEventTypeActivitySucceeded:      1,
		sfntypes.HistoryEventTypeTaskSucceeded:          1,
		sfntypes.HistoryEventTypeWaitStateExited:        4,
		sfntypes.HistoryEventTypeExecutionSucceeded:     1,
	} {
		if count[kind] != want {
			t.Errorf("%s: %d events %s, want %d", arn, count[kind], kind, want)
		}
	}
	if last := events[len(events)-1]; last.Type != sfntypes.HistoryEventTypeExecutionSucceeded {
		t.Errorf("%s: the last event is %s", arn, last.Type)
	}
}
