package cloudformation

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/crossfade-dev/crossfade/localcloud/cloudformation/stack"
	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/cloudformationapi"
)

// A stackPolicy says which resources an update may touch, and how. What no
// statement allows is denied, and a statement that denies beats those that allow.
//
// Source: CloudFormation User Guide, "Prevent updates to stack resources".
type stackPolicy struct {
	Statement []policyStatement `json:"Statement"`
}

type policyStatement struct {
	Effect      string `json:"Effect"`
	Action      texts  `json:"Action"`
	NotAction   texts  `json:"NotAction"`
	Principal   texts  `json:"Principal"`
	Resource    texts  `json:"Resource"`
	NotResource texts  `json:"NotResource"`
	// Condition limits the statement to resource types: texts or patterns by
	// operator and key, of which there are the two and the one below.
	Condition map[string]map[string]texts `json:"Condition"`
}

// What a condition may be made of.
const (
	stringEquals = "StringEquals"
	stringLike   = "StringLike"
	resourceType = "ResourceType"
)

// texts are one text or a list of them.
type texts []string

// UnmarshalJSON takes both forms.
func (t *texts) UnmarshalJSON(text []byte) error {
	var one string
	if json.Unmarshal(text, &one) == nil {
		*t = texts{one}
		return nil
	}
	return json.Unmarshal(text, (*[]string)(t))
}

// The actions of stack policies.
const (
	actionModify  = "Update:Modify"
	actionReplace = "Update:Replace"
	actionDelete  = "Update:Delete"
)

// parsePolicy reads a policy; an empty text is none.
func parsePolicy(text string) (*stackPolicy, error) {
	if text == "" {
		return nil, nil
	}
	fail := func(format string, args ...any) (*stackPolicy, error) {
		return nil, wire.NewValidationError("Error validating stack policy: " + fmt.Sprintf(format, args...))
	}
	var p stackPolicy
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		return fail("Invalid stack policy: %v", err)
	}
	if p.Statement == nil {
		return fail("Invalid stack policy: there is no list of Statement")
	}
	for i, s := range p.Statement {
		at := fmt.Sprintf("Statement [#%d]", i+1)
		switch {
		case s.Effect != "Allow" && s.Effect != "Deny":
			return fail("%s has the Effect %q, which is neither Allow nor Deny", at, s.Effect)
		case !slices.Equal(s.Principal, texts{"*"}):
			return fail(`%s must have the Principal "*"`, at)
		case (len(s.Action) == 0) == (len(s.NotAction) == 0):
			return fail("%s must have either Action or NotAction", at)
		case (len(s.Resource) == 0) == (len(s.NotResource) == 0):
			return fail("%s must have either Resource or NotResource", at)
		}
		for _, action := range slices.Concat(s.Action, s.NotAction) {
			if !slices.ContainsFunc([]string{actionModify, actionReplace, actionDelete}, func(known string) bool { return like(action, known) }) {
				return fail("%s has the unknown action %s", at, action)
			}
		}
		for operator, keys := range s.Condition {
			if operator != stringEquals && operator != stringLike {
				return fail("%s has a Condition with the unknown operator %s", at, operator)
			}
			for key := range keys {
				if key != resourceType {
					return fail("%s has a Condition on %s, which is not ResourceType", at, key)
				}
			}
		}
	}
	return &p, nil
}

// check returns why an action on a resource is denied, or nil.
func (p *stackPolicy) check(action, id, typeName string) error {
	if p == nil {
		return nil
	}
	allowed := false
	for i, s := range p.Statement {
		if !s.covers(action, "LogicalResourceId/"+id, typeName) {
			continue
		}
		if s.Effect == "Deny" {
			return fmt.Errorf("Action denied by stack policy: Statement [#%d] does not allow [%s] for resource [LogicalResourceId/%s]", i+1, action, id)
		}
		allowed = true
	}
	if !allowed {
		return fmt.Errorf("Action denied by stack policy: No statement allows [%s] for resource [LogicalResourceId/%s]", action, id)
	}
	return nil
}

func (s *policyStatement) covers(action, resource, typeName string) bool {
	within := func(patterns, not texts, s string) bool {
		matches := func(pattern string) bool { return like(pattern, s) }
		if len(not) > 0 {
			return !slices.ContainsFunc(not, matches)
		}
		return slices.ContainsFunc(patterns, matches)
	}
	if !within(s.Action, s.NotAction, action) || !within(s.Resource, s.NotResource, resource) {
		return false
	}
	if types, ok := s.Condition[stringEquals][resourceType]; ok && !slices.Contains(types, typeName) {
		return false
	}
	types, ok := s.Condition[stringLike][resourceType]
	return !ok || within(types, nil, typeName)
}

// like matches a text with a pattern in which * stands for any text.
func like(pattern, s string) bool {
	first, rest, star := strings.Cut(pattern, "*")
	s, ok := strings.CutPrefix(s, first)
	if !ok || !star {
		return ok && s == ""
	}
	parts := strings.Split(rest, "*")
	last := len(parts) - 1
	for _, part := range parts[:last] {
		i := strings.Index(s, part)
		if i < 0 {
			return false
		}
		s = s[i+len(part):]
	}
	return strings.HasSuffix(s, parts[last])
}

// policy is what the operation of a plan may do: the stack's policy, or the one
// that was given for this update alone. The error is about a text that another
// release of the local cloud has accepted.
func (p *plan) policy() (*stackPolicy, error) {
	return parsePolicy(cmp.Or(p.deployment.During, p.entity.policy))
}

// permit returns why a resource may not become what is wanted, or nil.
func (p *plan) permit(id, typeName string, wanted stack.Wanted) error {
	r := p.entity.state.Resource(id)
	if r == nil || r.Is.PhysicalID == "" {
		return nil // what is new is not protected
	}
	policy, err := p.policy()
	if policy == nil || err != nil {
		return err
	}
	change := stack.Anew // as it is for a resource that is of another type now
	if r.Type == typeName {
		change = p.Compare(typeName, r.Is.Wanted, wanted)
	}
	switch change {
	case stack.InPlace:
		return policy.check(actionModify, id, typeName)
	case stack.Anew:
		return policy.check(actionReplace, id, typeName)
	default:
		return nil
	}
}

// permitRemovals returns why what the template no longer has may not be deleted, or
// nil.
func (p *plan) permitRemovals() error {
	policy, err := p.policy()
	if policy == nil || err != nil {
		return err
	}
	for _, r := range p.entity.state.Resources {
		if _, stays := p.deployment.bound.Exists(r.ID); !stays && r.Is.PhysicalID != "" {
			if err := policy.check(actionDelete, r.ID, r.Type); err != nil {
				return err
			}
		}
	}
	return nil
}

// policyText returns the policy that a request names, as a text or in S3.
func (s *Service) policyText(ctx context.Context, body, address *string) (string, error) {
	if body != nil && address != nil {
		return "", wire.NewValidationError("You cannot specify both StackPolicyURL and StackPolicyBody")
	}
	text := wire.Value(body)
	if address != nil {
		var err error
		if text, err = s.fetch(ctx, *address); err != nil {
			return "", err
		}
	}
	if len(text) > maxPolicy {
		return "", wire.NewValidationError(fmt.Sprintf("Error validating stack policy: a policy has at most %d bytes", maxPolicy))
	}
	_, err := parsePolicy(text)
	return text, err
}

// maxPolicy is the length of the longest stack policy, in bytes.
const maxPolicy = 16_384

func (s *Service) setStackPolicy(ctx context.Context, in *cloudformationapi.SetStackPolicyInput) (*wire.Nothing, error) {
	e, err := s.findBracketed(ctx, in.StackName)
	if err != nil {
		return nil, err
	}
	text, err := s.policyText(ctx, in.StackPolicyBody, in.StackPolicyURL)
	if err == nil && text == "" {
		err = wire.NewValidationError("You must specify either StackPolicyURL or StackPolicyBody")
	}
	if err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.changeable(); err != nil {
		return nil, err
	}
	e.policy = text
	return nil, s.save(e)
}

func (s *Service) getStackPolicy(ctx context.Context, in *cloudformationapi.GetStackPolicyInput) (*cloudformationapi.GetStackPolicyOutput, error) {
	e, err := s.findBracketed(ctx, in.StackName)
	if err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return &cloudformationapi.GetStackPolicyOutput{StackPolicyBody: wire.Optional(e.policy)}, nil
}

// policiesOf reads the policies of an update: the one that stays, and the one for
// this update alone.
func (s *Service) policiesOf(ctx context.Context, in *cloudformationapi.UpdateStackInput) (stays, during string, err error) {
	stays, err = s.policyText(ctx, in.StackPolicyBody, in.StackPolicyURL)
	if err != nil {
		return "", "", err
	}
	during, err = s.policyText(ctx, in.StackPolicyDuringUpdateBody, in.StackPolicyDuringUpdateURL)
	return stays, during, err
}
