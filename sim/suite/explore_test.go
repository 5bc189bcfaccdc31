package suite

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/crossfade-dev/crossfade/analysis/evidence/ramp"
)

func TestExplore(t *testing.T) {
	suite := os.Getenv("SUITE")
	reps, _ := strconv.Atoi(os.Getenv("REPS"))
	if suite == "" {
		return
	}
	scs, err := Scenarios(suite, os.Getenv("PAT"))
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	rows := Measure(Options{Scenarios: scs, Policies: explorePolicies(), Reps: reps, Seed: 7, Workers: 2})
	for _, r := range rows {
		if suite == "full" && r.Scenario.Good() != (os.Getenv("GOOD") != "") {
			continue
		}
		fmt.Printf("%-42s %-14s harm %8.2f ±%6.2f [%g %g %g] lim %6.2f ratio %6.2f back %.3f (%.3f) miss %.3f held %.3f det %4.0f top %4.0f done %4.0f\n", r.Scenario.Name, r.Policy, r.Harm, r.Error, r.Low, r.Median, r.High, r.Limit, r.Ratio(), r.RolledBack, r.Upper, r.Missed, r.Held, r.Detected, r.Top, r.Done)
	}
	for _, x := range Totals(rows) {
		fmt.Printf("%+v\n", x)
	}
	fmt.Println(time.Since(start))
}

func explorePolicies() []Policy {
	return []Policy{{"sfn", Adaptive(ramp.Default(0.01, 5, 2))}, {"lambda", Adaptive(ramp.Default(0.001, 5, 2))}}
}
