package sfn

import (
	"context"
	"time"

	"github.com/crossfade-dev/crossfade/asl/machine"
	"github.com/crossfade-dev/crossfade/localcloud/wire/sfnapi"
)

// The bounds of a redrive.
//
// Source: Step Functions Developer Guide, "Redriving executions".
const (
	redriveWithin    = 14 * 24 * time.Hour
	redriveMaxEvents = 24_999
	maxDuration      = 365 * 24 * time.Hour

	redriveTokensKept = 10
	redriveTokenLife  = 15 * time.Minute
)

// A redriveToken makes a repeated redrive find the first one.
type redriveToken struct {
	Token string    `json:"token"`
	At    time.Time `json:"at"`
}

// notRedrivable says why an execution cannot be redriven; empty when it can. x.mu
// is held.
//
// Source of the texts: API reference, DescribeExecution, redriveStatusReason.
func (x *execution) notRedrivable(now time.Time) string {
	c := x.machine.control.Load()
	switch status := x.shownStatus(); {
	case c != nil && c.deleting:
		return "State machine is in DELETING status"
	case status == string(machine.StatusRunning) || status == string(machine.StatusSucceeded):
		return "Execution is " + status + " and cannot be redriven"
	case x.history.len() >= redriveMaxEvents:
		return "Execution history event limit exceeded"
	case now.Sub(x.started) >= maxDuration:
		return "Execution has exceeded the max execution time"
	case now.Sub(x.stopped) > redriveWithin:
		return "Execution redrivable period exceeded"
	default:
		return ""
	}
}

func (s *Service) redriveExecution(ctx context.Context, in *sfnapi.RedriveExecutionInput) (*sfnapi.RedriveExecutionOutput, error) {
	x, err := s.executionAt(ctx, in.ExecutionArn)
	if err != nil {
		return nil, err
	}
	at, after, err := s.redrive(x, in.ClientToken)
	run(after)
	if err != nil {
		return nil, err
	}
	return &sfnapi.RedriveExecutionOutput{RedriveDate: at}, nil
}

func (s *Service) redrive(x *execution, token *string) (at time.Time, after []func(), err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	now := s.now()
	if token != nil {
		for _, t := range x.redriveTokens {
			if t.Token == *token && now.Sub(t.At) <= redriveTokenLife {
				return t.At, nil, nil
			}
		}
	}
	if reason := x.notRedrivable(now); reason != "" {
		return at, nil, sfnapi.NewExecutionNotRedrivable(reason + ": '" + x.arn + "'")
	}
	x.redrives++
	x.redriven = now
	x.stopped = time.Time{}
	if token != nil {
		x.redriveTokens = append(x.redriveTokens, redriveToken{*token, now})
		x.redriveTokens = x.redriveTokens[max(0, len(x.redriveTokens)-redriveTokensKept):]
	}
	x.status.Store(machine.StatusRunning)
	x.machine.runs.open.Add(1)
	after, err = s.step(x, machine.Redrive{}, now)
	if err == nil {
		x.countRedrive(now)
	}
	return now, after, err
}
