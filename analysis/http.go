package analysis

import (
	"fmt"

	"github.com/crossfade-dev/crossfade/plan"
)

// httpCriterion wants an address to answer.
type httpCriterion struct{ probe plan.HTTPProbe }

func (c httpCriterion) Rule() string {
	return fmt.Sprintf("%s answers %d", c.probe.URL, c.probe.Expect)
}

// Judge takes another status for harm. No answer at all may also be our own
// network, and says nothing.
func (c httpCriterion) Judge(e Evidence) Finding {
	want := float64(c.probe.Expect)
	switch {
	case e.Probe == nil:
		return trouble("nothing asks %s", c.probe.URL)
	case e.Probe.Problem != "":
		return trouble("%s does not answer (%s)", c.probe.URL, e.Probe.Problem)
	}
	got := float64(e.Probe.Status)
	f := Finding{
		Verdict: Healthy, Samples: 1, Value: &got, Limit: &want,
		Why:  fmt.Sprintf("%s answered %d", c.probe.URL, e.Probe.Status),
		Flip: "another answer",
	}
	if e.Probe.Status != c.probe.Expect {
		f.Verdict = Unhealthy
		f.Why = fmt.Sprintf("%s answered %d, want %d", c.probe.URL, e.Probe.Status, c.probe.Expect)
	}
	return f
}
