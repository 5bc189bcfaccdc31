package sim

import (
	"testing"
	"time"

	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/controller/targettest"
	"github.com/crossfade-dev/crossfade/plan"
	"github.com/crossfade-dev/crossfade/rollout"
)

// TestTheModelIsATargetLikeTheOthers holds the model world to what every real
// target promises; else what is found in it would say nothing.
func TestTheModelIsATargetLikeTheOthers(t *testing.T) {
	targettest.Run(t, func(testing.TB) targettest.Subject {
		w := newWorld(Options{Seed: 1})
		w.services = w.services[:1]
		s := w.services[0]
		s.changed, s.gone = false, false
		s.writes[0].routing = rollout.Routing{Stable: "1"}
		for i := range s.versions {
			s.versions[i].executing = false
		}
		ports := adapters{w: w, by: &actor{name: "test"}}
		fails := func(name string, before int) func(targettest.Fault) {
			return func(f targettest.Fault) {
				err := controller.ErrThrottled
				if f == targettest.Denied {
					err = controller.ErrDenied
				}
				w.next[name] = append(make([]error, before), err)
			}
		}
		return targettest.Subject{
			Target: ports, Publisher: ports,
			Spec:     plan.Target{Kind: s.kind, Name: s.name, Alias: s.alias},
			Alias:    s.arn,
			Versions: []string{"1", "2", "3", "4", "5"},
			Route:    func(_ testing.TB, r rollout.Routing) { s.put(r, true) },
			Entries: func(testing.TB) int {
				if s.current().routing.Canary != "" {
					return 2
				}
				return 1
			},
			Edit: func(testing.TB) { s.change() },
			Lag: func(testing.TB) func() {
				w.faults.lag = 24 * time.Hour
				shown := s.current()
				shown.at = w.now.Add(-48 * time.Hour)
				s.writes = []write{shown}
				return func() { w.faults.lag = 0 }
			},
			FailWrite: fails("write", 0), FailRead: fails("read", 0), FailReadBack: fails("read", 1),
			Now: func() time.Time { return w.now },
		}
	})
}
