package conformance

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// deployStack does what the recorder's deployment of a template did: it makes a
// change set, executes it, and waits for the stack. The outputs become known.
func (r *replayer) deployStack(ctx context.Context, s *Step) error {
	d := s.DeployStack
	params := map[string]any{
		"StackName": d.StackName, "ChangeSetName": "change-set-" + s.ID, "TemplateBody": d.Template, "ChangeSetType": "CREATE",
	}
	well := "CREATE_COMPLETE"
	if d.Update {
		params["ChangeSetType"], well = "UPDATE", "UPDATE_COMPLETE"
	}
	var capabilities, parameters []any
	for _, c := range d.Capabilities {
		capabilities = append(capabilities, c)
	}
	for key, v := range d.Parameters {
		parameters = append(parameters, map[string]any{"ParameterKey": key, "ParameterValue": text(v)})
	}
	params["Capabilities"], params["Parameters"] = capabilities, parameters
	resolved, err := r.answers.resolve(any(params))
	if err != nil {
		return err
	}
	in := resolved.(map[string]any)
	for _, operation := range []string{"CreateChangeSet", "ExecuteChangeSet"} {
		if operation == "ExecuteChangeSet" {
			in = map[string]any{"StackName": in["StackName"], "ChangeSetName": in["ChangeSetName"]}
		}
		answer, err := r.ask(ctx, "cloudformation", operation, in)
		if err != nil {
			return err
		}
		if answer.Error != nil {
			return fmt.Errorf("%s: %s: %s", operation, answer.Error.Code, answer.Error.Message)
		}
	}
	stack, err := r.awaitStack(ctx, in["StackName"], well)
	if err != nil {
		return err
	}
	outputs := map[string]any{}
	list, _ := stack["Outputs"].([]any)
	for _, o := range list {
		output, _ := o.(map[string]any)
		outputs[text(output["OutputKey"])] = output["OutputValue"]
	}
	r.answers.byStep[s.ID] = map[string]any{"StackId": stack["StackId"], "StackName": stack["StackName"], "Outputs": outputs}
	return nil
}

func (r *replayer) deleteStack(ctx context.Context, s *Step) error {
	name, err := r.answers.resolveText(s.DeleteStack)
	if err != nil {
		return err
	}
	answer, err := r.ask(ctx, "cloudformation", "DeleteStack", map[string]any{"StackName": name})
	if err != nil {
		return err
	}
	if answer.Error != nil {
		return fmt.Errorf("%s: %s", answer.Error.Code, answer.Error.Message)
	}
	_, err = r.awaitStack(ctx, name, "DELETE_COMPLETE")
	return err
}

// pause lets time pass between two looks at a stack: functions are processes, and
// what they have to do takes as long as it takes.
func (r *replayer) pause(ctx context.Context) error {
	sleeper, ok := r.caller.(Sleeper)
	if !ok {
		return r.pass(ctx)
	}
	r.mu.Unlock()
	defer r.mu.Lock()
	return sleeper.Sleep(ctx, time.Second/5)
}

// awaitStack lets time pass until a stack has ended well.
func (r *replayer) awaitStack(ctx context.Context, name any, well string) (map[string]any, error) {
	for range polls {
		stack, status, err := r.stack(ctx, name)
		switch {
		case err != nil:
			return nil, err
		case status == well:
			return stack, nil
		case !strings.HasSuffix(status, "_IN_PROGRESS"):
			return nil, fmt.Errorf("the stack ends %s, want %s: %s", status, well, r.whyStack(ctx, name))
		}
		if err := r.pause(ctx); err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("the stack is not %s after %d looks", well, polls)
}

// stack returns a stack and its status. One that is gone was deleted.
func (r *replayer) stack(ctx context.Context, name any) (map[string]any, string, error) {
	answer, err := r.ask(ctx, "cloudformation", "DescribeStacks", map[string]any{"StackName": name})
	if err != nil {
		return nil, "", err
	}
	if answer.Error != nil {
		if strings.Contains(answer.Error.Message, "does not exist") {
			return nil, "DELETE_COMPLETE", nil
		}
		return nil, "", fmt.Errorf("%s: %s", answer.Error.Code, answer.Error.Message)
	}
	list, _ := answer.Response["Stacks"].([]any)
	if len(list) == 0 {
		return nil, "", fmt.Errorf("DescribeStacks answers no stack")
	}
	stack, _ := list[0].(map[string]any)
	return stack, text(stack["StackStatus"]), nil
}

// whyStack tells which resources of a stack failed, and why.
func (r *replayer) whyStack(ctx context.Context, name any) string {
	answer, err := r.ask(ctx, "cloudformation", "DescribeStackEvents", map[string]any{"StackName": name})
	if err != nil || answer.Error != nil {
		return "its events cannot be read"
	}
	var why []string
	events, _ := answer.Response["StackEvents"].([]any)
	for _, e := range slices.Backward(events) {
		event, _ := e.(map[string]any)
		if strings.HasSuffix(text(event["ResourceStatus"]), "_FAILED") {
			why = append(why, text(event["LogicalResourceId"])+": "+text(event["ResourceStatusReason"]))
		}
	}
	return strings.Join(why, "; ")
}

// stackIs waits for a stack's status.
func (r *replayer) stackIs(s *Step, want string) (func(context.Context) (bool, error), error) {
	resolved, err := r.answers.resolve(any(s.Params))
	if err != nil {
		return nil, err
	}
	in, _ := resolved.(map[string]any)
	return func(ctx context.Context) (bool, error) {
		_, status, err := r.stack(ctx, in["StackName"])
		return status == want, err
	}, nil
}
