package serverless_test

import (
	"strings"
	"testing"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
	"github.com/crossfade-dev/crossfade/localcloud/cloudformation/template"
)

const head = "Transform: AWS::Serverless-2016-10-31\n"

// fn is a function with an alias and these other properties.
func fn(properties string) string {
	return head + "Resources:\n  Fn:\n    Type: AWS::Serverless::Function\n    Properties: {Handler: a.b, Runtime: r, InlineCode: x, AutoPublishAlias: live" + properties + "}\n"
}

// sm is a state machine with these other properties.
func sm(properties string) string {
	return head + "Resources:\n  SM:\n    Type: AWS::Serverless::StateMachine\n    Properties: {DefinitionUri: s3://b/k, Role: r" + properties + "}\n"
}

func mustExpand(t *testing.T, text string) *template.Template {
	t.Helper()
	expanded, err := expand(text, nil)
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return expanded
}

// versionID returns the logical id of the only version.
func versionID(t *testing.T, text string) string {
	t.Helper()
	for _, r := range mustExpand(t, text).Resources {
		if r.Type == "AWS::Lambda::Version" {
			return r.ID
		}
	}
	t.Fatal("no version")
	return ""
}

func TestTheIDOfAVersionFollowsWhatMakesItAnother(t *testing.T) {
	plain, all := versionID(t, fn("")), ", AutoPublishAliasAllProperties: true"
	if len(plain) != len("FnVersion")+10 || strings.Trim(plain[len("FnVersion"):], "0123456789abcdef") != "" {
		t.Errorf("the version is %s, want ten hexadecimal digits behind FnVersion", plain)
	}
	for _, c := range []struct {
		before, after string
		differs       bool
	}{
		{"", ", Environment: {Variables: {A: b}}", true},
		{"", ", MemorySize: 256", true},
		{"", ", SnapStart: {ApplyOn: PublishedVersions}", true},
		{"", ", Timeout: 9", false},
		{"", ", Tags: {a: b}", false},
		{"", ", VersionDescription: other", false},
		{all, all + ", Timeout: 9", true},
		{all, all + ", Layers: [a]", true},
		{", AutoPublishCodeSha256: 0123456789ab", ", AutoPublishCodeSha256: 0123456789ab, MemorySize: 256", false},
		{", AutoPublishCodeSha256: 0123456789ab", ", AutoPublishCodeSha256: 1123456789ab", true},
	} {
		if before, after := versionID(t, fn(c.before)), versionID(t, fn(c.after)); (before != after) != c.differs {
			t.Errorf("{%s} has %s and {%s} has %s, want another one: %t", c.before, before, c.after, after, c.differs)
		}
	}
}

func TestADeploymentPreferenceBecomesWhatCodeDeployNeeds(t *testing.T) {
	const preference = ", DeploymentPreference: "
	for _, c := range []struct{ properties, group, policy string }{
		{preference + "{Type: AllAtOnce}", `"DeploymentConfigName":{"Fn::Sub":["CodeDeployDefault.Lambda${ConfigName}",{"ConfigName":"AllAtOnce"}]}`, `"DeploymentGroupName":{"Ref":"FnDeploymentGroup"}`},
		{preference + "{Type: Canary10Percent30Minutes, Alarms: [a, !Ref B]}", `"AlarmConfiguration":{"Enabled":true,"Alarms":[{"Name":"a"},{"Name":{"Ref":"B"}}]}`, ""},
		{preference + "{Type: CodeDeployDefault.LambdaAllAtOnce}", `"DeploymentConfigName":"CodeDeployDefault.LambdaAllAtOnce"`, ""},
		{preference + "{Type: AllAtOnce, Role: arn}", `"ServiceRoleArn":"arn"`, ""},
		{preference + "{Type: AllAtOnce}", `"ServiceRoleArn":{"Fn::GetAtt":["CodeDeployServiceRole","Arn"]}`, ""},
		{preference + "{Type: AllAtOnce}", `"DeploymentStyle":{"DeploymentType":"BLUE_GREEN","DeploymentOption":"WITH_TRAFFIC_CONTROL"}`, ""},
		{preference + "{Type: AllAtOnce}", `"AutoRollbackConfiguration":{"Enabled":true,"Events":["DEPLOYMENT_FAILURE","DEPLOYMENT_STOP_ON_ALARM","DEPLOYMENT_STOP_ON_REQUEST"]}`, ""},
		{preference + "{Type: AllAtOnce, Hooks: {PreTraffic: p, PostTraffic: !Ref B}}", "", `"BeforeAllowTrafficHook":"p","AfterAllowTrafficHook":{"Ref":"B"}`},
		{preference + "{Type: AllAtOnce, TriggerConfigurations: [{TriggerName: n}]}", `"TriggerConfigurations":[{"TriggerName":"n"}]`, ""},
		{preference + "{Type: AllAtOnce, Enabled: 'TRUE'}", `"ApplicationName":{"Ref":"ServerlessDeploymentApplication"}`, `"ApplicationName":{"Ref":"ServerlessDeploymentApplication"}`},
	} {
		expanded := mustExpand(t, fn(c.properties)+"  B: {Type: AWS::SNS::Topic}\n")
		group, ok := expanded.Resource("FnDeploymentGroup")
		if !ok || !strings.Contains(group.Properties.String(), c.group) {
			t.Errorf("{%s} has the deployment group %s, want %s in it", c.properties, group.Properties, c.group)
		}
		alias, _ := expanded.Resource("FnAliaslive")
		if update, _ := alias.UpdatePolicy.Get("CodeDeployLambdaAliasUpdate"); !strings.Contains(update.String(), c.policy) {
			t.Errorf("{%s} has the update policy %s, want %s in it", c.properties, update, c.policy)
		}
		_, shared := expanded.Resource("CodeDeployServiceRole")
		if own := strings.Contains(c.properties, "Role: arn"); shared == own {
			t.Errorf("{%s}: there is a shared role: %t, want %t", c.properties, shared, !own)
		}
	}
}

func TestAPreferenceThatIsNotEnabledLeavesAPlainAlias(t *testing.T) {
	for _, enabled := range []string{"false", "'false'", "!If [No, true, false]"} {
		expanded := mustExpand(t, "Conditions: {No: !Equals [a, b]}\n"+fn(", DeploymentPreference: {Type: AllAtOnce, Enabled: "+enabled+"}"))
		if alias, _ := expanded.Resource("FnAliaslive"); alias.UpdatePolicy.IsDefined() {
			t.Errorf("Enabled: %s has the update policy %s", enabled, alias.UpdatePolicy)
		}
		for _, id := range []string{"FnDeploymentGroup", "ServerlessDeploymentApplication", "CodeDeployServiceRole"} {
			if _, ok := expanded.Resource(id); ok {
				t.Errorf("Enabled: %s makes %s", enabled, id)
			}
		}
	}
}

func TestNamesOfAliasesBecomePartsOfIDs(t *testing.T) {
	for alias, id := range map[string]string{"live": "FnAliaslive", "live-eu": "FnAliasliveDeu", "live_1": "FnAliasliveU1"} {
		if _, ok := mustExpand(t, strings.Replace(fn(""), "Alias: live", "Alias: "+alias, 1)).Resource(id); !ok {
			t.Errorf("the alias %s has not the id %s", alias, id)
		}
	}
}

func TestVersionsAreRetainedUnlessTheTemplateSaysOtherwise(t *testing.T) {
	for properties, want := range map[string]string{"": "Retain", ", VersionDeletionPolicy: Delete": "Delete"} {
		expanded := mustExpand(t, fn(properties))
		if r, _ := expanded.Resource(versionID(t, fn(properties))); r.DeletionPolicy != want {
			t.Errorf("{%s}: the version's policy is %s, want %s", properties, r.DeletionPolicy, want)
		}
	}
	version, _ := mustExpand(t, sm(", AutoPublishAlias: live")).Resource("SMVersion")
	if version.DeletionPolicy != "Retain" || version.UpdateReplacePolicy != "Retain" {
		t.Errorf("a state machine's version has the policies %s and %s, want Retain", version.DeletionPolicy, version.UpdateReplacePolicy)
	}
}

func TestAStateMachinesPreferenceIsItsAliass(t *testing.T) {
	for properties, want := range map[string]string{
		"": `{"StateMachineVersionArn":{"Ref":"SMVersion"},"Type":"ALL_AT_ONCE"}`,
		", DeploymentPreference: {Type: LINEAR, Percentage: 10, Interval: 3, Alarms: [a]}": `{"StateMachineVersionArn":{"Ref":"SMVersion"},"Type":"LINEAR","Percentage":10,"Interval":3,"Alarms":["a"]}`,
	} {
		alias, _ := mustExpand(t, sm(", AutoPublishAlias: live"+properties)).Resource("SMAliaslive")
		if got, _ := alias.Properties.Get("DeploymentPreference"); got.String() != want {
			t.Errorf("{%s} has the preference %s, want %s", properties, got, want)
		}
	}
	for properties, want := range map[string]string{
		", DeploymentPreference: {Type: ALL_AT_ONCE}":                                       "'DeploymentPreference' requires 'AutoPublishAlias' property to be specified.",
		", UseAliasAsEventTarget: true":                                                     "'UseAliasAsEventTarget' requires 'AutoPublishAlias' property to be specified.",
		", AutoPublishAlias: a, DeploymentPreference: {StateMachineVersionArn: a, Type: b}": "no property StateMachineVersionArn",
	} {
		if _, err := expand(sm(properties), nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("{%s}: got %v, want %q", properties, err, want)
		}
	}
}

func TestGlobalsJoinWhatResourcesSay(t *testing.T) {
	globals := "Globals:\n  Function: {Timeout: 20, MemorySize: 512, Layers: [a], Tags: {one: global, two: global}, Environment: {Variables: {A: global, B: global}}}\n"
	function, _ := mustExpand(t, globals+fn(", Timeout: 9, Layers: [b], Tags: {two: own}, Environment: {Variables: {B: own}}")).Resource("Fn")
	for name, want := range map[string]string{
		"Timeout": "9", "MemorySize": "512", "Layers": `["a","b"]`, "Environment": `{"Variables":{"A":"global","B":"own"}}`,
	} {
		if got, _ := function.Properties.Get(name); got.String() != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	tags, _ := function.Properties.Get("Tags")
	for _, want := range []string{`{"Key":"lambda:createdBy","Value":"SAM"}`, `{"Key":"one","Value":"global"}`, `{"Key":"two","Value":"own"}`} {
		if !strings.Contains(tags.String(), want) {
			t.Errorf("the tags are %s, want %s in them", tags, want)
		}
	}
	for _, refused := range []string{"Function: {FunctionName: a}", "Function: {Role: a}", "Function: {Policies: [a]}", "Function: {Events: {}}", "StateMachine: {Role: a}"} {
		if _, err := expand("Globals: {"+refused+"}\n"+fn(""), nil); err == nil {
			t.Errorf("Globals take %s", refused)
		}
	}
}

func TestAHookInheritsAPreferenceAndMayRefuseIt(t *testing.T) {
	expanded := mustExpand(t, "Globals: {Function: {AutoPublishAlias: live, DeploymentPreference: {Type: AllAtOnce}}}\n"+fn("")+
		"  Hook: {Type: AWS::Serverless::Function, Properties: {Handler: a.b, Runtime: r, InlineCode: y, DeploymentPreference: {Enabled: false}}}\n")
	alias, _ := expanded.Resource("HookAliaslive")
	if _, group := expanded.Resource("HookDeploymentGroup"); group || alias.UpdatePolicy.IsDefined() {
		t.Errorf("the hook has the update policy %s and a group: %t", alias.UpdatePolicy, group)
	}
	if _, group := expanded.Resource("FnDeploymentGroup"); !group {
		t.Error("the function has no group")
	}
}

func TestAFunctionsRoleHasWhatItAsksFor(t *testing.T) {
	role, _ := mustExpand(t, fn(", Tracing: Active, Policies: [AmazonSNSFullAccess, {Statement: []}]")).Resource("FnRole")
	managed, _ := role.Properties.Get("ManagedPolicyArns")
	want := `["arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole","arn:aws:iam::aws:policy/AWSXrayWriteOnlyAccess","arn:aws:iam::aws:policy/AmazonSNSFullAccess"]`
	if managed.String() != want {
		t.Errorf("the managed policies are %s, want %s", managed, want)
	}
	if inline, _ := role.Properties.Get("Policies"); inline.Len() != 1 || inline.Kind() != jsonvalue.KindArray {
		t.Errorf("the inline policies are %s", inline)
	}
	if _, ok := mustExpand(t, fn(", Role: arn")).Resource("FnRole"); ok {
		t.Error("a function with a role gets another")
	}
}
