package serverless

import (
	"errors"
	"fmt"
	"strings"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

var stateMachineProperties = []string{
	"Definition", "DefinitionUri", "DefinitionSubstitutions", "Events", "Logging", "Name", "PermissionsBoundary", "Policies", "Role",
	"RolePath", "Tags", "PropagateTags", "Tracing", "Type", "AutoPublishAlias", "DeploymentPreference", "UseAliasAsEventTarget",
}

// stateMachine expands AWS::Serverless::StateMachine.
func (s *source) stateMachine() error {
	if err := s.only(stateMachineProperties); err != nil {
		return err
	}
	events, err := s.readEvents()
	if err != nil {
		return err
	}
	alias, err := s.text("AutoPublishAlias")
	if err != nil {
		return err
	}
	useAlias, err := s.flag("UseAliasAsEventTarget")
	switch {
	case err != nil:
		return err
	case useAlias && alias == "":
		return errors.New("'UseAliasAsEventTarget' requires 'AutoPublishAlias' property to be specified.") //nolint:staticcheck // AWS's words
	case alias == "" && s.get("DeploymentPreference").IsDefined():
		return errors.New("'DeploymentPreference' requires 'AutoPublishAlias' property to be specified.") //nolint:staticcheck // AWS's words
	}
	var b jsonvalue.ObjectBuilder
	if err := s.definition(&b); err != nil {
		return err
	}
	if role := s.get("Role"); role.IsDefined() {
		if s.get("Policies").IsDefined() {
			return errors.New("Specify either 'Role' or 'Policies' (but not both at the same time) or neither of them") //nolint:staticcheck // AWS's words
		}
		b.Set("RoleArn", role)
	} else {
		if err := s.stateMachineRole(); err != nil {
			return err
		}
		b.Set("RoleArn", getAtt(s.id+"Role", "Arn"))
	}
	for from, to := range map[string]string{
		"Name": "StateMachineName", "Type": "StateMachineType", "Logging": "LoggingConfiguration", "Tracing": "TracingConfiguration",
	} {
		if v := s.get(from); v.IsDefined() {
			b.Set(to, v)
		}
	}
	b.Set("Tags", tags("stateMachine:createdBy", s.get("Tags")))
	if err := s.emit(s.id, "AWS::StepFunctions::StateMachine", inOrder(b.Value())); err != nil {
		return err
	}
	called := callee{arn: ref(s.id), name: ref(s.id)}
	if alias != "" {
		aliasID := s.id + "Alias" + titled(alias)
		if err := s.machineVersionAndAlias(alias, aliasID); err != nil {
			return err
		}
		if useAlias {
			called = callee{arn: ref(aliasID), name: ref(aliasID), alias: aliasID}
		}
	}
	return s.machineEvents(events, called)
}

// inOrder writes the properties of a state machine always in the same order.
func inOrder(v value) value {
	var b jsonvalue.ObjectBuilder
	for _, name := range []string{
		"DefinitionString", "DefinitionS3Location", "DefinitionSubstitutions", "RoleArn", "StateMachineName", "StateMachineType",
		"LoggingConfiguration", "TracingConfiguration", "Tags",
	} {
		if p, ok := v.Get(name); ok {
			b.Set(name, p)
		}
	}
	return b.Value()
}

// definition sets DefinitionString or DefinitionS3Location, and substitutions.
func (s *source) definition(b *jsonvalue.ObjectBuilder) error {
	inline, uri := s.get("Definition"), s.get("DefinitionUri")
	// Null members are fine inside a definition, so get's rule is not for them.
	substitutions := s.get("DefinitionSubstitutions")
	switch {
	case inline.IsDefined() && uri.IsDefined():
		return errors.New("Specify either 'Definition' or 'DefinitionUri' property and not both.") //nolint:staticcheck // AWS's words
	case inline.IsDefined():
		if inline.Kind() != jsonvalue.KindObject {
			return errors.New("'Definition' must be a map")
		}
		d := dynamic{substitutions: substitutions}
		lines := strings.Split(indented(d.replace(inline), ""), "\n")
		items := make([]value, 0, len(lines))
		for _, line := range lines {
			items = append(items, str(line))
		}
		b.Set("DefinitionString", obj("Fn::Join", list(str("\n"), list(items...))))
		substitutions = d.substitutions
	case uri.Kind() == jsonvalue.KindString:
		bucket, key, version, ok := s.location(uri.Str())
		if !ok {
			return errors.New("'DefinitionUri' is not a valid S3 Uri of the form 's3://bucket/key' with optional versionId query parameter.") //nolint:staticcheck // AWS's words
		}
		b.Set("DefinitionS3Location", obj("Bucket", str(bucket), "Key", str(key), "Version", version))
	case uri.Kind() == jsonvalue.KindObject:
		bucket, _ := uri.Get("Bucket")
		key, _ := uri.Get("Key")
		version, _ := uri.Get("Version")
		if !bucket.IsDefined() || !key.IsDefined() {
			return errors.New("'DefinitionUri' requires Bucket and Key properties to be specified.") //nolint:staticcheck // AWS's words
		}
		b.Set("DefinitionS3Location", obj("Bucket", bucket, "Key", key, "Version", version))
	default:
		return errors.New("Either 'Definition' or 'DefinitionUri' property must be specified.") //nolint:staticcheck // AWS's words
	}
	if substitutions.IsDefined() {
		b.Set("DefinitionSubstitutions", substitutions)
	}
	return nil
}

// A dynamic moves the functions of a definition into its substitutions: the text
// of a definition has none.
type dynamic struct {
	substitutions value
	n             int
}

func (d *dynamic) replace(v value) value {
	switch v.Kind() {
	case jsonvalue.KindArray:
		var b jsonvalue.ArrayBuilder
		for item := range v.Elements() {
			b.Append(d.replace(item))
		}
		return b.Value()
	case jsonvalue.KindObject:
		if isCall(v) {
			d.n++
			name := fmt.Sprintf("definition_substitution_%d", d.n)
			d.substitutions = d.substitutions.With(name, v)
			return str("${" + name + "}")
		}
		var b jsonvalue.ObjectBuilder
		for key, item := range v.Members() {
			b.Set(key, d.replace(item))
		}
		return b.Value()
	default:
		return v
	}
}

// indented writes v as JSON with four blanks for each level.
func indented(v value, margin string) string {
	inner := margin + "    "
	var parts []string
	opening, closing := "[", "]"
	switch v.Kind() {
	case jsonvalue.KindArray:
		for item := range v.Elements() {
			parts = append(parts, inner+indented(item, inner))
		}
	case jsonvalue.KindObject:
		opening, closing = "{", "}"
		for key, item := range v.Members() {
			parts = append(parts, inner+str(key).String()+": "+indented(item, inner))
		}
	default:
		return v.String()
	}
	if len(parts) == 0 {
		return opening + closing
	}
	return opening + "\n" + strings.Join(parts, ",\n") + "\n" + margin + closing
}

func (s *source) stateMachineRole() error {
	r := role{id: s.id + "Role", trust: trust("states.amazonaws.com"), mark: "stateMachine:createdBy"}
	tracing, err := s.known("Tracing")
	if err != nil {
		return err
	}
	if enabled, ok := tracing.Get("Enabled"); ok && strings.EqualFold(enabled.Text(), "true") {
		r.managed = append(r.managed, str(s.tracingPolicy()))
	}
	return s.emitRole(r)
}

// machineVersionAndAlias adds the version of the current revision and the alias
// that is deployed to it. The version's id never changes: a new revision replaces
// it, and the old version is retained.
func (s *source) machineVersionAndAlias(alias, aliasID string) error {
	s.expanding = []string{"AutoPublishAlias"}
	versionID := s.id + "Version"
	retain := str("Retain")
	if given, ok := s.whole.Get("DeletionPolicy"); ok {
		retain = given
	}
	err := s.emit(versionID, "AWS::StepFunctions::StateMachineVersion",
		obj("StateMachineArn", ref(s.id), "StateMachineRevisionId", getAtt(s.id, "StateMachineRevisionId")),
		jsonvalue.Member{Key: "DeletionPolicy", Value: retain}, jsonvalue.Member{Key: "UpdateReplacePolicy", Value: str("Retain")})
	if err != nil {
		return err
	}
	preference := obj("StateMachineVersionArn", ref(versionID))
	given := s.get("DeploymentPreference")
	if !given.IsDefined() {
		given = obj("Type", str("ALL_AT_ONCE"))
	}
	if given.Kind() != jsonvalue.KindObject {
		return errors.New("'DeploymentPreference' must be a map")
	}
	if _, ok := given.Get("StateMachineVersionArn"); ok {
		return errors.New("'DeploymentPreference' has no property StateMachineVersionArn: the version is the one that is published")
	}
	for key, v := range given.Members() {
		preference = preference.With(key, v)
	}
	s.renamed[s.id+".Version"], s.renamed[s.id+".Alias"] = versionID, aliasID
	s.expanding = []string{"DeploymentPreference"}
	return s.emit(aliasID, "AWS::StepFunctions::StateMachineAlias", obj("Name", str(alias), "DeploymentPreference", preference))
}
