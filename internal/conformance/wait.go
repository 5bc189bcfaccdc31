package conformance

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// wait lets time pass in the cloud until what the step waits for is there.
func (r *replayer) wait(ctx context.Context, s *Step) error {
	arns := map[string]string{}
	for name, ref := range map[string]string{
		"executionArn": s.ExecutionArn, "stateMachineArn": s.StateMachineArn,
		"stateMachineAliasArn": s.StateMachineAliasArn, "stateMachineVersionArn": s.StateMachineVersionArn,
	} {
		v, err := r.answers.resolveText(ref)
		if err != nil {
			return err
		}
		arns[name] = text(v)
	}
	done, err := r.condition(s, arns)
	if err != nil {
		return err
	}
	for range polls {
		ok, err := done(ctx)
		if err != nil {
			return err
		}
		if ok {
			return nil
		}
		if err := r.caller.Pass(ctx, time.Second); err != nil {
			return err
		}
	}
	return fmt.Errorf("has not come in %d s", polls)
}

func (r *replayer) condition(s *Step, arns map[string]string) (func(context.Context) (bool, error), error) {
	status := func(among ...string) func(context.Context) (bool, error) {
		return func(ctx context.Context) (bool, error) {
			answer, err := r.caller.Call(ctx, "stepfunctions", "DescribeExecution", "", map[string]any{"executionArn": arns["executionArn"]})
			if err != nil || answer.Error != nil {
				return false, err
			}
			return slices.Contains(among, text(answer.Response["status"])), nil
		}
	}
	listed := func(operation, list, member, arn string, want bool) func(context.Context) (bool, error) {
		return func(ctx context.Context) (bool, error) {
			params := map[string]any{}
			if operation != "ListStateMachines" {
				params["stateMachineArn"] = arns["stateMachineArn"]
			}
			answer, err := r.caller.Call(ctx, "stepfunctions", operation, "", params)
			if err != nil || answer.Error != nil {
				return false, err
			}
			all, _ := answer.Response[list].([]any)
			found := slices.ContainsFunc(all, func(x any) bool {
				object, _ := x.(map[string]any)
				return text(object[member]) == arn
			})
			return found == want, nil
		}
	}
	switch s.Wait {
	case "sleep":
		return func(context.Context) (bool, error) { return true, nil }, nil
	case "function_active", "function_updated", "waiter:function_exists", "waiter:function_active_v2", "waiter:function_updated_v2", "waiter:published_version_active":
		return r.functionReady(s)
	case "execution_terminated":
		return status("SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"), nil
	case "execution_success":
		return status("SUCCEEDED"), nil
	case "execution_aborted":
		return status("ABORTED"), nil
	case "execution_started", "execution_history_condition":
		return func(ctx context.Context) (bool, error) {
			answer, err := r.caller.Call(ctx, "stepfunctions", "GetExecutionHistory", "", map[string]any{"executionArn": arns["executionArn"]})
			if err != nil || answer.Error != nil {
				return false, err
			}
			events, _ := answer.Response["events"].([]any)
			return len(events) >= 2, nil
		}, nil
	case "list_execution_status":
		return status(s.Status), nil
	case "state_machine_listed", "state_machine_not_listed":
		return listed("ListStateMachines", "stateMachines", "stateMachineArn", arns["stateMachineArn"], s.Wait == "state_machine_listed"), nil
	case "state_machine_version_listed", "state_machine_version_not_listed":
		return listed("ListStateMachineVersions", "stateMachineVersions", "stateMachineVersionArn", arns["stateMachineVersionArn"], s.Wait == "state_machine_version_listed"), nil
	case "state_machine_alias_is_created", "state_machine_alias_is_deleted":
		return listed("ListStateMachineAliases", "stateMachineAliases", "stateMachineAliasArn", arns["stateMachineAliasArn"], s.Wait == "state_machine_alias_is_created"), nil
	}
	return nil, fmt.Errorf("waits of this kind are not replayed")
}

// functionReady waits until a function, or a version of one, is there and neither
// being created nor updated.
func (r *replayer) functionReady(s *Step) (func(context.Context) (bool, error), error) {
	params := map[string]any{}
	if name := s.FunctionName + s.Function; name != "" {
		params["FunctionName"] = name
	}
	for k, v := range s.Params {
		params[k] = v
	}
	resolved, err := r.answers.resolve(params)
	if err != nil {
		return nil, err
	}
	in, _ := resolved.(map[string]any)
	return func(ctx context.Context) (bool, error) {
		answer, err := r.caller.Call(ctx, "lambda", "GetFunctionConfiguration", "", in)
		if err != nil || answer.Error != nil {
			return false, err
		}
		return text(answer.Response["State"]) == "Active" && text(answer.Response["LastUpdateStatus"]) == "Successful", nil
	}, nil
}
