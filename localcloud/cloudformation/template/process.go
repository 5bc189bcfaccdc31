package template

import (
	"slices"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

// A Transform makes the body of another template of t. In b the values of
// parameters, mappings and conditions are known. Origin is that of
// [Template.Rewrite]. Errors are made by [Template.Fail].
type Transform func(t *Template, b *Bound) (body jsonvalue.Value, origin map[string][]string, err error)

// Process carries out the transforms that a template declares, in their order,
// and returns what is left: a template that can be bound. The transform
// AWS::Serverless-2016-10-31 is an argument; AWS::LanguageExtensions is built in.
// The error is an *Error.
func Process(t *Template, in Inputs, serverless Transform) (*Template, error) {
	for len(t.Transforms) > 0 {
		name := t.Transforms[0]
		var transform Transform
		switch name {
		case ServerlessTransform:
			transform = serverless
		case LanguageExtensions:
			transform = expandLoops
		case "AWS::Include":
			return nil, t.Fail([]string{"Transform"}, "Transform AWS::Include is not supported: put what it would insert into the template, for example with aws cloudformation package.")
		}
		if transform == nil {
			return nil, t.Fail([]string{"Transform"}, "No transform named %s found.", name)
		}
		b, err := t.bindValues(in)
		if err != nil {
			return nil, err
		}
		body, origin, err := transform(t, b)
		if err != nil {
			return nil, err
		}
		if t, err = t.Rewrite(name, body, origin); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// iamTypes need CAPABILITY_IAM; with a value in the property named here they need
// CAPABILITY_NAMED_IAM.
var iamTypes = map[string]string{
	"AWS::IAM::AccessKey": "", "AWS::IAM::Group": "GroupName", "AWS::IAM::InstanceProfile": "InstanceProfileName",
	"AWS::IAM::ManagedPolicy": "ManagedPolicyName", "AWS::IAM::Policy": "", "AWS::IAM::Role": "RoleName",
	"AWS::IAM::User": "UserName", "AWS::IAM::UserToGroupAddition": "",
	"AWS::IAM::UserPolicy": "", "AWS::IAM::RolePolicy": "", "AWS::IAM::GroupPolicy": "",
}

// Capabilities returns what the template's user has to acknowledge, and the
// resource types that are the reason: CAPABILITY_NAMED_IAM or CAPABILITY_IAM, and
// CAPABILITY_AUTO_EXPAND while transforms are left to run.
func (t *Template) Capabilities() (capabilities, reasons []string) {
	iam, named := false, false
	for _, r := range t.Resources {
		property, isIAM := iamTypes[r.Type]
		if !isIAM {
			continue
		}
		iam = true
		if _, hasName := r.Properties.Get(property); hasName {
			named = true
		}
		if !slices.Contains(reasons, r.Type) {
			reasons = append(reasons, r.Type)
		}
	}
	switch {
	case named:
		capabilities = append(capabilities, "CAPABILITY_NAMED_IAM")
	case iam:
		capabilities = append(capabilities, "CAPABILITY_IAM")
	}
	if len(t.Transforms) > 0 {
		capabilities = append(capabilities, "CAPABILITY_AUTO_EXPAND")
		reasons = append(reasons, t.Transforms...)
	}
	return capabilities, reasons
}

// MissingCapabilities returns which of the capabilities that the template needs
// were not acknowledged. CAPABILITY_NAMED_IAM includes CAPABILITY_IAM.
func (t *Template) MissingCapabilities(acknowledged []string) []string {
	needed, _ := t.Capabilities()
	return slices.DeleteFunc(needed, func(c string) bool {
		return slices.Contains(acknowledged, c) || c == "CAPABILITY_IAM" && slices.Contains(acknowledged, "CAPABILITY_NAMED_IAM")
	})
}

// ResourceTypes returns the types of the resources, each once, in the template's
// order.
func (t *Template) ResourceTypes() []string {
	var types []string
	for _, r := range t.Resources {
		if !slices.Contains(types, r.Type) {
			types = append(types, r.Type)
		}
	}
	return types
}
