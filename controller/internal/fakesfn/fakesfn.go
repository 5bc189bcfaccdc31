// Package fakesfn is a small Step Functions control plane in memory for tests of
// the adapters: versions, aliases and a list of executions, with the service's
// errors, and with what the service does to its callers: throttling, lag and
// other people.
package fakesfn

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/crossfade-dev/crossfade/internal/arn"
)

// Service is the fake. See [New].
type Service struct {
	mu       sync.Mutex
	now      func() time.Time
	machines map[string]*machine
	faults   map[string][]error // by operation, next first
	lagging  bool
	calls    map[string]int
	ids      int
	page     int // most items of a page; 0: as many as are asked for
}

type machine struct {
	express    bool
	definition string
	revision   string // empty: never updated
	versions   []*version
	next       int
	aliases    map[string]*alias
	executions []types.ExecutionListItem // oldest start first
}

type version struct {
	number     int
	revision   string
	definition string
	created    time.Time
}

type alias struct {
	entries []types.RoutingConfigurationListItem
	stale   []types.RoutingConfigurationListItem // what reads still show; nil: entries
}

// Identity is whose credentials calls are made with.
const Identity = "arn:aws-cn:sts::123456789012:assumed-role/deployer/session"

// New returns a service without state machines.
func New(now func() time.Time) *Service {
	return &Service{now: now, machines: make(map[string]*machine), faults: make(map[string][]error), calls: make(map[string]int)}
}

// Create makes a state machine.
func (s *Service) Create(arn, definition string, express bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.machines[arn] = &machine{express: express, definition: definition, aliases: make(map[string]*alias), next: 1}
}

// Fail makes the next calls of an operation fail, one error each.
func (s *Service) Fail(operation string, errs ...error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults[operation] = append(s.faults[operation], errs...)
}

// Page makes lists of executions give at most n items at once, whatever is asked for.
func (s *Service) Page(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.page = n
}

// Lag makes aliases show what they show now until the returned function is
// called, whatever is written meanwhile.
func (s *Service) Lag() (settle func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lagging = true
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.lagging = false
		for _, m := range s.machines {
			for _, a := range m.aliases {
				a.stale = nil
			}
		}
	}
}

// Calls says how often an operation was called.
func (s *Service) Calls(operation string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[operation]
}

// Entries returns what an alias really does.
func (s *Service) Entries(alias string) []types.RoutingConfigurationListItem {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, _, a := s.alias(alias)
	if a == nil {
		return nil
	}
	return slices.Clone(a.entries)
}

// Execution adds an execution of a version through an alias. A zero stop means
// that it runs.
func (s *Service) Execution(alias, version string, status types.ExecutionStatus, start, stop time.Time) (arn string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	machineARN, m, _ := s.alias(alias)
	s.ids++
	item := types.ExecutionListItem{
		ExecutionArn: aws.String(strings.Replace(machineARN, ":stateMachine:", ":execution:", 1) + fmt.Sprintf(":e-%d", s.ids)),
		Name:         aws.String(fmt.Sprintf("e-%d", s.ids)), StateMachineArn: &machineARN,
		StateMachineVersionArn: aws.String(machineARN + ":" + version), StateMachineAliasArn: &alias,
		Status: status, StartDate: &start,
	}
	if !stop.IsZero() {
		item.StopDate = &stop
	}
	after, _ := slices.BinarySearchFunc(m.executions, start, func(e types.ExecutionListItem, start time.Time) int {
		return cmp.Or(e.StartDate.Compare(start), -1) // behind those that began at the same time
	})
	m.executions = slices.Insert(m.executions, after, item)
	return *item.ExecutionArn
}

// End ends a running execution.
func (s *Service) End(arn string, status types.ExecutionStatus, stop time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.machines {
		for i := range m.executions {
			if *m.executions[i].ExecutionArn == arn {
				m.executions[i].Status, m.executions[i].StopDate = status, &stop
			}
		}
	}
}

// Throttled is what an overloaded service answers.
func Throttled() error {
	return &smithy.GenericAPIError{Code: "ThrottlingException", Message: "Rate exceeded"}
}

// Denied is what a caller without the right gets.
func Denied() error {
	return &smithy.GenericAPIError{Code: "AccessDeniedException", Message: "not authorized"}
}

func validation(format string, args ...any) error {
	return &types.ValidationException{Message: aws.String(fmt.Sprintf(format, args...))}
}

// enter counts a call and takes the next fault.
func (s *Service) enter(ctx context.Context, operation string) error {
	s.calls[operation]++
	if err := ctx.Err(); err != nil {
		return err
	}
	if faults := s.faults[operation]; len(faults) > 0 {
		s.faults[operation] = faults[1:]
		return faults[0]
	}
	return nil
}

func (s *Service) alias(of string) (machineARN string, m *machine, a *alias) {
	parsed, err := arn.Parse(of)
	if err != nil {
		return "", nil, nil
	}
	unqualified, name := parsed.Qualified()
	machineARN = unqualified.String()
	m = s.machines[machineARN]
	if m == nil {
		return machineARN, nil, nil
	}
	return machineARN, m, m.aliases[name]
}

func (m *machine) version(number string) *version {
	for _, v := range m.versions {
		if strconv.Itoa(v.number) == number {
			return v
		}
	}
	return nil
}

// GetCallerIdentity says who calls.
func (s *Service) GetCallerIdentity(ctx context.Context, _ *sts.GetCallerIdentityInput, _ ...func(*sts.Options)) (*sts.GetCallerIdentityOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.enter(ctx, "GetCallerIdentity"); err != nil {
		return nil, err
	}
	return &sts.GetCallerIdentityOutput{Account: aws.String("123456789012"), Arn: aws.String(Identity)}, nil
}

// DescribeStateMachine describes a machine or a version.
func (s *Service) DescribeStateMachine(ctx context.Context, in *sfn.DescribeStateMachineInput, _ ...func(*sfn.Options)) (*sfn.DescribeStateMachineOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.enter(ctx, "DescribeStateMachine"); err != nil {
		return nil, err
	}
	gone := &types.StateMachineDoesNotExist{Message: aws.String("State Machine Does Not Exist: '" + *in.StateMachineArn + "'")}
	parsed, err := arn.Parse(*in.StateMachineArn)
	if err != nil {
		return nil, &types.InvalidArn{Message: aws.String("Invalid Arn: 'Invalid ARN prefix: " + *in.StateMachineArn + "'")}
	}
	unqualified, qualifier := parsed.Qualified()
	m := s.machines[unqualified.String()]
	if m == nil {
		return nil, gone
	}
	out := &sfn.DescribeStateMachineOutput{StateMachineArn: in.StateMachineArn, Status: types.StateMachineStatusActive, Type: types.StateMachineTypeStandard}
	if m.express {
		out.Type = types.StateMachineTypeExpress
	}
	definition, revision := m.definition, m.revision
	if qualifier != "" {
		v := m.version(qualifier)
		if v == nil {
			return nil, gone
		}
		definition, revision = v.definition, v.revision
	}
	out.Definition = &definition
	if revision != "" {
		out.RevisionId = &revision
	}
	return out, nil
}

// UpdateStateMachine changes the definition.
func (s *Service) UpdateStateMachine(ctx context.Context, in *sfn.UpdateStateMachineInput, _ ...func(*sfn.Options)) (*sfn.UpdateStateMachineOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.enter(ctx, "UpdateStateMachine"); err != nil {
		return nil, err
	}
	m := s.machines[*in.StateMachineArn]
	if m == nil {
		return nil, &types.StateMachineDoesNotExist{}
	}
	if m.definition != *in.Definition {
		s.ids++
		m.definition, m.revision = *in.Definition, fmt.Sprintf("revision-%d", s.ids)
	}
	out := &sfn.UpdateStateMachineOutput{UpdateDate: aws.Time(s.now())}
	if m.revision != "" {
		out.RevisionId = aws.String(m.revision)
	}
	return out, nil
}

// PublishStateMachineVersion makes a version of the current revision.
func (s *Service) PublishStateMachineVersion(ctx context.Context, in *sfn.PublishStateMachineVersionInput, _ ...func(*sfn.Options)) (*sfn.PublishStateMachineVersionOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.enter(ctx, "PublishStateMachineVersion"); err != nil {
		return nil, err
	}
	m := s.machines[*in.StateMachineArn]
	if m == nil {
		return nil, &types.StateMachineDoesNotExist{}
	}
	current := cmp.Or(m.revision, "INITIAL")
	if in.RevisionId != nil && *in.RevisionId != current {
		return nil, &types.ConflictException{Message: aws.String("Failed to publish the State Machine version for revision " + *in.RevisionId +
			". The current State Machine revision is " + current + ".")}
	}
	i := slices.IndexFunc(m.versions, func(v *version) bool { return v.revision == m.revision })
	if i < 0 {
		m.versions = append(m.versions, &version{number: m.next, revision: m.revision, definition: m.definition, created: s.now()})
		m.next++
		i = len(m.versions) - 1
	}
	v := m.versions[i]
	return &sfn.PublishStateMachineVersionOutput{
		CreationDate: &v.created, StateMachineVersionArn: aws.String(*in.StateMachineArn + ":" + strconv.Itoa(v.number)),
	}, nil
}

// ListStateMachineVersions lists versions, newest first.
func (s *Service) ListStateMachineVersions(ctx context.Context, in *sfn.ListStateMachineVersionsInput, _ ...func(*sfn.Options)) (*sfn.ListStateMachineVersionsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.enter(ctx, "ListStateMachineVersions"); err != nil {
		return nil, err
	}
	m := s.machines[*in.StateMachineArn]
	if m == nil {
		return nil, &types.StateMachineDoesNotExist{}
	}
	out := &sfn.ListStateMachineVersionsOutput{}
	newestFirst := func(yield func(*version) bool) {
		for _, v := range slices.Backward(m.versions) {
			if !yield(v) {
				return
			}
		}
	}
	page, token := paged(newestFirst, in.MaxResults, in.NextToken)
	for _, v := range page {
		out.StateMachineVersions = append(out.StateMachineVersions, types.StateMachineVersionListItem{
			CreationDate: &v.created, StateMachineVersionArn: aws.String(*in.StateMachineArn + ":" + strconv.Itoa(v.number)),
		})
	}
	out.NextToken = token
	return out, nil
}

// paged returns one page, and asks for no more items than that takes; tokens are
// offsets.
func paged[E any](all iter.Seq[E], size int32, token *string) (page []E, next *string) {
	if size == 0 {
		size = 100
	}
	from := 0
	if token != nil {
		from, _ = strconv.Atoi(*token)
	}
	to, i := from+int(size), 0
	for e := range all {
		if i == to {
			return page, aws.String(strconv.Itoa(to))
		}
		if i >= from {
			page = append(page, e)
		}
		i++
	}
	return page, nil
}

// DeleteStateMachineVersion deletes a version that no alias refers to.
func (s *Service) DeleteStateMachineVersion(ctx context.Context, in *sfn.DeleteStateMachineVersionInput, _ ...func(*sfn.Options)) (*sfn.DeleteStateMachineVersionOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.enter(ctx, "DeleteStateMachineVersion"); err != nil {
		return nil, err
	}
	parsed, err := arn.Parse(*in.StateMachineVersionArn)
	if err != nil {
		return nil, &types.InvalidArn{}
	}
	unqualified, number := parsed.Qualified()
	m := s.machines[unqualified.String()]
	if m == nil {
		return &sfn.DeleteStateMachineVersionOutput{}, nil
	}
	var refer []string
	for _, name := range slices.Sorted(maps.Keys(m.aliases)) {
		for _, e := range m.aliases[name].entries {
			if *e.StateMachineVersionArn == *in.StateMachineVersionArn {
				refer = append(refer, name)
			}
		}
	}
	if len(refer) > 0 {
		return nil, &types.ConflictException{Message: aws.String("Version to be deleted must not be referenced by an alias. Current list of aliases referencing this version: [" + strings.Join(refer, ", ") + "]")}
	}
	m.versions = slices.DeleteFunc(m.versions, func(v *version) bool { return strconv.Itoa(v.number) == number })
	return &sfn.DeleteStateMachineVersionOutput{}, nil
}

// DescribeStateMachineAlias describes an alias, as it was if reads lag.
func (s *Service) DescribeStateMachineAlias(ctx context.Context, in *sfn.DescribeStateMachineAliasInput, _ ...func(*sfn.Options)) (*sfn.DescribeStateMachineAliasOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.enter(ctx, "DescribeStateMachineAlias"); err != nil {
		return nil, err
	}
	_, _, a := s.alias(*in.StateMachineAliasArn)
	if a == nil {
		return nil, missing()
	}
	entries := a.entries
	if a.stale != nil {
		entries = a.stale
	}
	return &sfn.DescribeStateMachineAliasOutput{StateMachineAliasArn: in.StateMachineAliasArn, RoutingConfiguration: slices.Clone(entries)}, nil
}

func missing() error {
	return &types.ResourceNotFound{Message: aws.String("Request references a resource that does not exist.")}
}

// CreateStateMachineAlias creates an alias.
func (s *Service) CreateStateMachineAlias(ctx context.Context, in *sfn.CreateStateMachineAliasInput, _ ...func(*sfn.Options)) (*sfn.CreateStateMachineAliasOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.enter(ctx, "CreateStateMachineAlias"); err != nil {
		return nil, err
	}
	parsed, err := arn.Parse(aws.ToString(in.RoutingConfiguration[0].StateMachineVersionArn))
	if err != nil {
		return nil, validation("Routing configuration must contain state machine version ARNs.")
	}
	unqualified, _ := parsed.Qualified()
	m := s.machines[unqualified.String()]
	if err := check(m, in.RoutingConfiguration); err != nil {
		return nil, err
	}
	if old := m.aliases[*in.Name]; old != nil && !equal(old.entries, in.RoutingConfiguration) {
		return nil, &types.ConflictException{Message: aws.String("Failed to create alias because an alias with the same name and a different routing configuration already exists.")}
	}
	m.aliases[*in.Name] = &alias{entries: slices.Clone(in.RoutingConfiguration)}
	return &sfn.CreateStateMachineAliasOutput{StateMachineAliasArn: aws.String(unqualified.With(*in.Name).String())}, nil
}

func equal(a, b []types.RoutingConfigurationListItem) bool {
	return slices.EqualFunc(a, b, func(x, y types.RoutingConfigurationListItem) bool {
		return *x.StateMachineVersionArn == *y.StateMachineVersionArn && x.Weight == y.Weight
	})
}

// check holds a routing to the service's rules.
func check(m *machine, entries []types.RoutingConfigurationListItem) error {
	if m == nil {
		return missing()
	}
	var sum int32
	seen := make(map[string]bool)
	for _, e := range entries {
		parsed, err := arn.Parse(*e.StateMachineVersionArn)
		if err != nil {
			return validation("Routing configuration must contain state machine version ARNs. Received: [%s]", *e.StateMachineVersionArn)
		}
		_, number := parsed.Qualified()
		if m.version(number) == nil {
			return missing()
		}
		if seen[number] {
			return validation("Routing configuration must contain distinct state machine version ARNs.")
		}
		seen[number] = true
		sum += e.Weight
	}
	if len(entries) > 2 || sum != 100 {
		return validation("Sum of routing configuration weights must equal 100. Received: %d in %d entries", sum, len(entries))
	}
	return nil
}

// UpdateStateMachineAlias replaces an alias's routing.
func (s *Service) UpdateStateMachineAlias(ctx context.Context, in *sfn.UpdateStateMachineAliasInput, _ ...func(*sfn.Options)) (*sfn.UpdateStateMachineAliasOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.enter(ctx, "UpdateStateMachineAlias"); err != nil {
		return nil, err
	}
	return &sfn.UpdateStateMachineAliasOutput{UpdateDate: aws.Time(s.now())}, s.route(*in.StateMachineAliasArn, in.RoutingConfiguration)
}

// Route gives an alias a routing, as somebody else's call would.
func (s *Service) Route(alias string, entries []types.RoutingConfigurationListItem) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.route(alias, entries)
}

func (s *Service) route(alias string, entries []types.RoutingConfigurationListItem) error {
	_, m, a := s.alias(alias)
	if a == nil {
		return missing()
	}
	if err := check(m, entries); err != nil {
		return err
	}
	if s.lagging && a.stale == nil {
		a.stale = a.entries
	}
	a.entries = slices.Clone(entries)
	return nil
}

// ListStateMachineAliases lists the aliases of a machine.
func (s *Service) ListStateMachineAliases(ctx context.Context, in *sfn.ListStateMachineAliasesInput, _ ...func(*sfn.Options)) (*sfn.ListStateMachineAliasesOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.enter(ctx, "ListStateMachineAliases"); err != nil {
		return nil, err
	}
	m := s.machines[*in.StateMachineArn]
	if m == nil {
		return nil, &types.StateMachineDoesNotExist{}
	}
	out := &sfn.ListStateMachineAliasesOutput{}
	page, token := paged(slices.Values(slices.Sorted(maps.Keys(m.aliases))), in.MaxResults, in.NextToken)
	for _, name := range page {
		out.StateMachineAliases = append(out.StateMachineAliases, types.StateMachineAliasListItem{StateMachineAliasArn: aws.String(*in.StateMachineArn + ":" + name)})
	}
	out.NextToken = token
	return out, nil
}

// ListExecutions lists the executions of a machine, version or alias, newest
// start first.
func (s *Service) ListExecutions(ctx context.Context, in *sfn.ListExecutionsInput, _ ...func(*sfn.Options)) (*sfn.ListExecutionsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.enter(ctx, "ListExecutions"); err != nil {
		return nil, err
	}
	parsed, err := arn.Parse(*in.StateMachineArn)
	if err != nil {
		return nil, &types.InvalidArn{}
	}
	unqualified, qualifier := parsed.Qualified()
	m := s.machines[unqualified.String()]
	if m == nil {
		return nil, &types.StateMachineDoesNotExist{}
	}
	if m.express {
		return nil, &types.StateMachineTypeNotSupported{Message: aws.String("This operation is not supported by this type of state machine")}
	}
	size := in.MaxResults
	if s.page > 0 && (size == 0 || int(size) > s.page) {
		size = int32(s.page)
	}
	listed := func(yield func(types.ExecutionListItem) bool) {
		for _, e := range slices.Backward(m.executions) {
			if qualifier != "" && *e.StateMachineVersionArn != *in.StateMachineArn && *e.StateMachineAliasArn != *in.StateMachineArn {
				continue
			}
			if (in.StatusFilter == "" || e.Status == in.StatusFilter) && !yield(e) {
				return
			}
		}
	}
	out := &sfn.ListExecutionsOutput{}
	out.Executions, out.NextToken = paged(listed, size, in.NextToken)
	return out, nil
}
