package wire_test

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/cloudwatchapi"
	"github.com/crossfade-dev/crossfade/localcloud/wire/iamapi"
	"github.com/crossfade-dev/crossfade/localcloud/wire/sfnapi"
	"github.com/crossfade-dev/crossfade/localcloud/wire/stsapi"
)

func TestConstraintsAreCheckedInTheWordsOfAWS(t *testing.T) {
	s := wire.NewServer(wire.Config{}, gardenAPI(nil), wire.API{Service: &sfnapi.Service, Rows: []wire.Row{
		wire.Op(sfnapi.CreateStateMachineAlias, func(context.Context, *sfnapi.CreateStateMachineAliasInput) (*sfnapi.CreateStateMachineAliasOutput, error) {
			return &sfnapi.CreateStateMachineAliasOutput{}, nil
		}),
		wire.Op(sfnapi.ListExecutions, func(context.Context, *sfnapi.ListExecutionsInput) (*sfnapi.ListExecutionsOutput, error) {
			return &sfnapi.ListExecutionsOutput{}, nil
		}),
		wire.Op(sfnapi.UntagResource, func(context.Context, *sfnapi.UntagResourceInput) (*sfnapi.UntagResourceOutput, error) {
			return &sfnapi.UntagResourceOutput{}, nil
		}),
	}})
	const good = `"Words":"abc","Number":3,"Box":{"Label":"abc"}`
	const failed = " failed to satisfy constraint: "
	cases := []struct{ operation, params, want string }{
		{"Check", `{` + good + `}`, ""},
		{"Check", `{}`, "3 validation errors detected: Value null at 'words'" + failed + "Member must not be null; Value null at 'number'" + failed + "Member must not be null; Value null at 'box'" + failed + "Member must not be null"},
		{"Check", `{"Words":null,"Number":3,"Box":{}}`, "2 validation errors detected: Value null at 'words'" + failed + "Member must not be null; Value null at 'box.label'" + failed + "Member must not be null"},
		{"Check", `{"Words":"abcdef","Number":0,"Box":{"Label":"abc"}}`, "2 validation errors detected: Value 'abcdef' at 'words'" + failed + "Member must have length less than or equal to 5; Value '0' at 'number'" + failed + "Member must have value greater than or equal to 1"},
		{"Check", `{"Words":"","Number":3,"Box":{"Label":"abc"}}`, "2 validation errors detected: Value '' at 'words'" + failed + "Member must satisfy regular expression pattern: [a-z]+; Value '' at 'words'" + failed + "Member must have length greater than or equal to 2"},
		{"Check", `{` + good + `,"Ratio":1.5,"Data":"abcd"}`, "2 validation errors detected: Value '1.5' at 'ratio'" + failed + "Member must have value less than or equal to 1.0; Value 'java.nio.HeapByteBuffer[pos=0 lim=4 cap=4]' at 'data'" + failed + "Member must have length less than or equal to 3"},
		{"Check", `{` + good + `,"Kind":"tree"}`, "1 validation error detected: Value 'tree' at 'kind'" + failed + "Member must satisfy enum value set: [SHRUB, HERB, TREE]"},
		{"Check", `{` + good + `,"Kinds":["TREE","MOSS"]}`, "1 validation error detected: Value '[TREE, MOSS]' at 'kinds'" + failed + "Member must satisfy constraint: [Member must satisfy enum value set: [SHRUB, HERB, TREE], Member must not be null]"},
		{"Check", `{` + good + `,"Kinds":["TREE","HERB","TREE"]}`, "1 validation error detected: Value '[TREE, HERB, TREE]' at 'kinds'" + failed + "Member must have length less than or equal to 2"},
		{"Check", `{` + good + `,"WordList":[]}`, "1 validation error detected: Value '[]' at 'wordList'" + failed + "Member must have length greater than or equal to 1"},
		{"Check", `{` + good + `,"WordList":["ok","NO"]}`, "1 validation error detected: Value '[ok, NO]' at 'wordList'" + failed + "Member must satisfy constraint: [Member must have length less than or equal to 5, Member must have length greater than or equal to 2, Member must satisfy regular expression pattern: [a-z]+, Member must not be null]"},
		{"Check", `{` + good + `,"Beds":["a"]}`, "1 validation error detected: Value '[a]' at 'beds'" + failed + "Member must satisfy constraint: [Member must have length less than or equal to 5, Member must have length greater than or equal to 2, Member must satisfy regular expression pattern: [a-z]+]"},
		{"Check", `{` + good + `,"Shares":{"ab":2}}`, "1 validation error detected: Value '{ab=2.0}' at 'shares'" + failed + "Map value must satisfy constraint: [Member must have value less than or equal to 1.0, Member must have value greater than or equal to 0.0, Member must not be null]"},
		{"Check", `{` + good + `,"Shares":{"A1":1}}`, "1 validation error detected: Value '{A1=1.0}' at 'shares'" + failed + "Map keys must satisfy constraint: [Member must have length less than or equal to 5, Member must have length greater than or equal to 2, Member must satisfy regular expression pattern: [a-z]+]"},
		{"Check", `{` + good + `,"Crates":[{"Label":"abc"},{"Label":"Q"},{"Label":"abc"}]}`, "3 validation errors detected: Value '[Crate(label=abc, inner=null), Crate(label=Q, inner=null), Crate(label=abc, inner=null)]' at 'crates'" + failed + "Member must have length less than or equal to 2; Value 'Q' at 'crates.2.member.label'" + failed + "Member must satisfy regular expression pattern: [a-z]+; Value 'Q' at 'crates.2.member.label'" + failed + "Member must have length greater than or equal to 2"},
		{"Check", `{` + good + `,"Crates":[{"Label":"abc","Inner":{"Inner":{"Label":"ab"}}}]}`, "1 validation error detected: Value null at 'crates.1.member.inner.label'" + failed + "Member must not be null"},
		{"Check", `{` + good + `,"CrateMap":{"k":{}}}`, "1 validation error detected: Value null at 'crateMap.k.member.label'" + failed + "Member must not be null"},
		{"Check", `{` + good + `,"Crates":[null]}`, "1 validation error detected: Value null at 'crates.1.member'" + failed + "Member must not be null"},

		{"CreateStateMachineAlias", `{"name":"blue","routingConfiguration":[{"stateMachineVersionArn":"v1","weight":140}]}`, "1 validation error detected: Value '140' at 'routingConfiguration.1.member.weight'" + failed + "Member must have value less than or equal to 100"},
		{"CreateStateMachineAlias", `{"name":"42","routingConfiguration":[{"stateMachineVersionArn":"v1","weight":100}]}`, "1 validation error detected: Value '42' at 'name'" + failed + `Member must satisfy regular expression pattern: ^(?=.*[a-zA-Z_\-\.])[a-zA-Z0-9_\-\.]+$`},
		{"CreateStateMachineAlias", `{"name":"blue 1","routingConfiguration":[{"stateMachineVersionArn":"v1","weight":100}]}`, "1 validation error detected: Value 'blue 1' at 'name'" + failed + `Member must satisfy regular expression pattern: ^(?=.*[a-zA-Z_\-\.])[a-zA-Z0-9_\-\.]+$`},
		{"CreateStateMachineAlias", `{"name":"4-2","routingConfiguration":[{"stateMachineVersionArn":"v1","weight":100}]}`, ""},
		{"CreateStateMachineAlias", `{"name":"blue","routingConfiguration":[{"stateMachineVersionArn":"v1","weight":60},{"stateMachineVersionArn":"v2","weight":30},{"stateMachineVersionArn":"v3","weight":10}]}`, "1 validation error detected: Value '[RoutingConfigurationListItem(stateMachineVersionArn=v1, weight=60), RoutingConfigurationListItem(stateMachineVersionArn=v2, weight=30), RoutingConfigurationListItem(stateMachineVersionArn=v3, weight=10)]' at 'routingConfiguration'" + failed + "Member must have length less than or equal to 2"},
		{"ListExecutions", `{"stateMachineArn":"m","maxResults":1002}`, "1 validation error detected: Value '1002' at 'maxResults'" + failed + "Member must have value less than or equal to 1000"},
		{"ListExecutions", `{"stateMachineArn":"m","statusFilter":"done"}`, "1 validation error detected: Value 'done' at 'statusFilter'" + failed + "Member must satisfy enum value set: [SUCCEEDED, TIMED_OUT, PENDING_REDRIVE, ABORTED, FAILED, RUNNING]"},
		{"UntagResource", `{"resourceArn":"m"}`, "1 validation error detected: Value null at 'tagKeys'" + failed + "Member must not be null"},
	}
	for _, c := range cases {
		service := "sfn"
		if c.operation == "Check" {
			service = "garden"
		}
		_, err := s.Call(context.Background(), service, c.operation, []byte(c.params))
		got := ""
		if err != nil {
			got = err.Error()
		}
		if want := "ValidationException: " + c.want; got != want && c.want != "" || c.want == "" && err != nil {
			t.Errorf("%s %s:\ngot  %s\nwant %s", c.operation, c.params, got, want)
		}
	}
}

func TestLengthsCountCharacters(t *testing.T) {
	s := wire.NewServer(wire.Config{}, callerAPI())
	name := ""
	for range 80 {
		name += "\u00e9"
	}
	for extra, want := range map[string]bool{"": true, "e": false} {
		params, _ := json.Marshal(map[string]string{"StateMachineArn": "m", "Name": name + extra})
		_, err := s.Call(context.Background(), "sfn", "StartExecution", params)
		if (err == nil) != want {
			t.Errorf("a name of 80 letters and %q: got %v", extra, err)
		}
	}
}

func TestServicesAreConsistent(t *testing.T) {
	for _, s := range []*wire.Service{&sfnapi.Service, &cloudwatchapi.Service, &stsapi.Service, &iamapi.Service} {
		for i, op := range s.Operations {
			if i > 0 && s.Operations[i-1].Name >= op.Name {
				t.Errorf("%s: operations are not sorted at %s", s.ID, op.Name)
			}
			for _, shape := range []int{op.Input, op.Output} {
				if shape != wire.None && s.Shapes[shape].Kind != wire.Structure {
					t.Errorf("%s: %s takes or gives %s, which is no structure", s.ID, op.Name, s.Shapes[shape].Name)
				}
			}
		}
		for i, e := range s.Errors {
			if i > 0 && s.Errors[i-1].Name >= e.Name {
				t.Errorf("%s: errors are not sorted at %s", s.ID, e.Name)
			}
			if s.Shapes[e.Shape].Name != e.Name || e.Status < 400 {
				t.Errorf("%s: the error %s has the shape %s and the status %d", s.ID, e.Name, s.Shapes[e.Shape].Name, e.Status)
			}
		}
	}
}
