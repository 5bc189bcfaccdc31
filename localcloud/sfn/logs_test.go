package sfn

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"testing"

	"github.com/crossfade-dev/crossfade/localcloud/wire/sfnapi"
)

// logGroups has one log group, and remembers what was written to it.
type logGroups struct {
	known string
	mu    sync.Mutex
	lines []string
}

func (l *logGroups) Exists(_ context.Context, group string) bool { return group == l.known }

func (l *logGroups) Write(_ context.Context, _, _ string, events []LogEvent) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range events {
		l.lines = append(l.lines, e.Message)
	}
	return nil
}

func TestExecutionsLogWhatTheLevelAsksFor(t *testing.T) {
	const group = "arn:aws:logs:eu-central-1:123456789012:log-group:there"
	failing := `{"StartAt":"Bad","States":{"Bad":{"Type":"Fail","Error":"E","Cause":"C"}}}`
	for level, want := range map[string]string{
		"ALL":   "ExecutionStarted FailStateEntered ExecutionFailed",
		"ERROR": "FailStateEntered ExecutionFailed",
		"FATAL": "ExecutionFailed",
		"OFF":   "",
	} {
		t.Run(level, func(t *testing.T) {
			logs := &logGroups{known: group}
			c := newCloud(t, func(config *Config) { config.Logs = logs })
			arn := c.create("logged", failing, func(in *sfnapi.CreateStateMachineInput) {
				in.LoggingConfiguration = &sfnapi.LoggingConfiguration{Level: &level, IncludeExecutionData: ptr(level == "ALL"),
					Destinations: []sfnapi.LogDestination{{CloudWatchLogsLogGroup: &sfnapi.CloudWatchLogsLogGroup{LogGroupArn: ptr(group + ":*")}}}}
			})
			execution := c.begin(arn, `{"in":1}`)
			c.pass(0)
			var types []string
			for _, line := range logs.lines {
				var e struct {
					ID, Type      string
					Execution     string         `json:"execution_arn"`
					Previous      string         `json:"previous_event_id"`
					RedriveNumber string         `json:"redrive_count"`
					Details       map[string]any `json:"details"`
				}
				if err := json.Unmarshal([]byte(line), &e); err != nil {
					t.Fatal(err)
				}
				types = append(types, e.Type)
				if e.Execution != execution || e.RedriveNumber != "0" {
					t.Errorf("the line says execution %s, redrives %s", e.Execution, e.RedriveNumber)
				}
				if e.Type == "ExecutionStarted" && e.Details["input"] != `{"in":1}` {
					t.Errorf("details of the start are %v", e.Details)
				}
				if e.Type == "FailStateEntered" && (e.Details["input"] != nil) != (level == "ALL") {
					t.Errorf("level %s shows details %v", level, e.Details)
				}
			}
			if got := strings.Join(types, " "); got != want {
				t.Errorf("logged %q, want %q", got, want)
			}
		})
	}
}
