package controller

import (
	"context"
	"time"

	"github.com/crossfade-dev/crossfade/plan"
	"github.com/crossfade-dev/crossfade/rollout"
)

// A Target shifts aliases of one kind. targettest holds all implementations to
// the same promises. Its errors are ErrNotFound, ErrConflict, ErrDenied,
// ErrThrottled, ErrUnsettled and ErrInvalid where they fit.
type Target interface {
	// Routing reads what the alias does now; ErrNotFound without the alias.
	// All traffic on one version has that version as Stable and no Canary. A
	// service that does not say which of two versions is the new one has the
	// older version as Stable.
	Routing(ctx context.Context, alias string) (rollout.Routing, error)
	// Shift makes the alias do to. It reads first and refuses with
	// ErrConflict when the alias has neither from nor to; it writes also when
	// it reads to, because what it reads may be older than the last write; it
	// reads back, and returns ErrUnsettled while that still shows from,
	// ErrConflict when it shows something else. Routings are compared by
	// [rollout.Routing.Same]; a weight of 0 or plan.Full leaves a single
	// version in the alias.
	Shift(ctx context.Context, alias string, from, to rollout.Routing) error
	// Versions lists the versions behind the alias's resource, newest first.
	Versions(ctx context.Context, alias string) ([]Version, error)
	// InUse says whether anything still needs the version besides aliases.
	InUse(ctx context.Context, alias, version string) (Use, error)
	// DeleteVersion deletes one; a version that is in use is ErrConflict, one
	// that is gone already is fine.
	DeleteVersion(ctx context.Context, alias, version string) error
}

// A Prover is a Target that can prove that it may shift an alias, by writing
// the routing that the alias has. ErrDenied when it may not.
type Prover interface {
	Prove(ctx context.Context, alias string) error
}

// A Commander is a Target that can say which command line a person would type
// to give an alias a routing, without this program.
type Commander interface {
	Command(alias string, to rollout.Routing) string
}

// A Version is one immutable version of a state machine or function.
type Version struct {
	Number  string    `json:"number"`
	Created time.Time `json:"created"`
	// Aliases are the names of the aliases that refer to it.
	Aliases     []string `json:"aliases,omitempty"`
	Description string   `json:"description,omitempty"`
}

// A Use is what still needs a version.
type Use string

// The uses.
const (
	Unused     Use = ""
	Executing  Use = "executing"  // executions of it run
	Redrivable Use = "redrivable" // executions of it have ended and may be redriven
	Referenced Use = "referenced" // something besides aliases names it, such as an event source
)

// A Publisher makes a version out of what a target names.
type Publisher interface {
	// Resolve reads what the target names, and changes nothing: the alias, its
	// routing, and whether publishing would upload something. ErrNotFound
	// without the state machine, function or named version.
	Resolve(ctx context.Context, t plan.Target, files Files) (Resolved, error)
	// Publish uploads the definition or code if there is one that differs and
	// publishes, on the condition that nobody changed the resource since it
	// was resolved; ErrConflict if somebody did.
	Publish(ctx context.Context, r Resolved, files Files) (Published, error)
	// CreateAlias creates an alias with all traffic on one version. It is fine
	// if the alias exists with exactly this routing; ErrConflict if it exists
	// with another one.
	CreateAlias(ctx context.Context, alias, version string) error
}

// Files reads the files that a plan names.
type Files interface {
	ReadFile(name string) ([]byte, error)
}

// Resolved is what a target names, as it is now.
type Resolved struct {
	Target plan.Target     `json:"target"`
	Alias  string          `json:"alias"`  // the alias's ARN
	Exists bool            `json:"exists"` // whether the alias exists
	Now    rollout.Routing `json:"now"`    // what the alias does; zero when it does not exist yet
	// Version is the version to release when the target names one.
	Version string `json:"version,omitempty"`
	// Upload is true when the named definition or code differs from what is
	// there, so that publishing changes the resource first.
	Upload bool `json:"upload,omitempty"`
	// Revision is the state of the resource that Publish insists on.
	Revision string `json:"revision,omitempty"`
	// Content is a digest of everything that makes the version to release do what
	// it does: its definition or code, and its settings. Versions with the same
	// content do the same, whatever their numbers. Empty where it is not known.
	Content string `json:"content,omitempty"`
}

// Published is a target made definite.
type Published struct {
	Canary string // the version to introduce
	Reused bool   // the version existed already: nothing changed since it was published
}
