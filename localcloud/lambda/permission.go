package lambda

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/lambdaapi"
)

// maxPolicy is how many bytes a policy may have.
//
// Source: Lambda quotas.
const maxPolicy = 20 << 10

// A permission is a statement of a policy, its members in AWS's order.
type permission struct {
	ID        string                       `json:"Sid"`
	Effect    string                       `json:"Effect"`
	Principal any                          `json:"Principal"`
	Action    string                       `json:"Action"`
	Resource  string                       `json:"Resource"`
	Condition map[string]map[string]string `json:"Condition,omitempty"`
}

// principal returns a principal as policies show it: an account as its root, a
// service as such.
//
// Source: recorded.
func principal(p place, given string) (any, error) {
	switch {
	case given == "*":
		return "*", nil
	case len(given) == 12 && strings.Trim(given, "0123456789") == "":
		return map[string]string{"AWS": "arn:" + p.Partition + ":iam::" + given + ":root"}, nil
	case strings.HasPrefix(given, "arn:"):
		return map[string]string{"AWS": given}, nil
	case strings.Contains(given, "."):
		return map[string]string{"Service": given}, nil
	default:
		return nil, invalid("The provided principal was invalid. Please check the principal and try again.")
	}
}

// statement returns p as it is kept.
func (p permission) statement() statement { return statement{ID: p.ID, Text: compactJSON(p)} }

// text is the policy as a document.
func (p *policy) text() string {
	texts := make([]string, len(p.Statements))
	for i, st := range p.Statements {
		texts[i] = st.Text
	}
	return `{"Version":"2012-10-17","Id":"default","Statement":[` + strings.Join(texts, ",") + `]}`
}

// with returns the policy with one more statement; p may be nil.
func (p *policy) with(st statement, revision string) (*policy, error) {
	n := &policy{Revision: revision}
	if p != nil {
		if slices.ContainsFunc(p.Statements, func(there statement) bool { return there.ID == st.ID }) {
			return nil, conflict("The statement id (" + st.ID + ") provided already exists. Please provide a new statement id, or remove the existing statement.")
		}
		n.Statements = slices.Clone(p.Statements)
	}
	n.Statements = append(n.Statements, st)
	if size := len(n.text()); size > maxPolicy {
		return nil, user(lambdaapi.NewPolicyLengthExceededException(fmt.Sprintf("The final policy size (%d) is bigger than the limit (%d).", size, maxPolicy)))
	}
	return n, nil
}

// without returns the policy without a statement, nil if that was the last.
func (p *policy) without(id, revision string) (*policy, error) {
	if p == nil {
		return nil, notFound("No policy is associated with the given resource.")
	}
	n := &policy{Revision: revision, Statements: slices.DeleteFunc(slices.Clone(p.Statements), func(st statement) bool { return st.ID == id })}
	switch len(n.Statements) {
	case len(p.Statements):
		return nil, notFound("Statement " + id + " is not found in resource policy.")
	case 0:
		return nil, nil
	}
	return n, nil
}

// policyTarget finds the function, version or alias that a policy is about.
func (s *Service) policyTarget(ctx context.Context, name string, qualifier *string) (*function, reference, error) {
	r, err := s.reference(ctx, name, qualifier)
	if err != nil {
		return nil, r, err
	}
	if r.qualifier == latest {
		return nil, r, invalid("We currently do not support adding policies for $LATEST.")
	}
	f, c, _ := s.function(r)
	if f == nil {
		return nil, r, functionGone(r.functionARN())
	}
	if c.resolve(r.qualifier) == nil {
		if isAlias(r.qualifier) {
			return nil, r, notFound("Cannot find alias arn: " + r.arn())
		}
		return nil, r, functionGone(r.arn())
	}
	return f, r, nil
}

// policyRevision is what a change of a policy has to name: the policy's, or as
// long as there is none that of what it is about.
//
// Source: recorded.
func (s *Service) policyRevision(c *control, qualifier string) string {
	if p := c.policies[qualifier]; p != nil {
		return p.Revision
	}
	if isAlias(qualifier) {
		return c.alias(qualifier).revision
	}
	return c.resolve(qualifier).revisionAt(s.now())
}

func (s *Service) addPermission(ctx context.Context, in *lambdaapi.AddPermissionRequest) (*lambdaapi.AddPermissionResponse, error) {
	f, r, err := s.policyTarget(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	who, err := principal(r.place, in.Principal)
	if err != nil {
		return nil, err
	}
	st := permission{
		ID: in.StatementId, Effect: "Allow", Principal: who, Action: in.Action, Resource: r.arn(), Condition: conditions(in),
	}.statement()
	err = s.change(f, func(c *control) (*control, error) {
		if in.RevisionId != nil && *in.RevisionId != s.policyRevision(c, r.qualifier) {
			return nil, errStalePolicy
		}
		revision := s.random.UUID()
		p, err := c.policies[r.qualifier].with(st, revision)
		if err != nil {
			return nil, err
		}
		return c.withPolicy(r.qualifier, p).withRevision(r.qualifier, revision, s.now()), nil
	})
	if err != nil {
		return nil, err
	}
	return &lambdaapi.AddPermissionResponse{Statement: &st.Text}, nil
}

// conditions are what a permission is bound to; nil if to nothing.
//
// Source: recorded.
func conditions(in *lambdaapi.AddPermissionRequest) map[string]map[string]string {
	out := map[string]map[string]string{}
	add := func(operator, key string, value *string) {
		if value == nil {
			return
		}
		if out[operator] == nil {
			out[operator] = map[string]string{}
		}
		out[operator][key] = *value
	}
	add("StringEquals", "AWS:SourceAccount", in.SourceAccount)
	add("StringEquals", "lambda:EventSourceToken", in.EventSourceToken)
	add("StringEquals", "lambda:FunctionUrlAuthType", in.FunctionUrlAuthType)
	add("StringEquals", "aws:PrincipalOrgID", in.PrincipalOrgID)
	add("ArnLike", "AWS:SourceArn", in.SourceArn)
	if in.InvokedViaFunctionUrl != nil {
		add("Bool", "lambda:InvokedViaFunctionUrl", new(fmt.Sprint(*in.InvokedViaFunctionUrl)))
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

func (s *Service) removePermission(ctx context.Context, in *lambdaapi.RemovePermissionRequest) (*wire.Nothing, error) {
	r, err := s.reference(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	if s.space(r.place).function(r.name) == nil {
		return nil, notFound("No policy found for: " + r.functionARN())
	}
	f, _, err := s.policyTarget(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	return nil, s.change(f, func(c *control) (*control, error) {
		revision := s.random.UUID()
		p, err := c.policies[r.qualifier].without(in.StatementId, revision)
		if err != nil {
			return nil, err
		}
		if in.RevisionId != nil && *in.RevisionId != s.policyRevision(c, r.qualifier) {
			return nil, errStalePolicy
		}
		return c.withPolicy(r.qualifier, p).withRevision(r.qualifier, revision, s.now()), nil
	})
}

func (s *Service) getPolicy(ctx context.Context, in *lambdaapi.GetPolicyRequest) (*lambdaapi.GetPolicyResponse, error) {
	_, c, r, err := s.find(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	p := c.policies[r.qualifier]
	if p == nil {
		return nil, errNoResource
	}
	return &lambdaapi.GetPolicyResponse{Policy: new(p.text()), RevisionId: &p.Revision}, nil
}
