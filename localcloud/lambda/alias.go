package lambda

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/crossfade-dev/crossfade/localcloud/routing"
	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/lambdaapi"
)

func (s *Service) createAlias(ctx context.Context, in *lambdaapi.CreateAliasRequest) (*lambdaapi.AliasConfiguration, error) {
	r, err := s.reference(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	// The error of a function that is not there names the version, too.
	f, _, err := s.function(reference{place: r.place, name: r.name, qualifier: in.FunctionVersion})
	if err != nil {
		return nil, err
	}
	a := &alias{name: in.Name, version: in.FunctionVersion, description: wire.Value(in.Description)}
	err = s.change(f, func(c *control) (*control, error) {
		if err := c.route(f, a, in.RoutingConfig); err != nil {
			return nil, err
		}
		if c.alias(in.Name) != nil {
			return nil, conflict("Alias already exists: " + qualified(f.arn, in.Name))
		}
		a.revision = s.random.UUID()
		a.dealer = s.dealer(a)
		return c.withAlias(a), nil
	})
	if err != nil {
		return nil, err
	}
	return f.describeAlias(a), nil
}

// route gives an alias the second version of a routing, which may be nil, and
// checks it together with the first.
//
// Source of the messages: recorded.
func (c *control) route(f *function, a *alias, in *lambdaapi.AliasRoutingConfiguration) error {
	if c.version(a.version) == nil {
		return functionGone(qualified(f.arn, a.version))
	}
	if in != nil {
		if len(in.AdditionalVersionWeights) > 1 {
			return invalid("Number of items in AdditionalVersionWeights cannot be greater than 1")
		}
		a.other, a.weight = "", 0
		for other, weight := range in.AdditionalVersionWeights {
			a.other, a.weight = other, weight
		}
	}
	switch {
	case a.other == "":
		return nil
	case a.other == a.version:
		return invalid("Invalid function version " + a.version + ". Function version " + a.version + " is already included in routing configuration.")
	case a.version == latest:
		// Without a Type, unlike the others: recorded.
		return lambdaapi.NewInvalidParameterValueException("$LATEST is not supported for an alias pointing to more than 1 version")
	case c.version(a.other) == nil:
		return functionGone(qualified(f.arn, a.other))
	}
	first, second := c.version(a.version), c.version(a.other)
	switch {
	case first.Role != second.Role:
		return invalid("Specified versions must be associated with the same execution role")
	case first.DeadLetter != second.DeadLetter:
		return invalid("Specified versions must be associated with the same dead letter target")
	}
	return nil
}

// finest is the smallest share that a weight can express, as a part of one.
const finest = 10_000

// dealer returns what deals the invocations of an alias: from a deck of 100
// cards if that holds the weight exactly, else of 1,000 or 10,000.
func (s *Service) dealer(a *alias) *routing.Dealer {
	if a.other == "" {
		return nil
	}
	share, cards := int(math.Round(a.weight*finest)), finest
	for cards > 100 && share%10 == 0 {
		share, cards = share/10, cards/10
	}
	return routing.New([]int{cards - share, share}, rand.NewPCG(s.random.Uint64(), s.random.Uint64()))
}

// deal returns the version that serves one invocation.
func (a *alias) deal() string {
	if a.dealer != nil && a.dealer.Deal() == 1 {
		return a.other
	}
	return a.version
}

func (f *function) describeAlias(a *alias) *lambdaapi.AliasConfiguration {
	out := &lambdaapi.AliasConfiguration{
		AliasArn:        new(qualified(f.arn, a.name)),
		Name:            &a.name,
		FunctionVersion: &a.version,
		Description:     &a.description,
		RevisionId:      &a.revision,
	}
	if a.other != "" {
		out.RoutingConfig = &lambdaapi.AliasRoutingConfiguration{AdditionalVersionWeights: map[string]float64{a.other: a.weight}}
	}
	return out
}

func (s *Service) updateAlias(ctx context.Context, in *lambdaapi.UpdateAliasRequest) (*lambdaapi.AliasConfiguration, error) {
	r, err := s.reference(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	f, _, err := s.function(reference{place: r.place, name: r.name, qualifier: in.Name})
	if err != nil {
		return nil, err
	}
	var a alias
	err = s.change(f, func(c *control) (*control, error) {
		old := c.alias(in.Name)
		if old == nil {
			return nil, notFound("Alias not found: " + qualified(f.arn, in.Name))
		}
		if in.RevisionId != nil && *in.RevisionId != old.revision {
			return nil, errStale
		}
		a = *old
		a.version = wire.ValueOr(in.FunctionVersion, a.version)
		a.description = wire.ValueOr(in.Description, a.description)
		if err := c.route(f, &a, in.RoutingConfig); err != nil {
			return nil, err
		}
		a.revision = s.random.UUID()
		if a.version != old.version || a.other != old.other || a.weight != old.weight { // else the deck goes on
			a.dealer = s.dealer(&a)
		}
		return c.withAlias(&a), nil
	})
	if err != nil {
		return nil, err
	}
	s.provide(f) // what is provisioned goes where the alias goes
	return f.describeAlias(&a), nil
}

func (s *Service) getAlias(ctx context.Context, in *lambdaapi.GetAliasRequest) (*lambdaapi.AliasConfiguration, error) {
	r, err := s.reference(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	r.qualifier = in.Name
	f, c, _ := s.function(r)
	if f == nil || c.alias(in.Name) == nil {
		return nil, notFound("Cannot find alias arn: " + r.arn())
	}
	return f.describeAlias(c.alias(in.Name)), nil
}

func (s *Service) listAliases(ctx context.Context, in *lambdaapi.ListAliasesRequest) (*lambdaapi.ListAliasesResponse, error) {
	f, c, _, err := s.find(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	aliases := c.aliases
	if in.FunctionVersion != nil {
		aliases = slices.DeleteFunc(slices.Clone(aliases), func(a *alias) bool { return a.version != *in.FunctionVersion })
	}
	aliases, next, err := page(aliases, func(a *alias) string { return a.name }, in.Marker, in.MaxItems, standardPage)
	if err != nil {
		return nil, err
	}
	out := &lambdaapi.ListAliasesResponse{Aliases: []lambdaapi.AliasConfiguration{}, NextMarker: next}
	for _, a := range aliases {
		out.Aliases = append(out.Aliases, *f.describeAlias(a))
	}
	return out, nil
}

// deleteAlias takes an alias away; one that is not there is no error, as AWS has
// it.
func (s *Service) deleteAlias(ctx context.Context, in *lambdaapi.DeleteAliasRequest) (*wire.Nothing, error) {
	f, _, _, err := s.find(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	err = s.change(f, func(c *control) (*control, error) {
		if c.alias(in.Name) == nil {
			return c, nil
		}
		n := c.withPolicy(in.Name, nil).withEvents(in.Name, nil).withProvision(in.Name, nil).clone()
		n.aliases = slices.DeleteFunc(slices.Clone(c.aliases), func(a *alias) bool { return a.name == in.Name })
		return n, nil
	})
	if err == nil {
		s.provide(f)
	}
	return nil, err
}
