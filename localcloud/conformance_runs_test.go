package localcloud_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/crossfade-dev/crossfade/internal/conformance"
	"github.com/crossfade-dev/crossfade/localcloud/lambda/lambdatest"
)

// replayRuns creates the machines of a recorded case, runs them through the
// service as a client would, and compares what came of each run, event for event.
func replayRuns(t *testing.T, c *conformance.RunCase) error {
	t.Helper()
	r := &runner{caller: newCaller(t, len(c.Needs.Lambda) > 0), known: map[string]any{}}
	defer r.caller.close()
	cmp := conformance.NewComparison(c, r.known, r.caller.Now())
	for _, f := range c.Needs.Lambda {
		if err := r.createFunction(t.Context(), f); err != nil {
			return fmt.Errorf("function %s: %w", f.ID, err)
		}
	}
	for _, m := range c.Machines {
		if err := r.create(t.Context(), cmp, m); err != nil {
			return fmt.Errorf("machine %s: %w", m.ID, err)
		}
	}
	for i := range c.Runs {
		run := &c.Runs[i]
		if err := r.run(t.Context(), cmp, c.Machines[run.Machine], run); err != nil {
			return fmt.Errorf("run %s: %w", run.ID, err)
		}
	}
	return nil
}

type runner struct {
	caller *caller
	known  map[string]any
}

func (r *runner) call(ctx context.Context, operation string, params map[string]any) (map[string]any, error) {
	answer, err := r.caller.sdk(ctx, "stepfunctions", operation, params)
	if err != nil {
		return nil, err
	}
	if answer.Error != nil {
		return nil, fmt.Errorf("%s: %s: %s", operation, answer.Error.Code, answer.Error.Message)
	}
	return answer.Response, nil
}

// createFunction creates a function and waits until it can be invoked.
func (r *runner) createFunction(ctx context.Context, f conformance.RunFunction) error {
	params := map[string]any{
		"FunctionName": f.Name, "Runtime": f.Runtime, "Handler": f.Handler, "Role": "arn:aws:iam::" + conformance.Account + ":role/lambda-role",
		"Code": map[string]any{"ZipFile": base64.StdEncoding.EncodeToString(lambdatest.Archive(f.Files))},
	}
	if f.Timeout > 0 {
		params["Timeout"] = f.Timeout
	}
	if len(f.Environment) > 0 {
		params["Environment"] = f.Environment
	}
	answer, err := r.caller.sdk(ctx, "lambda", "CreateFunction", params)
	if err != nil {
		return err
	}
	if answer.Error != nil {
		return fmt.Errorf("%s: %s", answer.Error.Code, answer.Error.Message)
	}
	r.known[f.ID] = answer.Response
	return r.caller.Pass(ctx, 10*time.Second)
}

func (r *runner) create(ctx context.Context, cmp *conformance.Comparison, m conformance.RunMachine) error {
	definition, err := cmp.Text(m.Definition)
	if err != nil {
		return err
	}
	kind := m.Type
	if kind == "" {
		kind = "STANDARD"
	}
	out, err := r.call(ctx, "CreateStateMachine", map[string]any{
		"name": m.Name, "definition": definition, "type": kind, "roleArn": "arn:aws:iam::" + conformance.Account + ":role/sfn-role",
	})
	r.known[m.ID] = out
	return err
}

func (r *runner) run(ctx context.Context, cmp *conformance.Comparison, m conformance.RunMachine, run *conformance.Run) error {
	params := map[string]any{"stateMachineArn": r.known[m.ID].(map[string]any)["stateMachineArn"]}
	if run.Input != nil {
		input, err := cmp.Text(run.Input)
		if err != nil {
			return err
		}
		params["input"] = input
	}
	if run.Name != "" {
		params["name"] = run.Name
	}
	out, err := r.call(ctx, run.API, params)
	r.known[run.ID] = out
	if err != nil {
		return err
	}
	end := out // a synchronous start answers with the end
	if run.API == "StartExecution" {
		if end, err = r.wait(ctx, out["executionArn"]); err != nil {
			return err
		}
	}
	if want := run.Expected.Status; want != "" && want != end["status"] {
		return fmt.Errorf("want the status %s, got %v: %v: %v", want, end["status"], end["error"], end["cause"])
	}
	for name, want := range map[string]any{"output": run.Expected.Output, "error": run.Expected.Error, "cause": run.Expected.Cause} {
		if want == nil {
			continue
		}
		if d := cmp.Value(name, want, end[name]); d != "" {
			return errors.New(d)
		}
	}
	if run.Expected.History == nil {
		return nil
	}
	events, err := r.history(ctx, out["executionArn"])
	if err != nil {
		return err
	}
	if d := cmp.History(run.Expected.History.Events, events); d != "" {
		return errors.New(d)
	}
	return nil
}

// wait lets the cloud's time pass until the execution has ended: as fast as real
// time for two seconds where functions run, so that their processes get on.
func (r *runner) wait(ctx context.Context, execution any) (map[string]any, error) {
	for look := range 400 {
		out, err := r.call(ctx, "DescribeExecution", map[string]any{"executionArn": execution})
		if err != nil {
			return nil, err
		}
		if !slices.Contains([]any{"RUNNING", "PENDING_REDRIVE"}, out["status"]) {
			return out, nil
		}
		pass := func() error { return r.caller.Pass(ctx, time.Second) }
		if r.caller.stop != nil && look < 20 {
			pass = func() error { return r.caller.Sleep(ctx, 100*time.Millisecond) }
		}
		if err := pass(); err != nil {
			return nil, err
		}
	}
	return nil, errors.New("has not ended in 400 s")
}

func (r *runner) history(ctx context.Context, execution any) ([]any, error) {
	var events []any
	params := map[string]any{"executionArn": execution, "maxResults": 1000}
	for {
		out, err := r.call(ctx, "GetExecutionHistory", params)
		if err != nil {
			return nil, err
		}
		page, _ := out["events"].([]any)
		events = append(events, page...)
		if out["nextToken"] == nil {
			return events, nil
		}
		params["nextToken"] = out["nextToken"]
	}
}
