package suite

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
)

//go:embed goals.json
var goalsFile []byte

// Goals are what rows are held to.
type Goals struct {
	// Policies are those that are held to the goals.
	Policies []string `json:"policies"`
	// Alpha is the share of good releases, at most, that may be taken back in
	// any scenario.
	Alpha float64 `json:"alpha"`
	// TopSeconds is in how many seconds, by the median, most good releases
	// with ten requests a second or more have 95 % of the traffic; 0 for no
	// such goal.
	TopSeconds float64 `json:"topSeconds"`
	// Harm is the mean number of bad requests by scenario.
	Harm map[string]float64 `json:"harm"`
	// HarmRatio is the geometric mean of harm over limit in the suite full,
	// 0 for no such goal. It is checked where 50 bad scenarios were measured.
	HarmRatio float64 `json:"harmRatio"`
}

// DefaultGoals are those that come with the program.
func DefaultGoals() Goals {
	g, err := ReadGoals(goalsFile)
	if err != nil {
		panic("suite: " + err.Error()) // the file is part of the program, and a test reads it
	}
	return g
}

// ReadGoals reads goals from a file like goals.json.
func ReadGoals(text []byte) (Goals, error) {
	var g Goals
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&g); err != nil {
		return Goals{}, fmt.Errorf("goals: %w", err)
	}
	if len(g.Policies) == 0 || !(g.Alpha > 0 && g.Alpha < 1) {
		return Goals{}, fmt.Errorf("goals: want policies, and alpha in (0, 1); have %q, %v", g.Policies, g.Alpha)
	}
	return g, nil
}

// Check returns what is missed, as sentences. A goal about harm is missed by more
// than three standard errors. One about good releases is missed when the whole
// interval is above Alpha or, if strict, when any of it is, which needs some
// thousands of replications to be met.
func (g Goals) Check(rows []Row, strict bool) []string {
	var missed []string
	for _, r := range rows {
		if !slices.Contains(g.Policies, r.Policy) {
			continue
		}
		if goal, ok := g.Harm[r.Scenario.Name]; ok && r.Harm > goal+3*r.Error {
			missed = append(missed, fmt.Sprintf("%s, %s: %.2f ± %.2f bad requests, goal %v", r.Scenario.Name, r.Policy, r.Harm, r.Error, goal))
		}
		if !r.Scenario.Good() {
			continue
		}
		bound, which := lower(r.RolledBack, float64(r.Reps)), "at least"
		if strict {
			bound, which = r.Upper, "at most"
		}
		if bound > g.Alpha {
			missed = append(missed, fmt.Sprintf("%s, %s: %s of good releases taken back, %s %s, goal %s",
				r.Scenario.Name, r.Policy, percent(r.RolledBack), which, percent(bound), percent(g.Alpha)))
		}
		if r.Scenario.Rate == 0 && r.Finished > 0 {
			missed = append(missed, fmt.Sprintf("%s, %s: %s finished without traffic", r.Scenario.Name, r.Policy, percent(r.Finished)))
		}
	}
	for _, t := range Totals(rows) {
		if !slices.Contains(g.Policies, t.Policy) {
			continue
		}
		if g.TopSeconds > 0 && t.Top > g.TopSeconds {
			missed = append(missed, fmt.Sprintf("%s: 95 %% of the traffic after %s, goal %s", t.Policy, span(t.Top), span(g.TopSeconds)))
		}
		if g.HarmRatio > 0 && t.Bad >= 50 && t.HarmRatio > g.HarmRatio {
			missed = append(missed, fmt.Sprintf("%s: harm ratio %.2f, goal %v", t.Policy, t.HarmRatio, g.HarmRatio))
		}
	}
	return missed
}
