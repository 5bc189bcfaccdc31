package runtime

import (
	"strings"
	"sync"
	"testing"

	"github.com/crossfade-dev/crossfade/localcloud/lambda"
)

// kinds is a function that says how its environment was started.
const kinds = `
import os
print("started")
def handler(event, context):
    if event == "hold":
        print("held")
        while not os.path.exists(os.environ["GO"]):
            os.sched_yield()
    if event == "exit":
        os._exit(1)
    return os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"]
`

// settled waits until so many environments are ready and idle.
func (b *bed) settled(v *lambda.FunctionVersion, ready int) {
	b.Helper()
	for b.Provisioned(v) != (lambda.Provisioned{Ready: ready, Idle: ready}) {
		if b.Context().Err() != nil {
			b.Fatalf("%+v are provisioned, want %d", b.Provisioned(v), ready)
		}
		<-b.clock.After(1e6)
	}
}

func TestProvisionedEnvironmentsAreStartedBeforeTheyAreNeededAndUsedFirst(t *testing.T) {
	b := newBed(t, Options{})
	v := python(t, kinds)
	v.LogGroup = "provisioned-" + t.Name()
	release := t.TempDir() + "/go"
	v.Environment["GO"] = release
	b.Provision(v, 2)
	b.wait("started\n", 2)
	b.settled(v, 2)
	if r := b.wantResult(v, `{}`, `"provisioned-concurrency"`); r.InitDuration != 0 {
		t.Errorf("the first invocation took %v to start", r.InitDuration)
	}
	var ended sync.WaitGroup
	for range 2 {
		ended.Go(func() { b.wantResult(v, `"hold"`, `"provisioned-concurrency"`) })
	}
	b.wait("held\n", 2)
	if got := b.Provisioned(v); got.Idle != 0 || got.Ready != 2 {
		t.Errorf("while both are busy there are %+v", got)
	}
	b.wantResult(v, `{}`, `"on-demand"`)
	touch(t, release)
	ended.Wait()
	// One whose process ends is still one that was provisioned.
	b.call(v, `"exit"`)
	b.wantResult(v, `{}`, `"provisioned-concurrency"`)
	b.Provision(v, 1)
	b.settled(v, 1)
	b.Provision(v, 0)
	b.wantResult(v, `{}`, `"on-demand"`)
	b.Retire(v)
	b.wantNothingLeft(v)
}

func TestProvisionedEnvironmentsThatDoNotStartAreNotTriedForEver(t *testing.T) {
	both(t, func(t *testing.T, b *bed) {
		v := python(t, "import os\nif os.environ['AWS_LAMBDA_INITIALIZATION_TYPE'] != 'on-demand':\n    raise Exception('not so early')\ndef handler(event, context):\n    return 1\n")
		b.Provision(v, 3)
		for !b.Provisioned(v).Failed {
			<-b.clock.After(1e6)
		}
		b.wantResult(v, `{}`, `1`)
		if got := b.Provisioned(v); got.Ready != 0 {
			t.Errorf("%+v are provisioned", got)
		}
		b.Provision(v, 0)
		b.Retire(v)
	})
}

func TestClosingEndsWhatIsProvisioned(t *testing.T) {
	both(t, func(t *testing.T, b *bed) {
		v := python(t, kinds)
		v.LogGroup = "provisioned-and-closed-" + t.Name()
		b.Provision(v, 6)
		b.wait("started\n", 1)
		if err := b.Close(); err != nil {
			t.Error(err)
		}
		b.wantNothingLeft(v)
	})
}

// A template often makes the log group of a function after the function, and
// fails when it is there by then.
func TestAnEnvironmentThatOnlyWaitsHasNoLog(t *testing.T) {
	b := newBed(t, Options{})
	v := python(t, "def handler(event, context): return 1")
	b.Provision(v, 1)
	b.settled(v, 1)
	if got := b.logs.text(); got != "" {
		t.Errorf("before it is invoked it wrote %q, want nothing", got)
	}
	b.wantResult(v, `{}`, `1`)
	if got := b.logs.text(); !strings.HasPrefix(got, "INIT_START ") {
		t.Errorf("its log is %q, want it to begin with INIT_START", got)
	}
	b.Provision(v, 0)
}
