package cloudformation

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/crossfade-dev/crossfade/internal/clock"
	"github.com/crossfade-dev/crossfade/localcloud/calls"
	"github.com/crossfade-dev/crossfade/localcloud/cloudformation/template"
	"github.com/crossfade-dev/crossfade/localcloud/random"
	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/cloudformationapi"
)

// Config is what a Service is made of. Clock is required; every other field has a
// meaning when it is left out.
type Config struct {
	// Clock tells the time.
	Clock clock.Clock
	// Rand makes ids; nil means the machine's secure source.
	Rand io.Reader
	// Providers are the resource types, by name. A stack with a resource of
	// another type fails.
	Providers map[string]Provider
	// Serverless is the transform AWS::Serverless-2016-10-31; nil means that
	// templates cannot use it.
	Serverless template.Transform
	// Objects has the templates that a TemplateURL names; nil means that there
	// are none.
	Objects Objects
	// Alarms knows the alarms of rollback triggers; nil means that there are
	// none.
	Alarms Alarms
	// Topics hear of the events of stacks with NotificationARNs; nil means that
	// there are none.
	Topics Topics
	// Journal keeps what was acknowledged; nil means that stacks end with the
	// process.
	Journal Journal
	// Lenient gives resources of types that are not in Providers names and nothing
	// more, and has providers leave out what they cannot do. Stacks tell of both in
	// their events. Without it they fail.
	Lenient bool
	// Moment is how soon, by Clock, something has to be due for an operation's
	// answer to wait for it, up to two seconds of the machine's time: clients ask
	// at once how it went, and then not for half a minute. It needs somebody who
	// runs the service meanwhile; 0 means that answers wait only for providers
	// that are being asked.
	Moment time.Duration
}

// Objects has the objects of S3.
type Objects interface {
	// Get opens an object; version may be empty.
	Get(ctx context.Context, bucket, key, version string) (io.ReadCloser, error)
}

// Alarms knows the states of alarms.
type Alarms interface {
	// States returns the states (OK, ALARM, INSUFFICIENT_DATA) of metric and
	// composite alarms by their names; those that do not exist are left out.
	States(ctx context.Context, names []string) (map[string]string, error)
}

// A Service is the local CloudFormation: the stacks of all accounts and regions.
// It is a clock.Process: whoever runs it gives clock.Run its Wake channel.
type Service struct {
	config Config
	calls  *calls.Pool
	wake   chan struct{}
	ctx    context.Context // of provider calls; ends with Close
	close  context.CancelFunc

	mu      sync.RWMutex
	stacks  map[string]*entity     // by ARN, the deleted ones too
	names   map[placedName]*entity // those that are not deleted
	timers  map[*entity]time.Time  // when each has something to do
	exports exports
}

// A placedName is a stack's name where it is one.
type placedName struct{ account, region, name string }

// New returns a service with what the journal remembers: operations that were
// under way go on as soon as the service is driven.
func New(c Config) (*Service, error) {
	if c.Rand == nil {
		c.Rand = rand.Reader
	}
	s := &Service{
		config: c, calls: calls.New(0), wake: make(chan struct{}, 1),
		stacks: map[string]*entity{}, names: map[placedName]*entity{}, timers: map[*entity]time.Time{},
	}
	s.exports.known = map[placedName]export{}
	s.ctx, s.close = context.WithCancel(context.Background())
	s.config.Providers = s.withStacks(c.Providers)
	if c.Journal != nil {
		if err := s.restore(); err != nil {
			return nil, fmt.Errorf("cloudformation: load: %w", err)
		}
	}
	return s, nil
}

// Close lets the calls of providers that are under way end. What they would have
// answered is asked for again by the next service with the same journal.
func (s *Service) Close() {
	s.close()
	s.calls.Wait()
}

// API returns the operations.
func (s *Service) API() wire.API {
	return wire.API{Service: &cloudformationapi.Service, MaxBody: 4 << 20, Rows: []wire.Row{
		wire.Op(cloudformationapi.CancelUpdateStack, s.cancelUpdateStack),
		wire.Op(cloudformationapi.ContinueUpdateRollback, s.continueUpdateRollback),
		wire.Op(cloudformationapi.CreateChangeSet, s.createChangeSet),
		wire.Op(cloudformationapi.CreateStack, s.createStack),
		wire.Op(cloudformationapi.DeleteChangeSet, s.deleteChangeSet),
		wire.Op(cloudformationapi.DeleteStack, s.deleteStack),
		wire.Op(cloudformationapi.DescribeChangeSet, s.describeChangeSet),
		wire.Op(cloudformationapi.DescribeStackEvents, s.describeStackEvents),
		wire.Op(cloudformationapi.DescribeStackResource, s.describeStackResource),
		wire.Op(cloudformationapi.DescribeStackResources, s.describeStackResources),
		wire.Op(cloudformationapi.DescribeStacks, s.describeStacks),
		wire.Op(cloudformationapi.ExecuteChangeSet, s.executeChangeSet),
		wire.Op(cloudformationapi.GetStackPolicy, s.getStackPolicy),
		wire.Op(cloudformationapi.GetTemplate, s.getTemplate),
		wire.Op(cloudformationapi.GetTemplateSummary, s.getTemplateSummary),
		wire.Op(cloudformationapi.ListChangeSets, s.listChangeSets),
		wire.Op(cloudformationapi.ListExports, s.listExports),
		wire.Op(cloudformationapi.ListImports, s.listImports),
		wire.Op(cloudformationapi.ListStackResources, s.listStackResources),
		wire.Op(cloudformationapi.ListStacks, s.listStacks),
		wire.Op(cloudformationapi.RollbackStack, s.rollbackStack),
		wire.Op(cloudformationapi.SetStackPolicy, s.setStackPolicy),
		wire.Op(cloudformationapi.UpdateStack, s.updateStack),
		wire.Op(cloudformationapi.UpdateTerminationProtection, s.updateTerminationProtection),
		wire.Op(cloudformationapi.ValidateTemplate, s.validateTemplate),
	}}
}

// newID returns a random UUID.
func (s *Service) newID() string {
	id, err := random.ReadUUID(s.config.Rand)
	if err != nil {
		panic("cloudformation: " + err.Error()) // the machine has no secure random numbers
	}
	return id
}

// now is the time as CloudFormation keeps it: whole milliseconds.
func (s *Service) now() time.Time { return s.config.Clock.Now().UTC().Truncate(time.Millisecond) }

// lookup returns the stack of a name, which has to live, or of an ARN, which may
// be deleted; nil when there is none.
func (s *Service) lookup(c wire.Caller, nameOrID string) *entity {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if strings.HasPrefix(nameOrID, "arn:") {
		return s.stacks[nameOrID]
	}
	return s.names[placedName{c.Account, c.Region, nameOrID}]
}

// find is lookup with the error that most operations answer.
func (s *Service) find(ctx context.Context, nameOrID string) (*entity, error) {
	e := s.lookup(wire.CallerFrom(ctx), nameOrID)
	if e == nil {
		return nil, wire.NewValidationError("Stack with id " + nameOrID + " does not exist")
	}
	return e, nil
}

// findBracketed is find for the operations whose error has brackets.
//
// Source: recorded for DescribeStackEvents and for change sets.
func (s *Service) findBracketed(ctx context.Context, nameOrID string) (*entity, error) {
	e := s.lookup(wire.CallerFrom(ctx), nameOrID)
	if e == nil {
		return nil, wire.NewValidationError("Stack [" + nameOrID + "] does not exist")
	}
	return e, nil
}

// all returns the stacks of the caller, newest first.
func (s *Service) all(c wire.Caller) []*entity {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var out []*entity
	for _, e := range s.stacks {
		if e.place.Account == c.Account && e.place.Region == c.Region {
			out = append(out, e)
		}
	}
	slices.SortFunc(out, func(a, b *entity) int {
		if c := b.created.Compare(a.created); c != 0 {
			return c
		}
		return strings.Compare(a.id, b.id)
	})
	return out
}

// page returns one page of a list, whose token is where it begins.
func page[T any](list []T, token *string, size int) (part []T, next *string, err error) {
	from := 0
	if token != nil {
		if _, err := fmt.Sscanf(*token, "from-%d", &from); err != nil || from < 0 || from > len(list) {
			return nil, nil, wire.NewValidationError("The specified NextToken is not valid.")
		}
	}
	to := min(from+size, len(list))
	if to < len(list) {
		next = new(fmt.Sprintf("from-%d", to))
	}
	return list[from:to], next, nil
}
