package template

import (
	"slices"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

var (
	sectionNames = []string{
		"AWSTemplateFormatVersion", "Description", "Metadata", "Parameters", "Mappings", "Conditions",
		"Transform", "Rules", "Resources", "Outputs", "Globals", "Hooks",
	}
	resourceKeys = []string{
		"Type", "Properties", "DependsOn", "Condition", "DeletionPolicy", "UpdateReplacePolicy",
		"UpdatePolicy", "CreationPolicy", "Metadata",
	}
	// transformKeys are what the Serverless transform reads in addition.
	transformKeys = []string{"Connectors", "IgnoreGlobals"}
	outputKeys    = []string{"Description", "Value", "Export", "Condition"}

	deletionPolicies = []string{"Delete", "Retain", "RetainExceptOnCreate", "Snapshot"}
	replacePolicies  = []string{"Delete", "Retain", "Snapshot"}
)

// load reads the sections of body and, where no transform is left, checks what
// is in them.
func load(body jsonvalue.Value, s *source, origin map[string][]string, extensions bool) (*Template, error) {
	t := &Template{Body: body, source: s, origin: origin, extensions: extensions}
	if body.Kind() != jsonvalue.KindObject {
		return nil, t.Fail(nil, "Template format error: unsupported structure.")
	}
	for key := range body.Members() {
		if !slices.Contains(sectionNames, key) {
			return nil, t.Fail([]string{key}, "Invalid template property or properties [%s]", key)
		}
	}
	for _, read := range []func() error{
		t.readHead, t.readParameters, t.readMappings, t.readConditions, t.readResources, t.readOutputs, t.readRules,
	} {
		if err := read(); err != nil {
			return nil, err
		}
	}
	if len(t.Transforms) > 0 {
		return t, nil
	}
	if err := t.check(); err != nil {
		return nil, err
	}
	return t, nil
}

func (t *Template) readHead() error {
	if v, ok := t.Body.Get("AWSTemplateFormatVersion"); ok {
		t.Version = v.Text()
		if t.Version != "2010-09-09" {
			return t.Fail([]string{"AWSTemplateFormatVersion"}, "Template format error: %s is not a supported value for AWSTemplateFormatVersion.", v.Text())
		}
	}
	if v, ok := t.Body.Get("Description"); ok {
		if v.Kind() != jsonvalue.KindString {
			return t.Fail([]string{"Description"}, "Template format error: Description must be a string.")
		}
		if t.Description = v.Str(); len(t.Description) > 1024 {
			return t.Fail([]string{"Description"}, "Template format error: 'Description' length is greater than 1024.")
		}
	}
	t.Metadata, _ = t.Body.Get("Metadata")
	return t.readTransforms()
}

func (t *Template) readTransforms() error {
	v, ok := t.Body.Get("Transform")
	if !ok {
		return nil
	}
	list := v
	if v.Kind() != jsonvalue.KindArray {
		list = jsonvalue.ArrayOf(v)
	}
	for item := range list.Elements() {
		name := item.Str()
		if item.Kind() == jsonvalue.KindObject {
			// {Name: AWS::Include, Parameters: {…}} is a transform with arguments.
			n, _ := item.Get("Name")
			name = n.Str()
		}
		if name == "" {
			return t.Fail([]string{"Transform"}, "Template format error: Transform must be the name of a transform or a list of names.")
		}
		t.Transforms = append(t.Transforms, name)
	}
	return nil
}

// section returns a section that has to be an object, which is undefined when it
// is absent.
func (t *Template) section(name string, most int) (jsonvalue.Value, error) {
	v, ok := t.Body.Get(name)
	if !ok {
		return jsonvalue.Value{}, nil
	}
	if v.Kind() == jsonvalue.KindNull {
		return v, t.Fail([]string{name}, "[/%s] 'null' values are not allowed in templates", name)
	}
	if v.Kind() != jsonvalue.KindObject {
		return v, t.Fail([]string{name}, "Template format error: unsupported structure: %s must be an object.", name)
	}
	if v.Len() > most {
		return v, t.Fail([]string{name}, "Template format error: Number of %s, %d, is greater than maximum allowed, %d", lower(name), v.Len(), most)
	}
	return v, nil
}

func lower(section string) string { return string(section[0]|0x20) + section[1:] }

func (t *Template) readMappings() error {
	var err error
	if t.mappings, err = t.section("Mappings", maxMappings); err != nil {
		return err
	}
	for name, mapping := range t.mappings.Members() {
		if isTransformCall(mapping) {
			continue
		}
		if mapping.Kind() != jsonvalue.KindObject {
			return t.Fail([]string{"Mappings", name}, "Template format error: Every Mappings member %s must be a map", name)
		}
		for key, values := range mapping.Members() {
			if values.Kind() != jsonvalue.KindObject {
				return t.Fail([]string{"Mappings", name, key}, "Template format error: Every Mappings member %s must be a map", key)
			}
			for attribute, value := range values.Members() {
				if !isScalar(value) && value.Kind() != jsonvalue.KindArray {
					return t.Fail([]string{"Mappings", name, key, attribute}, "Template format error: Every Mappings attribute must be a String or a List.")
				}
			}
		}
	}
	return nil
}

func isTransformCall(v jsonvalue.Value) bool {
	_, ok := v.Get("Fn::Transform")
	return ok
}

func (t *Template) readConditions() error {
	section, err := t.section("Conditions", 500)
	if err != nil {
		return err
	}
	t.conditions = make(map[string]jsonvalue.Value, section.Len())
	for name, v := range section.Members() {
		t.conditions[name] = v
		t.conditionNames = append(t.conditionNames, name)
	}
	return nil
}

func (t *Template) readResources() error {
	section, err := t.section("Resources", maxResources)
	if err != nil {
		return err
	}
	if section.Len() == 0 {
		return t.Fail([]string{"Resources"}, "Template format error: At least one Resources member must be defined.")
	}
	t.byID = make(map[string]int, section.Len())
	for id, v := range section.Members() {
		path := []string{"Resources", id}
		if forEach(id) && slices.Contains(t.Transforms, LanguageExtensions) {
			continue
		}
		if v.Kind() == jsonvalue.KindNull {
			return t.nullAt(path)
		}
		if v.Kind() != jsonvalue.KindObject {
			return t.Fail(path, "Template format error: Any Resources member must be an object.")
		}
		if !alphanumeric(id) {
			return t.Fail(path, "Template format error: Resource name %s is non alphanumeric.", id)
		}
		r, err := t.readResource(id, v, path)
		if err != nil {
			return err
		}
		t.byID[id] = len(t.Resources)
		t.Resources = append(t.Resources, r)
	}
	return nil
}

func (t *Template) nullAt(path []string) error {
	return t.Fail(path, "[%s] 'null' values are not allowed in templates", joinPath(path))
}

func alphanumeric(id string) bool {
	for _, c := range []byte(id) {
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return id != ""
}

func (t *Template) readResource(id string, v jsonvalue.Value, path []string) (Resource, error) {
	r := Resource{ID: id, DeletionPolicy: "Delete", UpdateReplacePolicy: "Delete", Properties: jsonvalue.ObjectOf()}
	at := func(key string) []string { return append(slices.Clone(path), key) }
	for key := range v.Members() {
		known := slices.Contains(resourceKeys, key) || len(t.Transforms) > 0 && slices.Contains(transformKeys, key)
		if !known {
			return r, t.Fail(at(key), "Invalid template resource property '%s'", key)
		}
	}
	kind, _ := v.Get("Type")
	if kind.Kind() != jsonvalue.KindString || kind.Str() == "" {
		return r, t.Fail(path, "Template format error: [%s] Every Resources object must contain a Type member.", joinPath(path))
	}
	r.Type = kind.Str()
	if p, ok := v.Get("Properties"); ok {
		switch p.Kind() {
		case jsonvalue.KindNull:
			if len(t.Transforms) == 0 {
				return r, t.nullAt(at("Properties"))
			}
		case jsonvalue.KindObject:
			r.Properties = p
		default:
			return r, t.Fail(at("Properties"), "Template format error: [%s] Properties must be an object.", joinPath(at("Properties")))
		}
	}
	var err error
	if r.DependsOn, err = t.dependsOn(v, at("DependsOn")); err != nil {
		return r, err
	}
	if c, ok := v.Get("Condition"); ok {
		if c.Str() == "" {
			return r, t.Fail(at("Condition"), "Template format error: [%s] Every Condition member must be a string.", joinPath(at("Condition")))
		}
		r.Condition = c.Str()
	}
	if r.DeletionPolicy, err = t.policy(v, "DeletionPolicy", deletionPolicies, at("DeletionPolicy")); err != nil {
		return r, err
	}
	if r.UpdateReplacePolicy, err = t.policy(v, "UpdateReplacePolicy", replacePolicies, at("UpdateReplacePolicy")); err != nil {
		return r, err
	}
	r.UpdatePolicy, _ = v.Get("UpdatePolicy")
	r.CreationPolicy, _ = v.Get("CreationPolicy")
	r.Metadata, _ = v.Get("Metadata")
	return r, nil
}

func (t *Template) dependsOn(v jsonvalue.Value, path []string) ([]string, error) {
	on, ok := v.Get("DependsOn")
	if !ok {
		return nil, nil
	}
	if on.Kind() == jsonvalue.KindString {
		return []string{on.Str()}, nil
	}
	var ids []string
	seen := map[string]bool{}
	if on.Kind() == jsonvalue.KindArray {
		for id := range on.Elements() {
			if id.Kind() != jsonvalue.KindString {
				return nil, t.Fail(path, "Template format error: DependsOn must be a string or list of strings.")
			}
			if !seen[id.Str()] {
				seen[id.Str()] = true
				ids = append(ids, id.Str())
			}
		}
		return ids, nil
	}
	return nil, t.Fail(path, "Template format error: DependsOn must be a string or list of strings.")
}

func (t *Template) policy(v jsonvalue.Value, key string, known, path []string) (string, error) {
	p, ok := v.Get(key)
	if !ok {
		return known[0], nil
	}
	if p.Kind() == jsonvalue.KindObject && (t.extensions || len(t.Transforms) > 0) {
		// With AWS::LanguageExtensions, a function that parameters answer.
		return known[0], nil
	}
	if !slices.Contains(known, p.Str()) {
		return "", t.Fail(path, "Template format error: Unrecognized %s %s", key, p.Text())
	}
	return p.Str(), nil
}

func (t *Template) readOutputs() error {
	section, err := t.section("Outputs", maxOutputs)
	if err != nil {
		return err
	}
	for name, v := range section.Members() {
		path := []string{"Outputs", name}
		if forEach(name) && slices.Contains(t.Transforms, LanguageExtensions) {
			continue
		}
		if v.Kind() == jsonvalue.KindNull {
			return t.nullAt(path)
		}
		if v.Kind() != jsonvalue.KindObject {
			return t.Fail(path, "Template format error: Any Outputs member must be an object.")
		}
		if !alphanumeric(name) {
			return t.Fail(path, "Template format error: Output name %s is non alphanumeric.", name)
		}
		o, err := t.readOutput(name, v, path)
		if err != nil {
			return err
		}
		t.Outputs = append(t.Outputs, o)
	}
	return nil
}

func (t *Template) readOutput(name string, v jsonvalue.Value, path []string) (Output, error) {
	o := Output{Name: name}
	for key := range v.Members() {
		if !slices.Contains(outputKeys, key) {
			return o, t.Fail(append(path, key), "Invalid template output property '%s'", key)
		}
	}
	var ok bool
	if o.Value, ok = v.Get("Value"); !ok {
		return o, t.Fail(path, "Template format error: Every Outputs member must contain a Value object")
	}
	if o.Value.Kind() == jsonvalue.KindNull {
		return o, t.nullAt(append(path, "Value"))
	}
	if d, ok := v.Get("Description"); ok {
		o.Description = d.Text()
	}
	if c, ok := v.Get("Condition"); ok {
		if o.Condition = c.Str(); o.Condition == "" {
			return o, t.Fail(append(path, "Condition"), "Template format error: [%s] Every Condition member must be a string.", joinPath(append(path, "Condition")))
		}
	}
	if e, ok := v.Get("Export"); ok {
		if o.Export, ok = e.Get("Name"); !ok {
			return o, t.Fail(append(path, "Export"), "Template format error: Output %s is malformed. The Export of an output requires a Name.", name)
		}
	}
	return o, nil
}

// isScalar reports whether v is text, a number or a boolean.
func isScalar(v jsonvalue.Value) bool {
	switch v.Kind() {
	case jsonvalue.KindString, jsonvalue.KindNumber, jsonvalue.KindBool:
		return true
	default:
		return false
	}
}
