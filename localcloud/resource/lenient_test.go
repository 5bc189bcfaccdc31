package resource_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
)

func TestALenientStackIsMadeWithoutWhatIsNotThere(t *testing.T) {
	const without, nothing = "Without what the local cloud does not have or act on: ", "A name with nothing behind it: it is about what the local cloud does not have."
	for _, c := range []struct{ name, kind, properties, changed, note string }{
		{
			"a property", "AWS::S3::Bucket", `{"BucketName":"code","CorsConfiguration":{"CorsRules":[]}}`,
			`{"BucketName":"code","CorsConfiguration":{"CorsRules":[{}]},"WebsiteConfiguration":{}}`, without + "CorsConfiguration.",
		},
		{
			"networks and snapshots", "AWS::Lambda::Function",
			`{"Code":` + code + `,` + handler + `,"VpcConfig":{"SubnetIds":["subnet-1"],"SecurityGroupIds":["sg-1"]},"SnapStart":{"ApplyOn":"PublishedVersions"}}`,
			`{"Code":` + code + `,` + handler + `,"Timeout":5,"VpcConfig":{"SubnetIds":["subnet-2"],"SecurityGroupIds":["sg-1"]}}`,
			without + "VpcConfig, SnapStart.",
		},
		{
			"somebody else's layers and signers", "AWS::Lambda::Function",
			`{"Code":` + code + `,` + handler + `,"Layers":["arn:aws:lambda:us-east-1:111122223333:layer:a:1","arn:aws:lambda:us-east-1:111122223333:layer:b:1"],` +
				`"CodeSigningConfigArn":"arn:aws:lambda:us-east-1:000000000000:code-signing-config:csc-11112222333344445"}`,
			`{"Code":` + code + `,` + handler + `}`, without + "Layers/1, Layers/0, CodeSigningConfigArn.",
		},
		{
			"the manner of updates", "AWS::Lambda::Function", `{"Code":` + code + `,` + handler + `,"RuntimeManagementConfig":{"UpdateRuntimeOn":"FunctionUpdate"}}`,
			`{"Code":` + code + `,` + handler + `}`, without + "RuntimeManagementConfig.",
		},
		{
			"targets", "AWS::Events::Rule",
			`{"EventPattern":{"source":["a"]},"Targets":[{"Id":"q","Arn":"arn:aws:sqs:us-east-1:000000000000:q"},` +
				`{"Id":"l","Arn":"arn:aws:logs:us-east-1:000000000000:log-group:/aws/events/a","DeadLetterConfig":{"Arn":"arn:aws:sqs:us-east-1:000000000000:q"}}]}`,
			`{"EventPattern":{"source":["b"]}}`, without + "Targets/1/DeadLetterConfig, Targets/0.",
		},
		{
			"a bus", "AWS::Events::Rule", `{"EventBusName":"mine","EventPattern":{"source":["a"]},"Targets":[{"Id":"q","Arn":"arn:aws:sqs:us-east-1:000000000000:q"}]}`,
			`{"EventBusName":"mine","EventPattern":{"source":["b"]}}`, nothing,
		},
		{
			"a topic's subscriptions", "AWS::SNS::Topic",
			`{"Subscription":[{"Protocol":"sqs","Endpoint":"arn:aws:sqs:us-east-1:000000000000:q"},{"Protocol":"email","Endpoint":"a@example.com"}]}`, `{}`,
			without + "Subscription/0.",
		},
		{
			"a subscription", "AWS::SNS::Subscription", `{"TopicArn":"arn:aws:sns:us-east-1:000000000000:t","Protocol":"sqs","Endpoint":"arn:aws:sqs:us-east-1:000000000000:q"}`,
			`{"TopicArn":"arn:aws:sns:us-east-1:000000000000:t","Protocol":"sqs","Endpoint":"arn:aws:sqs:us-east-1:000000000000:q","RawMessageDelivery":true}`, nothing,
		},
		{"nothing", "AWS::Logs::LogGroup", `{"RetentionInDays":7}`, `{"RetentionInDays":14}`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.lenient = true
			r := w.create(c.kind, "It", c.properties)
			if r.note != c.note {
				t.Errorf("got the note %q, want %q", r.note, c.note)
			}
			w.update(r, c.changed)
			w.remove(r)
		})
	}
}

// Buckets for code ask for versions by habit, sam's own among them.
func TestABucketSaysThatItsObjectsHaveNoVersions(t *testing.T) {
	const versioned, want = `{"VersioningConfiguration":{"Status":"Enabled"}}`, "Objects have no versions in the local cloud: what is overwritten or deleted is gone."
	for _, lenient := range []bool{false, true} {
		w := newWorld(t)
		w.lenient = lenient
		r := w.create("AWS::S3::Bucket", "Code", versioned)
		if r.note != want {
			t.Errorf("got the note %q, want %q", r.note, want)
		}
		if w.update(r, `{"VersioningConfiguration":{"Status":"Suspended"}}`); r.note != "" {
			t.Errorf("of a bucket that wants no versions, got the note %q", r.note)
		}
		w.remove(r)
	}
}

func TestWhatALenientStackLeavesOutIsNotThere(t *testing.T) {
	w := newWorld(t)
	w.lenient = true
	f := w.create("AWS::Lambda::Function", "Fn", `{"Code":`+code+`,`+handler+`,"VpcConfig":{"SubnetIds":["subnet-1"],"SecurityGroupIds":["sg-1"]}}`)
	got, err := lambda.NewFromConfig(w.cloud.AWSConfig()).GetFunctionConfiguration(t.Context(), &lambda.GetFunctionConfigurationInput{FunctionName: &f.id})
	if err != nil {
		t.Fatal(err)
	}
	if v := got.VpcConfig; v != nil && len(v.SubnetIds) > 0 {
		t.Errorf("the function is in %v, want no network", v.SubnetIds)
	}
	r := w.create("AWS::Events::Rule", "Rule", `{"EventPattern":{"source":["a"]},"Targets":[{"Id":"q","Arn":"arn:aws:sqs:us-east-1:000000000000:q"},{"Id":"f","Arn":"`+f.get("Arn")+`"}]}`)
	targets, err := eventbridge.NewFromConfig(w.cloud.AWSConfig()).ListTargetsByRule(t.Context(), &eventbridge.ListTargetsByRuleInput{Rule: &r.id})
	if err != nil {
		t.Fatal(err)
	}
	if len(targets.Targets) != 1 || *targets.Targets[0].Id != "f" {
		t.Errorf("the rule's targets are %v, want the function alone", targets.Targets)
	}
}

// What is left out stands at other places of a list after an update.
func TestAnUpdateOfALenientStackTakesOnlyItsOwnOutOfLists(t *testing.T) {
	const group, queue = `"Arn":"arn:aws:logs:us-east-1:000000000000:log-group:/aws/events/`, `{"Id":"q","Arn":"arn:aws:sqs:us-east-1:000000000000:q"}`
	w := newWorld(t)
	w.lenient = true
	r := w.create("AWS::Events::Rule", "Rule", `{"EventPattern":{"source":["a"]},"Targets":[{"Id":"a",`+group+`a"},`+queue+`]}`)
	w.update(r, `{"EventPattern":{"source":["a"]},"Targets":[`+queue+`,{"Id":"b",`+group+`b"}]}`)
	events := eventbridge.NewFromConfig(w.cloud.AWSConfig())
	targets, err := events.ListTargetsByRule(t.Context(), &eventbridge.ListTargetsByRuleInput{Rule: &r.id})
	if err != nil {
		t.Fatal(err)
	}
	if len(targets.Targets) != 1 || *targets.Targets[0].Id != "b" {
		t.Errorf("the rule's targets are %v, want b alone", targets.Targets)
	}
	for _, c := range []struct {
		bus   string
		rules int
	}{{"mine", 0}, {"default", 1}} {
		w.update(r, `{"EventBusName":"`+c.bus+`","EventPattern":{"source":["a"]},"Targets":[{"Id":"b",`+group+`b"}]}`)
		rules, err := events.ListRules(t.Context(), &eventbridge.ListRulesInput{})
		if err != nil {
			t.Fatal(err)
		}
		if len(rules.Rules) != c.rules {
			t.Errorf("with the bus %s the default bus has %d rules, want %d", c.bus, len(rules.Rules), c.rules)
		}
	}
}
