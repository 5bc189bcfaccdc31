package sfn

import (
	"context"
	"slices"

	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/sfnapi"
)

func (s *Service) createStateMachineAlias(ctx context.Context, in *sfnapi.CreateStateMachineAliasInput) (*sfnapi.CreateStateMachineAliasOutput, error) {
	// The state machine is the one of the versions; without any the routing is
	// checked against none, which says what is wrong with it.
	machineARN, _, _ := cutVersion(in.RoutingConfiguration[0].StateMachineVersionArn)
	if _, err := (&control{}).routes(machineARN, in.RoutingConfiguration); err != nil && !isMissingVersion(err) {
		return nil, err
	}
	m, err := s.machineAt(ctx, machineARN)
	if isGone(err) {
		return nil, errAliasGone
	} else if err != nil {
		return nil, err
	}
	now := s.now()
	out := &sfnapi.CreateStateMachineAliasOutput{CreationDate: now}
	err = s.change(m, func(c *control) (*control, error) {
		routes, err := c.routes(m.arn, in.RoutingConfiguration)
		if err != nil {
			return nil, err
		}
		a := &alias{
			name:        in.Name,
			arn:         m.arn + ":" + in.Name,
			description: in.Description,
			created:     now,
			updated:     now,
			routes:      routes,
		}
		out.StateMachineAliasArn = a.arn
		if there := c.alias(in.Name); there != nil {
			if !sameText(there.description, a.description) || !sameRoutes(there.routes, a.routes) {
				return nil, sfnapi.NewConflictException(
					"Failed to create alias because an alias with the same name and a different routing configuration already exists.")
			}
			out.CreationDate = there.created
			return c, nil
		}
		a.dealer = s.dealer(routes)
		a.counted = s.series(m, []Dimension{{"Alias", a.name}})
		return c.withAlias(a)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

var errAliasGone = sfnapi.NewResourceNotFound("Request references a resource that does not exist.")

// isMissingVersion says whether a routing is right but for versions that are
// not there.
func isMissingVersion(err error) bool { return wire.IsCode(err, "ResourceNotFound") }

// aliasAt finds the state machine and the name of an alias, which need not
// exist.
func (s *Service) aliasAt(ctx context.Context, text string) (m *stateMachine, name string, err error) {
	m, name, err = s.qualified(ctx, text)
	switch {
	case isGone(err):
		return nil, "", errAliasGone.With("resourceName", text)
	case err != nil:
		return nil, "", err
	case name == "":
		return nil, "", sfnapi.NewInvalidArn("Invalid Arn: 'Resource type not valid in this context: " + kindMachine + "'")
	}
	return m, name, nil
}

func (s *Service) updateStateMachineAlias(ctx context.Context, in *sfnapi.UpdateStateMachineAliasInput) (*sfnapi.UpdateStateMachineAliasOutput, error) {
	if in.Description == nil && in.RoutingConfiguration == nil {
		return nil, sfnapi.NewValidationException("Either the description or the routing configuration must be specified").
			With("reason", sfnapi.ValidationExceptionReasonMissingRequiredParameter)
	}
	m, name, err := s.aliasAt(ctx, in.StateMachineAliasArn)
	if err != nil {
		return nil, err
	}
	now := s.now()
	err = s.change(m, func(c *control) (*control, error) {
		old := c.alias(name)
		if old == nil {
			return nil, errAliasGone.With("resourceName", in.StateMachineAliasArn)
		}
		a := *old
		a.updated = now
		if in.Description != nil {
			a.description = in.Description
		}
		if in.RoutingConfiguration != nil {
			routes, err := c.routes(m.arn, in.RoutingConfiguration)
			if err != nil {
				return nil, err
			}
			if !slices.Equal(routes, old.routes) { // else the deck goes on
				a.routes, a.dealer = routes, s.dealer(routes)
			}
		}
		return c.withAlias(&a)
	})
	if err != nil {
		return nil, err
	}
	return &sfnapi.UpdateStateMachineAliasOutput{UpdateDate: now}, nil
}

func (s *Service) describeStateMachineAlias(ctx context.Context, in *sfnapi.DescribeStateMachineAliasInput) (*sfnapi.DescribeStateMachineAliasOutput, error) {
	m, name, err := s.aliasAt(ctx, in.StateMachineAliasArn)
	if err != nil {
		return nil, err
	}
	c := m.control.Load()
	if c == nil || c.alias(name) == nil {
		return nil, errAliasGone.With("resourceName", in.StateMachineAliasArn)
	}
	a := c.alias(name)
	out := &sfnapi.DescribeStateMachineAliasOutput{
		StateMachineAliasArn: &a.arn,
		Name:                 &a.name,
		Description:          a.description,
		CreationDate:         &a.created,
		UpdateDate:           &a.updated,
	}
	for _, r := range a.routes {
		out.RoutingConfiguration = append(out.RoutingConfiguration, sfnapi.RoutingConfigurationListItem{
			StateMachineVersionArn: r.version.arn, Weight: int32(r.weight),
		})
	}
	return out, nil
}

// listStateMachineAliases lists the oldest first: that is what was recorded,
// though the API reference says otherwise.
func (s *Service) listStateMachineAliases(ctx context.Context, in *sfnapi.ListStateMachineAliasesInput) (*sfnapi.ListStateMachineAliasesOutput, error) {
	page, err := s.page("ListStateMachineAliases", in.StateMachineArn, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	m, qualifier, err := s.qualified(ctx, in.StateMachineArn)
	if err != nil {
		return nil, err
	}
	c := m.control.Load()
	if c == nil {
		return nil, machineGone(in.StateMachineArn)
	}
	aliases := c.aliases
	if qualifier != "" {
		number, _ := versionNumber(qualifier) // what is no number has no version
		v := c.version(number)
		if v == nil {
			return nil, errAliasGone.With("resourceName", in.StateMachineArn)
		}
		aliases = slices.DeleteFunc(slices.Clone(aliases), func(a *alias) bool { return !a.refersTo(v) })
	}
	out := &sfnapi.ListStateMachineAliasesOutput{StateMachineAliases: []sfnapi.StateMachineAliasListItem{}}
	var last *alias
	for _, a := range aliases {
		if a.position() <= page.after {
			continue
		}
		if len(out.StateMachineAliases) == page.size {
			out.NextToken = page.next(last.position())
			break
		}
		last = a
		out.StateMachineAliases = append(out.StateMachineAliases, sfnapi.StateMachineAliasListItem{
			StateMachineAliasArn: a.arn, CreationDate: a.created,
		})
	}
	return out, nil
}

func (s *Service) deleteStateMachineAlias(ctx context.Context, in *sfnapi.DeleteStateMachineAliasInput) (*sfnapi.DeleteStateMachineAliasOutput, error) {
	m, name, err := s.aliasAt(ctx, in.StateMachineAliasArn)
	if wire.IsCode(err, "ResourceNotFound") {
		return nil, nil // deleting what is not there is no error, as AWS has it
	} else if err != nil {
		return nil, err
	}
	return nil, s.change(m, func(c *control) (*control, error) { return c.withoutAlias(name), nil })
}
