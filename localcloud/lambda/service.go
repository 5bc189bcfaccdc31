// Package lambda is the local Lambda: functions, versions, weighted aliases and
// invocations, with the semantics that AWS was recorded to have.
//
// The service knows what there is and what may be done; code runs behind the
// port [Runtime], which owns the processes. An invocation takes no lock: it reads
// the function's control, which is replaced as a whole by every change, deals a
// version if it came through an alias, takes its place under the limits of
// concurrency, and asks the runtime.
//
// What AWS does by chance, picking the version behind an alias, is dealt from a
// shuffled deck; see package routing. What AWS needs a moment for, to create and
// to update, takes a moment here too, since clients have to know that.
//
// A [Service] is a clock.Process: asynchronous invocations are attempted again
// when they are due. Something has to drive it with clock.Run, and with
// [Service.Wake] as its wake-up. Everything belongs to the account and the region
// of the caller, as wire.CallerFrom tells.
package lambda

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/crossfade-dev/crossfade/internal/clock"
	"github.com/crossfade-dev/crossfade/localcloud/calls"
	"github.com/crossfade-dev/crossfade/localcloud/journal"
	"github.com/crossfade-dev/crossfade/localcloud/random"
	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/lambdaapi"
)

// Config is what a Service is made of. Clock, Rand and Runtime are required;
// every other field has a meaning when it is left out.
type Config struct {
	// Clock tells the time.
	Clock clock.Clock
	// Rand is the source of ids and decks. The service alone uses it from then
	// on.
	Rand rand.Source
	// Runtime runs code.
	Runtime Runtime
	// Endpoint returns where the local cloud listens, for functions that call
	// it; it is asked when a version is first invoked. Without it they are told
	// of no address.
	Endpoint func() string
	// Sessions hands out the credentials of functions. Without it the account's
	// number is their access key.
	Sessions Sessions
	// Objects is where code in buckets is. Without it there are no buckets.
	Objects Objects
	// Metrics takes the metrics of AWS/Lambda. Without it there are none.
	Metrics Metrics
	// Destinations takes the records of asynchronous invocations. Without it
	// only functions can be destinations.
	Destinations Destinations
	// Journal keeps what was acknowledged. Without it the service forgets
	// everything when it ends.
	Journal Journal
	// Dir is a folder for code, of this service alone. Empty keeps code in
	// memory, which goes with a nil Journal only.
	Dir string
	// Concurrency is how many invocations may run at once in an account and a
	// region; 0 means 1,000, as AWS has it.
	Concurrency int
	// Settle is how long a function is Pending after its creation, and an
	// update InProgress; 0 means 100 ms.
	Settle time.Duration
	// Calls bounds how many asynchronous invocations are under way at once; 0
	// means 256.
	Calls int
}

// A Service is one local Lambda. It is safe for concurrent use.
type Service struct {
	clock        clock.Clock
	runtime      Runtime
	endpoint     func() string
	sessions     Sessions
	objects      Objects
	metrics      Metrics
	destinations Destinations
	journal      Journal
	concurrency  int
	settle       time.Duration

	ctx      context.Context // of asynchronous invocations, until Close
	stop     context.CancelFunc
	random   *random.Source
	archives archives
	spaces   sync.Map // of place to *space
	timers   timers
	calls    *calls.Pool
	queued   atomic.Int64   // numbers events
	running  sync.WaitGroup // invocations
	urls     sync.Map       // of a function URL's id to *function
}

// New returns a service with what the journal holds. The error is the
// journal's, or says which record cannot be read.
func New(c Config) (*Service, error) {
	s := &Service{
		clock:        c.Clock,
		runtime:      c.Runtime,
		endpoint:     c.Endpoint,
		sessions:     c.Sessions,
		objects:      c.Objects,
		metrics:      c.Metrics,
		destinations: c.Destinations,
		journal:      c.Journal,
		concurrency:  c.Concurrency,
		settle:       c.Settle,
		random:       random.New(c.Rand),
		archives:     archives{dir: c.Dir, known: map[string]*Archive{}},
	}
	s.ctx, s.stop = context.WithCancel(context.Background())
	if s.concurrency == 0 {
		s.concurrency = 1000
	}
	if s.settle == 0 {
		s.settle = 100 * time.Millisecond
	}
	s.calls = calls.New(c.Calls)
	s.timers.wake = make(chan struct{}, 1)
	if c.Dir != "" {
		if err := os.MkdirAll(c.Dir, 0o700); err != nil {
			return nil, fmt.Errorf("lambda: %w", err)
		}
	}
	if s.journal != nil {
		if c.Dir == "" {
			return nil, fmt.Errorf("lambda: a journal without a folder for code would keep functions without their code")
		}
		if err := s.restore(); err != nil {
			return nil, fmt.Errorf("lambda: restore: %w", err)
		}
	}
	if err := s.archives.sweep(); err != nil {
		return nil, fmt.Errorf("lambda: %w", err)
	}
	return s, nil
}

// Close ends all invocations and waits until nothing runs any more.
// With a journal, the next service begins those again that had not ended.
func (s *Service) Close() {
	s.stop()
	s.calls.Wait()
	s.running.Wait()
}

// API returns the operations of the service.
func (s *Service) API() wire.API {
	return wire.API{Service: &lambdaapi.Service, MaxBody: maxRequest, Rows: []wire.Row{
		wire.Op(lambdaapi.CreateFunction, s.createFunction),
		wire.Op(lambdaapi.UpdateFunctionCode, s.updateFunctionCode),
		wire.Op(lambdaapi.UpdateFunctionConfiguration, s.updateFunctionConfiguration),
		wire.Op(lambdaapi.GetFunction, s.getFunction),
		wire.Op(lambdaapi.GetFunctionConfiguration, s.getFunctionConfiguration),
		wire.Op(lambdaapi.ListFunctions, s.listFunctions),
		wire.Op(lambdaapi.DeleteFunction, s.deleteFunction),

		wire.Op(lambdaapi.PublishVersion, s.publishVersion),
		wire.Op(lambdaapi.ListVersionsByFunction, s.listVersionsByFunction),

		wire.Op(lambdaapi.CreateAlias, s.createAlias),
		wire.Op(lambdaapi.UpdateAlias, s.updateAlias),
		wire.Op(lambdaapi.GetAlias, s.getAlias),
		wire.Op(lambdaapi.ListAliases, s.listAliases),
		wire.Op(lambdaapi.DeleteAlias, s.deleteAlias),

		// A payload is JSON, which the model does not say.
		wire.Op(lambdaapi.Invoke, s.invoke).WithHeader("Content-Type", "application/json").WithHeader("X-Amzn-Remapped-Content-Length", "0"),
		wire.Op(lambdaapi.InvokeAsync, s.invokeAsync),

		wire.Op(lambdaapi.PutFunctionEventInvokeConfig, s.putFunctionEventInvokeConfig),
		wire.Op(lambdaapi.UpdateFunctionEventInvokeConfig, s.updateFunctionEventInvokeConfig),
		wire.Op(lambdaapi.GetFunctionEventInvokeConfig, s.getFunctionEventInvokeConfig),
		wire.Op(lambdaapi.ListFunctionEventInvokeConfigs, s.listFunctionEventInvokeConfigs),
		wire.Op(lambdaapi.DeleteFunctionEventInvokeConfig, s.deleteFunctionEventInvokeConfig),

		wire.Op(lambdaapi.AddPermission, s.addPermission),
		wire.Op(lambdaapi.RemovePermission, s.removePermission),
		wire.Op(lambdaapi.GetPolicy, s.getPolicy),

		wire.Op(lambdaapi.TagResource, s.tagResource),
		wire.Op(lambdaapi.UntagResource, s.untagResource),
		wire.Op(lambdaapi.ListTags, s.listTags),

		wire.Op(lambdaapi.PublishLayerVersion, s.publishLayerVersion),
		wire.Op(lambdaapi.GetLayerVersion, s.getLayerVersion),
		wire.Op(lambdaapi.GetLayerVersionByArn, s.getLayerVersionByArn),
		wire.Op(lambdaapi.ListLayerVersions, s.listLayerVersions),
		wire.Op(lambdaapi.ListLayers, s.listLayers),
		wire.Op(lambdaapi.DeleteLayerVersion, s.deleteLayerVersion),
		wire.Op(lambdaapi.AddLayerVersionPermission, s.addLayerVersionPermission),
		wire.Op(lambdaapi.RemoveLayerVersionPermission, s.removeLayerVersionPermission),
		wire.Op(lambdaapi.GetLayerVersionPolicy, s.getLayerVersionPolicy),

		wire.Op(lambdaapi.PutFunctionConcurrency, s.putFunctionConcurrency),
		wire.Op(lambdaapi.GetFunctionConcurrency, s.getFunctionConcurrency),
		wire.Op(lambdaapi.DeleteFunctionConcurrency, s.deleteFunctionConcurrency),
		wire.Op(lambdaapi.GetAccountSettings, s.getAccountSettings),

		wire.Op(lambdaapi.PutFunctionRecursionConfig, s.putFunctionRecursionConfig),
		wire.Op(lambdaapi.GetFunctionRecursionConfig, s.getFunctionRecursionConfig),
		wire.Op(lambdaapi.GetRuntimeManagementConfig, s.getRuntimeManagementConfig),

		wire.Op(lambdaapi.CreateFunctionUrlConfig, s.createFunctionURLConfig),
		wire.Op(lambdaapi.UpdateFunctionUrlConfig, s.updateFunctionURLConfig),
		wire.Op(lambdaapi.GetFunctionUrlConfig, s.getFunctionURLConfig),
		wire.Op(lambdaapi.ListFunctionUrlConfigs, s.listFunctionURLConfigs),
		wire.Op(lambdaapi.DeleteFunctionUrlConfig, s.deleteFunctionURLConfig),

		wire.Op(lambdaapi.PutProvisionedConcurrencyConfig, s.putProvisionedConcurrencyConfig),
		wire.Op(lambdaapi.GetProvisionedConcurrencyConfig, s.getProvisionedConcurrencyConfig),
		wire.Op(lambdaapi.ListProvisionedConcurrencyConfigs, s.listProvisionedConcurrencyConfigs),
		wire.Op(lambdaapi.DeleteProvisionedConcurrencyConfig, s.deleteProvisionedConcurrencyConfig),

		wire.Op(lambdaapi.CreateCodeSigningConfig, s.createCodeSigningConfig),
		wire.Op(lambdaapi.UpdateCodeSigningConfig, s.updateCodeSigningConfig),
		wire.Op(lambdaapi.GetCodeSigningConfig, s.getCodeSigningConfig),
		wire.Op(lambdaapi.ListCodeSigningConfigs, s.listCodeSigningConfigs),
		wire.Op(lambdaapi.DeleteCodeSigningConfig, s.deleteCodeSigningConfig),
		wire.Op(lambdaapi.ListFunctionsByCodeSigningConfig, s.listFunctionsByCodeSigningConfig),
		wire.Op(lambdaapi.PutFunctionCodeSigningConfig, s.putFunctionCodeSigningConfig),
		wire.Op(lambdaapi.GetFunctionCodeSigningConfig, s.getFunctionCodeSigningConfig),
		wire.Op(lambdaapi.DeleteFunctionCodeSigningConfig, s.deleteFunctionCodeSigningConfig),

		// What is not there: these say that nobody has made any.
		wire.Op(lambdaapi.ListEventSourceMappings, s.listEventSourceMappings),
	}}
}

// maxRequest is the size of the largest request body in bytes: a direct upload
// of 50 MiB in base64, with something around it.
//
// Source: Lambda's own message, "Request must be smaller than 70167211 bytes".
const maxRequest = 70_167_211

// A space holds everything of one account in one region.
type space struct {
	place
	unreserved load // the invocations of functions without a reservation
	meters     sync.Map

	mu        sync.RWMutex
	functions map[string]*function // by name
	layers    map[string]*layer    // by name
	signings  map[string]*signing  // by id
}

// space returns the space of a place, and makes it when it is not there.
func (s *Service) space(p place) *space {
	if found, ok := s.spaces.Load(p); ok {
		return found.(*space)
	}
	made, _ := s.spaces.LoadOrStore(p, &space{
		place:     p,
		functions: map[string]*function{},
		layers:    map[string]*layer{},
		signings:  map[string]*signing{},
	})
	return made.(*space)
}

// here returns the space of the caller.
func (s *Service) here(ctx context.Context) *space {
	return s.space(placeOf(wire.CallerFrom(ctx)))
}

func (sp *space) function(name string) *function {
	sp.mu.RLock()
	defer sp.mu.RUnlock()
	return sp.functions[name]
}

// now is the time in the precision that AWS shows, milliseconds.
func (s *Service) now() time.Time { return s.clock.Now().Truncate(time.Millisecond) }

// save commits records, if there is a journal.
func (s *Service) save(records ...journal.Record) error {
	if s.journal == nil || len(records) == 0 {
		return nil
	}
	return s.journal.Commit(records...)
}

// change replaces the control of a function: saved first, then in force. An
// error of edit is returned as it is. A function that was deleted meanwhile is
// not there.
func (s *Service) change(f *function, edit func(c *control) (*control, error)) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	old := f.control.Load()
	if old.deleted {
		return functionGone(f.arn)
	}
	next, err := edit(old)
	if err != nil || next == old {
		return err
	}
	if err := s.save(f.changes(old, next)...); err != nil {
		return err
	}
	f.control.Store(next)
	return nil
}
