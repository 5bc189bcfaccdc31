package lambdamonitor_test

import (
	"testing"
	"testing/synctest"
	"time"

	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/crossfade-dev/crossfade/controller/lambdamonitor"
	"github.com/crossfade-dev/crossfade/plan"
	"github.com/crossfade-dev/crossfade/rollout"
)

// deliver releases a version step by step by its counts alone, while the alias has
// about eight invocations a second.
func deliver(t *testing.T, version string) (rollout.Status, *awslambda.GetAliasOutput) {
	t.Helper()
	return release{version: version, plan: plan.Spec{Canary: "10%/1m", Soak: "30s", Look: "5s"}, every: 100 * time.Millisecond}.run(t)
}

func TestAFunctionWhoseNewVersionFailsIsTakenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, alias := deliver(t, "2")
		if s.Phase != rollout.RolledBack || *alias.FunctionVersion != "1" || alias.RoutingConfig != nil {
			t.Errorf("it is %s (%s), and the alias serves %s and %+v; want all traffic back on 1",
				s.Phase, s.Why, *alias.FunctionVersion, alias.RoutingConfig)
		}
		if took := s.Ended.Sub(s.Started); took > time.Minute {
			t.Errorf("it took %s, want less than the first step", took)
		}
	})
}

func TestAFunctionWhoseNewVersionWorksIsPromoted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, alias := deliver(t, "3")
		if s.Phase != rollout.Succeeded || *alias.FunctionVersion != "3" || alias.RoutingConfig != nil {
			t.Errorf("it is %s (%s), and the alias serves %s and %+v; want all traffic on 3",
				s.Phase, s.Why, *alias.FunctionVersion, alias.RoutingConfig)
		}
		// The counts have to reach into the step before it is judged.
		if took := s.Ended.Sub(s.Started); took < lambdamonitor.Delay || took > 10*time.Minute {
			t.Errorf("it took %s, want more than the metrics' delay", took)
		}
	})
}
