package sfntarget_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/controller/internal/fakesfn"
	"github.com/crossfade-dev/crossfade/controller/sfntarget"
	"github.com/crossfade-dev/crossfade/controller/targettest"
	"github.com/crossfade-dev/crossfade/internal/clock"
	"github.com/crossfade-dev/crossfade/plan"
	"github.com/crossfade-dev/crossfade/rollout"
)

const (
	machine = "arn:aws-cn:states:cn-north-1:123456789012:stateMachine:orders"
	alias   = machine + ":prod"
)

var t0 = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

func definition(n int) string {
	return fmt.Sprintf(`{"StartAt":"A","States":{"A":{"Type":"Pass","Result":%d,"End":true}}}`, n)
}

// orders returns a service with the state machine orders, versions 1 to 4 of it
// and the alias prod on 1.
func orders(t testing.TB) (*fakesfn.Service, *sfntarget.Target) {
	t.Helper()
	c := clock.NewVirtual(t0)
	s := fakesfn.New(c.Now)
	s.Create(machine, definition(1), false)
	for n := 1; n <= 4; n++ {
		if n > 1 {
			edit(t, s, definition(n))
		}
		if _, err := s.PublishStateMachineVersion(t.Context(), &sfn.PublishStateMachineVersionInput{StateMachineArn: aws.String(machine)}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.CreateStateMachineAlias(t.Context(), &sfn.CreateStateMachineAliasInput{Name: aws.String("prod"), RoutingConfiguration: entries(rollout.Routing{Stable: "1"})}); err != nil {
		t.Fatal(err)
	}
	return s, sfntarget.New(s, s, "cn-north-1", c)
}

func edit(t testing.TB, s *fakesfn.Service, definition string) {
	t.Helper()
	if _, err := s.UpdateStateMachine(t.Context(), &sfn.UpdateStateMachineInput{StateMachineArn: aws.String(machine), Definition: &definition}); err != nil {
		t.Fatal(err)
	}
}

func entries(r rollout.Routing) []types.RoutingConfigurationListItem {
	list := []types.RoutingConfigurationListItem{{StateMachineVersionArn: aws.String(machine + ":" + r.Stable), Weight: int32(plan.Full-r.Weight) / 100}}
	if r.Canary != "" {
		list = append(list, types.RoutingConfigurationListItem{StateMachineVersionArn: aws.String(machine + ":" + r.Canary), Weight: int32(r.Weight) / 100})
	}
	return list
}

func TestSfntargetKeepsTheTargetsPromises(t *testing.T) {
	targettest.Run(t, func(t testing.TB) targettest.Subject {
		s, target := orders(t)
		fault := map[targettest.Fault]error{targettest.Throttled: fakesfn.Throttled(), targettest.Denied: fakesfn.Denied()}
		edits := 4
		return targettest.Subject{
			Target: target, Publisher: target,
			Spec:  plan.Target{Kind: plan.StateMachine, Name: "orders", Alias: "prod"},
			Alias: alias, Versions: []string{"1", "2", "3", "4"},
			Route: func(t testing.TB, r rollout.Routing) {
				if err := s.Route(alias, entries(r)); err != nil {
					t.Fatal(err)
				}
			},
			Entries: func(testing.TB) int { return len(s.Entries(alias)) },
			Edit: func(t testing.TB) {
				edits++
				edit(t, s, definition(edits))
			},
			Run: func(_ testing.TB, version string) func(bool, time.Time) {
				e := s.Execution(alias, version, types.ExecutionStatusRunning, t0.Add(-20*24*time.Hour), time.Time{})
				return func(failed bool, at time.Time) {
					status := types.ExecutionStatusSucceeded
					if failed {
						status = types.ExecutionStatusFailed
					}
					s.End(e, status, at)
				}
			},
			Lag:          func(testing.TB) func() { return s.Lag() },
			FailWrite:    func(f targettest.Fault) { s.Fail("UpdateStateMachineAlias", fault[f]) },
			FailRead:     func(f targettest.Fault) { s.Fail("DescribeStateMachineAlias", fault[f]) },
			FailReadBack: func(f targettest.Fault) { s.Fail("DescribeStateMachineAlias", nil, fault[f]) },
			Now:          func() time.Time { return t0 },
		}
	})
}

// files are files in memory.
type files map[string]string

func (f files) ReadFile(name string) ([]byte, error) {
	text, ok := f[name]
	if !ok {
		return nil, fmt.Errorf("%s: no such file", name)
	}
	return []byte(text), nil
}

func TestPublishUploadsADefinitionThatDiffers(t *testing.T) {
	s, target := orders(t)
	spec := plan.Target{Kind: plan.StateMachine, Name: machine, Alias: "prod", Definition: "orders.asl.json"}
	f := files{"orders.asl.json": definition(9)}
	r, err := target.Resolve(t.Context(), spec, f)
	if err != nil || !r.Upload {
		t.Fatalf("resolve: %+v, error %v; want an upload", r, err)
	}
	if n := s.Calls("UpdateStateMachine"); n != 3 {
		t.Fatalf("resolving updated the state machine (%d calls, want the 3 before)", n)
	}
	got, err := target.Publish(t.Context(), r, f)
	if err != nil || got.Canary != "5" || got.Reused {
		t.Fatalf("publish: %+v, error %v; want the new version 5", got, err)
	}
	v, err := s.DescribeStateMachine(t.Context(), &sfn.DescribeStateMachineInput{StateMachineArn: aws.String(machine + ":5")})
	if err != nil || *v.Definition != definition(9) {
		t.Errorf("version 5 has another definition (error %v)", err)
	}
}

func TestADefinitionThatWasOnlyFormattedIsNotARelease(t *testing.T) {
	_, target := orders(t)
	spec := plan.Target{Kind: plan.StateMachine, Name: "orders", Alias: "prod", Definition: "orders.asl.json"}
	r, err := target.Resolve(t.Context(), spec, files{"orders.asl.json": strings.ReplaceAll(definition(4), ",", ",\n  ")})
	if err != nil || r.Upload {
		t.Errorf("got upload %t, error %v; want false", r.Upload, err)
	}
}

func TestUploadRefusesAMachineThatWasChangedSinceItWasResolved(t *testing.T) {
	s, target := orders(t)
	spec := plan.Target{Kind: plan.StateMachine, Name: "orders", Alias: "prod", Definition: "orders.asl.json"}
	f := files{"orders.asl.json": definition(9)}
	r, err := target.Resolve(t.Context(), spec, f)
	if err != nil {
		t.Fatal(err)
	}
	edit(t, s, definition(8))
	if _, err := target.Publish(t.Context(), r, f); err == nil || !strings.Contains(err.Error(), "changed") {
		t.Errorf("got %v, want a conflict", err)
	}
	now, err := s.DescribeStateMachine(t.Context(), &sfn.DescribeStateMachineInput{StateMachineArn: aws.String(machine)})
	if err != nil || *now.Definition != definition(8) {
		t.Errorf("somebody else's definition was overwritten (error %v)", err)
	}
}

func TestABrokenDefinitionIsFoundBeforeAnythingIsCalled(t *testing.T) {
	s, target := orders(t)
	spec := plan.Target{Kind: plan.StateMachine, Name: "orders", Alias: "prod", Definition: "orders.asl.json"}
	before := s.Calls("UpdateStateMachine")
	_, err := target.Resolve(t.Context(), spec, files{"orders.asl.json": "{\n  \"StartAt\": \"A\",\n}"})
	if err == nil || !strings.Contains(err.Error(), "orders.asl.json:3") {
		t.Errorf("got %v, want the file's name and line 3", err)
	}
	if s.Calls("UpdateStateMachine") != before {
		t.Error("the state machine was updated")
	}
}

func TestNamesAreCompletedFromTheCallersIdentityAndTheClientsRegion(t *testing.T) {
	s, target := orders(t)
	for range 3 {
		r, err := target.Resolve(t.Context(), plan.Target{Kind: plan.StateMachine, Name: "orders", Alias: "prod"}, nil)
		if err != nil || r.Alias != alias {
			t.Fatalf("got %q, error %v; want %q", r.Alias, err, alias)
		}
	}
	if n := s.Calls("GetCallerIdentity"); n != 1 {
		t.Errorf("the identity was asked for %d times, want once", n)
	}
}

func TestAnEntryOfWeightZeroServesNothingButCountsAsAReference(t *testing.T) {
	s, target := orders(t)
	if err := s.Route(alias, entries(rollout.Routing{Stable: "2", Canary: "1", Weight: 0})); err != nil {
		t.Fatal(err)
	}
	if r, err := target.Routing(t.Context(), alias); err != nil || (r != rollout.Routing{Stable: "2"}) {
		t.Errorf("routing %+v, error %v; want all on 2", r, err)
	}
	versions, err := target.Versions(t.Context(), alias)
	if err != nil || len(versions[3].Aliases) != 1 {
		t.Errorf("version 1 is referred to by %v, error %v; want prod", versions[3].Aliases, err)
	}
}

func TestProveNeedsTheRightToShiftAndChangesNothing(t *testing.T) {
	s, target := orders(t)
	before := fmt.Sprint(s.Entries(alias))
	if err := target.Prove(t.Context(), alias); err != nil {
		t.Error(err)
	}
	s.Fail("UpdateStateMachineAlias", fakesfn.Denied())
	if err := target.Prove(t.Context(), alias); err == nil || !strings.Contains(err.Error(), controller.ErrDenied.Error()) {
		t.Errorf("got %v, want access denied", err)
	}
	if len(s.Entries(alias)) != 1 || *s.Entries(alias)[0].StateMachineVersionArn != machine+":1" {
		t.Errorf("the alias does %v, want %s", s.Entries(alias), before)
	}
}

func TestCommandIsWhatAPersonWouldType(t *testing.T) {
	_, target := orders(t)
	got := target.Command(alias, rollout.Routing{Stable: "1"})
	want := "aws stepfunctions update-state-machine-alias --region cn-north-1 --state-machine-alias-arn " + alias +
		" --routing-configuration stateMachineVersionArn=" + machine + ":1,weight=100"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestErrorsNameTheOperationAndTheServicesWords(t *testing.T) {
	s, target := orders(t)
	s.Fail("DescribeStateMachineAlias", fakesfn.Throttled())
	_, err := target.Routing(t.Context(), alias)
	if want := "DescribeStateMachineAlias: throttled: ThrottlingException: Rate exceeded"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
