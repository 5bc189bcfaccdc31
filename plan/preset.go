package plan

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// codeDeployPrefix is what CodeDeploy puts in front of its own configurations
// for functions. SAM's DeploymentPreference leaves it away.
const codeDeployPrefix = "CodeDeployDefault.Lambda"

// presets are CodeDeploy's predefined configurations for functions, under the
// names that SAM's DeploymentPreference gives them.
//
// Source: CodeDeploy User Guide, "Deployment configurations on an AWS Lambda
// compute platform". Note the singular Every1Minute.
var presets = []struct {
	name     string
	strategy Strategy
}{
	{"AllAtOnce", Strategy{Name: allAtOnceStrategy}},
	{"Canary10Percent5Minutes", Strategy{Name: canaryStrategy, Weight: 10 * percent, Every: 5 * time.Minute}},
	{"Canary10Percent10Minutes", Strategy{Name: canaryStrategy, Weight: 10 * percent, Every: 10 * time.Minute}},
	{"Canary10Percent15Minutes", Strategy{Name: canaryStrategy, Weight: 10 * percent, Every: 15 * time.Minute}},
	{"Canary10Percent30Minutes", Strategy{Name: canaryStrategy, Weight: 10 * percent, Every: 30 * time.Minute}},
	{"Linear10PercentEvery1Minute", Strategy{Name: linearStrategy, Weight: 10 * percent, Every: time.Minute}},
	{"Linear10PercentEvery2Minutes", Strategy{Name: linearStrategy, Weight: 10 * percent, Every: 2 * time.Minute}},
	{"Linear10PercentEvery3Minutes", Strategy{Name: linearStrategy, Weight: 10 * percent, Every: 3 * time.Minute}},
	{"Linear10PercentEvery10Minutes", Strategy{Name: linearStrategy, Weight: 10 * percent, Every: 10 * time.Minute}},
}

// Presets returns the names of CodeDeploy's predefined configurations for
// functions as SAM spells them, without the CodeDeployDefault.Lambda in front.
func Presets() []string {
	names := make([]string, len(presets))
	for i, p := range presets {
		names[i] = p.name
	}
	return names
}

// customPreset is how CodeDeploy spells names, with other numbers in it.
var customPreset = regexp.MustCompile(`^(?:Canary(\d{1,2})Percent(\d{1,4})Minutes?|Linear(\d{1,2})PercentEvery(\d{1,4})Minutes?)$`)

// Preset returns the strategy that a name of CodeDeploy's, of SAM's or of the
// same form with other numbers means: CodeDeployDefault.LambdaAllAtOnce,
// Canary10Percent5Minutes, Linear25PercentEvery4Minutes.
func Preset(name string) (Strategy, error) {
	short := strings.TrimPrefix(name, codeDeployPrefix)
	for _, p := range presets {
		if p.name == short {
			s := p.strategy
			s.Preset = name
			return s, nil
		}
	}
	if m := customPreset.FindStringSubmatch(short); m != nil {
		kind, numbers := "CANARY", m[1:3]
		if m[1] == "" {
			kind, numbers = "LINEAR", m[3:5]
		}
		percentage, _ := strconv.Atoi(numbers[0])
		minutes, _ := strconv.Atoi(numbers[1])
		s, err := Preference(kind, percentage, minutes)
		if err != nil {
			return Strategy{}, fmt.Errorf("preset %s: %w", name, err)
		}
		s.Preset = name
		return s, nil
	}
	return Strategy{}, fmt.Errorf("no preset is called %q%s; there are %s", name,
		didYouMean(short, Presets()), strings.Join(Presets(), ", "))
}

// preferenceTypes are the types of a DeploymentPreference.
var preferenceTypes = []string{"ALL_AT_ONCE", "CANARY", "LINEAR"}

// maxPreferenceMinutes is the longest that CloudFormation allows from the first
// shift to the last.
const maxPreferenceMinutes = 2100

// Preference returns the strategy that the DeploymentPreference of an
// AWS::StepFunctions::StateMachineAlias means. percentage is 1 to 99 and
// minutes 1 to 2100; both are ignored for ALL_AT_ONCE.
//
// Source: CloudFormation, AWS::StepFunctions::StateMachineAlias
// DeploymentPreference.
func Preference(kind string, percentage, minutes int) (Strategy, error) {
	if !slices.Contains(preferenceTypes, kind) {
		return Strategy{}, fmt.Errorf("no preference type is called %q%s; there are %s", kind,
			didYouMean(kind, preferenceTypes), strings.Join(preferenceTypes, ", "))
	}
	if kind == "ALL_AT_ONCE" {
		return Strategy{Name: allAtOnceStrategy, Preset: kind}, nil
	}
	if percentage < 1 || percentage > 99 {
		return Strategy{}, fmt.Errorf("percentage %d is not between 1 and 99", percentage)
	}
	if minutes < 1 || minutes > maxPreferenceMinutes {
		return Strategy{}, fmt.Errorf("interval %d is not between 1 and %d minutes", minutes, maxPreferenceMinutes)
	}
	s := Strategy{Name: canaryStrategy, Preset: kind, Weight: Weight(percentage) * percent, Every: time.Duration(minutes) * time.Minute}
	if kind == "LINEAR" {
		s.Name = linearStrategy
		if n := (99 + percentage) / percentage * minutes; n > maxPreferenceMinutes {
			return Strategy{}, fmt.Errorf("%d%% every %d minutes takes %d minutes, more than %d", percentage, minutes, n, maxPreferenceMinutes)
		}
	}
	return s, nil
}
