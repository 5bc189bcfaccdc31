package suite

import "github.com/crossfade-dev/crossfade/analysis/evidence/ramp"

// Crossfade returns the policies of this program, as they are by default, with
// counts that are late by five seconds at most and an alias that takes two: for
// aliases that take whole percents, as those of Step Functions do, and for those
// that take a tenth, as those of Lambda do.
func Crossfade() []Policy {
	return []Policy{
		{Name: "Crossfade, 1% steps", New: Adaptive(ramp.Default(0.01, sourceDelay, actuation))},
		{Name: "Crossfade, 0.1% steps", New: Adaptive(ramp.Default(0.001, sourceDelay, actuation))},
	}
}

// Policies returns Crossfade's policies and the anchors.
func Policies() []Policy { return append(Crossfade(), Anchors()...) }
