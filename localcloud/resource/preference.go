package resource

import (
	"slices"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

// A preference is the DeploymentPreference of a state machine's alias: how its
// traffic moves to another version.
type preference struct {
	version    string // ARN
	kind       string // LINEAR, CANARY or ALL_AT_ONCE
	percentage int
	interval   int // minutes
	alarms     []string
}

// The kinds of preferences.
const (
	linear    = "LINEAR"
	canary    = "CANARY"
	allAtOnce = "ALL_AT_ONCE"
)

// The bounds of a preference.
const (
	maxMinutes = 2100 // of one interval, and of a linear shift as a whole
	maxAlarms  = 100
	hundred    = 100
)

// readPreference reads and checks the DeploymentPreference among properties.
func readPreference(properties jsonvalue.Value) (preference, error) {
	v, _ := properties.Get("DeploymentPreference")
	p := preference{version: textOf(v, "StateMachineVersionArn"), kind: textOf(v, "Type"), alarms: texts(v, "Alarms")}
	if p.version == "" {
		return p, invalid("Model validation failed (#/DeploymentPreference: required key [StateMachineVersionArn] not found)")
	}
	if !slices.Contains([]string{linear, canary, allAtOnce}, p.kind) {
		return p, invalid("Model validation failed (#/DeploymentPreference/Type: %s is not one of LINEAR, ALL_AT_ONCE, CANARY)", p.kind)
	}
	for _, bound := range []struct {
		name string
		to   *int
		most int64
	}{{"Percentage", &p.percentage, hundred - 1}, {"Interval", &p.interval, maxMinutes}} {
		if !present(v, bound.name) {
			continue
		}
		given, _ := v.Get(bound.name)
		n, ok := whole(given)
		switch {
		case !ok:
			return p, mismatch("#/DeploymentPreference/"+bound.name, "Integer", given)
		case n < 1 || n > bound.most:
			return p, invalid("Model validation failed (#/DeploymentPreference/%s: %d is not between 1 and %d)", bound.name, n, bound.most)
		}
		*bound.to = int(n)
	}
	if present(v, "Alarms") && (len(p.alarms) == 0 || len(p.alarms) > maxAlarms) {
		return p, invalid("Model validation failed (#/DeploymentPreference/Alarms: expected 1 to %d items, found %d)", maxAlarms, len(p.alarms))
	}
	if p.kind == allAtOnce {
		return p, nil
	}
	if p.percentage == 0 || p.interval == 0 {
		return p, invalid("Deployments of type '%s' require an interval and percentage for traffic shifting.", p.kind)
	}
	if steps := (hundred + p.percentage - 1) / p.percentage; p.kind == linear && steps*p.interval > maxMinutes {
		return p, invalid("Deployments of type 'LINEAR' must end within %d minutes: %d shifts of %d%% every %d minutes take %d.",
			maxMinutes, steps, p.percentage, p.interval, steps*p.interval)
	}
	return p, nil
}
