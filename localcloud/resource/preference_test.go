package resource_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/crossfade-dev/crossfade/localcloud/cloudformation"
)

// A shift is a state machine with two versions and an alias on the first.
type shift struct {
	*world
	alias  *thing
	v1, v2 string
	sfn    *sfn.Client
	does   func() string
	seen   []string // what the alias did, with when
	waited []string // what the update waited for, each time that it changed
}

func newShift(t *testing.T, preference string) *shift {
	s := &shift{world: newWorld(t)}
	s.sfn = sfn.NewFromConfig(s.cloud.AWSConfig())
	s.does = s.machineDoes
	m := s.create("AWS::StepFunctions::StateMachine", "Machine", strings.Replace(machine, "{", `{"StateMachineName":"orders",`, 1))
	s.v1 = s.create("AWS::StepFunctions::StateMachineVersion", "One", `{"StateMachineArn":"`+m.id+`"}`).id
	s.update(m, strings.Replace(machine, "1,", "2,", 1))
	s.v2 = s.create("AWS::StepFunctions::StateMachineVersion", "Two", `{"StateMachineArn":"`+m.id+`"}`).id
	s.alias = s.create("AWS::StepFunctions::StateMachineAlias", "Live", s.preferring(s.v1, preference))
	return s
}

func (s *shift) preferring(version, preference string) string {
	return `{"Name":"live","DeploymentPreference":{"StateMachineVersionArn":"` + version + `",` + preference + `}}`
}

// machineDoes returns what the alias does: 1, or 1 90% 2 10%.
func (s *shift) machineDoes() string {
	s.Helper()
	out, err := s.sfn.DescribeStateMachineAlias(s.Context(), &sfn.DescribeStateMachineAliasInput{StateMachineAliasArn: &s.alias.id})
	if err != nil {
		s.Fatal(err)
	}
	weights := map[string]int32{}
	for _, r := range out.RoutingConfiguration {
		weights[(*r.StateMachineVersionArn)[len(*r.StateMachineVersionArn)-1:]] = r.Weight
	}
	for v, w := range weights {
		if w == 100 {
			return v
		}
	}
	return fmt.Sprintf("1 %d%% 2 %d%%", weights["1"], weights["2"])
}

// watch carries an update on, notes what the alias does, and calls meanwhile
// before every call.
func (s *shift) watch(q cloudformation.Request, meanwhile func(after time.Duration, q *cloudformation.Request)) error {
	s.Helper()
	begun := s.clock.Now()
	for range 10_000 {
		if meanwhile != nil {
			meanwhile(s.clock.Now().Sub(begun), &q)
		}
		q.Now = s.clock.Now()
		p, err := s.providers[q.Type].Handle(s.Context(), q)
		if does := s.does(); len(s.seen) == 0 || !strings.HasSuffix(s.seen[len(s.seen)-1], " "+does) {
			s.seen = append(s.seen, fmt.Sprintf("%dm %s", s.clock.Now().Sub(begun)/time.Minute, does))
		}
		if last := len(s.waited) - 1; last < 0 && p.Waits != "" || last >= 0 && s.waited[last] != p.Waits {
			s.waited = append(s.waited, p.Waits)
		}
		if err != nil || p.Again == 0 {
			return err
		}
		s.pass(p.Again)
		q.PhysicalID, q.Memo = p.PhysicalID, p.Memo
	}
	s.Fatal("the update does not end")
	return nil
}

func (s *shift) to(version, preference string) cloudformation.Request {
	return s.begin(cloudformation.Update, s.alias, value(s.T, s.preferring(version, preference)))
}

func (s *shift) saw(want ...string) {
	s.Helper()
	if got := strings.Join(s.seen, ", "); got != strings.Join(want, ", ") {
		s.Errorf("the alias did %s, want %s", got, strings.Join(want, ", "))
	}
}

func (s *shift) alarm(name string, state cwtypes.StateValue) {
	s.Helper()
	client := cloudwatch.NewFromConfig(s.cloud.AWSConfig())
	out, err := client.DescribeAlarms(s.Context(), &cloudwatch.DescribeAlarmsInput{AlarmNames: []string{name}})
	if err != nil {
		s.Fatal(err)
	}
	if len(out.MetricAlarms) == 0 {
		s.create("AWS::CloudWatch::Alarm", "Errors", `{"AlarmName":"`+name+`",`+threeOf+`,"TreatMissingData":"ignore"}`)
	}
	if _, err := client.SetAlarmState(s.Context(), &cloudwatch.SetAlarmStateInput{AlarmName: &name, StateValue: state, StateReason: new("by order")}); err != nil {
		s.Fatal(err)
	}
}

const linear = `"Type":"LINEAR","Percentage":40,"Interval":2,"Alarms":["errors","no such alarm"]`

func TestALinearPreferenceShiftsInItsSteps(t *testing.T) {
	s := newShift(t, linear)
	if err := s.watch(s.to(s.v2, linear), nil); err != nil {
		t.Fatal(err)
	}
	s.saw("0m 1", "0m 1 60% 2 40%", "2m 1 20% 2 80%", "4m 2")
}

func TestACanaryPreferenceShiftsTwice(t *testing.T) {
	s := newShift(t, linear)
	if err := s.watch(s.to(s.v2, `"Type":"CANARY","Percentage":"10","Interval":"5"`), nil); err != nil {
		t.Fatal(err)
	}
	s.saw("0m 1", "0m 1 90% 2 10%", "5m 2")
}

func TestAnAlarmAbortsTheDeploymentAndTheRollbackMovesAtOnce(t *testing.T) {
	s := newShift(t, linear)
	s.alarm("errors", cwtypes.StateValueOk)
	err := s.watch(s.to(s.v2, linear), func(after time.Duration, _ *cloudformation.Request) {
		if after > 3*time.Minute {
			s.alarm("errors", cwtypes.StateValueAlarm)
		}
	})
	s.fails(err, "NotStabilized", "Aborting deployment. The following CloudWatch alarms are in an 'ALARM' state: [errors].")
	s.saw("0m 1", "0m 1 60% 2 40%", "2m 1 20% 2 80%", "3m 1")

	back := s.to(s.v1, linear)
	back.Rollback, back.Previous = true, value(t, s.preferring(s.v2, linear))
	if err := s.watch(back, nil); err != nil {
		t.Fatalf("rollback: %v", err)
	}
	s.alarm("errors", cwtypes.StateValueOk)
	s.seen = nil
	if err := s.watch(s.to(s.v2, linear), nil); err != nil {
		t.Fatalf("once the alarm is calm: %v", err)
	}
	s.saw("0m 1", "0m 1 60% 2 40%", "2m 1 20% 2 80%", "4m 2")
}

func TestAnAlarmThatFiresAlreadyAbortsBeforeAnyShift(t *testing.T) {
	s := newShift(t, linear)
	s.alarm("errors", cwtypes.StateValueAlarm)
	err := s.watch(s.to(s.v2, linear), nil)
	s.fails(err, "NotStabilized", "The following CloudWatch alarms are in an 'ALARM' state: [errors].")
	s.saw("0m 1")
}

func TestAllAtOnceLooksAtNoAlarm(t *testing.T) {
	s := newShift(t, linear)
	s.alarm("errors", cwtypes.StateValueAlarm)
	if err := s.watch(s.to(s.v2, `"Type":"ALL_AT_ONCE","Alarms":["errors"]`), nil); err != nil {
		t.Fatal(err)
	}
	s.saw("0m 2")
}

func TestSomebodyElsesChangeEndsTheDeployment(t *testing.T) {
	s := newShift(t, linear)
	changed := false
	err := s.watch(s.to(s.v2, linear), func(after time.Duration, _ *cloudformation.Request) {
		if after > time.Minute && !changed {
			changed = true
			_, err := s.sfn.UpdateStateMachineAlias(t.Context(), &sfn.UpdateStateMachineAliasInput{
				StateMachineAliasArn: &s.alias.id,
				RoutingConfiguration: []types.RoutingConfigurationListItem{{StateMachineVersionArn: &s.v1, Weight: 70}, {StateMachineVersionArn: &s.v2, Weight: 30}},
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	})
	s.fails(err, "NotStabilized", "drift detected. Expected routing configuration")
	s.saw("0m 1", "0m 1 60% 2 40%", "1m 1 70% 2 30%")
}

func TestTheTemplateBeforeCountsAndNotTheAlias(t *testing.T) {
	s := newShift(t, linear)
	if err := s.setAll(s.v2); err != nil { // nobody told the stack
		t.Fatal(err)
	}
	if err := s.watch(s.to(s.v2, linear), nil); err != nil {
		t.Fatal(err)
	}
	s.saw("0m 1", "0m 1 60% 2 40%", "2m 1 20% 2 80%", "4m 2")

	s.alias.properties = value(t, `{"Name":"live","RoutingConfiguration":[{"StateMachineVersionArn":"`+s.v1+`","Weight":50},{"StateMachineVersionArn":"`+s.v2+`","Weight":50}]}`)
	s.fails(s.watch(s.to(s.v2, linear), nil), "InvalidRequest", "invalid initial state detected")
}

func (s *shift) setAll(version string) error {
	_, err := s.sfn.UpdateStateMachineAlias(s.Context(), &sfn.UpdateStateMachineAliasInput{
		StateMachineAliasArn: &s.alias.id, RoutingConfiguration: []types.RoutingConfigurationListItem{{StateMachineVersionArn: &version, Weight: 100}},
	})
	return err
}

func TestADeploymentGoesOnInTheNextProcess(t *testing.T) {
	s := newShift(t, linear)
	restarted := false
	err := s.watch(s.to(s.v2, linear), func(after time.Duration, _ *cloudformation.Request) {
		if after > time.Minute && !restarted {
			restarted = true
			s.open()
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	s.saw("0m 1", "0m 1 60% 2 40%", "2m 1 20% 2 80%", "4m 2")
}

func TestACancelledDeploymentTakesItsTrafficBack(t *testing.T) {
	s := newShift(t, linear)
	err := s.watch(s.to(s.v2, linear), func(after time.Duration, q *cloudformation.Request) { q.Cancelled = after > time.Minute })
	s.fails(err, "InternalFailure", "Resource update cancelled")
	s.saw("0m 1", "0m 1 60% 2 40%", "1m 1")
}
