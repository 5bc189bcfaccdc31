package sfn

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/crossfade-dev/crossfade/localcloud/routing"
	"github.com/crossfade-dev/crossfade/localcloud/wire/sfnapi"
)

// What AWS allows of each, per state machine.
//
// Source: Step Functions quotas; the API documentation of aliases and versions.
const (
	maxVersions = 1000
	maxAliases  = 100
	maxTags     = 50
)

// initialRevision is what the API calls the revision that a state machine is
// created with, which has no id.
const initialRevision = "INITIAL"

// A control is what there is to manage about a state machine, at one moment. It
// is immutable: a change makes a new one, so that a start needs no lock and an
// execution sees one consistent picture.
type control struct {
	revision    *revision
	lastVersion int        // the highest number ever given out; numbers never come again
	versions    []*version // oldest first
	lastAlias   int        // likewise of aliases
	aliases     []*alias   // oldest first
	tags        []tag
	deleting    bool
	// What the creation asked for; a repeated creation is compared with it.
	createdPublished   bool
	createdDescription *string
}

// A revision is an immutable snapshot of everything that an execution runs by.
type revision struct {
	id      string // empty for the initial one
	created time.Time
	settings
	compiled
}

// settings are what an update can change.
type settings struct {
	definition string
	roleARN    string
	logging    logging
	tracing    bool
	encryption encryption
}

func (s settings) equal(t settings) bool {
	return s.definition == t.definition && s.roleARN == t.roleARN && s.tracing == t.tracing &&
		s.encryption.equal(t.encryption) && s.logging.equal(t.logging)
}

// A version pins a revision under a number.
type version struct {
	number      int
	arn         string
	description *string
	created     time.Time
	revision    *revision
	counted     series
}

// An alias routes starts to one or two versions.
type alias struct {
	number           int // grows with every alias that is created
	name             string
	arn              string
	description      *string
	created, updated time.Time
	routes           []route
	dealer           *routing.Dealer
	counted          series
}

// A route is a version's share of an alias, in percent.
type route struct {
	version *version
	weight  int
}

// A tag is a label of a state machine or an activity.
type tag struct{ Key, Value string }

// clone returns a copy to be changed. The slices are shared; whoever changes
// one copies it.
func (c *control) clone() *control {
	n := *c
	return &n
}

// version returns the version with that number, or nil.
func (c *control) version(number int) *version {
	i, found := slices.BinarySearchFunc(c.versions, number, func(v *version, n int) int { return v.number - n })
	if !found {
		return nil
	}
	return c.versions[i]
}

// alias returns the alias of that name, or nil.
func (c *control) alias(name string) *alias {
	for _, a := range c.aliases {
		if a.name == name {
			return a
		}
	}
	return nil
}

// published returns the version that pins a revision, or nil.
func (c *control) published(r *revision) *version {
	for _, v := range slices.Backward(c.versions) {
		if v.revision == r {
			return v
		}
	}
	return nil
}

// publish returns the version of the current revision: the one that is there,
// or a new one. c changes only for a new one, and is returned as it was
// otherwise.
func (c *control) publish(machineARN string, description *string, now time.Time) (*control, *version, error) {
	if v := c.published(c.revision); v != nil {
		return c, v, nil
	}
	if len(c.versions) >= maxVersions {
		return nil, nil, sfnapi.NewServiceQuotaExceededException(fmt.Sprintf(
			"State machine %s already has the maximum number of versions, %d.", machineARN, maxVersions))
	}
	n := c.clone()
	n.lastVersion++
	v := &version{
		number:      n.lastVersion,
		arn:         machineARN + ":" + strconv.Itoa(n.lastVersion),
		description: description,
		created:     now,
		revision:    c.revision,
	}
	n.versions = append(slices.Clone(c.versions), v)
	return n, v, nil
}

// withoutVersion removes a version. To remove one that is not there is no
// error; to remove one that an alias refers to, with whatever weight, is.
func (c *control) withoutVersion(number int) (*control, error) {
	v := c.version(number)
	if v == nil {
		return c, nil
	}
	var referring []string
	for _, a := range c.aliases {
		if a.refersTo(v) {
			referring = append(referring, a.name)
		}
	}
	if len(referring) > 0 {
		return nil, sfnapi.NewConflictException(
			"Version to be deleted must not be referenced by an alias. Current list of aliases referencing this version: [" +
				strings.Join(referring, ", ") + "]")
	}
	n := c.clone()
	n.versions = slices.DeleteFunc(slices.Clone(c.versions), func(o *version) bool { return o == v })
	return n, nil
}

func (a *alias) refersTo(v *version) bool {
	return slices.ContainsFunc(a.routes, func(r route) bool { return r.version == v })
}

// withAlias adds an alias, or puts it in the place of the one of its name.
func (c *control) withAlias(a *alias) (*control, error) {
	n := c.clone()
	if i := slices.IndexFunc(c.aliases, func(o *alias) bool { return o.name == a.name }); i >= 0 {
		n.aliases = slices.Clone(c.aliases)
		n.aliases[i] = a
		return n, nil
	}
	if len(c.aliases) >= maxAliases {
		return nil, sfnapi.NewServiceQuotaExceededException(fmt.Sprintf(
			"The state machine already has the maximum number of aliases, %d.", maxAliases))
	}
	n.lastAlias++
	a.number = n.lastAlias
	n.aliases = append(slices.Clone(c.aliases), a)
	return n, nil
}

// position is where a list of aliases goes on: it sorts as the aliases do.
func (a *alias) position() string { return fmt.Sprintf("%010d", a.number) }

// withoutAlias removes an alias, if it is there.
func (c *control) withoutAlias(name string) *control {
	if c.alias(name) == nil {
		return c
	}
	n := c.clone()
	n.aliases = slices.DeleteFunc(slices.Clone(c.aliases), func(o *alias) bool { return o.name == name })
	return n
}

// routes checks a routing configuration and finds its versions.
func (c *control) routes(machineARN string, items []sfnapi.RoutingConfigurationListItem) ([]route, error) {
	var (
		arns, weights []string
		routes        []route
		sum           int
		other         bool
	)
	for _, item := range items {
		arns = append(arns, item.StateMachineVersionArn)
		weights = append(weights, strconv.Itoa(int(item.Weight)))
		sum += int(item.Weight)
	}
	for _, item := range items {
		of, number, ok := cutVersion(item.StateMachineVersionArn)
		if !ok {
			return nil, invalidRouting("Routing configuration must contain state machine version ARNs. Received: " + list(arns))
		}
		other = other || of != machineARN
		routes = append(routes, route{weight: int(item.Weight), version: c.version(number)})
	}
	switch {
	case other:
		return nil, invalidRouting("Routing configuration must contain versions of the same state machine. Received: " + list(arns))
	case len(items) == 2 && arns[0] == arns[1]:
		return nil, invalidRouting("Routing configuration must contain distinct state machine version ARNs. Received: " + list(arns))
	case sum != 100:
		return nil, invalidRouting("Sum of routing configuration weights must equal 100. Received: " + list(weights))
	}
	for i, r := range routes {
		if r.version == nil {
			return nil, sfnapi.NewResourceNotFound("Request references a resource that does not exist.").With("resourceName", arns[i])
		}
	}
	return routes, nil
}

func invalidRouting(message string) error {
	return sfnapi.NewValidationException(message).With("reason", sfnapi.ValidationExceptionReasonInvalidRoutingConfiguration)
}

func list(items []string) string { return "[" + strings.Join(items, ", ") + "]" }

// sameRoutes says whether two routings send the same share to each version.
func sameRoutes(a, b []route) bool {
	if len(a) != len(b) {
		return false
	}
	for _, r := range a {
		if !slices.Contains(b, r) {
			return false
		}
	}
	return true
}

func sameText(a, b *string) bool {
	return (a == nil) == (b == nil) && (a == nil || *a == *b)
}
