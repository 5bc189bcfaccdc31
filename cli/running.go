package cli

import (
	"github.com/crossfade-dev/crossfade/internal/arn"
	"github.com/crossfade-dev/crossfade/rollout"
)

// leftRunning says, of a rollout whose traffic was taken back, that what the new
// version has started goes on, and how to look at it, stop it or run it again.
// Functions are not named: an invocation is over before anybody could act.
func leftRunning(s rollout.Status) []string {
	if s.Phase != rollout.RolledBack && s.Phase != rollout.Aborted {
		return nil
	}
	var lines []string
	for _, t := range s.Targets {
		alias, err := arn.Parse(t.Alias)
		if err != nil || alias.Service != "states" || t.Canary == "" || t.Canary == t.Stable {
			continue
		}
		machine, _ := alias.Qualified()
		region := " --region " + alias.Region
		lines = append(lines,
			"executions that version "+t.Canary+" of "+machine.Name()+" has started go on with it; taking traffic back stops none of them",
			"  list them: aws stepfunctions list-executions"+region+" --state-machine-arn "+machine.With(t.Canary).String()+" --status-filter RUNNING",
			"  stop one: aws stepfunctions stop-execution"+region+" --execution-arn EXECUTION_ARN",
			"  go on with a failed one, by the definition it began with: aws stepfunctions redrive-execution"+region+" --execution-arn EXECUTION_ARN",
		)
	}
	return lines
}
