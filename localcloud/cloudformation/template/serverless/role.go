package serverless

import (
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

// serviceRolePolicies are the managed policies below service-role/.
var serviceRolePolicies = []string{
	"AWSLambdaBasicExecutionRole", "AWSLambdaVPCAccessExecutionRole", "AWSLambdaSQSQueueExecutionRole",
	"AWSLambdaKinesisExecutionRole", "AWSLambdaDynamoDBExecutionRole", "AWSLambdaMSKExecutionRole", "AWSLambdaENIManagementAccess",
	"AWSLambdaRole", "AWSCodeDeployRole", "AWSCodeDeployRoleForLambda", "AWSCodeDeployRoleForLambdaLimited", "AWSConfigRulesExecutionRole",
	"AmazonAPIGatewayPushToCloudWatchLogs", "AmazonS3ObjectLambdaExecutionRolePolicy", "AWSBatchServiceEventTargetRole",
	"CloudWatchEventsInvocationAccess",
}

// managedPolicy writes the name or path of one of AWS's managed policies as its ARN.
func (x *expansion) managedPolicy(name string) string {
	partition, _ := x.b.Partial(ref("AWS::Partition"))
	if slices.Contains(serviceRolePolicies, name) {
		name = "service-role/" + name
	}
	return "arn:" + partition.Str() + ":iam::aws:policy/" + name
}

func (x *expansion) tracingPolicy() string {
	if partition, _ := x.b.Partial(ref("AWS::Partition")); partition.Str() == "aws" {
		return x.managedPolicy("AWSXrayWriteOnlyAccess")
	}
	return x.managedPolicy("AWSXRayDaemonWriteAccess")
}

// trust is the document that lets a service assume a role.
func trust(service string) value {
	return obj("Version", str("2012-10-17"), "Statement", list(obj(
		"Action", list(str("sts:AssumeRole")), "Effect", str("Allow"), "Principal", obj("Service", list(str(service))))))
}

// A role is a generated execution role.
type role struct {
	id      string
	trust   value
	managed []value
	inline  []value
	mark    string // the tag of what it was made for
}

// functionRole adds the role of a function without one.
func (s *source) functionRole(events []event, extra []value) error {
	r := role{id: s.id + "Role", trust: trust("lambda.amazonaws.com"), mark: "lambda:createdBy"}
	if given := s.get("AssumeRolePolicyDocument"); given.IsDefined() {
		r.trust = given
	}
	r.managed = append(r.managed, str(s.managedPolicy("AWSLambdaBasicExecutionRole")))
	tracing, err := s.known("Tracing")
	if err != nil {
		return err
	}
	if tracing.Str() == "Active" {
		r.managed = append(r.managed, str(s.tracingPolicy()))
	}
	if s.get("VpcConfig").IsDefined() {
		r.managed = append(r.managed, str(s.managedPolicy("AWSLambdaVPCAccessExecutionRole")))
	}
	for _, e := range events {
		if name := e.executionPolicy(); name != "" {
			r.addManaged(str(s.managedPolicy(name)))
		}
	}
	if queue := s.get("DeadLetterQueue"); queue.IsDefined() {
		kind, _ := queue.Get("Type")
		target, _ := queue.Get("TargetArn")
		r.inline = append(r.inline, obj("PolicyName", str("DeadLetterQueuePolicy"),
			"PolicyDocument", statement(destinationActions[kind.Str()], target)))
	}
	r.inline = append(r.inline, extra...)
	return s.emitRole(r)
}

func (r *role) addManaged(policy value) {
	if !slices.ContainsFunc(r.managed, func(v value) bool { return jsonvalue.Equal(v, policy) }) {
		r.managed = append(r.managed, policy)
	}
}

// emitRole adds a role with the Policies of its source.
func (s *source) emitRole(r role) error {
	s.expanding = []string{"Policies"}
	defer func() { s.expanding = nil }()
	given := s.get("Policies")
	if given.IsDefined() && given.Kind() != jsonvalue.KindArray {
		given = list(given)
	}
	i := 0
	for policy := range given.Elements() {
		if err := s.addPolicy(&r, i, policy); err != nil {
			return err
		}
		i++
	}
	return s.emit(r.id, "AWS::IAM::Role", obj(
		"AssumeRolePolicyDocument", r.trust, "ManagedPolicyArns", list(r.managed...), "Policies", optional(r.inline),
		"Path", s.get("RolePath"), "PermissionsBoundary", s.get("PermissionsBoundary"), "Tags", tags(r.mark, s.roleTags())))
}

// roleTags are the tags that the source passes on to its role.
func (s *source) roleTags() value {
	if pass, err := s.flag("PropagateTags"); err == nil && pass {
		return s.get("Tags")
	}
	return value{}
}

// optional is a list that is left away when it is empty.
func optional(items []value) value {
	if len(items) == 0 {
		return value{}
	}
	return list(items...)
}

// addPolicy adds one entry of Policies: the name or ARN of a managed policy, a
// document, or one of the transform's policy templates.
func (s *source) addPolicy(r *role, index int, policy value) error {
	inline := func(document value) {
		r.inline = append(r.inline, obj("PolicyName", str(fmt.Sprintf("%sPolicy%d", r.id, index)), "PolicyDocument", document))
	}
	switch {
	case policy.Kind() == jsonvalue.KindString:
		name := policy.Str()
		if !strings.HasPrefix(name, "arn:") {
			name = s.managedPolicy(name)
		}
		r.addManaged(str(name))
		return nil
	case isCall(policy):
		name, argument := policy.MemberAt(0)
		if name == "Fn::If" && argument.Len() == 3 {
			return s.addConditionalPolicy(r, index, argument)
		}
		r.addManaged(policy)
		return nil
	case policy.Kind() == jsonvalue.KindObject:
		if _, ok := policy.Get("Statement"); ok {
			inline(policy)
			return nil
		}
		if policy.Len() == 1 {
			name, arguments := policy.MemberAt(0)
			document, err := policyTemplate(name, arguments)
			if err != nil {
				return err
			}
			inline(document)
			return nil
		}
	}
	return fmt.Errorf("Policy at index %d in the 'Policies' property is not valid", index) //nolint:staticcheck // AWS's words
}

// addConditionalPolicy adds the branches of Fn::If, which are documents or policy
// templates, or names of managed policies.
func (s *source) addConditionalPolicy(r *role, index int, argument value) error {
	branches := make([]value, 2)
	managed := false
	for i := range branches {
		branch := argument.At(i + 1)
		target, _ := branch.Get("Ref")
		switch {
		case target.Str() == "AWS::NoValue":
			branches[i] = branch
			continue
		case branch.Kind() == jsonvalue.KindString || isCall(branch):
			managed = true
		}
		one := role{id: r.id}
		if err := s.addPolicy(&one, index, branch); err != nil {
			return err
		}
		branches[i] = append(one.inline, one.managed...)[0]
	}
	choice := obj("Fn::If", list(argument.At(0), branches[0], branches[1]))
	if managed {
		r.addManaged(choice)
	} else {
		r.inline = append(r.inline, choice)
	}
	return nil
}

// policies.json has the policy templates: for each its parameters and statements,
// in which {"Parameter": name} and the variables of Fn::Sub stand for values.
//
//go:embed policies.json
var policiesText string

var policies = sync.OnceValue(func() value {
	v, err := jsonvalue.Parse(policiesText)
	if err != nil {
		panic(fmt.Sprintf("serverless: policies.json: %v", err))
	}
	return v
})

// policyTemplate fills a policy template in.
func policyTemplate(name string, arguments value) (value, error) {
	t, ok := policies().Get(name)
	if !ok {
		return value{}, fmt.Errorf("the policy template '%s' is not known here: write its statements out", name)
	}
	parameters, _ := t.Get("parameters")
	known := map[string]bool{}
	for p := range parameters.Elements() {
		known[p.Str()] = true
		if _, ok := arguments.Get(p.Str()); !ok {
			return value{}, fmt.Errorf("Must specify valid parameter values for policy template '%s': '%s' is missing", name, p.Str()) //nolint:staticcheck // AWS's words
		}
	}
	for given := range arguments.Members() {
		if !known[given] {
			return value{}, fmt.Errorf("Must specify valid parameter values for policy template '%s': '%s' is none of its parameters", name, given) //nolint:staticcheck // AWS's words
		}
	}
	statements, _ := t.Get("statements")
	if !statements.IsDefined() {
		return value{}, errors.New("the policy template has no statements")
	}
	return obj("Statement", fillIn(statements, arguments)), nil
}

// fillIn puts the arguments in the places of a policy template. A text with
// variables becomes a Fn::Sub that gets them.
func fillIn(v, arguments value) value {
	switch v.Kind() {
	case jsonvalue.KindArray:
		var b jsonvalue.ArrayBuilder
		for item := range v.Elements() {
			b.Append(fillIn(item, arguments))
		}
		return b.Value()
	case jsonvalue.KindObject:
		if name, ok := v.Get("Parameter"); ok && v.Len() == 1 {
			got, _ := arguments.Get(name.Str())
			return got
		}
		var b jsonvalue.ObjectBuilder
		for key, item := range v.Members() {
			b.Set(key, fillIn(item, arguments))
		}
		return b.Value()
	case jsonvalue.KindString:
		if !strings.Contains(v.Str(), "${") {
			return v
		}
		var variables jsonvalue.ObjectBuilder
		for name, given := range arguments.Members() {
			if variable := strings.ToLower(name[:1]) + name[1:]; strings.Contains(v.Str(), "${"+variable+"}") {
				variables.Set(variable, given)
			}
		}
		if variables.Len() == 0 {
			return sub(v.Str())
		}
		return obj("Fn::Sub", list(v, variables.Value()))
	default:
		return v
	}
}
