package conformance

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
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
	if s.Wait == "sleep" && r.beside {
		if sleeper, ok := r.caller.(Sleeper); ok {
			r.mu.Unlock()
			defer r.mu.Lock()
			return sleeper.Sleep(ctx, time.Duration(s.Seconds)*time.Second)
		}
	}
	done, err := r.condition(s, arns)
	if err != nil {
		return err
	}
	for look := range polls {
		ok, err := done(ctx)
		if err != nil {
			return err
		}
		if ok {
			return nil
		}
		if err := r.between(ctx, s, look); err != nil {
			return err
		}
	}
	return fmt.Errorf("has not come in %d s", polls)
}

// between lets time pass between two looks. What processes have to do, which know
// nothing of the cloud's time, takes as long as it takes: they get two seconds
// before the cloud's time passes faster.
func (r *replayer) between(ctx context.Context, s *Step, look int) error {
	sleeper, ok := r.caller.(Sleeper)
	ends := s.Retry || strings.HasPrefix(s.Wait, "execution_")
	runs := slices.Contains(r.c.Services, "lambda") && (ends && look < 20 || strings.HasPrefix(s.Wait, "provisioned_"))
	if !ok || !runs {
		return r.pass(ctx)
	}
	r.mu.Unlock()
	defer r.mu.Lock()
	return sleeper.Sleep(ctx, 100*time.Millisecond)
}

func (r *replayer) condition(s *Step, arns map[string]string) (func(context.Context) (bool, error), error) {
	status := func(among ...string) func(context.Context) (bool, error) {
		return func(ctx context.Context) (bool, error) {
			answer, err := r.describe(ctx, arns["executionArn"])
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
			answer, err := r.ask(ctx, "stepfunctions", operation, params)
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
	case "waiter:stack_create_complete":
		return r.stackIs(s, "CREATE_COMPLETE")
	case "waiter:stack_update_complete":
		return r.stackIs(s, "UPDATE_COMPLETE")
	case "waiter:stack_delete_complete":
		return r.stackIs(s, "DELETE_COMPLETE")
	case "sleep":
		return func(context.Context) (bool, error) { return true, nil }, nil
	case "function_active", "function_updated", "waiter:function_exists", "waiter:function_active_v2", "waiter:function_updated_v2", "waiter:published_version_active":
		return r.functionReady(s)
	case "provisioned_concurrency_ready":
		return r.provisioned(s, "READY")
	case "provisioned_concurrency_failed":
		return r.provisioned(s, "FAILED")
	case "invoke_init_type":
		return r.initType(s)
	case "execution_log_events":
		return r.logged(s)
	case "execution_terminated":
		return status("SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"), nil
	case "execution_success":
		return status("SUCCEEDED"), nil
	case "execution_aborted":
		return status("ABORTED"), nil
	case "execution_started", "execution_history_condition":
		return func(ctx context.Context) (bool, error) {
			answer, err := r.ask(ctx, "stepfunctions", "GetExecutionHistory", map[string]any{"executionArn": arns["executionArn"]})
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
		answer, err := r.ask(ctx, "lambda", "GetFunctionConfiguration", in)
		if err != nil || answer.Error != nil {
			return false, err
		}
		return text(answer.Response["State"]) == "Active" && text(answer.Response["LastUpdateStatus"]) == "Successful", nil
	}, nil
}

// ask calls an operation in its service's own protocol.
func (r *replayer) ask(ctx context.Context, service, operation string, params map[string]any) (Answer, error) {
	r.mu.Unlock()
	defer r.mu.Lock()
	return r.caller.Call(ctx, service, operation, "", params)
}

// describe looks at an execution, from the account that it belongs to.
func (r *replayer) describe(ctx context.Context, execution string) (Answer, error) {
	params := map[string]any{"executionArn": execution}
	account := Account
	if parts := strings.Split(execution, ":"); len(parts) > 4 {
		account = parts[4]
	}
	traveller, ok := r.caller.(Traveller)
	if !ok || account == Account {
		return r.ask(ctx, "stepfunctions", "DescribeExecution", params)
	}
	r.mu.Unlock()
	defer r.mu.Lock()
	return traveller.CallFrom(ctx, account, Region, "stepfunctions", "DescribeExecution", "", params)
}

// provisioned waits until what was provisioned for a version or an alias has a
// status.
func (r *replayer) provisioned(s *Step, status string) (func(context.Context) (bool, error), error) {
	resolved, err := r.answers.resolve(s.Args)
	if err != nil {
		return nil, err
	}
	args, _ := resolved.([]any)
	if len(args) != 2 {
		return nil, fmt.Errorf("%s wants a function and a qualifier", s.Wait)
	}
	params := map[string]any{"FunctionName": args[0], "Qualifier": args[1]}
	return func(ctx context.Context) (bool, error) {
		answer, err := r.ask(ctx, "lambda", "GetProvisionedConcurrencyConfig", params)
		if err != nil || answer.Error != nil {
			return false, err
		}
		return text(answer.Response["Status"]) == status, nil
	}, nil
}

// initType invokes a function that answers how its environment was started.
func (r *replayer) initType(s *Step) (func(context.Context) (bool, error), error) {
	qualifier, err := r.answers.resolveText(s.Qualifier)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) (bool, error) {
		answer, err := r.ask(ctx, "lambda", "Invoke", map[string]any{"FunctionName": s.Function, "Qualifier": qualifier})
		if err != nil {
			return false, err
		}
		if answer.Error != nil {
			return false, fmt.Errorf("%s: %s", answer.Error.Code, answer.Error.Message)
		}
		var kind string
		if err := json.Unmarshal([]byte(text(answer.Response["Payload"])), &kind); err != nil {
			return false, fmt.Errorf("an answer that is no text: %s", text(answer.Response["Payload"]))
		}
		r.answers.byStep[s.ID] = kind
		return true, nil
	}, nil
}

// logged waits for what an execution logs, until its end is there or nothing more
// comes, and remembers the events in the order of their numbers.
func (r *replayer) logged(s *Step) (func(context.Context) (bool, error), error) {
	looks, enough := 0, 10
	if slices.Contains(r.c.Services, "lambda") {
		enough = 100
	}
	return func(ctx context.Context) (bool, error) {
		answer, err := r.ask(ctx, "logs", "FilterLogEvents", map[string]any{"logGroupName": s.LogGroupName})
		if err != nil || answer.Error != nil {
			return false, err
		}
		all, _ := answer.Response["events"].([]any)
		events := []any{}
		ended := false
		for _, e := range all {
			var event map[string]any
			dec := json.NewDecoder(strings.NewReader(member(e, "message")))
			dec.UseNumber()
			if dec.Decode(&event) != nil {
				continue
			}
			events = append(events, event)
			switch text(event["type"]) {
			case "ExecutionSucceeded", "ExecutionFailed", "ExecutionAborted", "ExecutionTimedOut":
				ended = true
			}
		}
		slices.SortStableFunc(events, func(a, b any) int {
			m, _ := strconv.Atoi(member(a, "id"))
			n, _ := strconv.Atoi(member(b, "id"))
			return m - n
		})
		r.answers.byStep[s.ID] = map[string]any{"events": events}
		looks++
		return ended || looks > enough, nil
	}, nil
}
