package runtime

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/crossfade-dev/crossfade/localcloud/lambda"
)

// An environment runs one invocation at a time, in a process that stays between
// them. It outlives its process: after a failure the next invocation starts
// another one, which finds /tmp as the first one left it.
type environment struct {
	runtime     *Runtime
	pool        *pool
	version     *lambda.FunctionVersion
	family      family
	interpreter interpreter

	id        string // 32 hexadecimal digits
	stream    string // of its log
	task, opt *unpacked
	places    places
	sandboxed bool
	host      host
	api       *api
	journal   *journal

	provisioned bool // started before anything is invoked, and kept

	idleSince time.Time // guarded by runtime.mu

	life    sync.Mutex    // held during an invocation
	quit    chan struct{} // closed when it must end
	ended   sync.Once
	fresh   bool // no process was started yet
	process *process
	output  *output
}

// initialization is what a function is told about why its environment was made.
func (e *environment) initialization() string {
	if e.provisioned {
		return "provisioned-concurrency"
	}
	return "on-demand"
}

// warm starts the process of a new environment before there is an invocation. ok
// is false if it does not start.
func (e *environment) warm() (ok bool) {
	e.life.Lock()
	defer e.life.Unlock()
	e.fresh = false
	x := &run{}
	err := e.firstStart(context.Background(), x) // close ends it
	return err == nil && x.failure == nil && x.said == nil && e.process != nil
}

// prepare makes everything but the process.
func (e *environment) prepare() (err error) {
	r := e.runtime
	e.quit = make(chan struct{})
	e.stream = r.clock.Now().UTC().Format("2006/01/02/") + "[" + e.version.Version + "]" + e.id
	e.journal = &journal{logs: r.options.Logs, now: r.clock.Now, version: e.version, stream: e.stream}
	e.sandboxed = r.sandboxes()
	if e.sandboxed {
		e.places = awsPlaces
	} else {
		e.places = places{
			task: e.task.dir, opt: e.opt.dir, runtime: r.bootstraps(),
			tmp: filepath.Join(r.options.Dir, "tmp", e.id),
		}
		if err := os.MkdirAll(e.places.tmp, 0o700); err != nil {
			return err
		}
	}
	if e.api, err = newAPI(e.family.managed()); err != nil {
		return err
	}
	e.host, err = r.newHost(e)
	return err
}

// bootstraps is the directory with this package's own files.
func (r *Runtime) bootstraps() string { return filepath.Join(r.options.Dir, "runtime") }

// close ends the environment, also in the middle of an invocation, and waits
// until nothing is left of it.
func (e *environment) close() {
	e.ended.Do(func() {
		if e.quit != nil {
			close(e.quit)
		}
		e.life.Lock()
		defer e.life.Unlock()
		e.stop()
		if e.host != nil {
			e.host.close()
		}
		if e.api != nil {
			e.api.close()
		}
		if !e.sandboxed && e.places.tmp != "" {
			// What cannot be removed now is removed with the runtime's directory.
			_ = removeAll(e.places.tmp)
		}
		e.task.release()
		e.opt.release()
	})
}

// start starts the process. The failure is the function's: there is no program,
// or none that can be run. The error is that this machine cannot.
func (e *environment) start() (failure *invocationError, err error) {
	e.journal.initStart(e.runtime.clock.Now())
	argv := e.command(e.places)
	if argv == nil {
		return &invocationError{kind: "Runtime.InvalidEntrypoint", text: "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]"}, nil
	}
	out, err := newOutput(e.journal.lines)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", e.version.Name, err)
	}
	p, err := e.host.start(command{argv: argv, env: e.variables(), dir: e.places.task, output: out.write})
	if err == nil {
		out.started()
		e.process, e.output = p, out
		return nil, nil
	}
	out.abandon()
	var named *os.PathError
	if !errors.As(err, &named) {
		return nil, fmt.Errorf("start %s: %w", e.version.Name, err)
	}
	e.runtime.options.Log.Warn("a function's program cannot be run; is it for this machine?", "function", e.version.Name,
		"err", err, "architecture", e.version.Architecture, "machine", runtime.GOOS+"/"+runtime.GOARCH)
	// The program is named as it is on AWS.
	return &invocationError{kind: "Runtime.InvalidEntrypoint", text: fmt.Sprintf("fork/exec %s: %v", e.onAWS(argv[0]), named.Err)}, nil
}

// onAWS returns the path that a file of the function has on AWS.
func (e *environment) onAWS(path string) string {
	for from, to := range map[string]string{e.places.task: awsPlaces.task, e.places.opt: awsPlaces.opt} {
		if rest, err := filepath.Rel(from, path); err == nil && filepath.IsLocal(rest) {
			return to + "/" + filepath.ToSlash(rest)
		}
	}
	return path
}

// stop ends the process, if there is one, with all that it started.
func (e *environment) stop() {
	if e.process == nil {
		return
	}
	e.process.kill()
	<-e.process.done
	e.output.finish()
	e.api.reset()
	e.process, e.output = nil, nil
}

// An end says how a wait for the process ended.
type end int

const (
	reached  end = iota // the process did what was waited for
	exited              // it ended
	timedOut            // it took too long
	outgrown            // it took too much memory
	unwanted            // nobody waits any more
)

// memoryEvery is how often a busy process's memory is looked at.
const memoryEvery = 100 * time.Millisecond

// await waits until the process waits for an event, or has failed to start. It
// returns what the process said before that, if anything.
func (e *environment) await(ctx context.Context, limit <-chan time.Time) (end, *outcome) {
	var look <-chan time.Time
	for {
		p, said := e.api.look()
		if p == ready || p == failed {
			return reached, said
		}
		if look == nil {
			look = e.runtime.clock.After(memoryEvery)
		}
		how := reached
		select {
		case <-e.api.wake:
			continue
		case <-look:
			look = nil
			if e.process.usage().held <= int64(e.version.MemoryMB)<<20 {
				continue
			}
			how = outgrown
		case <-e.process.done:
			how = exited
		case <-limit:
			how = timedOut
		case <-ctx.Done():
			how = unwanted
		case <-e.quit:
			how = unwanted
		}
		// What it said at the last moment counts.
		_, said = e.api.look()
		return how, said
	}
}

// An invocationError is a failure that AWS tells of, not the function.
type invocationError struct {
	kind, text string
}

// errorAt returns the failure that an end is.
func (e *environment) errorAt(how end) *invocationError {
	switch how {
	case exited:
		text := "Runtime exited without providing a reason"
		if e.process.reason != "" {
			text = "Runtime exited with error: " + e.process.reason
		}
		return &invocationError{kind: "Runtime.ExitError", text: text}
	case outgrown:
		return &invocationError{kind: "Runtime.OutOfMemory", text: "Runtime exited with error: signal: killed"}
	case timedOut:
		return &invocationError{kind: "Sandbox.Timedout", text: fmt.Sprintf("Task timed out after %.2f seconds", e.version.Timeout.Seconds())}
	}
	panic(fmt.Sprintf("runtime: %d is no failure", how))
}

var errAbandoned = errors.New("run a function: its environment was closed")

// A run is one invocation on its way through an environment.
type run struct {
	request lambda.Request
	cold    bool          // the environment was started for it
	init    time.Duration // of that start
	began   time.Time
	limit   <-chan time.Time
	said    *outcome
	failure *invocationError
	peakMB  int
}

// invoke runs the handler once.
func (e *environment) invoke(ctx context.Context, request lambda.Request) (lambda.Response, error) {
	e.life.Lock()
	defer e.life.Unlock()
	clock := e.runtime.clock
	x := &run{request: request}
	if e.process != nil && e.process.over() {
		e.stop() // it ended between two invocations
	}
	if e.fresh {
		e.fresh = false
		if err := e.firstStart(ctx, x); err != nil {
			return lambda.Response{}, err
		}
	}
	x.began = clock.Now()
	e.journal.start(x.began, request.ID)
	if x.failure == nil && x.said == nil {
		x.limit = clock.After(e.version.Timeout)
		if err := e.perform(ctx, x); err != nil {
			return lambda.Response{}, err
		}
	}
	return e.report(x), nil
}

// firstStart starts the process of a new environment. A start that takes too
// long is repeated within the invocation, as AWS does.
func (e *environment) firstStart(ctx context.Context, x *run) error {
	clock := e.runtime.clock
	began := clock.Now()
	var err error
	if x.failure, err = e.start(); err != nil {
		return err
	}
	if x.failure != nil {
		e.journal.initReport(clock.Now(), clock.Now().Sub(began), "init", "error", x.failure.kind)
		return nil
	}
	how, said := e.await(ctx, clock.After(e.runtime.options.InitTimeout))
	took := clock.Now().Sub(began)
	switch {
	case how == unwanted:
		e.stop()
		return e.abandoned(ctx)
	case said != nil:
		x.said = said
		e.leave(x)
		e.journal.initReport(clock.Now(), took, "init", "error", said.kind)
	case how == reached:
		x.cold, x.init = true, took
		e.process.usage() // which is what is known if it ends all of a sudden
	case how == timedOut:
		e.stop()
		e.journal.initReport(clock.Now(), took, "init", "timeout", "")
	default:
		x.failure = e.errorAt(how)
		e.leave(x)
		e.journal.initReport(clock.Now(), took, "init", "error", x.failure.kind)
	}
	return nil
}

// perform gives the process its event and waits for the result. A process that
// is not there is started first, within the time of the invocation.
func (e *environment) perform(ctx context.Context, x *run) error {
	again := e.process == nil
	if again {
		var err error
		if x.failure, err = e.start(); err != nil || x.failure != nil {
			return err
		}
	}
	event := delivery{request: x.request, deadline: x.began.Add(e.version.Timeout)}
	for !e.api.deliver(event) {
		how, said := e.await(ctx, x.limit)
		if done, err := e.settle(ctx, x, how, said); done {
			if again && err == nil {
				e.startFailed(x, how)
			}
			return err
		}
	}
	how, said := e.await(ctx, x.limit)
	if how != reached {
		_, err := e.settle(ctx, x, how, said)
		return err
	}
	x.said = said
	x.peakMB = e.peakMB()
	e.output.drain()
	e.output.flush()
	return nil
}

// startFailed notes in the log that a start within an invocation failed.
func (e *environment) startFailed(x *run, how end) {
	now := e.runtime.clock.Now()
	status, kind := "error", x.kind()
	if how == timedOut {
		status, kind = "timeout", ""
	}
	e.journal.initReport(now, now.Sub(x.began), "invoke", status, kind)
}

// settle ends a process that did not get where it should, and notes what the
// caller hears of it. done is false when all is well.
func (e *environment) settle(ctx context.Context, x *run, how end, said *outcome) (done bool, err error) {
	switch {
	case how == unwanted:
		e.stop()
		return true, e.abandoned(ctx)
	case said != nil:
		x.said = said // whatever became of the process afterwards
	case how == reached:
		return false, nil
	default:
		x.failure = e.errorAt(how)
	}
	e.leave(x)
	return true, nil
}

// leave ends the process of a run, after a look at what it used.
func (e *environment) leave(x *run) {
	x.peakMB = e.peakMB()
	e.stop()
}

func (e *environment) abandoned(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("run %s: nobody waits any more: %w", e.version.Name, err)
	}
	return errAbandoned
}

func (e *environment) peakMB() int {
	mb := int((e.process.usage().peak + 1<<20 - 1) >> 20)
	return min(mb, e.version.MemoryMB)
}

// kind returns the type of the error that x ended with; empty without one.
func (x *run) kind() string {
	switch {
	case x.said != nil:
		return x.said.kind
	case x.failure != nil:
		return x.failure.kind
	}
	return ""
}

// report writes the end of an invocation into the log, and returns the answer.
func (e *environment) report(x *run) lambda.Response {
	now := e.runtime.clock.Now()
	r := report{id: x.request.ID, duration: now.Sub(x.began), cold: x.cold, init: x.init, peakMB: x.peakMB, status: "success", kind: x.kind()}
	response := lambda.Response{ErrorType: r.kind, MaxMemoryMB: x.peakMB, InitDuration: x.init}
	switch {
	case x.failure != nil:
		r.platformFailed, r.status = true, "error"
		r.failure = fmt.Sprintf("RequestId: %s Error: %s\n%s\n", r.id, x.failure.text, r.kind)
		if r.kind == "Sandbox.Timedout" {
			r.status, r.duration = "timeout", e.version.Timeout
			r.failure = fmt.Sprintf("%s %s %s\n\n", timestamp(now), r.id, x.failure.text)
		}
		response.Payload = errorObject(r.kind, "RequestId: "+r.id+" Error: "+x.failure.text)
	default:
		response.Payload = x.said.body
		if r.kind == "" {
			break
		}
		r.status = "error"
		if r.kind == "Function.ResponseSizeTooLarge" {
			r.platformFailed = true
			r.failure = fmt.Sprintf("RequestId: %s Error: %s\n%s\n", r.id, tooLargeText, r.kind)
		}
	}
	if r.kind != "" {
		response.FunctionError = "Unhandled"
	}
	r.billed = billed(r.duration + r.init)
	response.Duration, response.BilledDuration = r.duration, r.billed
	response.LogTail = e.journal.end(now, r)
	return response
}

// errorObject returns an error as functions and AWS itself write it.
func errorObject(kind, message string) []byte {
	text, err := json.Marshal(struct {
		Type    string `json:"errorType"`
		Message string `json:"errorMessage"`
	}{kind, message})
	if err != nil {
		panic("runtime: strings that are no JSON: " + err.Error())
	}
	return text
}
