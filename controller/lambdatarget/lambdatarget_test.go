package lambdatarget_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/crossfade-dev/crossfade/controller/targettest"
	"github.com/crossfade-dev/crossfade/internal/clock"
	"github.com/crossfade-dev/crossfade/plan"
	"github.com/crossfade-dev/crossfade/rollout"
)

func TestLambdatargetKeepsTheTargetsPromises(t *testing.T) {
	targettest.Run(t, func(t testing.TB) targettest.Subject {
		s, target := newService(t, time.Nanosecond)
		fault := map[targettest.Fault]error{targettest.Throttled: errThrottled, targettest.Denied: errDenied}
		edits := 4
		return targettest.Subject{
			Target: target, Publisher: target, Spec: spec,
			Alias: alias, Versions: []string{"1", "2", "3", "4"}, Fine: true,
			Route: func(t testing.TB, r rollout.Routing) {
				weights := map[string]float64{}
				if r.Canary != "" {
					weights[r.Canary] = float64(r.Weight) / float64(plan.Full)
				}
				s.route(t, r.Stable, weights)
			},
			Entries: func(t testing.TB) int {
				_, weights := s.shown(t)
				return 1 + len(weights)
			},
			Edit: func(t testing.TB) {
				edits++
				s.edit(t, fmt.Sprintf("version %d", edits))
			},
			FailWrite:    func(f targettest.Fault) { s.fail("UpdateAlias", fault[f]) },
			FailRead:     func(f targettest.Fault) { s.fail("GetAlias", fault[f]) },
			FailReadBack: func(f targettest.Fault) { s.fail("GetAlias", nil, fault[f]) },
			Now:          clock.System{}.Now,
		}
	})
}
