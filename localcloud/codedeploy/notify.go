package codedeploy

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/crossfade-dev/crossfade/internal/arn"
	"github.com/crossfade-dev/crossfade/localcloud/wire/codedeployapi"
)

// tell tells the bus and the triggers what happened to a deployment. One that does
// not take it is no reason to hold the deployment up.
//
// Source: CodeDeploy User Guide, "JSON data formats for CodeDeploy triggers" and
// "Monitoring deployments with Amazon CloudWatch Events".
func (s *Service) tell(ctx context.Context, d *deployment, event string) {
	if err := s.put(ctx, d, event); err != nil {
		s.config.Log.WarnContext(ctx, "the event bus did not take an event", "deployment", d.ID, "err", err)
	}
	if s.config.Topics == nil {
		return
	}
	for _, t := range d.Triggers {
		if !slices.Contains(t.TriggerEvents, event) {
			continue
		}
		subject := fmt.Sprintf("%s: AWS CodeDeploy %s in %s to %s", strings.ToUpper(d.Status), d.ID, d.Place.Region, d.Application)
		message, err := json.Marshal(d.notice(*t.TriggerName))
		if topic, bad := arn.Parse(*t.TriggerTargetArn); err == nil && bad == nil {
			err = s.config.Topics.Publish(ctx, topic, subject, string(message))
		}
		if err != nil {
			s.config.Log.WarnContext(ctx, "a trigger could not send", "deployment", d.ID, "trigger", *t.TriggerName, "err", err)
		}
	}
}

// notice is the message of a trigger. Everything in it is text.
func (d *deployment) notice(trigger string) map[string]string {
	seconds := func(t time.Time) string { return strconv.FormatFloat(float64(t.UnixMilli())/1000, 'f', -1, 64) }
	m := map[string]string{
		"region": d.Place.Region, "accountId": d.Place.Account, "eventTriggerName": trigger, "applicationName": d.Application,
		"deploymentId": d.ID, "deploymentGroupName": d.Group, "createTime": seconds(d.Created), "status": strings.ToUpper(d.Status),
	}
	o := d.overview()
	counts := map[string]int64{"Succeeded": *o.Succeeded, "Failed": *o.Failed, "Skipped": *o.Skipped, "InProgress": *o.InProgress, "Pending": *o.Pending}
	if text, err := json.Marshal(counts); err == nil {
		m["deploymentOverview"] = string(text)
	}
	if !d.Completed.IsZero() {
		m["completeTime"] = seconds(d.Completed)
	}
	if d.Error != nil {
		if text, err := json.Marshal(map[string]string{"ErrorCode": *d.Error.Code, "ErrorMessage": *d.Error.Message}); err == nil {
			m["errorInformation"] = string(text)
		}
	}
	return m
}

// states are what EventBridge's events call what triggers tell.
var states = map[string]string{
	codedeployapi.TriggerEventTypeDeploymentStart:   "START",
	codedeployapi.TriggerEventTypeDeploymentSuccess: "SUCCESS",
	codedeployapi.TriggerEventTypeDeploymentFailure: "FAILURE",
	codedeployapi.TriggerEventTypeDeploymentStop:    "STOP",
}

// put puts an event on the bus.
func (s *Service) put(ctx context.Context, d *deployment, event string) error {
	state, ok := states[event]
	if s.config.Bus == nil || !ok {
		return nil
	}
	c := d.Place.Caller()
	detail, err := json.Marshal(map[string]string{
		"region": c.Region, "deploymentId": d.ID, "deploymentGroup": d.Group, "state": state, "application": d.Application,
	})
	if err != nil {
		return err
	}
	return s.config.Bus.Put(ctx, Event{
		Account: c.Account, Region: c.Region, Source: "aws.codedeploy", DetailType: "CodeDeploy Deployment State-change Notification", Time: d.Seen,
		Resources: []string{c.ARN("codedeploy", "application:"+d.Application), c.ARN("codedeploy", "deploymentgroup:"+d.Application+"/"+d.Group)},
		Detail:    detail,
	})
}
