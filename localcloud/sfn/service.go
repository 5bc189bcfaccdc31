// Package sfn is the local Step Functions: state machines, versions, aliases,
// activities and executions, with the semantics that AWS was recorded to have.
//
// It is the shell of [machine]: an execution is a value that Step takes from
// event to event. The service keeps the values, saves what a step did before it
// carries out what the step asked for, sends ticks when timers are due, and
// calls the world through the ports of [Config]. No goroutine waits for an
// execution; only outgoing calls have one, and there is a bound to them.
//
// A [Service] is a clock.Process: something has to drive it with clock.Run, and
// with [Service.Wake] as its wake-up. Everything belongs to the account and the
// region of the caller, as wire.CallerFrom tells.
//
// What AWS does by chance, picking the version for a start through an alias, is
// dealt from a shuffled deck; see package routing.
package sfn

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/crossfade-dev/crossfade/internal/clock"
	"github.com/crossfade-dev/crossfade/localcloud/calls"
	"github.com/crossfade-dev/crossfade/localcloud/random"
	"github.com/crossfade-dev/crossfade/localcloud/routing"
	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/sfnapi"
)

// Config is what a Service is made of. Clock and Rand are required; every other
// field has a meaning when it is left out.
type Config struct {
	// Clock tells the time and lets long polls wait.
	Clock clock.Clock
	// Rand is the source of ids, decks and the seeds of executions. The service
	// alone uses it from then on.
	Rand rand.Source
	// Integrations carries out the tasks that call an AWS operation. Without
	// it such tasks fail.
	Integrations Integrations
	// Functions invokes Lambda functions. Without it such tasks fail.
	Functions Functions
	// Objects has the buckets that distributed Maps read items from and write
	// results to. Without it such Maps fail.
	Objects Objects
	// Metrics takes the metrics of AWS/States. Without it there are none.
	Metrics Metrics
	// Logs knows log groups and takes log events. Without it destinations are
	// not checked and nothing is logged.
	Logs Logs
	// Journal keeps what was acknowledged. Without it the service forgets
	// everything when it ends.
	Journal Journal
	// Models are the services whose answers TestState knows, beside Step
	// Functions itself: it holds mocks to them.
	Models []*wire.Service
	// Keep bounds how many finished executions each state machine remembers;
	// 0 means 100,000.
	Keep int
	// KeepFor bounds for how long; 0 means 90 days, as AWS does.
	KeepFor time.Duration
	// Calls bounds how many calls to the outside run at once; 0 means 256.
	Calls int
}

// A Service is one local Step Functions. It is safe for concurrent use.
type Service struct {
	clock        clock.Clock
	integrations Integrations
	functions    Functions
	objects      Objects
	metrics      Metrics
	logs         Logs
	journal      Journal
	models       []*wire.Service
	keep         int
	keepFor      time.Duration

	ctx    context.Context // of outgoing calls, until Close
	stop   context.CancelFunc
	random *random.Source
	spaces sync.Map // of place to *space
	timers timers
	calls  *calls.Pool
	tokens tokens
}

// New returns a service with what the journal holds. The error is the
// journal's, or says which record cannot be read.
func New(c Config) (*Service, error) {
	s := &Service{
		clock:        c.Clock,
		integrations: c.Integrations,
		functions:    c.Functions,
		objects:      c.Objects,
		metrics:      c.Metrics,
		logs:         c.Logs,
		journal:      c.Journal,
		models:       append([]*wire.Service{&sfnapi.Service}, c.Models...),
		keep:         c.Keep,
		keepFor:      c.KeepFor,
		random:       random.New(c.Rand),
	}
	s.ctx, s.stop = context.WithCancel(context.Background())
	if s.keep == 0 {
		s.keep = 100_000
	}
	if s.keepFor == 0 {
		s.keepFor = 90 * 24 * time.Hour
	}
	s.calls = calls.New(c.Calls)
	s.timers.wake = make(chan struct{}, 1)
	if s.journal != nil {
		if err := s.restore(); err != nil {
			return nil, fmt.Errorf("sfn: restore: %w", err)
		}
	}
	return s, nil
}

// Close ends the outgoing calls and waits until nothing runs any more. Executions
// stay where they are; with a journal, the next service goes on with them.
func (s *Service) Close() {
	s.stop()
	s.calls.Wait()
}

// API returns the operations of the service.
func (s *Service) API() wire.API {
	return wire.API{Service: &sfnapi.Service, Rows: []wire.Row{
		wire.Op(sfnapi.CreateStateMachine, s.createStateMachine),
		wire.Op(sfnapi.UpdateStateMachine, s.updateStateMachine),
		wire.Op(sfnapi.DescribeStateMachine, s.describeStateMachine),
		wire.Op(sfnapi.ListStateMachines, s.listStateMachines),
		wire.Op(sfnapi.DeleteStateMachine, s.deleteStateMachine),
		wire.Op(sfnapi.ValidateStateMachineDefinition, s.validateStateMachineDefinition),
		wire.Op(sfnapi.TestState, s.testState),

		wire.Op(sfnapi.PublishStateMachineVersion, s.publishStateMachineVersion),
		wire.Op(sfnapi.ListStateMachineVersions, s.listStateMachineVersions),
		wire.Op(sfnapi.DeleteStateMachineVersion, s.deleteStateMachineVersion),

		wire.Op(sfnapi.CreateStateMachineAlias, s.createStateMachineAlias),
		wire.Op(sfnapi.UpdateStateMachineAlias, s.updateStateMachineAlias),
		wire.Op(sfnapi.DescribeStateMachineAlias, s.describeStateMachineAlias),
		wire.Op(sfnapi.ListStateMachineAliases, s.listStateMachineAliases),
		wire.Op(sfnapi.DeleteStateMachineAlias, s.deleteStateMachineAlias),

		wire.Op(sfnapi.TagResource, s.tagResource),
		wire.Op(sfnapi.UntagResource, s.untagResource),
		wire.Op(sfnapi.ListTagsForResource, s.listTagsForResource),

		wire.Op(sfnapi.StartExecution, s.startExecution),
		wire.Op(sfnapi.StartSyncExecution, s.startSyncExecution),
		wire.Op(sfnapi.StopExecution, s.stopExecution),
		wire.Op(sfnapi.RedriveExecution, s.redriveExecution),
		wire.Op(sfnapi.DescribeExecution, s.describeExecution),
		wire.Op(sfnapi.DescribeStateMachineForExecution, s.describeStateMachineForExecution),
		wire.Op(sfnapi.ListExecutions, s.listExecutions),
		wire.Op(sfnapi.GetExecutionHistory, s.getExecutionHistory),

		wire.Op(sfnapi.CreateActivity, s.createActivity),
		wire.Op(sfnapi.DescribeActivity, s.describeActivity),
		wire.Op(sfnapi.ListActivities, s.listActivities),
		wire.Op(sfnapi.DeleteActivity, s.deleteActivity),
		wire.Op(sfnapi.GetActivityTask, s.getActivityTask),
		wire.Op(sfnapi.SendTaskSuccess, s.sendTaskSuccess),
		wire.Op(sfnapi.SendTaskFailure, s.sendTaskFailure),
		wire.Op(sfnapi.SendTaskHeartbeat, s.sendTaskHeartbeat),

		wire.Op(sfnapi.ListMapRuns, s.listMapRuns),
		wire.Op(sfnapi.DescribeMapRun, s.describeMapRun),
		wire.Op(sfnapi.UpdateMapRun, s.updateMapRun),
	}}
}

// A space holds everything of one account in one region.
type space struct {
	place
	machinePrefix string // arn:aws:states:eu-west-1:111111111111:stateMachine:

	mu         sync.RWMutex
	machines   map[string]*stateMachine // by name
	activities map[string]*activity     // by name
}

// space returns the space of a place, and makes it when it is not there.
func (s *Service) space(p place) *space {
	if found, ok := s.spaces.Load(p); ok {
		return found.(*space)
	}
	made, _ := s.spaces.LoadOrStore(p, &space{
		place:         p,
		machinePrefix: p.arn(kindMachine, ""),
		machines:      map[string]*stateMachine{},
		activities:    map[string]*activity{},
	})
	return made.(*space)
}

// here returns the space of the caller.
func (s *Service) here(ctx context.Context) *space {
	return s.space(placeOf(wire.CallerFrom(ctx)))
}

func (sp *space) machine(name string) *stateMachine {
	sp.mu.RLock()
	defer sp.mu.RUnlock()
	return sp.machines[name]
}

// now is the time in the precision that AWS shows, milliseconds.
func (s *Service) now() time.Time { return s.clock.Now().Truncate(time.Millisecond) }

// dealer returns a dealer for the shares of an alias.
func (s *Service) dealer(routes []route) *routing.Dealer {
	shares := make([]int, len(routes))
	for i, r := range routes {
		shares[i] = r.weight
	}
	return routing.New(shares, rand.NewPCG(s.random.Uint64(), s.random.Uint64()))
}
