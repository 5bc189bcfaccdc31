package cloudformation

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
	"github.com/crossfade-dev/crossfade/localcloud/cloudformation/stack"
	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/cloudformationapi"
)

// lookAgain is how often a stack looks at one within it.
const lookAgain = time.Second

// nestedStacks is the Provider of stacks within stacks.
type nestedStacks struct{ service *Service }

// withStacks adds the resource type that is CloudFormation's own.
func (s *Service) withStacks(given map[string]Provider) map[string]Provider {
	out := maps.Clone(given)
	if out == nil {
		out = map[string]Provider{}
	}
	out[stackType] = nestedStacks{s}
	return out
}

// Handle makes, changes or deletes a nested stack and waits for its end.
func (n nestedStacks) Handle(ctx context.Context, r Request) (Progress, error) {
	switch r.Action {
	case Create:
		return n.create(ctx, r)
	case Update:
		return n.update(ctx, r)
	case Delete:
		return n.delete(ctx, r)
	}
	panic(fmt.Sprintf("cloudformation: a nested stack is asked for action %d", r.Action))
}

// name is made of the token, so that it is found again after a crash.
func (n nestedStacks) name(r Request) string {
	tail := "-" + r.LogicalID + "-" + strings.ToUpper(r.Token[:min(12, len(r.Token))])
	return r.StackName[:min(len(r.StackName), 128-min(len(tail), 100))] + tail
}

func (n nestedStacks) create(ctx context.Context, r Request) (Progress, error) {
	c := wire.CallerFrom(ctx)
	child := n.service.lookup(c, n.name(r))
	if child == nil {
		parent := n.service.lookup(c, r.StackID)
		if parent == nil {
			return Progress{}, fmt.Errorf("stack %s is gone", r.StackID)
		}
		parent.mu.Lock()
		root, capabilities := parent.root, parent.shown().Capabilities
		parent.mu.Unlock()
		if root == "" {
			root = parent.id
		}
		in := &cloudformationapi.CreateStackInput{
			StackName: n.name(r), TemplateURL: n.url(r), Parameters: n.parameters(r), Capabilities: capabilities, Tags: n.tags(r),
			TimeoutInMinutes: n.timeout(r),
		}
		var err error
		if child, err = n.service.newStack(ctx, in, parent.id, root); err != nil {
			return Progress{}, &Failure{Code: "InvalidRequest", Message: wireMessage(err)}
		}
	}
	n.service.settle(ctx, child)
	return n.progress(child, stack.CreateComplete, "created")
}

func (n nestedStacks) url(r Request) *string {
	v, _ := r.Properties.Get("TemplateURL")
	return new(plainText(v))
}

func (n nestedStacks) timeout(r Request) *int32 {
	v, ok := r.Properties.Get("TimeoutInMinutes")
	if minutes, whole := v.Int(); ok && whole && minutes > 0 {
		return new(int32(minutes))
	}
	return nil
}

func (n nestedStacks) parameters(r Request) []cloudformationapi.Parameter {
	var out []cloudformationapi.Parameter
	given, _ := r.Properties.Get("Parameters")
	for key, v := range given.Members() {
		text := plainText(v)
		if v.Kind() == jsonvalue.KindArray {
			items := make([]string, 0, v.Len())
			for item := range v.Elements() {
				items = append(items, plainText(item))
			}
			text = strings.Join(items, ",")
		}
		out = append(out, cloudformationapi.Parameter{ParameterKey: new(key), ParameterValue: new(text)})
	}
	return out
}

// tags are those of the resource and, where it says nothing else, those of the
// stack above.
func (n nestedStacks) tags(r Request) []cloudformationapi.Tag {
	all := map[string]string{}
	for key, v := range r.Tags {
		if !strings.HasPrefix(key, "aws:") {
			all[key] = v
		}
	}
	own, _ := r.Properties.Get("Tags")
	for t := range own.Elements() {
		key, _ := t.Get("Key")
		v, _ := t.Get("Value")
		all[plainText(key)] = plainText(v)
	}
	out := []cloudformationapi.Tag{}
	for _, key := range sortedKeys(all) {
		out = append(out, cloudformationapi.Tag{Key: key, Value: all[key]})
	}
	return out
}

func (n nestedStacks) update(ctx context.Context, r Request) (Progress, error) {
	child := n.service.lookup(wire.CallerFrom(ctx), r.PhysicalID)
	if child == nil {
		return Progress{}, &Failure{Code: "NotFound", Message: "Stack [" + r.PhysicalID + "] does not exist"}
	}
	child.mu.Lock()
	capabilities := child.shown().Capabilities
	// Who was killed after the nested stack's update was saved, and before the memo
	// was, asks once more for what goes on.
	begun := r.Memo != "" || child.asked == r.Token
	child.mu.Unlock()
	if !begun {
		err := n.service.beginUpdate(ctx, child, &cloudformationapi.UpdateStackInput{
			StackName: child.id, TemplateURL: n.url(r), Parameters: n.parameters(r), Capabilities: capabilities, Tags: n.tags(r),
		}, r.Token)
		var refused *wire.Error
		switch {
		case errors.As(err, &refused) && refused.Message == "No updates are to be performed.":
			return n.done(child), nil
		case err != nil:
			return Progress{}, &Failure{Code: "InvalidRequest", Message: wireMessage(err)}
		}
	} else if r.Cancelled {
		child.mu.Lock()
		if child.state.Status == stack.UpdateInProgress {
			_ = n.service.step(child, stack.Cancel{}) // Run tries again what could not be saved
		}
		child.mu.Unlock()
	}
	n.service.settle(ctx, child)
	return n.progress(child, stack.UpdateComplete, "updated")
}

// progress says how far a nested stack has come.
func (n nestedStacks) progress(child *entity, want stack.Status, done string) (Progress, error) {
	child.mu.Lock()
	status, phase, why := child.state.Status, child.state.Phase, ""
	for _, e := range slices.Backward(child.events) {
		if e.ID == "" && e.Reason != "" && e.Reason != "User Initiated" {
			why = e.Reason
			break
		}
	}
	child.mu.Unlock()
	switch {
	case phase != stack.PhaseIdle:
		return Progress{PhysicalID: child.id, Memo: done, Again: lookAgain}, nil
	case status == want:
		return n.done(child), nil
	}
	return Progress{PhysicalID: child.id}, &Failure{
		Code: "NotStabilized", Message: fmt.Sprintf("Embedded stack %s was not successfully %s: %s", child.id, done, strings.TrimSuffix(why, "Rollback requested by user.")),
	}
}

// done is the end of an operation that went well.
func (n nestedStacks) done(child *entity) Progress {
	child.mu.Lock()
	defer child.mu.Unlock()
	p := Progress{PhysicalID: child.id, Attributes: map[string]jsonvalue.Value{}}
	for _, o := range child.state.Outputs {
		p.Attributes["Outputs."+o.Key] = jsonvalue.String(o.Value)
	}
	return p
}

func (n nestedStacks) delete(ctx context.Context, r Request) (Progress, error) {
	child := n.service.lookup(wire.CallerFrom(ctx), r.PhysicalID)
	if child == nil {
		return Progress{PhysicalID: r.PhysicalID}, nil
	}
	if r.Memo == "" {
		if err := n.service.beginDelete(child, nil, false); err != nil {
			return Progress{}, &Failure{Code: "InvalidRequest", Message: wireMessage(err)}
		}
	}
	n.service.settle(ctx, child)
	return n.progress(child, stack.DeleteComplete, "deleted")
}
