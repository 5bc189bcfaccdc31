package lambda

import (
	"maps"
	"reflect"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/crossfade-dev/crossfade/localcloud/routing"
)

// A function is what stays the same about a function, with the control that
// changes as a whole and what its invocations count.
type function struct {
	// id tells it from an earlier function of the same name.
	id        string
	space     *space
	name, arn string
	load      load

	mu      sync.Mutex // held by a change from reading control to replacing it
	control atomic.Pointer[control]
	kept    kept
	meters  sync.Map // of resource to *meter
}

// A control is what there is to manage about a function, at one moment. It is
// immutable: a change makes a new one, so that an invocation needs no lock and
// sees one consistent picture.
type control struct {
	latest      *version
	lastVersion int        // the highest number ever given out; numbers never come again
	versions    []*version // oldest first
	aliases     []*alias   // by name
	tags        map[string]string
	reserved    *int                    // concurrent executions; nil without a reservation
	policies    map[string]*policy      // by qualifier; the function's own has none
	events      map[string]*eventConfig // by qualifier, "$LATEST" for the function
	urls        map[string]*urlConfig   // by qualifier; the function's own has none
	provisioned map[string]*provision   // by qualifier, a number or an alias
	recursion   string
	signing     string // the ARN of its code signing configuration; empty without one
	deleted     bool
}

// A version is $LATEST or one that was published, with the state that it comes
// to by itself: AWS takes a while to create and to update, and what it then is
// has another revision.
type version struct {
	number   int // 0 is $LATEST
	revision string
	// settled is the revision from settles on.
	settled  string
	settles  time.Time
	creating bool // until settles the version is Pending; else an update is in progress
	// description is that of the publication; nil leaves what the settings say.
	description *string
	settings
	code     *Archive
	layers   []*Archive
	modified time.Time
	run      *runnable
	// before is what runs until an update has settled.
	before *runnable
}

// settings are what a configuration holds. The zero of each is as if it had not
// been given.
type settings struct {
	Description  string            `json:"description,omitempty"`
	Role         string            `json:"role"`
	Handler      string            `json:"handler,omitempty"`
	Runtime      string            `json:"runtime,omitempty"`
	Architecture string            `json:"architecture"`
	MemoryMB     int               `json:"memoryMB"`
	Timeout      int               `json:"timeoutSeconds"`
	EphemeralMB  int               `json:"ephemeralMB"`
	Environment  map[string]string `json:"environment"` // nil: none was given
	DeadLetter   string            `json:"deadLetter,omitempty"`
	KMSKeyARN    string            `json:"kmsKeyArn,omitempty"`
	Tracing      string            `json:"tracing"`
	Layers       []layerRef        `json:"layers,omitempty"`
	Logging      logging           `json:"logging"`
	NoVPC        bool              `json:"noVpc,omitempty"` // an empty VpcConfig was given
}

// logging says where and how a function logs. The levels are empty for Text.
type logging struct {
	Format      string `json:"format"`
	Application string `json:"application,omitempty"`
	System      string `json:"system,omitempty"`
	Group       string `json:"group"`
}

// A layerRef is a version of a layer as a function uses it: what it used stays,
// also when the layer is deleted.
type layerRef struct {
	ARN    string `json:"arn"`
	SHA256 string `json:"sha256"`
	Size   int64  `json:"size"`
}

// equal says whether two versions would run alike.
func (v *version) equal(w *version) bool {
	return v.code == w.code && reflect.DeepEqual(v.settings, w.settings)
}

func (v *version) qualifier() string {
	if v.number == 0 {
		return latest
	}
	return strconv.Itoa(v.number)
}

// revisionAt is the revision that a change has to name.
func (v *version) revisionAt(now time.Time) string {
	if now.Before(v.settles) {
		return v.revision
	}
	return v.settled
}

// busy says whether AWS would still be at work.
func (v *version) busy(now time.Time) bool { return now.Before(v.settles) }

// runs is what an invocation runs.
func (v *version) runs(now time.Time) *runnable {
	if v.before != nil && now.Before(v.settles) {
		return v.before
	}
	return v.run
}

// withRevision returns v with a new revision, as what is attached to a version
// gives it.
func (v *version) withRevision(id string, now time.Time) *version {
	n := *v
	if n.revision = id; !v.busy(now) {
		n.settled = id
	}
	return &n
}

// An alias routes invocations to one or two versions.
type alias struct {
	name        string
	revision    string
	description string
	version     string // "$LATEST" or a number
	// other takes part of the invocations; empty when all go to version.
	other  string
	weight float64 // of other
	dealer *routing.Dealer
}

// A policy is who may use a function, a version or an alias.
type policy struct {
	Revision   string      `json:"revision"`
	Statements []statement `json:"statements"`
}

// A statement is one permission, with its text as the policy shows it.
type statement struct {
	ID   string `json:"id"`
	Text string `json:"text"`
}

// An eventConfig says what becomes of asynchronous invocations. It is immutable.
type eventConfig struct {
	Modified   time.Time `json:"modified"`
	Retries    *int      `json:"retries,omitempty"`
	AgeSeconds *int      `json:"ageSeconds,omitempty"`
	Success    string    `json:"success,omitempty"`
	Failure    string    `json:"failure,omitempty"`
	// Destinations says that some were given, if only empty ones.
	Destinations bool `json:"destinations,omitempty"`
}

// clone returns a copy to be changed. Lists and maps are shared; whoever changes
// one copies it.
func (c *control) clone() *control {
	n := *c
	return &n
}

// published returns the version of that number, or nil.
func (c *control) published(number int) *version {
	i, found := slices.BinarySearchFunc(c.versions, number, func(v *version, n int) int { return v.number - n })
	if !found {
		return nil
	}
	return c.versions[i]
}

// version returns $LATEST, or the version of a number in decimal, or nil.
func (c *control) version(qualifier string) *version {
	if qualifier == latest {
		return c.latest
	}
	number, err := strconv.Atoi(qualifier)
	if err != nil || strconv.Itoa(number) != qualifier {
		return nil
	}
	return c.published(number)
}

// alias returns the alias of that name, or nil.
func (c *control) alias(name string) *alias {
	i, found := slices.BinarySearchFunc(c.aliases, name, compareAlias)
	if !found {
		return nil
	}
	return c.aliases[i]
}

func compareAlias(a *alias, name string) int {
	switch {
	case a.name < name:
		return -1
	case a.name > name:
		return 1
	default:
		return 0
	}
}

// withAlias returns a copy of c in which a is, in place of what had its name.
func (c *control) withAlias(a *alias) *control {
	n := c.clone()
	i, found := slices.BinarySearchFunc(c.aliases, a.name, compareAlias)
	if found {
		n.aliases = slices.Clone(c.aliases)
		n.aliases[i] = a
	} else {
		n.aliases = slices.Insert(slices.Clone(c.aliases), i, a)
	}
	return n
}

// resolve returns the version that a qualifier stands for now; through an alias
// that is its main version. nil if there is none.
func (c *control) resolve(qualifier string) *version {
	if qualifier == "" {
		return c.latest
	}
	if isAlias(qualifier) {
		a := c.alias(qualifier)
		if a == nil {
			return nil
		}
		qualifier = a.version
	}
	return c.version(qualifier)
}

// withPolicy returns a copy of c with another policy for a qualifier; nil takes
// it away.
func (c *control) withPolicy(qualifier string, p *policy) *control {
	n := c.clone()
	n.policies = maps.Clone(c.policies)
	if p == nil {
		delete(n.policies, qualifier)
		return n
	}
	if n.policies == nil {
		n.policies = map[string]*policy{}
	}
	n.policies[qualifier] = p
	return n
}

// withRevision returns a copy of c in which what a qualifier names has another
// revision.
func (c *control) withRevision(qualifier, id string, now time.Time) *control {
	switch {
	case qualifier == "" || qualifier == latest:
		n := c.clone()
		n.latest = c.latest.withRevision(id, now)
		return n
	case isAlias(qualifier):
		if old := c.alias(qualifier); old != nil {
			a := *old
			a.revision = id
			return c.withAlias(&a)
		}
	default:
		if old := c.version(qualifier); old != nil {
			return c.withVersion(old.withRevision(id, now))
		}
	}
	return c
}

// withVersion returns a copy of c in which v is, in place of what had its number.
func (c *control) withVersion(v *version) *control {
	n := c.clone()
	i, found := slices.BinarySearchFunc(c.versions, v.number, func(v *version, n int) int { return v.number - n })
	if found {
		n.versions = slices.Clone(c.versions)
		n.versions[i] = v
	} else {
		n.versions = slices.Insert(slices.Clone(c.versions), i, v)
	}
	return n
}

// all returns $LATEST and the published versions, oldest first.
func (c *control) all() []*version {
	return append([]*version{c.latest}, c.versions...)
}

// A runnable is what the runtime runs for a version. The address of the local
// cloud is not known before something calls it, so it is made when it is first
// asked for.
type runnable struct {
	once sync.Once
	make func() *FunctionVersion
	made atomic.Pointer[FunctionVersion]
}

func (r *runnable) version() *FunctionVersion {
	r.once.Do(func() {
		r.made.Store(r.make())
		r.make = nil
	})
	return r.made.Load()
}

// runnable returns what runs for v, a version of f.
func (s *Service) runnable(f *function, v *version) *runnable {
	fv := &FunctionVersion{
		ID:                 f.id + "-" + idPart(v.number) + "-" + v.settled,
		FunctionARN:        f.arn,
		Name:               f.name,
		Version:            v.qualifier(),
		Account:            f.space.Account,
		Region:             f.space.Region,
		Runtime:            v.Runtime,
		Architecture:       v.Architecture,
		Handler:            v.Handler,
		Code:               v.code,
		Layers:             v.layers,
		Environment:        v.Environment,
		MemoryMB:           v.MemoryMB,
		EphemeralStorageMB: v.EphemeralMB,
		Timeout:            time.Duration(v.Timeout) * time.Second,
		LogGroup:           v.Logging.Group,
		LogFormat:          v.Logging.Format,
	}
	return &runnable{make: func() *FunctionVersion {
		if s.endpoint != nil {
			fv.EndpointURL = s.endpoint()
		}
		fv.Credentials = s.credentials(f, v.Role)
		return fv
	}}
}

// credentials returns what the code of a function calls AWS with.
func (s *Service) credentials(f *function, role string) Credentials {
	name := f.name
	if len(name) < 2 {
		name += "@lambda_function" // names of sessions have two letters at least: recorded
	}
	if s.sessions != nil {
		made, err := s.sessions.Session(f.space.Account, f.space.Partition, role, name)
		if err == nil {
			return made
		}
		// Without a session a function is the account itself, and can still work.
	}
	return Credentials{AccessKeyID: f.space.Account, SecretAccessKey: "local", SessionToken: "local"}
}

func idPart(number int) string {
	if number == 0 {
		return "latest"
	}
	return strconv.Itoa(number)
}

// retire tells the runtime that r is not invoked any more, if it ever was.
func (s *Service) retire(r *runnable) {
	if r == nil {
		return
	}
	if made := r.made.Load(); made != nil {
		s.runtime.Retire(made)
	}
}
