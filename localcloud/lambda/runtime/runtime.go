// Package runtime runs the code of Lambda functions as processes of this
// machine: an environment per concurrent invocation, each with a Runtime API of
// its own, warm between invocations and gone without a trace afterwards.
//
// Functions of provided.* runtimes bring a program. Those of python* and nodejs*
// run by the interpreters that the machine has, with the bootstraps in this
// package; the version that is nearest to the one asked for is taken, and the
// log says so.
//
// On Linux an environment is a sandbox where the kernel lets an ordinary user
// make one: its own view of the files, in which the code is at /var/task, layers
// are at /opt, /tmp is private and limited, and all else is read-only; and its
// own process tree, which ends as a whole, also when the cloud is killed. For
// that the program must call [RunSandbox] first thing in main, and be named in
// [Options]. Elsewhere, the code runs in a directory of its own, and is told by
// variables such as LAMBDA_TASK_ROOT and TMPDIR where things are.
//
// Memory is limited by looking at what a busy process holds for itself, ten
// times a second: limits of the address space, which a kernel could enforce,
// are hostile to Node.js and to Go, which reserve much more than they use.
// Node.js is told the size of its heap besides.
package runtime

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"github.com/crossfade-dev/crossfade/internal/clock"
	"github.com/crossfade-dev/crossfade/localcloud/lambda"
	"github.com/crossfade-dev/crossfade/localcloud/wire/lambdaapi"
)

// Options says how functions are run. The zero value runs them, unheard.
type Options struct {
	// Logs takes what functions print; nil means nobody reads it.
	Logs lambda.Logs
	// Clock is the time; nil means the machine's. The deadline that a function
	// sees is in this time.
	Clock clock.Clock
	// Log takes notes for whoever runs the cloud, such as that another version of
	// an interpreter is used; nil means nobody reads them.
	Log *slog.Logger
	// Dir is where code is unpacked and the functions' /tmp lies; nobody else may
	// use it. It is made empty, and removed by Close. Empty means a new directory
	// among the machine's temporary ones.
	Dir string
	// Path lists the directories that interpreters are looked for in, as the
	// variable PATH does.
	Path string
	// Sandbox is the program that makes sandboxes: one whose main begins with
	// RunSandbox, usually the running one. Empty means no sandboxes.
	Sandbox string
	// NewID returns a fresh id for an environment, 32 hexadecimal digits; nil
	// means a random one.
	NewID func() string
	// IdleAfter is how long an environment stays warm without an invocation; 0
	// means 10 minutes.
	IdleAfter time.Duration
	// InitTimeout bounds the first start of an environment; 0 means 10 seconds,
	// which is AWS's.
	InitTimeout time.Duration
}

// A Runtime runs functions. It is a lambda.Runtime, and a clock.Process that
// ends environments which have been idle for long.
type Runtime struct {
	options      Options
	clock        clock.Clock
	interpreters *interpreters
	dir          *workDir
	code         *codeStore
	spawner      *spawner
	sandboxes    func() bool // whether sandboxes work here
	wake         chan struct{}

	mu     sync.Mutex
	pools  map[string]*pool // by the version's ID
	armed  bool             // the driver knows when to run
	closed bool
	all    map[*environment]bool

	starting  chan struct{} // bounds how many provisioned environments start at once
	providing sync.WaitGroup
}

var errClosed = errors.New("run a function: the local cloud is closed")

// New returns a Runtime. The error is about its directory.
func New(o Options) (*Runtime, error) {
	if o.Clock == nil {
		o.Clock = clock.System{}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Logs == nil {
		o.Logs = discard{}
	}
	if o.NewID == nil {
		o.NewID = randomID
	}
	if o.IdleAfter == 0 {
		o.IdleAfter = 10 * time.Minute
	}
	if o.InitTimeout == 0 {
		o.InitTimeout = 10 * time.Second
	}
	dir, err := openWorkDir(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("a place for the code of functions: %w", err)
	}
	o.Dir = dir.path
	if err := writeBootstraps(filepath.Join(o.Dir, "runtime")); err != nil {
		return nil, errors.Join(err, dir.remove())
	}
	r := &Runtime{
		options:      o,
		clock:        o.Clock,
		interpreters: &interpreters{path: o.Path, log: o.Log, found: map[string]*finding{}},
		dir:          dir,
		code:         &codeStore{dir: filepath.Join(o.Dir, "code"), there: map[string]*unpacked{}},
		spawner:      newSpawner(),
		wake:         make(chan struct{}, 1),
		pools:        map[string]*pool{},
		all:          map[*environment]bool{},
		starting:     make(chan struct{}, 4),
	}
	r.sandboxes = sync.OnceValue(r.trySandbox)
	return r, nil
}

// trySandbox says whether sandboxes can be made here.
func (r *Runtime) trySandbox() bool {
	if r.options.Sandbox == "" {
		return false
	}
	if err := r.probeSandbox(); err != nil {
		r.options.Log.Info("functions run without a sandbox of their own", "reason", err)
		return false
	}
	return true
}

// Check says whether this machine can run functions of a runtime. The error
// says what to install.
func (r *Runtime) Check(name, architecture string) error {
	family, err := familyOf(name)
	if err != nil {
		return err
	}
	if family.interpreter == "" {
		return nil
	}
	_, err = r.interpreters.find(family)
	return err
}

// Invoke runs a function once, in an environment that is warm if there is one.
// When ctx ends, so does the function's process.
func (r *Runtime) Invoke(ctx context.Context, v *lambda.FunctionVersion, request lambda.Request) (lambda.Response, error) {
	e, err := r.take(v)
	if err != nil {
		return lambda.Response{}, err
	}
	response, err := e.invoke(ctx, request)
	r.give(e, err == nil)
	return response, err
}

// Retire lets go of a version: its idle environments end now, busy ones after
// what they do.
func (r *Runtime) Retire(v *lambda.FunctionVersion) {
	r.mu.Lock()
	p := r.pools[v.ID]
	if p == nil {
		r.mu.Unlock()
		return
	}
	p.retired, p.wanted = true, 0
	idle := append(p.idle, p.provided...)
	p.idle, p.provided = nil, nil
	r.mu.Unlock()
	for _, e := range idle {
		r.end(e)
	}
}

// Wake returns the channel that tells the driver to ask Next again.
func (r *Runtime) Wake() <-chan struct{} { return r.wake }

// Next returns when the environment that has been idle for longest is to end.
func (r *Runtime) Next() (at time.Time, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range r.pools {
		if len(p.idle) > 0 && (!ok || p.idle[0].idleSince.Before(at)) {
			at, ok = p.idle[0].idleSince, true
		}
	}
	r.armed = ok
	return at.Add(r.options.IdleAfter), ok
}

// Run ends the environments that have been idle for too long at now.
func (r *Runtime) Run(_ context.Context, now time.Time) error {
	var old []*environment
	r.mu.Lock()
	r.armed = false
	for _, p := range r.pools {
		n := 0
		for n < len(p.idle) && !p.idle[n].idleSince.Add(r.options.IdleAfter).After(now) {
			n++
		}
		old = append(old, p.idle[:n]...)
		p.idle = append([]*environment(nil), p.idle[n:]...)
	}
	r.mu.Unlock()
	for _, e := range old {
		r.end(e)
	}
	return nil
}

// Close ends all environments, also busy ones, and removes the directory.
// Invoke answers an error from then on.
func (r *Runtime) Close() error {
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return nil
	}
	r.closed = true
	var all []*environment
	for e := range r.all {
		all = append(all, e)
	}
	r.pools = map[string]*pool{}
	r.mu.Unlock()
	var ended sync.WaitGroup
	for _, e := range all {
		ended.Go(e.close)
	}
	ended.Wait()
	r.providing.Wait()
	r.spawner.close()
	return r.dir.remove()
}

func randomID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// A pool holds the environments of one version.
type pool struct {
	version *lambda.FunctionVersion
	// idle are the warm ones; the last one was used last and is taken first, so
	// that those which are not needed become old.
	idle    []*environment
	count   int // of all environments, idle and busy
	retired bool

	// What is provisioned: how many environments there should be and are,
	// starting ones too; how many have been started; and those without an
	// invocation.
	wanted, kept, ready int
	provided            []*environment
	failed              bool // one could not be started, so that no more are
}

// pool returns the pool of a version, and makes it when it is not there. mu is
// held.
func (r *Runtime) pool(v *lambda.FunctionVersion) *pool {
	p := r.pools[v.ID]
	if p == nil {
		p = &pool{version: v}
		r.pools[v.ID] = p
	}
	return p
}

// take returns an environment for one invocation of v.
func (r *Runtime) take(v *lambda.FunctionVersion) (*environment, error) {
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return nil, errClosed
	}
	p := r.pool(v)
	for _, idle := range []*[]*environment{&p.provided, &p.idle} {
		if n := len(*idle); n > 0 {
			e := (*idle)[n-1]
			(*idle)[n-1] = nil
			*idle = (*idle)[:n-1]
			r.mu.Unlock()
			return e, nil
		}
	}
	p.count++
	r.mu.Unlock()

	e, err := r.newEnvironment(p, false)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil && r.closed {
		defer e.close()
		err = errClosed
	}
	if err != nil {
		r.forget(p)
		return nil, err
	}
	r.all[e] = true
	return e, nil
}

// give takes an environment back after an invocation.
func (r *Runtime) give(e *environment, usable bool) {
	r.mu.Lock()
	if !usable || e.pool.retired || r.closed || e.provisioned && e.pool.kept > e.pool.wanted {
		r.mu.Unlock()
		r.end(e)
		return
	}
	if e.provisioned {
		e.pool.provided = append(e.pool.provided, e)
		r.mu.Unlock()
		return
	}
	e.idleSince = r.clock.Now()
	e.pool.idle = append(e.pool.idle, e)
	armed := r.armed
	r.armed = true
	r.mu.Unlock()
	if !armed {
		select {
		case r.wake <- struct{}{}:
		default: // the driver has been told
		}
	}
}

// end closes an environment that is in no pool's idle list.
func (r *Runtime) end(e *environment) {
	e.close()
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.all, e)
	if e.provisioned {
		e.pool.ready--
		r.unkept(e.pool)
		return
	}
	r.forget(e.pool)
}

// forget counts one environment less, and drops the pool with its last one.
func (r *Runtime) forget(p *pool) {
	p.count--
	if p.count == 0 && p.wanted == 0 && r.pools[p.version.ID] == p {
		delete(r.pools, p.version.ID)
	}
}

// newEnvironment returns an environment with its code in place, and no process
// yet.
func (r *Runtime) newEnvironment(p *pool, provisioned bool) (_ *environment, err error) {
	v := p.version
	family, err := familyOf(v.Runtime)
	if err != nil {
		return nil, lambdaapi.NewInvalidRuntimeException(err.Error()).With("Type", "Server")
	}
	program := interpreter{}
	if family.interpreter != "" {
		if program, err = r.interpreters.find(family); err != nil {
			return nil, lambdaapi.NewInvalidRuntimeException(err.Error()).With("Type", "Server")
		}
	}
	e := &environment{runtime: r, pool: p, version: v, family: family, interpreter: program, id: r.options.NewID(), fresh: true, provisioned: provisioned}
	defer func() {
		if err != nil {
			e.close()
		}
	}()
	if e.task, err = r.code.get(v.Code); err == nil {
		e.opt, err = r.code.get(v.Layers...)
	}
	if err != nil {
		return nil, lambdaapi.NewInvalidZipFileException(err.Error()).With("Type", "Server")
	}
	if err = e.prepare(); err != nil {
		return nil, fmt.Errorf("an environment for %s: %w", v.Name, err)
	}
	return e, nil
}

type discard struct{}

func (discard) Write(string, string, string, string, []lambda.LogEvent) {}
