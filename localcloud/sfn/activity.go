package sfn

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
	"github.com/crossfade-dev/crossfade/asl/machine"
	"github.com/crossfade-dev/crossfade/localcloud/journal"
	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/sfnapi"
)

// pollFor is how long GetActivityTask waits for a task.
//
// Source: API reference, GetActivityTask.
const pollFor = 60 * time.Second

// An activity is a queue of tasks that workers fetch.
type activity struct {
	space      *space
	name, arn  string
	created    time.Time
	encryption encryption

	mu      sync.Mutex
	tags    []tag
	deleted bool
	waiting []*task        // oldest first
	pollers []chan<- *task // of workers that wait, longest first
}

// activityAt finds the activity of an ARN.
func (s *Service) activityAt(ctx context.Context, text string) (*activity, error) {
	r, err := parseResource(text, kindActivity)
	if err != nil {
		return nil, err
	}
	sp := s.here(ctx)
	var a *activity
	if r.place == sp.place {
		a = sp.activity(r.name)
	}
	if a == nil {
		return nil, sfnapi.NewActivityDoesNotExist("Activity Does Not Exist: '" + text + "'")
	}
	return a, nil
}

func (sp *space) activity(name string) *activity {
	sp.mu.RLock()
	defer sp.mu.RUnlock()
	return sp.activities[name]
}

func (s *Service) createActivity(ctx context.Context, in *sfnapi.CreateActivityInput) (*sfnapi.CreateActivityOutput, error) {
	if err := checkName(in.Name); err != nil {
		return nil, err
	}
	key, err := readEncryption(in.EncryptionConfiguration)
	if err != nil {
		return nil, err
	}
	tags, err := mergeTags(ctx, nil, in.Tags)
	if err != nil {
		return nil, err
	}
	sp := s.here(ctx)
	sp.mu.Lock()
	defer sp.mu.Unlock()
	if there := sp.activities[in.Name]; there != nil {
		if !there.encryption.equal(key) {
			return nil, sfnapi.NewActivityAlreadyExists("Activity Already Exists: '" + there.arn + "'")
		}
		return &sfnapi.CreateActivityOutput{ActivityArn: there.arn, CreationDate: there.created}, nil
	}
	a := &activity{
		space: sp, name: in.Name, arn: sp.arn(kindActivity, in.Name), created: s.now(), encryption: key, tags: tags,
	}
	if err := s.save(a.record(tags)); err != nil {
		return nil, err
	}
	sp.activities[in.Name] = a
	return &sfnapi.CreateActivityOutput{ActivityArn: a.arn, CreationDate: a.created}, nil
}

func (s *Service) describeActivity(ctx context.Context, in *sfnapi.DescribeActivityInput) (*sfnapi.DescribeActivityOutput, error) {
	a, err := s.activityAt(ctx, in.ActivityArn)
	if err != nil {
		return nil, err
	}
	return &sfnapi.DescribeActivityOutput{
		ActivityArn: a.arn, Name: a.name, CreationDate: a.created, EncryptionConfiguration: a.encryption.api(),
	}, nil
}

func (s *Service) listActivities(ctx context.Context, in *sfnapi.ListActivitiesInput) (*sfnapi.ListActivitiesOutput, error) {
	sp := s.here(ctx)
	page, err := s.page("ListActivities", sp.machinePrefix, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	sp.mu.RLock()
	activities := make([]*activity, 0, len(sp.activities))
	for _, a := range sp.activities {
		if a.name > page.after {
			activities = append(activities, a)
		}
	}
	sp.mu.RUnlock()
	slices.SortFunc(activities, func(a, b *activity) int { return strings.Compare(a.name, b.name) })
	out := &sfnapi.ListActivitiesOutput{Activities: []sfnapi.ActivityListItem{}}
	for _, a := range activities {
		if len(out.Activities) == page.size {
			out.NextToken = page.next(out.Activities[page.size-1].Name)
			break
		}
		out.Activities = append(out.Activities, sfnapi.ActivityListItem{ActivityArn: a.arn, Name: a.name, CreationDate: a.created})
	}
	return out, nil
}

func (s *Service) deleteActivity(ctx context.Context, in *sfnapi.DeleteActivityInput) (*sfnapi.DeleteActivityOutput, error) {
	a, err := s.activityAt(ctx, in.ActivityArn)
	if wire.IsCode(err, "ActivityDoesNotExist") {
		return nil, nil // deleting what is not there is no error, as AWS has it
	} else if err != nil {
		return nil, err
	}
	if err := s.save(journal.Deletion(recordActivity, a.arn)); err != nil {
		return nil, err
	}
	a.space.mu.Lock()
	delete(a.space.activities, a.name)
	a.space.mu.Unlock()
	a.mu.Lock()
	a.deleted = true
	a.mu.Unlock()
	return nil, nil
}

// changeActivity replaces the tags of an activity by what f makes of them.
func (s *Service) changeActivity(a *activity, f func(old []tag) ([]tag, error)) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	tags, err := f(a.tags)
	if err != nil || slices.Equal(tags, a.tags) {
		return err
	}
	if err := s.save(a.record(tags)); err != nil {
		return err
	}
	a.tags = tags
	return nil
}

// activity returns the activity of an ARN, in whichever account and region; nil
// when there is none.
func (s *Service) activity(arn string) *activity {
	r, err := parseResource(arn, kindActivity)
	if err != nil {
		return nil
	}
	return s.space(r.place).activity(r.name)
}

// missing returns those of some activities, by ARN, that do not exist.
func (s *Service) missing(arns []string) []string {
	var missing []string
	for _, arn := range arns {
		if s.activity(arn) == nil {
			missing = append(missing, arn)
		}
	}
	return missing
}

// offer puts a task where workers of its activity find it.
func (s *Service) offer(t *task) {
	if a := s.activity(t.call.Resource); a == nil || !a.offer(t) {
		name, cause := "ActivityDoesNotExist", "Activity Does Not Exist: '"+t.call.Resource+"'"
		s.calls.Submit(func() {
			s.report(t, machine.TaskFailed{Task: t.id, Error: &name, Cause: &cause, Stage: machine.WhileScheduling})
		})
	}
}

// offer hands a task to the worker that has waited longest, or keeps it until
// one comes. It says false when the activity was deleted.
func (a *activity) offer(t *task) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.deleted:
		return false
	case len(a.pollers) > 0:
		a.pollers[0] <- t // there is room for one
		a.pollers = a.pollers[1:]
	default:
		a.waiting = append(a.waiting, t)
	}
	return true
}

// take returns the task that has waited longest, or else a channel on which the
// next one comes.
func (a *activity) take() (*task, chan *task) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.waiting) > 0 {
		t := a.waiting[0]
		a.waiting = a.waiting[1:]
		return t, nil
	}
	ch := make(chan *task, 1)
	a.pollers = append(a.pollers, ch)
	return nil, ch
}

// leave takes a worker out that stops waiting. A task that was handed to it at
// the last moment goes back to the front.
func (a *activity) leave(ch chan *task) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.pollers = slices.DeleteFunc(a.pollers, func(c chan<- *task) bool { return c == (chan<- *task)(ch) })
	select {
	case t := <-ch:
		a.waiting = append([]*task{t}, a.waiting...)
	default:
	}
}

func (s *Service) getActivityTask(ctx context.Context, in *sfnapi.GetActivityTaskInput) (*sfnapi.GetActivityTaskOutput, error) {
	a, err := s.activityAt(ctx, in.ActivityArn)
	if err != nil {
		return nil, err
	}
	var worker string
	if in.WorkerName != nil {
		worker = *in.WorkerName
	}
	end := s.clock.After(pollFor)
	for {
		t, ch := a.take()
		if t == nil {
			select {
			case t = <-ch:
			case <-end:
				a.leave(ch)
				return &sfnapi.GetActivityTaskOutput{}, nil
			case <-ctx.Done():
				a.leave(ch)
				return nil, ctx.Err()
			}
		}
		if !t.open() { // its time was up while it waited
			continue
		}
		if err := s.apply(t.x, machine.TaskStarted{Task: t.id, WorkerName: worker}); err != nil {
			a.putBack(t)
			return nil, err
		}
		input := t.call.Input.String()
		return &sfnapi.GetActivityTaskOutput{TaskToken: &t.call.Token, Input: &input}, nil
	}
}

func (a *activity) putBack(t *task) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.waiting = append([]*task{t}, a.waiting...)
}

// tokens finds the tasks that workers and callbacks speak of. Tokens whose task
// is over are remembered for a while, because AWS tells them from wrong ones.
type tokens struct {
	mu     sync.Mutex
	open   map[string]*task
	closed [2]map[string]struct{} // the recent ones, and those before
}

// closedTokens is how many tokens of finished tasks are remembered, at least.
const closedTokens = 10_000

func (k *tokens) add(token string, t *task) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.open == nil {
		k.open = map[string]*task{}
	}
	k.open[token] = t
}

func (k *tokens) close(token string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.open, token)
	if k.closed[0] == nil || len(k.closed[0]) >= closedTokens {
		k.closed[0], k.closed[1] = map[string]struct{}{}, k.closed[0]
	}
	k.closed[0][token] = struct{}{}
}

// find returns the open task of a token.
func (k *tokens) find(token string) (*task, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if t := k.open[token]; t != nil {
		return t, nil
	}
	for _, closed := range k.closed {
		if _, ok := closed[token]; ok {
			return nil, errTaskOver
		}
	}
	return nil, errInvalidToken
}

var errTaskOver = sfnapi.NewTaskTimedOut("Task Timed Out: 'Provided task does not exist anymore'")

func (s *Service) sendTaskSuccess(_ context.Context, in *sfnapi.SendTaskSuccessInput) (*sfnapi.SendTaskSuccessOutput, error) {
	t, err := s.tokens.find(in.TaskToken)
	if err != nil {
		return nil, err
	}
	output, err := jsonvalue.Parse(in.Output)
	if err != nil {
		return nil, sfnapi.NewInvalidOutput("Invalid Output: '" + err.Error() + "'")
	}
	return nil, s.apply(t.x, machine.TaskSucceeded{Task: t.id, Output: output, OutputText: in.Output})
}

func (s *Service) sendTaskFailure(_ context.Context, in *sfnapi.SendTaskFailureInput) (*sfnapi.SendTaskFailureOutput, error) {
	t, err := s.tokens.find(in.TaskToken)
	if err != nil {
		return nil, err
	}
	return nil, s.apply(t.x, machine.TaskFailed{Task: t.id, Error: in.Error, Cause: in.Cause})
}

func (s *Service) sendTaskHeartbeat(_ context.Context, in *sfnapi.SendTaskHeartbeatInput) (*sfnapi.SendTaskHeartbeatOutput, error) {
	t, err := s.tokens.find(in.TaskToken)
	if err != nil {
		return nil, err
	}
	return nil, s.apply(t.x, machine.TaskHeartbeat{Task: t.id})
}

// An activityRecord is an activity in the journal.
type activityRecord struct {
	Place      place      `json:"place"`
	Name       string     `json:"name"`
	Created    time.Time  `json:"created"`
	Encryption encryption `json:"encryption"`
	Tags       []tag      `json:"tags,omitempty"`
}

func (a *activity) record(tags []tag) journal.Record {
	return journal.JSON(recordActivity, a.arn, activityRecord{
		Place: a.space.place, Name: a.name, Created: a.created, Encryption: a.encryption, Tags: tags,
	})
}

func (s *Service) restoreActivity(_ string, r activityRecord) error {
	sp := s.space(r.Place)
	sp.activities[r.Name] = &activity{
		space: sp, name: r.Name, arn: sp.arn(kindActivity, r.Name), created: r.Created, encryption: r.Encryption, tags: r.Tags,
	}
	return nil
}
