package codedeploy_test

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	awscodedeploy "github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/crossfade-dev/crossfade/rollout"
)

func TestACanaryDeploymentMovesTheAliasInTwoShifts(t *testing.T) {
	w := newWorld(t)
	id := w.deploy(spec("1", "2"))
	if !regexp.MustCompile(`^d-[0-9A-Z]{9}$`).MatchString(id) {
		t.Errorf("the id is %q, want d- and nine letters or digits", id)
	}
	d := w.deployment(id)
	if d.Status != types.DeploymentStatusCreated || d.DeploymentOverview.Pending != 1 || d.Creator != types.DeploymentCreatorUser {
		t.Errorf("right after the request it is %s with %+v by %s, want Created and pending by user", d.Status, d.DeploymentOverview, d.Creator)
	}
	w.pass(0)
	w.wantAlias("1 and 2 at 0.1")
	w.pass(time.Minute)
	d = w.deployment(id)
	target := w.target(id)
	if d.Status != types.DeploymentStatusInProgress || d.StartTime == nil || d.DeploymentOverview.InProgress != 1 {
		t.Errorf("after a minute it is %s since %v with %+v, want InProgress", d.Status, d.StartTime, d.DeploymentOverview)
	}
	if f := target.LambdaFunctionInfo; f.TargetVersionWeight != 10 || *f.CurrentVersion != "1" || *f.TargetVersion != "2" || *f.FunctionName != "checkout" || *f.FunctionAlias != "live" {
		t.Errorf("the function is %+v, want 10 %% on 2", f)
	}
	if got := w.stages(id); got != "Skipped InProgress Skipped" {
		t.Errorf("the stages are %s, want only AllowTraffic in progress", got)
	}
	w.pass(4*time.Minute + 10*time.Second)
	w.wantAlias("2")
	d = w.wantEnd(id, types.DeploymentStatusSucceeded, "")
	if d.CompleteTime == nil || d.DeploymentOverview.Succeeded != 1 || w.stages(id) != "Skipped Succeeded Skipped" || w.target(id).LambdaFunctionInfo.TargetVersionWeight != 100 {
		t.Errorf("at the end: completed %v, %+v, stages %s", d.CompleteTime, d.DeploymentOverview, w.stages(id))
	}
	if d.Revision.AppSpecContent.Content != nil || len(aws.ToString(d.Revision.AppSpecContent.Sha256)) != 64 {
		t.Errorf("the revision is %+v, want its sum and not its content", d.Revision.AppSpecContent)
	}
}

func TestALinearDeploymentShiftsEveryMinute(t *testing.T) {
	w := newWorld(t)
	id := w.deploy(spec("1", "2"), func(in *awscodedeploy.CreateDeploymentInput) {
		in.DeploymentConfigName = aws.String("CodeDeployDefault.LambdaLinear10PercentEvery1Minute")
	})
	var got []float64
	for range 12 {
		w.pass(time.Minute)
		if f := w.target(id).LambdaFunctionInfo.TargetVersionWeight; !slices.Contains(got, f) {
			got = append(got, f)
		}
	}
	if want := []float64{10, 20, 30, 40, 50, 60, 70, 80, 90, 100}; !slices.Equal(got, want) {
		t.Errorf("the weights over time are %v, want %v", got, want)
	}
	w.wantEnd(id, types.DeploymentStatusSucceeded, "")
	w.wantAlias("2")
}

func TestAllAtOnceAndCustomConfigurations(t *testing.T) {
	w := newWorld(t)
	with := func(name string) func(*awscodedeploy.CreateDeploymentInput) {
		return func(in *awscodedeploy.CreateDeploymentInput) { in.DeploymentConfigName = &name }
	}
	id := w.deploy(spec("1", "2"), with("CodeDeployDefault.LambdaAllAtOnce"))
	w.pass(3 * time.Second)
	w.wantEnd(id, types.DeploymentStatusSucceeded, "")
	w.wantAlias("2")

	_, err := w.CreateDeploymentConfig(t.Context(), &awscodedeploy.CreateDeploymentConfigInput{
		DeploymentConfigName: aws.String("third"), ComputePlatform: types.ComputePlatformLambda,
		TrafficRoutingConfig: &types.TrafficRoutingConfig{
			Type: types.TrafficRoutingTypeTimeBasedLinear, TimeBasedLinear: &types.TimeBasedLinear{LinearPercentage: 33, LinearInterval: 2},
		},
	})
	w.must(err)
	id = w.deploy(spec("2", "3"), with("third"))
	var got []float64
	for range 8 {
		w.pass(time.Minute)
		if f := w.target(id).LambdaFunctionInfo.TargetVersionWeight; !slices.Contains(got, f) {
			got = append(got, f)
		}
	}
	if want := []float64{33, 66, 99, 100}; !slices.Equal(got, want) {
		t.Errorf("the weights over time are %v, want %v", got, want)
	}
	w.wantEnd(id, types.DeploymentStatusSucceeded, "")
}

func TestADeploymentIsARolloutOfItsName(t *testing.T) {
	w := newWorld(t)
	id := w.deploy(spec("1", "2"))
	w.pass(time.Minute)
	rec, err := w.store.Load(t.Context(), id)
	w.must(err)
	if rec.Status.Phase != rollout.Progressing || rec.Owner != "local cloud of test@here pid 1" {
		t.Errorf("the rollout is %s by %s, want it Progressing", rec.Status.Phase, rec.Owner)
	}
	_, err = w.store.Order(t.Context(), id, rollout.Order{Kind: rollout.Pause, By: "ada", Reason: "lunch", At: w.clock.Now()})
	w.must(err)
	w.pass(time.Hour)
	w.wantAlias("1 and 2 at 0.1")
	w.wantEnd(id, types.DeploymentStatusInProgress, "")
	_, err = w.store.Order(t.Context(), id, rollout.Order{Kind: rollout.Abort, By: "ada", Reason: "no", At: w.clock.Now()})
	w.must(err)
	w.pass(5 * time.Second)
	w.wantAlias("1")
	w.wantEnd(id, types.DeploymentStatusStopped, types.ErrorCodeManualStop)
}

func TestAnAlarmStopsTheDeploymentWhereItIs(t *testing.T) {
	w := newWorld(t)
	w.alarm("errors", cwtypes.StateValueInsufficientData)
	w.group("watched", func(in *awscodedeploy.CreateDeploymentGroupInput) {
		in.AlarmConfiguration = alarms("errors", "nobody made this one")
	})
	id := w.deploy(spec("1", "2"), func(in *awscodedeploy.CreateDeploymentInput) { in.DeploymentGroupName = aws.String("watched") })
	w.pass(time.Minute)
	w.wantAlias("1 and 2 at 0.1") // too little data and no alarm at all are fine
	w.alarm("errors", cwtypes.StateValueAlarm)
	w.pass(10 * time.Second)
	d := w.wantEnd(id, types.DeploymentStatusStopped, types.ErrorCodeAlarmActive)
	if !strings.HasSuffix(*d.ErrorInformation.Message, "Activated alarms: errors") || d.RollbackInfo != nil {
		t.Errorf("it says %q and %+v, want the alarm named and no rollback", *d.ErrorInformation.Message, d.RollbackInfo)
	}
	if got := w.stages(id); got != "Skipped Failed Skipped" {
		t.Errorf("the stages are %s", got)
	}
	w.wantAlias("1 and 2 at 0.1")

	// The split alias makes the next one fail until it is put right.
	w.alarm("errors", cwtypes.StateValueOk)
	id = w.deploy(spec("1", "3"))
	w.pass(time.Second)
	w.wantEnd(id, types.DeploymentStatusFailed, types.ErrorCodeInvalidLambdaConfiguration)
	w.wantAlias("1 and 2 at 0.1")
}

func TestAnAlarmThatFiresAlreadyStopsADeploymentUnlessOverridden(t *testing.T) {
	w := newWorld(t)
	w.alarm("errors", cwtypes.StateValueAlarm)
	w.group("watched", func(in *awscodedeploy.CreateDeploymentGroupInput) { in.AlarmConfiguration = alarms("errors") })
	watched := func(in *awscodedeploy.CreateDeploymentInput) { in.DeploymentGroupName = aws.String("watched") }
	id := w.deploy(spec("1", "2"), watched)
	w.pass(time.Second)
	w.wantEnd(id, types.DeploymentStatusStopped, types.ErrorCodeAlarmActive)
	w.wantAlias("1")

	id = w.deploy(spec("1", "2"), watched, func(in *awscodedeploy.CreateDeploymentInput) {
		in.OverrideAlarmConfiguration = &types.AlarmConfiguration{Enabled: false}
	})
	w.pass(6 * time.Minute)
	w.wantEnd(id, types.DeploymentStatusSucceeded, "")
}

func TestARollbackIsADeploymentOfItsOwn(t *testing.T) {
	w := newWorld(t)
	w.alarm("errors", cwtypes.StateValueOk)
	w.group("watched", func(in *awscodedeploy.CreateDeploymentGroupInput) {
		in.AlarmConfiguration = alarms("errors")
		in.AutoRollbackConfiguration = rollback(types.AutoRollbackEventDeploymentStopOnAlarm)
	})
	watched := func(in *awscodedeploy.CreateDeploymentInput) { in.DeploymentGroupName = aws.String("watched") }
	good := w.deploy(spec("1", "2"), watched)
	w.pass(6 * time.Minute)
	w.wantEnd(good, types.DeploymentStatusSucceeded, "")
	bad := w.deploy(spec("2", "3"), watched)
	w.pass(time.Minute)
	w.wantAlias("2 and 3 at 0.1")
	w.alarm("errors", cwtypes.StateValueAlarm)
	w.pass(8 * time.Second)

	d := w.wantEnd(bad, types.DeploymentStatusStopped, types.ErrorCodeAlarmActive)
	if d.RollbackInfo == nil || d.RollbackInfo.RollbackDeploymentId == nil {
		t.Fatalf("the rollback info is %+v, want a deployment", d.RollbackInfo)
	}
	back := w.wantEnd(*d.RollbackInfo.RollbackDeploymentId, types.DeploymentStatusSucceeded, "")
	if back.Creator != types.DeploymentCreatorCodeDeployRollback || aws.ToString(back.RollbackInfo.RollbackTriggeringDeploymentId) != bad {
		t.Errorf("the rollback is by %s for %+v, want by codeDeployRollback for %s", back.Creator, back.RollbackInfo, bad)
	}
	if f := w.target(*back.DeploymentId).LambdaFunctionInfo; *f.CurrentVersion != "3" || *f.TargetVersion != "2" || f.TargetVersionWeight != 100 {
		t.Errorf("the rollback's function is %+v, want from 3 to 2, all of it", f)
	}
	if *back.Revision.AppSpecContent.Sha256 != *w.deployment(good).Revision.AppSpecContent.Sha256 {
		t.Error("the rollback has another revision than the last good deployment")
	}
	w.wantAlias("2")
	list, err := w.ListDeployments(t.Context(), &awscodedeploy.ListDeploymentsInput{ApplicationName: aws.String("shop"), DeploymentGroupName: aws.String("watched")})
	w.must(err)
	if want := []string{*back.DeploymentId, bad, good}; !slices.Equal(list.Deployments, want) {
		t.Errorf("the deployments are %v, want %v", list.Deployments, want)
	}
	group, err := w.GetDeploymentGroup(t.Context(), &awscodedeploy.GetDeploymentGroupInput{ApplicationName: aws.String("shop"), DeploymentGroupName: aws.String("watched")})
	w.must(err)
	if last := group.DeploymentGroupInfo.LastSuccessfulDeployment; last == nil || *last.DeploymentId != *back.DeploymentId {
		t.Errorf("the last successful deployment is %+v, want the rollback", last)
	}
}

func TestStoppingLeavesTheAliasSplitUnlessARollbackIsWanted(t *testing.T) {
	for _, c := range []struct {
		name   string
		stop   *bool
		config *types.AutoRollbackConfiguration
		does   string
	}{
		{"nothing wanted", nil, nil, "1 and 2 at 0.1"},
		{"wanted by the request", aws.Bool(true), nil, "1"},
		{"wanted by the configuration", nil, rollback(types.AutoRollbackEventDeploymentStopOnRequest), "1"},
		{"wanted on other occasions", nil, rollback(types.AutoRollbackEventDeploymentFailure, types.AutoRollbackEventDeploymentStopOnAlarm), "1 and 2 at 0.1"},
		{"configured, but not by the request", aws.Bool(false), rollback(types.AutoRollbackEventDeploymentStopOnRequest), "1 and 2 at 0.1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			id := w.deploy(spec("1", "2"), func(in *awscodedeploy.CreateDeploymentInput) { in.AutoRollbackConfiguration = c.config })
			w.pass(time.Minute)
			out, err := w.StopDeployment(t.Context(), &awscodedeploy.StopDeploymentInput{DeploymentId: &id, AutoRollbackEnabled: c.stop})
			w.must(err)
			if out.Status != types.StopStatusPending {
				t.Errorf("the answer is %s, want Pending", out.Status)
			}
			w.pass(5 * time.Second)
			w.wantEnd(id, types.DeploymentStatusStopped, types.ErrorCodeManualStop)
			w.wantAlias(c.does)
			_, err = w.StopDeployment(t.Context(), &awscodedeploy.StopDeploymentInput{DeploymentId: &id})
			w.refused(err, "DeploymentAlreadyCompletedException", id)
		})
	}
}

func TestAGroupHasOneDeploymentAtATime(t *testing.T) {
	w := newWorld(t)
	id := w.deploy(spec("1", "2"))
	w.pass(time.Minute)
	in := &awscodedeploy.CreateDeploymentInput{ApplicationName: aws.String("shop"), DeploymentGroupName: aws.String("prod"), Revision: content(spec("1", "3"))}
	_, err := w.CreateDeployment(t.Context(), in)
	w.refused(err, "DeploymentLimitExceededException", "The Deployment Group 'prod' already has an active Deployment '"+id+"'")

	// Another group that moves the same alias is told by the alias.
	w.group("other", func(*awscodedeploy.CreateDeploymentGroupInput) {})
	other := w.deploy(spec("1", "3"), func(in *awscodedeploy.CreateDeploymentInput) { in.DeploymentGroupName = aws.String("other") })
	w.pass(2 * time.Second)
	w.wantEnd(other, types.DeploymentStatusFailed, types.ErrorCodeInvalidLambdaConfiguration)
	w.wantAlias("1 and 2 at 0.1")
}

func TestADeploymentNeedsTheFunctionAsTheFileSays(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		name, spec string
		code       types.ErrorCode
		text       string
	}{
		{"another current version", spec("2", "3"), types.ErrorCodeInvalidLambdaConfiguration, "points to version 1"},
		{"no such target version", spec("1", "9"), types.ErrorCodeInvalidLambdaFunction, "target version 9"},
		{"no such alias", strings.ReplaceAll(spec("1", "2"), "Alias: live", "Alias: old"), types.ErrorCodeInvalidLambdaFunction, "alias old"},
		{"no such function", strings.ReplaceAll(spec("1", "2"), "Name: checkout", "Name: basket"), types.ErrorCodeInvalidLambdaFunction, "function basket"},
	} {
		id := w.deploy(c.spec, func(in *awscodedeploy.CreateDeploymentInput) {
			in.AutoRollbackConfiguration = rollback(types.AutoRollbackEventDeploymentFailure)
		})
		w.pass(time.Second)
		d := w.wantEnd(id, types.DeploymentStatusFailed, c.code)
		if !strings.Contains(*d.ErrorInformation.Message, c.text) {
			t.Errorf("%s: it says %q, want %q", c.name, *d.ErrorInformation.Message, c.text)
		}
		if d.RollbackInfo == nil || d.RollbackInfo.RollbackDeploymentId != nil {
			t.Errorf("%s: the rollback info is %+v, want a message that there is nothing to roll back", c.name, d.RollbackInfo)
		}
		w.wantAlias("1")
	}
}

func TestSomebodyElsesChangeFailsTheDeploymentAndStays(t *testing.T) {
	w := newWorld(t)
	id := w.deploy(spec("1", "2"))
	w.pass(time.Minute)
	_, err := w.lambda.UpdateAlias(t.Context(), &lambda.UpdateAliasInput{
		FunctionName: aws.String("checkout"), Name: aws.String("live"), FunctionVersion: aws.String("3"),
		RoutingConfig: &lambdatypes.AliasRoutingConfiguration{AdditionalVersionWeights: map[string]float64{}},
	})
	w.must(err)
	w.pass(10 * time.Second)
	w.wantEnd(id, types.DeploymentStatusFailed, types.ErrorCodeInvalidLambdaConfiguration)
	w.wantAlias("3")
}

func TestADeploymentGoesOnInTheNextProcess(t *testing.T) {
	w := newWorld(t)
	w.hook("after", types.LifecycleEventStatusSucceeded)
	id := w.deploy(spec("1", "2", "AfterAllowTraffic: after"))
	w.pass(2 * time.Minute)
	w.open("local cloud of test@here pid 2")
	w.pass(time.Minute)
	w.wantEnd(id, types.DeploymentStatusInProgress, "")
	w.wantAlias("1 and 2 at 0.1")
	w.pass(2*time.Minute + 30*time.Second)
	w.wantEnd(id, types.DeploymentStatusSucceeded, "")
	w.wantAlias("2")
	if got := w.stages(id); got != "Skipped Succeeded Succeeded" {
		t.Errorf("the stages are %s", got)
	}
	group, err := w.GetDeploymentGroup(t.Context(), &awscodedeploy.GetDeploymentGroupInput{ApplicationName: aws.String("shop"), DeploymentGroupName: aws.String("prod")})
	w.must(err)
	if *group.DeploymentGroupInfo.LastAttemptedDeployment.DeploymentId != id {
		t.Error("the group has forgotten its deployment")
	}
}

func TestAStopThatWasDecidedIsCarriedOutByTheNextProcess(t *testing.T) {
	w := newWorld(t)
	id := w.deploy(spec("1", "2"))
	w.pass(time.Minute)
	_, err := w.StopDeployment(t.Context(), &awscodedeploy.StopDeploymentInput{DeploymentId: &id, AutoRollbackEnabled: aws.Bool(true)})
	w.must(err)
	w.open("local cloud of test@here pid 2") // before anything came of it
	w.pass(5 * time.Second)
	d := w.wantEnd(id, types.DeploymentStatusStopped, types.ErrorCodeManualStop)
	w.wantEnd(*d.RollbackInfo.RollbackDeploymentId, types.DeploymentStatusSucceeded, "")
	w.wantAlias("1")
}

func TestRevisionsComeAsStringAsFileInS3OrByTheirSum(t *testing.T) {
	w := newWorld(t)
	yaml, json := spec("1", "2"), `{"version":0.0,"resources":[{"f":{"type":"AWS::Lambda::Function","properties":{"name":"checkout","alias":"live","currentversion":"2","targetversion":"3"}}}]}`
	sum := sha256.Sum256([]byte(json))
	w.objects["releases/spec.json"] = json
	for _, l := range []*types.RevisionLocation{
		{RevisionType: types.RevisionLocationTypeString, String_: &types.RawString{Content: &yaml}},
		{RevisionType: types.RevisionLocationTypeS3, S3Location: &types.S3Location{Bucket: aws.String("releases"), Key: aws.String("spec.json"), BundleType: types.BundleTypeJson}},
	} {
		id := w.deploy("", func(in *awscodedeploy.CreateDeploymentInput) { in.Revision = l })
		w.pass(6 * time.Minute)
		d := w.wantEnd(id, types.DeploymentStatusSucceeded, "")
		if d.Revision.RevisionType != l.RevisionType {
			t.Errorf("the revision is of type %s, want %s", d.Revision.RevisionType, l.RevisionType)
		}
	}
	w.wantAlias("3")

	registered := content(json)
	registered.AppSpecContent.Sha256 = aws.String(hex.EncodeToString(sum[:]))
	_, err := w.RegisterApplicationRevision(t.Context(), &awscodedeploy.RegisterApplicationRevisionInput{ApplicationName: aws.String("shop"), Revision: registered, Description: aws.String("the third")})
	w.must(err)
	known, err := w.GetApplicationRevision(t.Context(), &awscodedeploy.GetApplicationRevisionInput{
		ApplicationName: aws.String("shop"),
		Revision:        &types.RevisionLocation{RevisionType: types.RevisionLocationTypeAppSpecContent, AppSpecContent: &types.AppSpecContent{Sha256: registered.AppSpecContent.Sha256}},
	})
	w.must(err)
	if *known.Revision.AppSpecContent.Content != json || *known.RevisionInfo.Description != "the third" {
		t.Errorf("the revision is %+v, %+v", known.Revision.AppSpecContent, known.RevisionInfo)
	}
	list, err := w.ListApplicationRevisions(t.Context(), &awscodedeploy.ListApplicationRevisionsInput{ApplicationName: aws.String("shop"), Deployed: types.ListStateFilterActionInclude})
	w.must(err)
	if len(list.Revisions) != 2 {
		t.Errorf("%d revisions were deployed, want 2", len(list.Revisions))
	}
}

func TestTriggersTellWhatHappens(t *testing.T) {
	w := newWorld(t)
	w.group("told", func(in *awscodedeploy.CreateDeploymentGroupInput) {
		in.TriggerConfigurations = []types.TriggerConfig{{
			TriggerName: aws.String("everybody"), TriggerTargetArn: aws.String(topicARN),
			TriggerEvents: []types.TriggerEventType{types.TriggerEventTypeDeploymentStart, types.TriggerEventTypeDeploymentStop, types.TriggerEventTypeDeploymentRollback, types.TriggerEventTypeDeploymentSuccess},
		}}
		in.AutoRollbackConfiguration = rollback(types.AutoRollbackEventDeploymentStopOnRequest)
	})
	id := w.deploy(spec("1", "2"), func(in *awscodedeploy.CreateDeploymentInput) { in.DeploymentGroupName = aws.String("told") })
	w.pass(time.Minute)
	_, err := w.StopDeployment(t.Context(), &awscodedeploy.StopDeploymentInput{DeploymentId: &id})
	w.must(err)
	w.pass(5 * time.Second)
	if len(w.topics.sent) != 5 { // start, stop, rollback of the one; start, success of the other
		t.Fatalf("%d messages were sent, want 5:\n%s", len(w.topics.sent), strings.Join(w.topics.sent, "\n"))
	}
	if n := len(w.topics.events); n != 4 || !strings.Contains(w.topics.events[1], `"state":"STOP"`) {
		t.Errorf("the bus got %q, want start and stop of the one, and start and success of the other", w.topics.events)
	}
	for _, want := range []string{topicARN, "STOPPED: AWS CodeDeploy " + id + " in eu-west-1 to shop", `"eventTriggerName":"everybody"`, `"errorInformation":"{\"ErrorCode\":\"MANUAL_STOP\"`} {
		if !strings.Contains(w.topics.sent[1], want) {
			t.Errorf("the second message is\n%s\nwant it to have %s", w.topics.sent[1], want)
		}
	}
}
