package sfn

import (
	"context"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/crossfade-dev/crossfade/asl"
	"github.com/crossfade-dev/crossfade/localcloud/journal"
	"github.com/crossfade-dev/crossfade/localcloud/wire/sfnapi"
)

// A stateMachine is what stays the same about a state machine, with the control
// that changes as a whole and the executions that have a lock of their own.
type stateMachine struct {
	// id tells it from an earlier state machine of the same name.
	id              string
	space           *space
	name, arn       string
	executionPrefix string // arn:aws:states:eu-west-1:111111111111:execution:NAME:
	kind            asl.Type
	created         time.Time
	counted         series
	runs            runs

	mu      sync.Mutex // held by a change from reading control to replacing it
	control atomic.Pointer[control]
}

func (sp *space) newMachine(id, name string, kind asl.Type, created time.Time) *stateMachine {
	m := &stateMachine{
		id:      id,
		space:   sp,
		name:    name,
		arn:     sp.machinePrefix + name,
		kind:    kind,
		created: created,
	}
	executions := kindExecution
	if kind == asl.Express {
		executions = kindExpress
	}
	m.executionPrefix = sp.arn(executions, name) + ":"
	return m
}

// change replaces the control of a state machine: saved first, then in force.
// An error of f is returned as it is; a state machine that is being deleted
// refuses every change.
func (s *Service) change(m *stateMachine, f func(c *control) (*control, error)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	old := m.control.Load()
	if old.deleting {
		return m.deletingError()
	}
	next, err := f(old)
	if err != nil || next == old {
		return err
	}
	if err := s.save(m.changes(old, next)...); err != nil {
		return err
	}
	m.control.Store(next)
	return nil
}

func (m *stateMachine) deletingError() error {
	return sfnapi.NewStateMachineDeleting("State Machine is being deleted: '" + m.arn + "'")
}

// save commits records, if there is a journal.
func (s *Service) save(records ...journal.Record) error {
	if s.journal == nil {
		return nil
	}
	return s.journal.Commit(records...)
}

// machineAt finds the state machine of an ARN without qualifier.
func (s *Service) machineAt(ctx context.Context, text string) (*stateMachine, error) {
	m, qualifier, err := s.qualified(ctx, text)
	if err != nil {
		return nil, err
	}
	if qualifier != "" {
		return nil, machineGone(text)
	}
	return m, nil
}

// qualified finds the state machine of an ARN, which may end in a version's
// number or an alias's name.
func (s *Service) qualified(ctx context.Context, text string) (m *stateMachine, qualifier string, err error) {
	sp := s.here(ctx)
	rest, found := strings.CutPrefix(text, sp.machinePrefix)
	if !found {
		if _, err := parseResource(text, kindMachine); err != nil {
			return nil, "", err
		}
		return nil, "", machineGone(text) // of another account or region
	}
	name, qualifier, _ := strings.Cut(rest, ":")
	if m = sp.machine(name); m == nil {
		return nil, "", machineGone(text)
	}
	return m, qualifier, nil
}

func (s *Service) createStateMachine(ctx context.Context, in *sfnapi.CreateStateMachineInput) (*sfnapi.CreateStateMachineOutput, error) {
	if err := checkName(in.Name); err != nil {
		return nil, err
	}
	publish := isTrue(in.Publish)
	if in.VersionDescription != nil && !publish {
		return nil, errDescriptionWithoutPublish
	}
	kind := asl.Standard
	if in.Type != nil {
		kind = asl.Type(*in.Type)
	}
	next := settings{definition: in.Definition, roleARN: in.RoleArn, tracing: readTracing(in.TracingConfiguration)}
	var err error
	if next.logging, err = s.readLogging(ctx, in.LoggingConfiguration); err != nil {
		return nil, err
	}
	if next.encryption, err = readEncryption(in.EncryptionConfiguration); err != nil {
		return nil, err
	}
	tags, err := mergeTags(ctx, nil, in.Tags)
	if err != nil {
		return nil, err
	}
	now := s.now()
	r := &revision{created: now, settings: next}
	if err := r.parse(kind); err != nil {
		return nil, err
	}

	sp := s.here(ctx)
	made := sp.newMachine(s.random.UUID(), in.Name, kind, now)
	made.mu.Lock()
	defer made.mu.Unlock()
	m := sp.claim(made)
	if m != made {
		return m.createAgain(kind, next, publish, in.VersionDescription)
	}
	made.counted = s.series(made, nil)
	c := &control{revision: r, tags: tags, createdPublished: publish, createdDescription: in.VersionDescription}
	out := &sfnapi.CreateStateMachineOutput{StateMachineArn: made.arn, CreationDate: now}
	if publish {
		var v *version
		if c, v, err = c.publish(made.arn, in.VersionDescription, now); err != nil {
			sp.release(made)
			return nil, err
		}
		v.counted = s.series(made, []Dimension{{"Version", v.qualifier()}})
		out.StateMachineVersionArn = &v.arn
	}
	if err := s.save(made.changes(nil, c)...); err != nil {
		sp.release(made)
		return nil, err
	}
	made.control.Store(c)
	return out, nil
}

var errDescriptionWithoutPublish = sfnapi.NewValidationException("Version description can only be set when publish is true")

// claim enters a state machine under its name, unless there is one already,
// which it then returns.
func (sp *space) claim(m *stateMachine) *stateMachine {
	sp.mu.Lock()
	defer sp.mu.Unlock()
	if there := sp.machines[m.name]; there != nil {
		return there
	}
	sp.machines[m.name] = m
	return m
}

// release takes a state machine out again.
func (sp *space) release(m *stateMachine) {
	sp.mu.Lock()
	defer sp.mu.Unlock()
	if sp.machines[m.name] == m {
		delete(sp.machines, m.name)
	}
}

// createAgain answers a creation of what is there: the same answer as the first
// time for the same request, in which role and tags do not count.
//
// Source: API reference, CreateStateMachine, on idempotency.
func (m *stateMachine) createAgain(kind asl.Type, asked settings, publish bool, description *string) (*sfnapi.CreateStateMachineOutput, error) {
	m.mu.Lock() // until who is creating it is done
	defer m.mu.Unlock()
	c := m.control.Load()
	if c == nil || c.deleting {
		return nil, m.deletingError() // c is nil when that creation failed
	}
	asked.roleARN = c.revision.roleARN
	if kind != m.kind || !asked.equal(c.revision.settings) ||
		publish != c.createdPublished || !sameText(description, c.createdDescription) {
		return nil, sfnapi.NewStateMachineAlreadyExists("State Machine Already Exists: '" + m.arn + "'")
	}
	out := &sfnapi.CreateStateMachineOutput{StateMachineArn: m.arn, CreationDate: m.created}
	if v := c.published(c.revision); publish && v != nil {
		out.StateMachineVersionArn = &v.arn
	}
	return out, nil
}

func (s *Service) updateStateMachine(ctx context.Context, in *sfnapi.UpdateStateMachineInput) (*sfnapi.UpdateStateMachineOutput, error) {
	publish := isTrue(in.Publish)
	switch {
	case in.Definition == nil && in.RoleArn == nil && in.LoggingConfiguration == nil &&
		in.TracingConfiguration == nil && in.EncryptionConfiguration == nil:
		return nil, sfnapi.NewMissingRequiredParameter(
			"Either the definition, the role ARN, the LoggingConfiguration, or the TracingConfiguration must be specified")
	case in.VersionDescription != nil && !publish:
		return nil, errDescriptionWithoutPublish
	}
	m, err := s.machineAt(ctx, in.StateMachineArn)
	if err != nil {
		return nil, err
	}
	now := s.now()
	out := &sfnapi.UpdateStateMachineOutput{UpdateDate: now}
	err = s.change(m, func(c *control) (*control, error) {
		next, err := s.updated(ctx, m, c, in, now)
		if err != nil {
			return nil, err
		}
		if publish {
			var v *version
			if next, v, err = next.publish(m.arn, in.VersionDescription, now); err != nil {
				return nil, err
			}
			if v.counted == nil {
				v.counted = s.series(m, []Dimension{{"Version", v.qualifier()}})
			}
			out.StateMachineVersionArn = &v.arn
		}
		if next.revision.id != "" {
			out.RevisionId = &next.revision.id
		}
		return next, nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// updated returns the control with a new revision, or c itself when the update
// changes nothing.
func (s *Service) updated(ctx context.Context, m *stateMachine, c *control, in *sfnapi.UpdateStateMachineInput, now time.Time) (*control, error) {
	next := c.revision.settings
	var err error
	if in.Definition != nil {
		next.definition = *in.Definition
	}
	if in.RoleArn != nil {
		next.roleARN = *in.RoleArn
	}
	if in.LoggingConfiguration != nil {
		if next.logging, err = s.readLogging(ctx, in.LoggingConfiguration); err != nil {
			return nil, err
		}
	}
	if in.TracingConfiguration != nil {
		next.tracing = readTracing(in.TracingConfiguration)
	}
	if in.EncryptionConfiguration != nil {
		if next.encryption, err = readEncryption(in.EncryptionConfiguration); err != nil {
			return nil, err
		}
	}
	if next.equal(c.revision.settings) {
		return c, nil
	}
	r := &revision{id: s.random.UUID(), created: now, settings: next}
	if err := r.parse(m.kind); err != nil {
		return nil, err
	}
	n := c.clone()
	n.revision = r
	return n, nil
}

func (s *Service) describeStateMachine(ctx context.Context, in *sfnapi.DescribeStateMachineInput) (*sfnapi.DescribeStateMachineOutput, error) {
	m, qualifier, err := s.qualified(ctx, in.StateMachineArn)
	if err != nil {
		return nil, err
	}
	c := m.control.Load()
	if c == nil {
		return nil, machineGone(in.StateMachineArn)
	}
	r := c.revision
	status := sfnapi.StateMachineStatusActive
	if c.deleting {
		status = sfnapi.StateMachineStatusDeleting
	}
	out := &sfnapi.DescribeStateMachineOutput{
		StateMachineArn: m.arn,
		Name:            m.name,
		Status:          &status,
		Type:            string(m.kind),
		CreationDate:    m.created,
	}
	if qualifier != "" {
		number, _ := versionNumber(qualifier) // what is no number has no version
		v := c.version(number)
		if v == nil {
			return nil, machineGone(in.StateMachineArn)
		}
		r = v.revision
		out.StateMachineArn, out.CreationDate, out.Description = v.arn, v.created, v.description
	}
	out.RoleArn = r.roleARN
	out.LoggingConfiguration = r.logging.api()
	out.TracingConfiguration = &sfnapi.TracingConfiguration{Enabled: &r.tracing}
	out.EncryptionConfiguration = r.encryption.api()
	if r.id != "" {
		out.RevisionId = &r.id
	}
	if withData(in.IncludedData) {
		out.Definition = r.definition
		out.VariableReferences = r.variableReferences(m.kind)
	}
	return out, nil
}

// withData says whether an answer shall hold definitions, inputs and outputs.
func withData(included *string) bool {
	return included == nil || *included != sfnapi.IncludedDataMetadataOnly
}

func (s *Service) listStateMachines(ctx context.Context, in *sfnapi.ListStateMachinesInput) (*sfnapi.ListStateMachinesOutput, error) {
	sp := s.here(ctx)
	page, err := s.page("ListStateMachines", sp.machinePrefix, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	sp.mu.RLock()
	machines := make([]*stateMachine, 0, len(sp.machines))
	for _, m := range sp.machines {
		if m.control.Load() != nil && m.name > page.after {
			machines = append(machines, m)
		}
	}
	sp.mu.RUnlock()
	slices.SortFunc(machines, func(a, b *stateMachine) int { return strings.Compare(a.name, b.name) })
	out := &sfnapi.ListStateMachinesOutput{StateMachines: []sfnapi.StateMachineListItem{}}
	for _, m := range machines {
		if len(out.StateMachines) == page.size {
			out.NextToken = page.next(out.StateMachines[page.size-1].Name)
			break
		}
		out.StateMachines = append(out.StateMachines, sfnapi.StateMachineListItem{
			StateMachineArn: m.arn, Name: m.name, Type: string(m.kind), CreationDate: m.created,
		})
	}
	return out, nil
}

func (s *Service) deleteStateMachine(ctx context.Context, in *sfnapi.DeleteStateMachineInput) (*sfnapi.DeleteStateMachineOutput, error) {
	m, qualifier, err := s.qualified(ctx, in.StateMachineArn)
	if err != nil {
		if isGone(err) {
			return nil, nil // deleting what is not there is no error, as AWS has it
		}
		return nil, err
	}
	if qualifier != "" {
		return nil, sfnapi.NewInvalidArn("Invalid Arn: 'Resource type not valid in this context: " + in.StateMachineArn + "'")
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	old := m.control.Load()
	if old == nil || old.deleting {
		return nil, nil
	}
	next := old.clone()
	next.deleting = true
	if err := s.save(m.changes(old, next)...); err != nil {
		return nil, err
	}
	m.control.Store(next)
	return nil, s.finishDelete(m)
}

// finishDelete takes a state machine away that is being deleted and has no
// running execution. m.mu is held.
func (s *Service) finishDelete(m *stateMachine) error {
	if m.runs.open.Load() > 0 {
		return nil // the last execution to end comes back to this
	}
	if err := s.save(m.deletion()); err != nil {
		return err
	}
	m.space.release(m)
	return nil
}

func isTrue(b *bool) bool { return b != nil && *b }
