package codedeploy

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/crossfade-dev/crossfade/internal/arn"
	"github.com/crossfade-dev/crossfade/localcloud/wire/codedeployapi"
)

// An appSpec says which function's alias moves from which version to which, and
// which functions are asked about it.
type appSpec struct {
	Function, Alias string // the function's name or ARN
	Current, Target string // version numbers
	Before, After   string // functions; empty: none
}

// parseAppSpec reads an AppSpec file for a function, in YAML or JSON, which is
// YAML too. Names of members are read in any case: the documentation writes them
// in lower case, templates with a capital.
//
// Source: CodeDeploy User Guide, "AppSpec file structure for AWS Lambda deployments".
func parseAppSpec(content string) (appSpec, error) {
	var spec appSpec
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(content), &doc); err != nil {
		return spec, badSpec("is neither YAML nor JSON: %v", err)
	}
	if doc.Kind != yaml.DocumentNode || len(doc.Content) != 1 {
		return spec, badSpec("is empty")
	}
	top, err := members(doc.Content[0], "the file")
	if err != nil {
		return spec, err
	}
	if v := top["version"]; v == nil || v.Value != "0.0" && v.Value != "0" {
		return spec, badSpec("has to say version: 0.0")
	}
	if top["resources"] == nil {
		return spec, badSpec("has no resources")
	}
	if err := spec.readResources(top["resources"]); err != nil {
		return spec, err
	}
	if top["hooks"] != nil {
		return spec, spec.readHooks(top["hooks"])
	}
	return spec, nil
}

func badSpec(format string, args ...any) error {
	return codedeployapi.NewInvalidRevisionException("The AppSpec file " + fmt.Sprintf(format, args...))
}

// members returns the members of a mapping by their name in lower case.
func members(n *yaml.Node, what string) (map[string]*yaml.Node, error) {
	if n.Kind != yaml.MappingNode {
		return nil, badSpec("is wrong in line %d: %s has to be a mapping", n.Line, what)
	}
	m := map[string]*yaml.Node{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name := strings.ToLower(n.Content[i].Value)
		if m[name] != nil {
			return nil, badSpec("is wrong in line %d: %s stands there twice", n.Content[i].Line, n.Content[i].Value)
		}
		m[name] = n.Content[i+1]
	}
	return m, nil
}

// items returns the mappings of a list, or a mapping alone.
func items(n *yaml.Node) []*yaml.Node {
	if n.Kind == yaml.SequenceNode {
		return n.Content
	}
	return []*yaml.Node{n}
}

func (spec *appSpec) readResources(n *yaml.Node) error {
	list := items(n)
	if len(list) != 1 || len(list[0].Content) != 2 {
		return badSpec("is wrong in line %d: there has to be exactly one resource", n.Line)
	}
	resource, err := members(list[0].Content[1], "a resource")
	if err != nil {
		return err
	}
	if t := resource["type"]; t == nil || t.Value != "AWS::Lambda::Function" {
		return badSpec("is wrong in line %d: the resource has to be of type AWS::Lambda::Function", list[0].Line)
	}
	if resource["properties"] == nil {
		return badSpec("is wrong in line %d: the resource has no properties", list[0].Line)
	}
	properties, err := members(resource["properties"], "properties")
	if err != nil {
		return err
	}
	for _, p := range []struct {
		name string
		to   *string
	}{{"Name", &spec.Function}, {"Alias", &spec.Alias}, {"CurrentVersion", &spec.Current}, {"TargetVersion", &spec.Target}} {
		v := properties[strings.ToLower(p.name)]
		if v == nil || v.Kind != yaml.ScalarNode || v.Value == "" {
			return badSpec("is wrong in line %d: the property %s is missing", resource["properties"].Line, p.name)
		}
		*p.to = v.Value
	}
	for _, v := range []string{spec.Current, spec.Target} {
		if !arn.IsVersion(v) {
			return badSpec("is wrong: %q is not the number of a version", v)
		}
	}
	return nil
}

func (spec *appSpec) readHooks(n *yaml.Node) error {
	for _, item := range items(n) {
		hooks, err := members(item, "a hook")
		if err != nil {
			return err
		}
		for name, v := range hooks {
			to := map[string]*string{"beforeallowtraffic": &spec.Before, "afterallowtraffic": &spec.After}[name]
			if to == nil {
				return badSpec("is wrong in line %d: functions have the hooks %s and %s, not %s", item.Line, beforeAllow, afterAllow, item.Content[0].Value)
			}
			if v.Kind != yaml.ScalarNode || v.Value == "" {
				return badSpec("is wrong in line %d: a hook names a function", v.Line)
			}
			*to = v.Value
		}
	}
	return nil
}

// function returns the function's ARN.
func (spec appSpec) function(at place) (arn.ARN, error) {
	if a, err := arn.Parse(spec.Function); err == nil {
		base, qualifier := a.Qualified()
		if a.Service != "lambda" || a.Kind() != "function" || qualifier != "" {
			return a, badSpec("is wrong: %s is not the name of a function", spec.Function)
		}
		return base, nil
	}
	return arn.ARN{Partition: at.Partition, Service: "lambda", Region: at.Region, Account: at.Account, Resource: "function:" + spec.Function}, nil
}

// reverse is the file that takes back what this one does.
func (spec appSpec) reverse() appSpec {
	return appSpec{Function: spec.Function, Alias: spec.Alias, Current: spec.Target, Target: spec.Current}
}

// text writes the file.
func (spec appSpec) text() string {
	return fmt.Sprintf(`{"version":"0.0","Resources":[{"Function":{"Type":"AWS::Lambda::Function","Properties":{"Name":%q,"Alias":%q,"CurrentVersion":%q,"TargetVersion":%q}}}]}`,
		spec.Function, spec.Alias, spec.Current, spec.Target)
}
