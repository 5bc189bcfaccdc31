package lambdamonitor_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/crossfade-dev/crossfade/internal/clock"
	"github.com/crossfade-dev/crossfade/localcloud/lambda"
	"github.com/crossfade-dev/crossfade/localcloud/logs"
	"github.com/crossfade-dev/crossfade/plan"
	"github.com/crossfade-dev/crossfade/rollout"
)

// printing is secondFails whose invocations take a while and leave the lines that
// Lambda's do: those of a Python function, in the format that it is configured for.
type printing struct {
	secondFails
	clock clock.Clock
	to    *logs.Service
}

func (p printing) Invoke(ctx context.Context, v *lambda.FunctionVersion, r lambda.Request) (lambda.Response, error) {
	const took = 20 * time.Millisecond
	write := func(format string, values ...any) {
		event := logs.Event{At: p.clock.Now(), Message: fmt.Sprintf(format, values...) + "\n"}
		p.to.Write(v.Account, v.Region, v.LogGroup, "2026/03/14/["+v.Version+"]0e1f", []logs.Event{event})
	}
	stamp := func() string { return p.clock.Now().UTC().Format("2006-01-02T15:04:05.000Z") }
	json := v.LogFormat == "JSON"
	if json {
		write(`{"time":%q,"type":"platform.start","record":{"requestId":%q,"version":%q}}`, stamp(), r.ID, v.Version)
	} else {
		write("START RequestId: %s Version: %s", r.ID, v.Version)
	}
	<-p.clock.After(took)
	answer, err := p.secondFails.Invoke(ctx, v, r)
	status := "success"
	if answer.FunctionError != "" {
		status = "error"
	}
	if json {
		write(`{"time":%q,"type":"platform.report","record":{"requestId":%q,"metrics":{"durationMs":%d},"status":%q}}`,
			stamp(), r.ID, took.Milliseconds(), status)
		return answer, err
	}
	if answer.FunctionError != "" {
		write("[ERROR] %s: there is no such drawer", answer.ErrorType)
	}
	write("END RequestId: %s", r.ID)
	write("REPORT RequestId: %s\tDuration: %.2f ms\tBilled Duration: %d ms\tMemory Size: 128 MB\tMax Memory Used: 40 MB\t",
		r.ID, float64(took.Milliseconds()), took.Milliseconds())
	return answer, err
}

func TestAFunctionIsReleasedAsFastAsItsCountsAllow(t *testing.T) {
	for _, tt := range []struct {
		name, version, look string
		format              lambdatypes.LogFormat
		phase               rollout.Phase
		serves              string
		within              time.Duration
	}{
		{"a good one by its metrics", "3", "5s", "", rollout.Succeeded, "3", 90 * time.Minute},
		{"a bad one by its metrics", "2", "5s", "", rollout.RolledBack, "1", 30 * time.Minute},
		{"a good one by lines of text", "3", "", lambdatypes.LogFormatText, rollout.Succeeded, "3", 30 * time.Minute},
		{"a bad one by lines of text", "2", "", lambdatypes.LogFormatText, rollout.RolledBack, "1", 10 * time.Minute},
		{"a good one by lines of JSON", "3", "", lambdatypes.LogFormatJson, rollout.Succeeded, "3", 30 * time.Minute},
		{"a bad one by lines of JSON", "2", "", lambdatypes.LogFormatJson, rollout.RolledBack, "1", 10 * time.Minute},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, alias := release{
					version: tt.version, plan: plan.Spec{Adaptive: plan.DefaultBudget, Look: tt.look}, lines: tt.format,
					compare: true, every: 380 * time.Millisecond, before: 11*time.Minute + 23*time.Second,
				}.run(t)
				if took := s.Ended.Sub(s.Started); s.Phase != tt.phase || took > tt.within {
					t.Errorf("it is %s after %s (%s), want %s within %s", s.Phase, took, s.Why, tt.phase, tt.within)
				} else {
					t.Logf("%s after %s", s.Phase, took)
				}
				if c := s.Targets[0].Comparison; c == nil || len(c.History.Thresholds) == 0 {
					t.Error("it is not known what is slow, want durations compared")
				}
				if *alias.FunctionVersion != tt.serves || alias.RoutingConfig != nil {
					t.Errorf("the alias serves %s and %+v, want all traffic on %s", *alias.FunctionVersion, alias.RoutingConfig, tt.serves)
				}
			})
		})
	}
}
