package cloudformation_test

import (
	"bytes"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/crossfade-dev/crossfade/localcloud/cloudformation"
	"github.com/crossfade-dev/crossfade/localcloud/journal"
)

// A memory is a journal in memory that may stop to take records, as a disk does
// when its process is killed.
type memory struct {
	mu      sync.Mutex
	records map[string]map[string][]byte
	commits int
	last    int // commits that are still taken; 0 is no bound
}

var errKilled = errors.New("killed")

func (m *memory) Commit(records ...journal.Record) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.last > 0 && m.commits >= m.last {
		return errKilled
	}
	m.commits++
	for _, r := range records {
		if m.records == nil {
			m.records = map[string]map[string][]byte{}
		}
		if m.records[r.Kind] == nil {
			m.records[r.Kind] = map[string][]byte{}
		}
		if r.Delete {
			delete(m.records[r.Kind], r.Key)
		} else {
			m.records[r.Kind][r.Key] = r.Value
		}
	}
	return nil
}

func (m *memory) Load(kind string, yield func(key string, value []byte) error) error {
	m.mu.Lock()
	records := maps.Clone(m.records[kind])
	m.mu.Unlock()
	for key, value := range records {
		if err := yield(key, value); err != nil {
			return err
		}
	}
	return nil
}

// has says that some record speaks of a token.
func (m *memory) has(token string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, records := range m.records {
		for _, value := range records {
			if bytes.Contains(value, []byte(token)) {
				return true
			}
		}
	}
	return false
}

func TestStacksSurviveARestart(t *testing.T) {
	w := newWorld(t)
	m := &memory{}
	w.open(m)
	w.create("shop", twoTopics)
	w.create("gone", twoTopics)
	if _, err := w.client.DeleteStack(t.Context(), &sdk.DeleteStackInput{StackName: aws.String("gone")}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.client.CreateChangeSet(t.Context(), &sdk.CreateChangeSetInput{
		StackName: aws.String("shop"), ChangeSetName: aws.String("next"), TemplateBody: aws.String(strings.Replace(twoTopics, "Default: news", "Default: sport", 1)),
	}); err != nil {
		t.Fatal(err)
	}
	before, story := w.stack("shop"), w.story("shop")

	w.service.Close()
	w.open(m)
	after := w.stack("shop")
	if *after.StackId != *before.StackId || after.StackStatus != before.StackStatus || *after.Outputs[0].OutputValue != *before.Outputs[0].OutputValue {
		t.Errorf("after a restart the stack is %+v, before it was %+v", after, before)
	}
	if got := w.story("shop"); got != story {
		t.Errorf("after a restart the events are\n%s\nbefore they were\n%s", got, story)
	}
	if _, err := w.client.DescribeStacks(t.Context(), &sdk.DescribeStacksInput{StackName: aws.String("gone")}); err == nil {
		t.Error("a deleted stack came back")
	}
	if _, err := w.client.ExecuteChangeSet(t.Context(), &sdk.ExecuteChangeSetInput{StackName: aws.String("shop"), ChangeSetName: aws.String("next")}); err != nil {
		t.Fatal(err)
	}
	w.is("shop", types.StackStatusUpdateComplete)
}

func TestADeletedStackIsForgottenAfterNinetyDays(t *testing.T) {
	w := newWorld(t)
	m := &memory{}
	w.open(m)
	id := w.create("shop", twoTopics)
	w.update("shop", strings.Replace(twoTopics, "Default: news", "Default: sport", 1))
	if _, err := w.client.DeleteStack(t.Context(), &sdk.DeleteStackInput{StackName: aws.String("shop")}); err != nil {
		t.Fatal(err)
	}
	w.pass(89 * 24 * time.Hour)
	w.service.Close()
	w.open(m)
	w.is(id, types.StackStatusDeleteComplete)
	w.pass(2 * 24 * time.Hour)
	_, err := w.client.DescribeStacks(t.Context(), &sdk.DescribeStacksInput{StackName: &id})
	if got, want := refused(t, err), "ValidationError: Stack with id "+id+" does not exist"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for kind, records := range m.records {
		if len(records) > 0 {
			t.Errorf("of a stack that is forgotten the journal still has %d records %s", len(records), kind)
		}
	}
	if at, ok := w.service.Next(); ok {
		t.Errorf("without a stack there is something to do at %s", at)
	}
}

// sorted puts lines in an order of their own: resources that do not need each
// other come as they come.
func sorted(lines string) string { return strings.Join(slices.Sorted(strings.Lines(lines)), "") }

// TestAnOperationThatIsKilledAtAnyInstantComesToTheSameEnd kills an update after
// each of its writes: once where it would succeed, once where it would not, and once
// where another stack is within it.
func TestAnOperationThatIsKilledAtAnyInstantComesToTheSameEnd(t *testing.T) {
	next := strings.Replace(twoTopics, "Default: news", "Default: sport", 1)
	next = strings.Replace(next, "{DisplayName: !GetAtt First.TopicArn}", "{DisplayName: !Ref Title, TopicName: !Sub \"${Title}\"}", 1)
	next = strings.Replace(next, "Outputs:", "  Third: {Type: AWS::SNS::Topic, DependsOn: [First, Second]}\nOutputs:", 1)
	const within = `
Parameters: {Title: {Type: String, Default: news}}
Resources:
  Child:
    Type: AWS::CloudFormation::Stack
    Properties: {TemplateURL: 'https://s3.eu-central-1.amazonaws.com/code/child.yaml', Parameters: {Title: !Ref Title}}
  Last: {Type: AWS::SNS::Topic, Properties: {DisplayName: !Sub '${Title} ${Child.Outputs.Arn}'}}
`
	slowly := func(r cloudformation.Request) (time.Duration, string) {
		if r.Memo == "" {
			return time.Second, ""
		}
		return 0, ""
	}
	for name, c := range map[string]struct {
		before, after string
		answer        func(r cloudformation.Request) (time.Duration, string)
		want          types.StackStatus
	}{
		"an update that succeeds": {twoTopics, next, slowly, types.StackStatusUpdateComplete},
		"an update that fails": {twoTopics, next, func(r cloudformation.Request) (time.Duration, string) {
			if r.Memo != "" && r.LogicalID == "Third" && r.Action == cloudformation.Create {
				return 0, "no third"
			}
			return slowly(r)
		}, types.StackStatusUpdateRollbackComplete},
		"an update of a stack within": {within, strings.Replace(within, "Default: news", "Default: sport", 1), slowly, types.StackStatusUpdateComplete},
		"an update that fails beside a stack within": {within, strings.Replace(within, "Default: news", "Default: sport", 1), func(r cloudformation.Request) (time.Duration, string) {
			if r.Memo != "" && r.LogicalID == "Last" && r.Action == cloudformation.Update && !r.Rollback {
				return 0, "no last"
			}
			return slowly(r)
		}, types.StackStatusUpdateRollbackComplete},
	} {
		t.Run(name, func(t *testing.T) {
			run := func(killAfter int) (w *world, commits int) {
				w = newWorld(t)
				w.objects["code/child.yaml"] = strings.Replace(twoTopics, "Outputs:", "Outputs:\n  Arn: {Value: !GetAtt Second.TopicArn}", 1)
				m := &memory{}
				w.open(m)
				w.create("shop", c.before)
				w.pass(time.Minute)
				w.answer = func(r cloudformation.Request) (time.Duration, string) {
					if !m.has(r.Token) {
						t.Errorf("killed after write %d: %s was begun before that was saved", killAfter, r.LogicalID)
					}
					return c.answer(r)
				}
				m.mu.Lock()
				m.commits, m.last = 0, killAfter
				m.mu.Unlock()
				w.update("shop", c.after)
				if killAfter > 0 {
					// Some time passes in which nothing can be saved any more.
					_ = w.clock.Drive(t.Context(), w.clock.Now().Add(5*time.Second), 0, w.service)
					w.service.Close()
					m.last = 0
					w.open(m)
				}
				w.pass(time.Minute)
				return w, m.commits
			}
			whole, commits := run(0)
			whole.is("shop", c.want)
			for k := 1; k < commits; k++ {
				killed, _ := run(k)
				killed.is("shop", c.want)
				if got, want := sorted(killed.story("shop")), sorted(whole.story("shop")); got != want {
					t.Errorf("killed after write %d the events tell\n%s\nwithout a kill\n%s", k, got, want)
				}
				if got, want := len(killed.things), len(whole.things); got != want {
					t.Errorf("killed after write %d: %d things, without a kill %d: %v", k, got, want, killed.things)
				}
			}
		})
	}
}
