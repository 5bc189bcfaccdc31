package runtime

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/crossfade-dev/crossfade/internal/clock"
	"github.com/crossfade-dev/crossfade/localcloud/lambda"
	"github.com/crossfade-dev/crossfade/localcloud/wire"
)

func TestAFunctionThatEndsItsProcessFailsOnceAndStartsAgain(t *testing.T) {
	both(t, func(t *testing.T, b *bed) {
		v := python(t, `
import os, signal, sys
def handler(event, context):
    print("about to end")
    exec(event["do"])
    return "still there"
`)
		b.wantResult(v, `{"do":"pass"}`, `"still there"`)
		for _, c := range []struct{ do, text string }{
			{"sys.exit(0)", "Runtime exited without providing a reason"},
			{"os._exit(7)", "Runtime exited with error: exit status 7"},
			{"os.kill(os.getpid(), signal.SIGKILL)", "Runtime exited with error: signal: killed"},
			{"os.kill(os.getpid(), signal.SIGSEGV)", "Runtime exited with error: signal: segmentation fault"},
		} {
			b.wantError(v, `{"do":"`+c.do+`"}`, "Runtime.ExitError", "RequestId: "+requestID+" Error: "+c.text)
			b.wantLog("RequestId: " + requestID + " Error: " + c.text + "\nRuntime.ExitError\n")
			r := b.wantResult(v, `{"do":"pass"}`, `"still there"`)
			if r.InitDuration != 0 {
				t.Errorf("after %s the next invocation has an InitDuration, as if its environment were new", c.do)
			}
		}
		b.wantLog("\tStatus: error\tError Type: Runtime.ExitError\n")
		if got := b.logs.streams(); got != 1 {
			t.Errorf("%d environments were used, want 1", got)
		}
	})
}

func TestAProcessThatEndsBetweenInvocationsIsReplaced(t *testing.T) {
	both(t, func(t *testing.T, b *bed) {
		v := python(t, "n = 0\ndef handler(event, context):\n    global n\n    n += 1\n    return n\n")
		b.wantResult(v, `{}`, `1`)
		b.wantResult(v, `{}`, `2`)
		p := b.idle(v)[0].process
		p.kill()
		<-p.done
		b.wantResult(v, `{}`, `1`)
	})
}

func TestAFunctionThatHangsTimesOutAndKeepsItsFiles(t *testing.T) {
	slow(t, func(t *testing.T, b *bed, now *clock.Virtual) {
		v := python(t, `
import os, signal, tempfile, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
number = 0
path = os.path.join(tempfile.gettempdir(), "kept")
def handler(event, context):
    global number
    if event == "set":
        number = 42
        open(path, "w").write("content")
    if event == "hang":
        if os.fork() == 0:
            os.setsid()
        print("hanging")
        while True:
            time.sleep(1000)
    return [number, open(path).read()]
`)
		v.Timeout = 3 * time.Second
		b.wantResult(v, `"set"`, `[42, "content"]`)
		var said lambda.Response
		var ended sync.WaitGroup
		ended.Go(func() { said = b.call(v, `"hang"`) })
		b.wait("hanging\n", 2)
		now.Set(morning.Add(3 * time.Second))
		ended.Wait()
		want := `{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: ` + requestID + ` Error: Task timed out after 3.00 seconds"}`
		if string(said.Payload) != want || said.FunctionError != "Unhandled" || said.ErrorType != "Sandbox.Timedout" || said.Duration != 3*time.Second {
			t.Errorf("it answered %s (%+v), want %s", said.Payload, said, want)
		}
		b.wantLog(
			"2025-11-25T08:00:03.000Z "+requestID+" Task timed out after 3.00 seconds\n\n",
			"\tDuration: 3000.00 ms\tBilled Duration: 3000 ms\t", "\tStatus: timeout\n",
		)
		b.wantResult(v, `"get"`, `[0, "content"]`)
		b.Retire(v)
		b.wantNothingLeft(v)
	})
}

func TestAStartThatHangsIsTriedAgainWithinTheInvocation(t *testing.T) {
	slow(t, func(t *testing.T, b *bed, now *clock.Virtual) {
		v := python(t, "import time\nprint('starting')\ntime.sleep(1000)\n")
		v.Timeout = 3 * time.Second
		var ended sync.WaitGroup
		ended.Go(func() {
			b.wantError(v, `{}`, "Sandbox.Timedout", "RequestId: "+requestID+" Error: Task timed out after 3.00 seconds")
		})
		b.wait("starting\n", 1)
		now.Set(morning.Add(10 * time.Second))
		b.wait("starting\n", 2)
		now.Set(morning.Add(13 * time.Second))
		ended.Wait()
		b.wantLog("INIT_REPORT Init Duration: 10000.00 ms\tPhase: init\tStatus: timeout\n",
			"INIT_REPORT Init Duration: 3000.00 ms\tPhase: invoke\tStatus: timeout\n")
	})
}

func TestAStartThatFailsIsTheAnswer(t *testing.T) {
	both(t, func(t *testing.T, b *bed) {
		needs(t, "python3")
		exit := "RequestId: " + requestID + " Error: "
		for _, c := range []struct{ handler, code, kind, message string }{
			{"app.handler", "raise Exception('Runtime startup fails')\n", "Exception", "Runtime startup fails"},
			{"app.handler", "import absent\n", "Runtime.ImportModuleError", "Unable to import module 'app': No module named 'absent'"},
			{"gone.handler", "", "Runtime.ImportModuleError", "Unable to import module 'gone': No module named 'gone'"},
			{"app.other", "", "Runtime.HandlerNotFound", "Handler 'other' missing on module 'app'"},
			{"app", "", "Runtime.MalformedHandlerName", "Bad handler 'app': not enough values to unpack (expected 2, got 1)"},
			{"sys.handler", "", "Runtime.BuiltInModuleConflict", "Cannot use built-in module sys as a handler module"},
			{"app.handler", "import sys\nsys.exit(0)\n", "Runtime.ExitError", exit + "Runtime exited without providing a reason"},
			{"app.handler", "import os\nos._exit(9)\n", "Runtime.ExitError", exit + "Runtime exited with error: exit status 9"},
		} {
			v := python(t, c.code)
			v.Handler = c.handler
			b.wantError(v, `{}`, c.kind, c.message)
			// And not only the first time.
			b.wantError(v, `{}`, c.kind, c.message)
		}
		b.wantLog("\tPhase: init\tStatus: error\tError Type: Runtime.ImportModuleError\n")

		v := python(t, "def handler(event, context)\n    pass\n")
		if said := b.call(v, `{}`); said.ErrorType != "Runtime.UserCodeSyntaxError" || !strings.Contains(string(said.Payload), "Syntax error in module 'app': ") {
			t.Errorf("a syntax error is answered with %s", said.Payload)
		}
	})
}

func TestAProgramThatCannotBeStartedIsTheAnswer(t *testing.T) {
	both(t, func(t *testing.T, b *bed) {
		for _, c := range []struct {
			files   map[string]string
			message string
		}{
			{nil, "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]"},
			{map[string]string{"bootstrap*": "neither a program nor a script"}, "fork/exec /var/task/bootstrap: exec format error"},
			{map[string]string{"bootstrap*": "#!/no/such/shell\n"}, "fork/exec /var/task/bootstrap: no such file or directory"},
			{map[string]string{"bootstrap": "#!/bin/sh\n"}, "fork/exec /var/task/bootstrap: permission denied"},
		} {
			v := function("provided.al2023", "unused", c.files)
			b.wantError(v, `{}`, "Runtime.InvalidEntrypoint", "RequestId: "+requestID+" Error: "+c.message)
		}
	})
}

func TestChildrenEndWithTheirEnvironment(t *testing.T) {
	both(t, func(t *testing.T, b *bed) {
		v := python(t, `
import os, time
def handler(event, context):
    for leave in (False, True, True):
        if os.fork() == 0:
            if leave:
                os.setsid()
                if os.fork():
                    os._exit(0)
            print("settled", flush=True)
            time.sleep(1000)
    return "forked"
`)
		v.LogGroup = "children-of-" + t.Name()
		b.wantResult(v, `{}`, `"forked"`)
		b.wait("settled\n", 3)
		if got := len(marked("AWS_LAMBDA_LOG_GROUP_NAME=" + v.LogGroup)); got < 4 {
			t.Fatalf("the function has %d processes, want at least 4", got)
		}
		b.Retire(v)
		b.wantNothingLeft(v)
	})
}

func TestAChildThatReturnsFromTheHandlerDoesNotAnswer(t *testing.T) {
	both(t, func(t *testing.T, b *bed) {
		v := python(t, "import os\ndef handler(event, context):\n    child = os.fork()\n    if child:\n        os.waitpid(child, 0)\n    return child > 0\n")
		b.wantResult(v, `{}`, `true`)
		b.wantResult(v, `{}`, `true`)
	})
}

func TestMegabytesOfOutputAreLogged(t *testing.T) {
	both(t, func(t *testing.T, b *bed) {
		v := python(t, `
import sys
def handler(event, context):
    for i in range(80000):
        print("line %05d %s" % (i, "x" * 90))
    sys.stdout.write("y" * 600000)
    sys.stderr.write("the end")
`)
		r := b.wantResult(v, `{}`, `null`)
		b.logs.mu.Lock()
		lines, long, longest := 0, 0, 0
		for _, events := range b.logs.events {
			for _, e := range events {
				if strings.HasPrefix(e.Message, "line ") && len(e.Message) == 102 {
					lines++
				}
				long += strings.Count(e.Message, "y")
				longest = max(longest, len(e.Message))
			}
		}
		b.logs.mu.Unlock()
		if lines != 80000 || long < 600000 || longest > maxEntry {
			t.Errorf("%d lines were logged, want 80000; %d bytes of the long one, want 600000; the longest entry has %d bytes", lines, long, longest)
		}
		tail := string(r.LogTail)
		if len(tail) != maxTail || !strings.Contains(tail, "the end") || !strings.Contains(tail, "REPORT RequestId: ") {
			t.Errorf("the log's tail has %d bytes: %s", len(tail), tail)
		}
	})
}

func TestAnAnswerThatIsTooLargeIsAnError(t *testing.T) {
	both(t, func(t *testing.T, b *bed) {
		const message = "Response payload size exceeded maximum allowed payload size (6291556 bytes)."
		v := python(t, "def handler(event, context):\n    return 'a' * event\n")
		if r := b.call(v, fmt.Sprint(lambda.MaxPayload-2)); r.FunctionError != "" || len(r.Payload) != lambda.MaxPayload {
			t.Errorf("the largest answer has %d bytes (error %q), want %d", len(r.Payload), r.FunctionError, lambda.MaxPayload)
		}
		b.wantError(v, fmt.Sprint(lambda.MaxPayload-1), "Function.ResponseSizeTooLarge", message)
		b.wantError(v, fmt.Sprint(2*lambda.MaxPayload), "Function.ResponseSizeTooLarge", message)
		b.wantResult(v, `1`, `"a"`)
		b.wantError(program(), `{"do":"large"}`, "Function.ResponseSizeTooLarge", message)
	})
}

func TestAFunctionWithoutOutputStillWorks(t *testing.T) {
	both(t, func(t *testing.T, b *bed) {
		v := python(t, "import os\ndef handler(event, context):\n    os.close(1)\n    os.close(2)\n    return event\n")
		b.wantResult(v, `1`, `1`)
		v = python(t, "import sys\ndef handler(event, context):\n    sys.stdout.close()\n    sys.stderr.close()\n    return event\n")
		b.wantResult(v, `1`, `1`)
		b.wantResult(v, `2`, `2`)
	})
}

func TestTmpIsLimited(t *testing.T) {
	both(t, func(t *testing.T, b *bed) {
		v := python(t, `
import os, tempfile
def handler(event, context):
    path = os.path.join(tempfile.gettempdir(), "full")
    try:
        with open(path, "wb", buffering=0) as f:
            while True:
                f.write(b"x" * 65536)
    except OSError as e:
        size = os.path.getsize(path)
        os.remove(path)
        return [type(e).__name__, size <= 8 << 20, size > 7 << 20]
`)
		v.EphemeralStorageMB = 8
		b.wantResult(v, `{}`, `["OSError", true, true]`)
	})
}

func TestEachEnvironmentHasItsOwnTmp(t *testing.T) {
	both(t, func(t *testing.T, b *bed) {
		v := python(t, `
import os, tempfile, time
def handler(event, context):
    d = tempfile.gettempdir()
    if event == "look":
        return os.listdir(d)
    open(os.path.join(d, "mine"), "w").close()
    print("written")
    time.sleep(1000)
`)
		ctx, cancel := context.WithCancel(t.Context())
		var ended sync.WaitGroup
		ended.Go(func() {
			_, err := b.Invoke(ctx, v, lambda.Request{ID: requestID, Payload: []byte(`"wait"`)})
			if !errors.Is(err, context.Canceled) {
				t.Errorf("an invocation that nobody waits for ended with %v", err)
			}
		})
		b.wait("written\n", 1)
		b.wantResult(v, `"look"`, `[]`)
		cancel()
		ended.Wait()
	})
}

func TestAFunctionThatUsesTooMuchMemoryIsEnded(t *testing.T) {
	both(t, func(t *testing.T, b *bed) {
		v := python(t, "import time\ndef handler(event, context):\n    hoard = bytearray(b'x') * (event << 20)\n    time.sleep(1000 if event > 100 else 0)\n")
		v.MemoryMB = 128
		if r := b.wantResult(v, `40`, `null`); r.MaxMemoryMB < 40 || r.MaxMemoryMB > 128 {
			t.Errorf("MaxMemoryMB is %d, want 40 and the interpreter", r.MaxMemoryMB)
		}
		b.wantError(v, `300`, "Runtime.OutOfMemory", "RequestId: "+requestID+" Error: Runtime exited with error: signal: killed")
		b.wantLog("\tMemory Size: 128 MB\tMax Memory Used: 128 MB\tStatus: error\tError Type: Runtime.OutOfMemory\n")
	})
}

func TestClosingEndsWhatRuns(t *testing.T) {
	both(t, func(t *testing.T, b *bed) {
		v := python(t, "import time\ndef handler(event, context):\n    print('running')\n    time.sleep(1000)\n")
		v.LogGroup = "closed-" + t.Name()
		var ended sync.WaitGroup
		for range 3 {
			ended.Go(func() {
				if _, err := b.Invoke(t.Context(), v, lambda.Request{ID: requestID, Payload: []byte(`{}`)}); err == nil {
					t.Error("an invocation outlived the runtime")
				}
			})
		}
		b.wait("running\n", 3)
		if err := b.Close(); err != nil {
			t.Error(err)
		}
		ended.Wait()
		b.wantNothingLeft(v)
		if _, err := os.Stat(b.options.Dir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the directory is still there: %v", err)
		}
		if _, err := b.Invoke(t.Context(), v, lambda.Request{}); err == nil {
			t.Error("a closed runtime runs functions")
		}
	})
}

func TestCodeThatCannotBeUnpackedIsAnErrorOfTheService(t *testing.T) {
	b := newBed(t, Options{})
	v := function("provided.al2023", "x", nil)
	v.Code = lambda.NewArchive([]byte("no archive"))
	_, err := b.Invoke(t.Context(), v, lambda.Request{ID: requestID})
	if !wire.IsCode(err, "InvalidZipFileException") {
		t.Errorf("the error is %v, want an InvalidZipFileException", err)
	}
}
