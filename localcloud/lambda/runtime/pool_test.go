package runtime

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/crossfade-dev/crossfade/internal/clock"
	"github.com/crossfade-dev/crossfade/localcloud/lambda"
)

// held is a function that answers with its process's name, after it was told to.
const held = `
import os, sys
def handler(event, context):
    if event == "hold":
        print("held")
        while not os.path.exists(os.environ["GO"]):
            os.sched_yield()
    return os.environ["AWS_LAMBDA_LOG_STREAM_NAME"][-1]
`

func TestEnvironmentsAreReusedLastFirstAndEndWhenIdle(t *testing.T) {
	now := clock.NewVirtual(morning)
	next := 'a'
	b := newBed(t, Options{Clock: now, IdleAfter: 5 * time.Minute, NewID: func() string {
		defer func() { next++ }()
		return strings.Repeat(string(next), 32)
	}})
	if at, ok := b.Next(); ok {
		t.Errorf("without an environment there is something to do at %v", at)
	}
	v := python(t, held)
	v.Timeout = 15 * time.Minute
	release := t.TempDir() + "/go"
	v.Environment["GO"] = release
	var ended sync.WaitGroup
	ended.Go(func() { b.wantResult(v, `"hold"`, `"a"`) })
	b.wait("held\n", 1)
	// The first one is busy, so there are two now.
	b.wantResult(v, `{}`, `"b"`)
	<-b.Wake()
	if at, ok := b.Next(); !ok || !at.Equal(morning.Add(5*time.Minute)) {
		t.Errorf("the idle environment is to end at %v, %v", at, ok)
	}
	now.Set(morning.Add(time.Minute))
	touch(t, release)
	ended.Wait()
	b.wantResult(v, `{}`, `"a"`)
	b.wantResult(v, `{}`, `"a"`)
	if err := b.Run(t.Context(), morning.Add(5*time.Minute)); err != nil {
		t.Fatal(err)
	}
	if idle := b.idle(v); len(idle) != 1 || idle[0].id[0] != 'a' {
		t.Errorf("%d environments are left, want the one that was used", len(idle))
	}
	if at, ok := b.Next(); !ok || !at.Equal(morning.Add(6*time.Minute)) {
		t.Errorf("the other one is to end at %v, %v", at, ok)
	}
	if err := b.Run(t.Context(), morning.Add(6*time.Minute)); err != nil {
		t.Fatal(err)
	}
	b.wantResult(v, `{}`, `"c"`)
}

func TestARetiredVersionEndsAfterWhatItDoes(t *testing.T) {
	b := newBed(t, Options{})
	v := python(t, held)
	v.LogGroup = "retired"
	release := t.TempDir() + "/go"
	v.Environment["GO"] = release
	var said lambda.Response
	var ended sync.WaitGroup
	ended.Go(func() { said = b.call(v, `"hold"`) })
	b.wait("held\n", 1)
	b.Retire(v)
	touch(t, release)
	ended.Wait()
	if said.FunctionError != "" {
		t.Errorf("the invocation that ran ended with %s", said.Payload)
	}
	b.wantNothingLeft(v)
	// One that is late is served, and leaves nothing either.
	if r := b.call(v, `{}`); r.FunctionError != "" || r.InitDuration == 0 {
		t.Errorf("a late invocation ended with %s", r.Payload)
	}
	b.Retire(v)
	b.wantNothingLeft(v)
}

func TestConcurrentInvocationsHaveEnvironmentsOfTheirOwn(t *testing.T) {
	both(t, func(t *testing.T, b *bed) {
		v := python(t, "busy = False\ndef handler(event, context):\n    global busy\n    assert not busy\n    busy = True\n    print(event)\n    busy = False\n    return event\n")
		var ended sync.WaitGroup
		for range 8 {
			ended.Go(func() {
				for range 50 {
					b.wantResult(v, `17`, `17`)
				}
			})
		}
		ended.Wait()
		if got := b.logs.streams(); got < 2 || got > 8 {
			t.Errorf("8 clients were served by %d environments", got)
		}
	})
}
