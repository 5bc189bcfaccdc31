// Package codedeploy is the local CodeDeploy for the compute platform Lambda:
// applications, deployment groups and configurations, and deployments that shift
// a function's alias.
//
// A deployment is a rollout of package rollouts of the same name, d-…, so that it
// is listed, paused and explained like any other. What is CodeDeploy's own is
// decided here: an alarm or a failed hook stops the deployment where it is, and
// whether traffic then goes back is a deployment of its own.
//
// A [Service] is a clock.Process. An operation only writes down what is wanted;
// Run does it, and writes down first what it is about to do, so that a deployment
// goes on after a crash where it was.
//
// Servers and ECS services are refused: there are none here.
package codedeploy

import (
	"context"
	"crypto/rand"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/crossfade-dev/crossfade/internal/arn"
	"github.com/crossfade-dev/crossfade/internal/clock"
	"github.com/crossfade-dev/crossfade/localcloud/journal"
	"github.com/crossfade-dev/crossfade/localcloud/random"
	"github.com/crossfade-dev/crossfade/localcloud/rollouts"
	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/codedeployapi"
	"github.com/crossfade-dev/crossfade/plan"
)

// Functions is what deployments need of Lambda. The context says in whose name
// (wire.CallerFrom); what Lambda refuses is a [*wire.Error].
type Functions interface {
	// Alias returns the version that an alias of a function names, and whether
	// it gives a share of its traffic to another one.
	Alias(ctx context.Context, function, alias string) (version string, split bool, err error)
	// Version fails unless the function has the version.
	Version(ctx context.Context, function, version string) error
	// Invoke has a function called with an event, and does not wait for it.
	Invoke(ctx context.Context, function string, event []byte) error
}

// Objects is where AppSpec files are read that a revision has in S3.
type Objects interface {
	// Get opens an object, with version empty its newest version.
	Get(ctx context.Context, bucket, key, version string) (io.ReadCloser, error)
}

// Topics is where triggers send what happens to deployments.
type Topics interface {
	Publish(ctx context.Context, topic arn.ARN, subject, message string) error
}

// Bus is the default event bus of EventBridge.
type Bus interface {
	Put(ctx context.Context, e Event) error
}

// An Event is one of EventBridge's.
type Event struct {
	Account, Region    string
	Source, DetailType string
	Resources          []string // ARNs
	Time               time.Time
	Detail             []byte // a JSON object
}

// A Journal keeps records for good; package journal has one on disk.
type Journal interface {
	// Commit keeps all records or none. It returns nil once they are safe.
	Commit(records ...journal.Record) error
	// Load calls yield with every record of a kind, in no order.
	Load(kind string, yield func(key string, value []byte) error) error
}

// Config is what a Service is made of. Clock, Rollouts and Functions are needed.
type Config struct {
	Clock     clock.Clock
	Rollouts  *rollouts.Service
	Functions Functions
	Objects   Objects      // nil: revisions in S3 are refused
	Topics    Topics       // nil: triggers reach nobody
	Bus       Bus          // nil: no events
	Journal   Journal      // nil: nothing is kept
	Rand      io.Reader    // makes ids; nil means the machine's secure source
	Log       *slog.Logger // takes what could not be told; nil: nobody listens
}

// A Service is the state of CodeDeploy in all accounts and regions. It is safe
// for concurrent use.
type Service struct {
	config Config

	mu           sync.Mutex
	applications map[place]map[string]*application // by name
	configs      map[place]map[string]*deploymentConfig
	deployments  map[string]*deployment // by id
	last         int64                  // number of the newest deployment
	due          map[string]time.Time   // when to go on with a deployment
	begun        map[string]bool        // deployments whose rollout this process carries out
	wake         chan struct{}
}

// A place is an account's region.
type place struct{ wire.Place }

func placeOf(c wire.Caller) place { return place{c.Place()} }

func (p place) key(names ...string) string {
	key := p.Account + "/" + p.Region
	for _, n := range names {
		key += "/" + n
	}
	return key
}

// The kinds of records.
const (
	recordApplication = "codedeploy.application"
	recordConfig      = "codedeploy.config"
	recordDeployment  = "codedeploy.deployment"
)

// New returns a service with what its journal remembers. Deployments that had not
// ended go on as soon as it is run.
func New(config Config) (*Service, error) {
	if config.Rand == nil {
		config.Rand = rand.Reader
	}
	if config.Log == nil {
		config.Log = slog.New(slog.DiscardHandler)
	}
	s := &Service{
		config: config, applications: map[place]map[string]*application{}, configs: map[place]map[string]*deploymentConfig{},
		deployments: map[string]*deployment{}, due: map[string]time.Time{}, begun: map[string]bool{}, wake: make(chan struct{}, 1),
	}
	if config.Journal != nil {
		if err := s.restore(); err != nil {
			return nil, err
		}
	}
	config.Rollouts.Hook(plan.LambdaHook, hooks{s})
	config.Rollouts.Watch(func(status rollouts.Status) { s.goOn(status.ID) })
	return s, nil
}

func (s *Service) restore() error {
	load := s.config.Journal.Load
	if err := load(recordApplication, journal.FromJSON(func(_ string, a *application) error {
		put(s.applications, a.Place, a.Name, a)
		return nil
	})); err != nil {
		return err
	}
	if err := load(recordConfig, journal.FromJSON(func(_ string, c *deploymentConfig) error {
		put(s.configs, c.Place, c.Name, c)
		return nil
	})); err != nil {
		return err
	}
	return load(recordDeployment, journal.FromJSON(func(_ string, d *deployment) error {
		s.deployments[d.ID] = d
		s.last = max(s.last, d.Number)
		if !d.ended() {
			s.due[d.ID] = time.Time{}
		}
		return nil
	}))
}

func put[T any](m map[place]map[string]*T, at place, name string, v *T) {
	if m[at] == nil {
		m[at] = map[string]*T{}
	}
	m[at][name] = v
}

// A change is a record that is to be kept.
type change struct {
	kind, key string
	value     any // nil: the record is deleted
}

// keep makes changes durable, all or none.
func (s *Service) keep(changes ...change) error {
	if s.config.Journal == nil {
		return nil
	}
	records := make([]journal.Record, len(changes))
	for i, c := range changes {
		if c.value == nil {
			records[i] = journal.Deletion(c.kind, c.key)
		} else {
			records[i] = journal.JSON(c.kind, c.key, c.value)
		}
	}
	return s.config.Journal.Commit(records...)
}

func (s *Service) now() time.Time { return s.config.Clock.Now().UTC() }

// newID returns a random UUID.
func (s *Service) newID() (string, error) { return random.ReadUUID(s.config.Rand) }

// API returns the operations.
func (s *Service) API() wire.API {
	return wire.API{Service: &codedeployapi.Service, Refuse: refuse, Rows: []wire.Row{
		wire.Op(codedeployapi.BatchGetApplicationRevisions, s.batchGetApplicationRevisions),
		wire.Op(codedeployapi.BatchGetApplications, s.batchGetApplications),
		wire.Op(codedeployapi.BatchGetDeploymentGroups, s.batchGetDeploymentGroups),
		wire.Op(codedeployapi.BatchGetDeploymentTargets, s.batchGetDeploymentTargets),
		wire.Op(codedeployapi.BatchGetDeployments, s.batchGetDeployments),
		wire.Op(codedeployapi.ContinueDeployment, s.continueDeployment),
		wire.Op(codedeployapi.CreateApplication, s.createApplication),
		wire.Op(codedeployapi.CreateDeployment, s.createDeployment),
		wire.Op(codedeployapi.CreateDeploymentConfig, s.createDeploymentConfig),
		wire.Op(codedeployapi.CreateDeploymentGroup, s.createDeploymentGroup),
		wire.Op(codedeployapi.DeleteApplication, s.deleteApplication),
		wire.Op(codedeployapi.DeleteDeploymentConfig, s.deleteDeploymentConfig),
		wire.Op(codedeployapi.DeleteDeploymentGroup, s.deleteDeploymentGroup),
		wire.Op(codedeployapi.GetApplication, s.getApplication),
		wire.Op(codedeployapi.GetApplicationRevision, s.getApplicationRevision),
		wire.Op(codedeployapi.GetDeployment, s.getDeployment),
		wire.Op(codedeployapi.GetDeploymentConfig, s.getDeploymentConfig),
		wire.Op(codedeployapi.GetDeploymentGroup, s.getDeploymentGroup),
		wire.Op(codedeployapi.GetDeploymentTarget, s.getDeploymentTarget),
		wire.Op(codedeployapi.ListApplicationRevisions, s.listApplicationRevisions),
		wire.Op(codedeployapi.ListApplications, s.listApplications),
		wire.Op(codedeployapi.ListDeploymentConfigs, s.listDeploymentConfigs),
		wire.Op(codedeployapi.ListDeploymentGroups, s.listDeploymentGroups),
		wire.Op(codedeployapi.ListDeploymentInstances, s.listDeploymentInstances),
		wire.Op(codedeployapi.ListDeploymentTargets, s.listDeploymentTargets),
		wire.Op(codedeployapi.ListDeployments, s.listDeployments),
		wire.Op(codedeployapi.ListTagsForResource, s.listTagsForResource),
		wire.Op(codedeployapi.PutLifecycleEventHookExecutionStatus, s.putLifecycleEventHookExecutionStatus),
		wire.Op(codedeployapi.RegisterApplicationRevision, s.registerApplicationRevision),
		wire.Op(codedeployapi.SkipWaitTimeForInstanceTermination, s.skipWaitTimeForInstanceTermination),
		wire.Op(codedeployapi.StopDeployment, s.stopDeployment),
		wire.Op(codedeployapi.TagResource, s.tagResource),
		wire.Op(codedeployapi.UntagResource, s.untagResource),
		wire.Op(codedeployapi.UpdateApplication, s.updateApplication),
		wire.Op(codedeployapi.UpdateDeploymentGroup, s.updateDeploymentGroup),
	}}
}
