package codedeploy

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// tell sends what happened to a deployment to the triggers that want to know. A
// topic that does not take it is no reason to hold a deployment up.
//
// Source: CodeDeploy User Guide, "JSON data formats for CodeDeploy triggers".
func (s *Service) tell(ctx context.Context, d *deployment, event string) {
	if s.config.Topics == nil {
		return
	}
	for _, t := range d.Triggers {
		if !slices.Contains(t.TriggerEvents, event) {
			continue
		}
		subject := fmt.Sprintf("%s: AWS CodeDeploy %s in %s to %s", strings.ToUpper(d.Status), d.ID, d.Place.Region, d.Application)
		message, err := json.Marshal(d.notice(*t.TriggerName))
		if err == nil {
			err = s.config.Topics.Publish(ctx, *t.TriggerTargetArn, subject, string(message))
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
