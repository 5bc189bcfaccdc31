package suite

import (
	"bytes"
	_ "embed"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/crossfade-dev/crossfade/analysis/evidence"
)

//go:embed anchors.yaml
var anchorFile []byte

// An Anchor is a policy in use, described by data: see anchors.yaml for what the
// fields mean.
type Anchor struct {
	Name    string  `yaml:"name"`
	Origin  string  `yaml:"origin"`
	Source  string  `yaml:"source"`
	Steps   []Step  `yaml:"steps"`
	Ends    int     `yaml:"ends"`
	Grow    *Grow   `yaml:"grow"`
	Alarm   *Alarm  `yaml:"alarm"`
	Check   *Check  `yaml:"check"`
	Compare *Versus `yaml:"compare"`
}

// A Step has a share of the traffic from a second on.
type Step struct {
	From  int     `yaml:"from"`
	Share float64 `yaml:"share"`
}

// Grow adds a share every so many seconds while checks pass.
type Grow struct {
	By    float64 `yaml:"by"`
	Every int     `yaml:"every"`
	Limit float64 `yaml:"limit"`
}

// An Alarm is on the canary's errors, a number, or their rate, a share.
type Alarm struct {
	Metric    string  `yaml:"metric"`
	Above     float64 `yaml:"above"`
	Breaching int     `yaml:"breaching"`
	Periods   int     `yaml:"periods"`
	Every     int     `yaml:"every"`
	// Last is the second after which nobody looks, 0 for none. Recent looks
	// asks for the minutes that began so many seconds ago at most, itself and
	// not through an alarm, 0 for an alarm.
	Last   int `yaml:"last"`
	Recent int `yaml:"recent"`
}

// A Check judges the canary alone against fixed limits.
type Check struct {
	Every     int     `yaml:"every"`
	First     int     `yaml:"first"`
	Window    int     `yaml:"window"`
	Errors    float64 `yaml:"errors"`
	Slow      float64 `yaml:"slow"`
	Tolerated int     `yaml:"tolerated"`
	Empty     string  `yaml:"empty"`
}

// Versus compares both versions with a test that is made for one look.
type Versus struct {
	Test     string  `yaml:"test"`
	Every    int     `yaml:"every"`
	First    int     `yaml:"first"`
	Critical float64 `yaml:"critical"`
}

// Anchors returns the policies that come with the program.
func Anchors() []Policy {
	policies, err := ReadAnchors(anchorFile)
	if err != nil {
		panic("suite: " + err.Error()) // the file is part of the program, and a test reads it
	}
	return policies
}

// AnchorFile is the file that describes them, to be corrected and read again.
func AnchorFile() []byte { return slices.Clone(anchorFile) }

// ParseAlarm reads an alarm as one types it: errors>0 2/2 is more than 0 errors in 2
// of 2 minutes, rate>5% 1/1 more than one of twenty requests in a minute.
func ParseAlarm(text string) (Alarm, error) {
	bad := fmt.Errorf("%q is not like errors>0 2/2 or rate>5%% 1/1", text)
	condition, window, ok := strings.Cut(strings.TrimSpace(text), " ")
	metric, limit, okToo := strings.Cut(condition, ">")
	breaching, periods, okThree := strings.Cut(strings.TrimSpace(window), "/")
	if !ok || !okToo || !okThree {
		return Alarm{}, bad
	}
	a := Alarm{Metric: strings.TrimSpace(metric), Every: 60}
	scale := 1.0
	if strings.HasSuffix(limit, "%") {
		limit, scale = strings.TrimSuffix(limit, "%"), 0.01
	}
	above, err := strconv.ParseFloat(strings.TrimSpace(limit), 64)
	m, errM := strconv.Atoi(breaching)
	n, errN := strconv.Atoi(periods)
	if err != nil || errM != nil || errN != nil || m < 1 || n < m || above < 0 || a.Metric != "errors" && a.Metric != "rate" || a.Metric == "errors" && scale != 1 {
		return Alarm{}, bad
	}
	a.Above, a.Breaching, a.Periods = above*scale, m, n
	return a, nil
}

// ReadAnchors reads policies from a file like anchors.yaml.
func ReadAnchors(text []byte) ([]Policy, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	var anchors []Anchor
	if err := decoder.Decode(&anchors); err != nil {
		return nil, fmt.Errorf("anchors: %w", err)
	}
	policies := make([]Policy, len(anchors))
	for i, a := range anchors {
		if err := a.problem(); err != nil {
			return nil, fmt.Errorf("anchor %d, %q: %w", i+1, a.Name, err)
		}
		policies[i] = Policy{Name: a.Name, New: func(*View) Player { return &anchored{Anchor: a} }}
	}
	return policies, nil
}

// problem is what is wrong with an anchor, if anything.
func (a Anchor) problem() error {
	switch {
	case a.Name == "":
		return fmt.Errorf("it has no name")
	case a.Source != "cloudwatch" && a.Source != "prometheus":
		return fmt.Errorf("source %q is neither cloudwatch nor prometheus", a.Source)
	case (len(a.Steps) > 0) == (a.Grow != nil):
		return fmt.Errorf("it has not either steps or grow")
	case len(a.Steps) > 0 && a.Ends <= a.Steps[len(a.Steps)-1].From:
		return fmt.Errorf("it ends at %d, before its last step", a.Ends)
	case a.Grow != nil && (a.Grow.By <= 0 || a.Grow.Every <= 0 || a.Grow.Limit <= 0 || a.Check == nil):
		return fmt.Errorf("grow needs by, every and limit above 0, and a check")
	case a.Alarm != nil && (a.Alarm.Metric != "errors" && a.Alarm.Metric != "rate" || a.Alarm.Every <= 0 || a.Alarm.Periods <= 0):
		return fmt.Errorf("the alarm needs a metric, errors or rate, and every and periods above 0")
	case a.Check != nil && (a.Check.Every <= 0 || a.Check.Window <= 0 || !slices.Contains([]string{"pass", "fail", "hold"}, a.Check.Empty)):
		return fmt.Errorf("the check needs every and window above 0, and empty as pass, fail or hold")
	case a.Compare != nil && (a.Compare.Every <= 0 || a.Compare.Test != "z" && a.Compare.Test != "kayenta"):
		return fmt.Errorf("compare needs a test, z or kayenta, and every above 0")
	}
	return nil
}

// anchored plays an anchor.
type anchored struct {
	Anchor
	share    float64
	failures int
	firing   bool // the alarm, as of its last evaluation
}

// prometheusLag is how old the newest data of the source prometheus are, in seconds.
const prometheusLag = 15

// Step implements [Player].
func (a *anchored) Step(v *View) Move {
	if a.Alarm != nil {
		if a.Alarm.Recent > 0 || v.Now%60 == v.evaluated {
			a.firing = a.Alarm.fires(v)
		}
		if a.firing && v.Now%a.Alarm.Every == 0 && (a.Alarm.Last == 0 || v.Now <= a.Alarm.Last) {
			return Move{End: RolledBack}
		}
	}
	passed := true
	if c := a.Check; c != nil && v.Now >= c.First && v.Now%c.Every == 0 {
		failed, hold := c.fails(v)
		passed = !failed && !hold
		if failed {
			a.failures++
		}
		if a.failures > c.Tolerated {
			return Move{End: RolledBack}
		}
	}
	if c := a.Compare; c != nil && v.Now >= c.First && v.Now%c.Every == 0 && c.condemns(v) {
		return Move{End: RolledBack}
	}
	return a.advance(v.Now, passed)
}

// advance follows the schedule.
func (a *anchored) advance(now int, passed bool) Move {
	if g := a.Grow; g != nil {
		switch {
		case now == 1:
			a.share = g.By
		case now%g.Every == 0 && now >= a.Check.First && passed:
			if a.share >= g.Limit-1e-9 {
				return Move{Share: 1, End: Finished}
			}
			a.share = min(a.share+g.By, g.Limit)
		}
		return Move{Share: a.share}
	}
	if now >= a.Ends {
		return Move{Share: 1, End: Finished}
	}
	for _, s := range a.Steps {
		if now > s.From {
			a.share = s.Share
		}
	}
	return Move{Share: a.share}
}

// fires evaluates an alarm on the newest minutes that have data, as CloudWatch
// does: it looks a few periods further back when the newest are missing.
func (a *Alarm) fires(v *View) bool { return a.state(v) == "ALARM" }

// state is OK, ALARM, or INSUFFICIENT_DATA when there is none.
func (a *Alarm) state(v *View) string {
	last := v.LastMinute()
	breaching, seen := 0, 0
	for m := last; m >= 0 && m > last-a.Periods-3 && seen < a.Periods; m-- {
		if a.Recent > 0 && v.Now-(v.phase+60*m) > a.Recent {
			break
		}
		o, ok := v.Minute(evidence.Canary, m)
		if !ok {
			continue
		}
		seen++
		value := float64(o.Failed)
		if a.Metric == "rate" {
			value /= float64(o.Requests)
		}
		if value > a.Above {
			breaching++
		}
	}
	switch {
	case breaching >= a.Breaching:
		return "ALARM"
	case seen == 0:
		return "INSUFFICIENT_DATA"
	default:
		return "OK"
	}
}

// fails judges the last window.
func (c *Check) fails(v *View) (failed, hold bool) {
	o := v.Window(evidence.Canary, v.Now-prometheusLag-c.Window, v.Now-prometheusLag, prometheusLag)
	if o.Requests == 0 {
		return c.Empty == "fail", c.Empty == "hold"
	}
	n := float64(o.Requests)
	return float64(o.Failed)/n > c.Errors || float64(o.Slower[2])/n > c.Slow, false
}

// condemns compares everything since the start.
func (c *Versus) condemns(v *View) bool {
	var sum [2]evidence.Outcomes
	var errors, slow [2][]float64
	for m := 0; m <= v.LastMinute(); m++ {
		canary, ok := v.Minute(evidence.Canary, m)
		stable, okToo := v.Minute(evidence.Stable, m)
		if !ok || !okToo {
			continue
		}
		for side, o := range [2]evidence.Outcomes{canary, stable} {
			sum[side].Add(o)
			errors[side] = append(errors[side], float64(o.Failed)/float64(o.Requests))
			slow[side] = append(slow[side], float64(o.Slower[1])/float64(o.Requests))
		}
	}
	if c.Test == "kayenta" {
		return kayentaHigh(errors[0], errors[1]) || kayentaHigh(slow[0], slow[1])
	}
	return zTest(sum[0].Failed, sum[0].Requests, sum[1].Failed, sum[1].Requests) > c.Critical ||
		sum[0].Requests > 0 && zTest(sum[0].Slower[1], sum[0].Requests, sum[1].Slower[1], sum[1].Requests) > c.Critical
}

// zTest is the pooled statistic of two proportions, 0 without data.
func zTest(x, n, y, m int) float64 {
	if n == 0 || m == 0 || x+y == 0 || x+y == n+m {
		return 0
	}
	p := float64(x+y) / float64(n+m)
	return (float64(x)/float64(n) - float64(y)/float64(m)) / math.Sqrt(p*(1-p)*(1/float64(n)+1/float64(m)))
}

// kayentaHigh tells whether the judge of Kayenta classifies a metric as high: the
// lower end of the interval of the shift (Hodges and Lehmann 1963, at 98 %, by the
// normal approximation of Mann and Whitney's statistic) is above a quarter of the
// shift, and the mean did not fall.
func kayentaHigh(canary, stable []float64) bool {
	n, m := len(canary), len(stable)
	if n == 0 || m == 0 || slices.Equal(canary, stable) {
		return false
	}
	differences := make([]float64, 0, n*m)
	sums := [2]float64{}
	for _, c := range canary {
		sums[0] += c / float64(n)
		for _, s := range stable {
			differences = append(differences, c-s)
		}
	}
	for _, s := range stable {
		sums[1] += s / float64(m)
	}
	slices.Sort(differences)
	const z = 2.326
	half := z * math.Sqrt(float64(n*m*(n+m+1))/12)
	rank := int(math.Floor(float64(n*m)/2 - half))
	lower := differences[max(rank, 0)]
	shift := differences[len(differences)/2]
	return lower > 0.25*math.Abs(shift) && sums[0] >= sums[1] && sums[0] > 0
}
