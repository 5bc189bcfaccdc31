package sfn

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
	"github.com/crossfade-dev/crossfade/localcloud/journal"
	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/sfnapi"
)

const (
	manyItems = 80
	// sleepEach waits for each item until its own time.
	sleepEach = `{"StartAt":"Each","States":{"Each":{"Type":"Map","ItemsPath":"$.items","MaxConcurrency":30,"End":true,
		"ItemProcessor":{%s"StartAt":"Sleep","States":{
			"Sleep":{"Type":"Wait","SecondsPath":"$.i","Next":"Note"},
			"Note":{"Type":"Pass","ResultPath":"$.done","Result":true,"End":true}}}}}}`
	inChildren = `"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},`
)

// apart counts the records of states that are kept apart, whole or as changes.
func (j *fakeJournal) apart(t *testing.T) (states, changes int) {
	t.Helper()
	for kind, n := range map[string]*int{recordState: &states, recordChange: &changes} {
		if err := j.Load(kind, func(string, []byte) error { *n++; return nil }); err != nil {
			t.Fatal(err)
		}
	}
	return states, changes
}

func TestALargeExecutionGoesOnWhereverItIsKilled(t *testing.T) {
	for what, where := range map[string]string{"iterations": "", "child executions": inChildren} {
		t.Run(what, func(t *testing.T) {
			whole := &fakeJournal{}
			c := over(t, whole, 0)
			arn := c.create("each", fmt.Sprintf(sleepEach, where))
			x := c.begin(arn, itemsOf(manyItems))
			var last time.Duration
			shapes, at := map[int]string{}, map[int]time.Duration{} // by the number of commits
			for ; c.look(x).Status == "RUNNING"; last += time.Second {
				shapes[whole.len()], at[whole.len()] = c.shape(), last
				c.pass(time.Second)
			}
			want := *c.look(x).Output
			if states, changes := whole.apart(t); states+changes > 0 {
				t.Errorf("the execution has ended, and %d states and %d changes are left", states, changes)
			}
			most := 0
			for commits, shape := range shapes {
				rest := whole.upTo(commits)
				_, changes := rest.apart(t)
				most = max(most, changes)
				again := over(t, rest, at[commits])
				if got := again.shape(); got != shape {
					t.Fatalf("killed after commit %d:\n%s\nwant\n%s", commits, got, shape)
				}
				if commits%7 == 0 {
					again.pass(last + time.Minute)
					if got := again.look(x); got.Status != "SUCCEEDED" || *got.Output != want {
						t.Fatalf("killed after commit %d it ended %s with %s", commits, got.Status, wire.Value(got.Output))
					}
					if states, changes := rest.apart(t); states+changes > 0 {
						t.Errorf("killed after commit %d: %d states and %d changes are left", commits, states, changes)
					}
				}
				again.Close()
			}
			if most < 3 {
				t.Errorf("at most %d changes were kept; the test is to have many", most)
			}
		})
	}
}

func TestWhatCouldNotBeSavedOfALargeExecutionIsSavedWithTheNextStep(t *testing.T) {
	j := &fakeJournal{}
	c := over(t, j, 0)
	arn := c.create("each", fmt.Sprintf(sleepEach, inChildren))
	x := c.begin(arn, itemsOf(manyItems))
	c.pass(5 * time.Second)
	full := true
	j.fail = func(_ int, records []journal.Record) error {
		if full {
			return journal.ErrFull
		}
		return nil
	}
	due, ok := c.Next()
	if !ok {
		t.Fatal("nothing is due")
	}
	if err := c.clock.Drive(c.ctx, due, 0, c.Service); !errors.Is(err, journal.ErrFull) {
		t.Fatalf("a step on a full disk: got %v, want %v", err, journal.ErrFull)
	}
	full = false
	c.pass(10 * time.Second)
	before := c.shape()
	again := over(t, j, c.clock.Now().Sub(testStart))
	if got := again.shape(); got != before {
		t.Errorf("after a restart:\n%s\nwant\n%s", got, before)
	}
	again.pass(time.Hour)
	if got := again.look(x).Status; got != "SUCCEEDED" {
		t.Errorf("it ended %s, want SUCCEEDED", got)
	}
}

// TestTheAnswerOfAChildsTaskIsOnDiskWhenItIsAcknowledged answers a token of a
// distributed Map's child, which leaves no word in the history.
func TestTheAnswerOfAChildsTaskIsOnDiskWhenItIsAcknowledged(t *testing.T) {
	j := &fakeJournal{}
	tokens := make(chan string, 2)
	withQueue := func(config *Config) {
		config.Integrations = &integrations{answer: func(_ context.Context, _, _ string, params jsonvalue.Value) (jsonvalue.Value, error) {
			body, _ := params.Get("MessageBody")
			tokens <- body.Str()
			return jsonvalue.Parse(`{"MessageId":"1"}`)
		}}
	}
	c := over(t, j, 0, withQueue)
	arn := c.create("ask", `{"StartAt":"Each","States":{"Each":{"Type":"Map","ItemsPath":"$.items","End":true,
		"ItemProcessor":{`+inChildren+`"StartAt":"Ask","States":{
			"Ask":{"Type":"Task","Resource":"arn:aws:states:::sqs:sendMessage.waitForTaskToken","End":true,
				"Parameters":{"QueueUrl":"http://localhost/q","MessageBody.$":"$$.Task.Token"}}}}}}}`)
	x := c.begin(arn, itemsOf(2))
	c.pass(0)
	first, second := <-tokens, <-tokens
	must[*sfnapi.SendTaskSuccessOutput](t)(c.sendTaskSuccess(c.ctx, &sfnapi.SendTaskSuccessInput{TaskToken: first, Output: `"one"`}))
	again := over(t, j.upTo(j.len()), time.Second, withQueue)
	_, err := again.sendTaskSuccess(again.ctx, &sfnapi.SendTaskSuccessInput{TaskToken: first, Output: `"two"`})
	if err == nil {
		t.Error("a token that was answered before the kill was answered again")
	}
	must[*sfnapi.SendTaskSuccessOutput](t)(again.sendTaskSuccess(again.ctx, &sfnapi.SendTaskSuccessInput{TaskToken: second, Output: `"three"`}))
	again.pass(0)
	if got := again.look(x); got.Status != "SUCCEEDED" || !strings.Contains(*got.Output, `"one"`) || !strings.Contains(*got.Output, `"three"`) {
		t.Errorf("it ended %s with %s", got.Status, wire.Value(got.Output))
	}
}
