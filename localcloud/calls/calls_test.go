package calls

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
)

func TestAPoolRunsEverythingAndNeverMoreThanItsLimitAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New(3)
		var running, most, done atomic.Int32
		gate := make(chan struct{})
		for range 10 {
			p.Submit(func() {
				most.Store(max(most.Load(), running.Add(1)))
				<-gate
				running.Add(-1)
				done.Add(1)
			})
		}
		synctest.Wait()
		if got := running.Load(); got != 3 {
			t.Errorf("%d run at once, want 3", got)
		}
		close(gate)
		p.Wait()
		if done.Load() != 10 || most.Load() > 3 {
			t.Errorf("%d were run, at most %d at once; want 10 and 3", done.Load(), most.Load())
		}
	})
}
