package suite

import (
	"fmt"
	"os"
	"strconv"
	"testing"

	"github.com/crossfade-dev/crossfade/analysis/evidence/ramp"
)

type tracer struct {
	a    *adaptive
	last string
}

func (x *tracer) Step(v *View) Move {
	m := x.a.Step(v)
	s := x.a.state
	d := x.a.policy.Look(&x.a.state, float64(v.Now))
	line := fmt.Sprintf("%.3f %s", m.Share, d.Reason)
	if line != x.last || v.Now%60 == 0 {
		fmt.Printf("%4d share %s E %.3g err %.3g times %.3g excl %.4f slowexcl %.4f known %d susp %.3g fail %d rate %.1f\n", v.Now, line, d.Evidence, d.Errors, d.Times, d.Excluded, s.Slow.Excluded(.05), s.Known, d.Suspicion, s.Health.Failed, s.Rate)
	}
	x.last = line
	return m
}

func TestTrace(t *testing.T) {
	if os.Getenv("TRACE") == "" {
		return
	}
	rep, _ := strconv.Atoi(os.Getenv("REP"))
	small := 0.01
	if os.Getenv("SMALL") != "" {
		small = 0.001
	}
	for _, sc := range append(Headline(), Full()...) {
		if sc.Name == os.Getenv("TRACE") {
			r := play(sc, func(v *View) Player { return &tracer{a: Adaptive(ramp.Default(small, 5, 2))(v).(*adaptive)} }, 7, rep)
			fmt.Printf("%+v\n", r)
			return
		}
	}
}
