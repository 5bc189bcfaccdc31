package plan

import (
	"fmt"
	"math"
	"time"
)

// maxSteps is how many steps a plan may have.
const maxSteps = 1000

// The names of strategies.
const (
	canaryStrategy      = "canary"
	linearStrategy      = "linear"
	exponentialStrategy = "exponential"
	allAtOnceStrategy   = "allAtOnce"
	stepsStrategy       = "steps"
	adaptiveStrategy    = "adaptive"
)

// steps returns what a strategy comes to. unit is the smallest change of weight
// that every target can express: a percent with Step Functions among them, a
// basis point otherwise. Weights that the author wrote are taken as they are;
// weights that follow from them are rounded to the unit.
func (s Strategy) steps(unit Weight) ([]Step, error) {
	switch s.Name {
	case allAtOnceStrategy:
		return []Step{{Weight: Full}}, nil
	case canaryStrategy:
		if s.Weight <= 0 || s.Weight >= Full {
			return nil, fmt.Errorf("canary: weight %s is not between 0 and 100%%, both excluded; for everything at once use allAtOnce", s.Weight)
		}
		return []Step{{Weight: s.Weight, For: s.Every}, {Weight: Full}}, nil
	case linearStrategy:
		return s.linear(unit)
	case exponentialStrategy:
		return s.exponential(unit)
	case adaptiveStrategy:
		return []Step{{Weight: s.Adaptive.Top, For: s.Adaptive.Watch}, {Weight: Full}}, nil
	default:
		panic("plan: strategy " + s.Name)
	}
}

func (s Strategy) linear(unit Weight) ([]Step, error) {
	if s.Count > 0 {
		if limit := int(Full / unit); s.Count > min(limit, maxSteps) {
			return nil, fmt.Errorf("linear: %d steps are more than the %d that are possible", s.Count, min(limit, maxSteps))
		}
		return held(Apportion(s.Count, unit), s.Every), nil
	}
	if s.Weight <= 0 || s.Weight > Full {
		return nil, fmt.Errorf("linear: step %s is not above 0 and at most 100%%", s.Weight)
	}
	if n := int((Full + s.Weight - 1) / s.Weight); n > maxSteps {
		return nil, fmt.Errorf("linear: a step of %s makes %d steps, more than %d", s.Weight, n, maxSteps)
	}
	var weights []Weight
	for w := s.Weight; w < Full; w += s.Weight {
		weights = append(weights, w)
	}
	return held(append(weights, Full), s.Every), nil
}

func (s Strategy) exponential(unit Weight) ([]Step, error) {
	if s.Weight <= 0 || s.Weight >= Full {
		return nil, fmt.Errorf("exponential: from %s is not between 0 and 100%%, both excluded", s.Weight)
	}
	if !(s.Factor > 1) || s.Factor > 100 {
		return nil, fmt.Errorf("exponential: factor %v is not above 1 and at most 100", s.Factor)
	}
	weights := []Weight{s.Weight}
	for exact := float64(s.Weight) * s.Factor; exact < float64(Full); exact *= s.Factor {
		w := Weight(math.Round(exact/float64(unit))) * unit
		if w > weights[len(weights)-1] && w < Full {
			weights = append(weights, w)
		}
		if len(weights) > maxSteps {
			return nil, fmt.Errorf("exponential: factor %v makes more than %d steps", s.Factor, maxSteps)
		}
		if exact*s.Factor <= exact {
			return nil, fmt.Errorf("exponential: factor %v is too close to 1", s.Factor)
		}
	}
	return held(append(weights, Full), s.Every), nil
}

// held makes a step of each weight; all but the last are held.
func held(weights []Weight, every time.Duration) []Step {
	steps := make([]Step, len(weights))
	for i, w := range weights {
		steps[i] = Step{Weight: w, For: every}
	}
	steps[len(steps)-1].For = 0
	return steps
}

// String describes the strategy in words: canary 10% for 5m.
func (s Strategy) String() string {
	var text string
	switch s.Name {
	case canaryStrategy:
		text = fmt.Sprintf("canary %s for %s", s.Weight, FormatDuration(s.Every))
	case linearStrategy:
		if s.Count > 0 {
			text = fmt.Sprintf("linear in %d steps, one every %s", s.Count, FormatDuration(s.Every))
		} else {
			text = fmt.Sprintf("linear %s every %s", s.Weight, FormatDuration(s.Every))
		}
	case exponentialStrategy:
		text = fmt.Sprintf("exponential from %s times %v every %s", s.Weight, s.Factor, FormatDuration(s.Every))
	case allAtOnceStrategy:
		text = "all at once"
	case adaptiveStrategy:
		text = "as fast as the evidence allows"
	default:
		text = s.Name
	}
	if s.Preset != "" {
		text += " (" + s.Preset + ")"
	}
	return text
}

// unit is the smallest change of weight that every target can express.
func unit(targets []Target) Weight {
	for _, t := range targets {
		if t.Kind == StateMachine {
			return percent
		}
	}
	return 1
}

// tooFine says whether a weight cannot be given to every target.
func tooFine(w Weight, targets []Target) bool { return unit(targets) == percent && !w.WholePercent() }

// wholePercentOnly is the problem of such a weight.
const wholePercentOnly = "%s is not a whole percent, which is all that a Step Functions alias takes"
