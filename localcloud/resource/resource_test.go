package resource_test

import (
	"context"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/crossfade-dev/crossfade/localcloud/cloudformation"
)

const (
	wait     = `{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Wait\",\"Seconds\":1,\"End\":true}}}`
	machine  = `{"RoleArn":"arn:aws:iam::000000000000:role/r","DefinitionString":"` + wait + `"}`
	code     = `{"ZipFile":"def handler(event, context):\n  return 1\n"}`
	handler  = `"Handler":"index.handler","Runtime":"python3.12","Role":"arn:aws:iam::000000000000:role/r"`
	anybody  = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
	allowed  = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`
	threeOf  = `"EvaluationPeriods":"3","ComparisonOperator":"GreaterThanThreshold","Threshold":"1","Period":60,"MetricName":"m","Namespace":"n","Statistic":"Sum"`
	group    = `"ServiceRoleArn":"arn:aws:iam::000000000000:role/r","DeploymentConfigName":"CodeDeployDefault.LambdaLinear10PercentEvery1Minute","DeploymentStyle":{"DeploymentType":"BLUE_GREEN","DeploymentOption":"WITH_TRAFFIC_CONTROL"},"AutoRollbackConfiguration":{"Enabled":"true","Events":["DEPLOYMENT_FAILURE","DEPLOYMENT_STOP_ON_ALARM","DEPLOYMENT_STOP_ON_REQUEST"]}`
	firstARN = "arn:aws:states:us-east-1:000000000000:stateMachine:first"
)

// rows are the resource types: each is created, changed and deleted, with every
// call made twice. In properties, $NAME is the id of what before made.
var rows = []struct {
	kind       string
	before     [][3]string // type, logical id and properties
	properties string
	id         string            // a regular expression
	attributes map[string]string // regular expressions
	changed    string            // properties after an update; empty where none is possible
	named      string            // properties that name a thing, of which there cannot be two
}{
	{
		kind: "AWS::CloudFormation::WaitConditionHandle", properties: `{}`,
		id: `https://cloudformation-waitcondition-us-east-1\.s3\.amazonaws\.com/.*`,
	},
	{
		kind: "AWS::StepFunctions::StateMachine", properties: machine,
		id:         `arn:aws:states:us-east-1:000000000000:stateMachine:shop-It-\w{12}`,
		attributes: map[string]string{"Arn": `.*:shop-It-\w{12}`, "Name": `shop-It-\w{12}`, "StateMachineRevisionId": "INITIAL"},
		changed:    strings.Replace(machine, "1,", "2,", 1),
		named:      strings.Replace(machine, "{", `{"StateMachineName":"orders","StateMachineType":"EXPRESS",`, 1),
	},
	{
		kind: "AWS::StepFunctions::StateMachineVersion", before: [][3]string{{"AWS::StepFunctions::StateMachine", "Machine", machine}},
		properties: `{"StateMachineArn":"$Machine","StateMachineRevisionId":"INITIAL","Description":"d"}`,
		id:         `.*:stateMachine:shop-Machine-\w{12}:1`, attributes: map[string]string{"Arn": ".*:1"},
	},
	{
		kind: "AWS::StepFunctions::StateMachineAlias",
		before: [][3]string{
			{"AWS::StepFunctions::StateMachine", "Machine", machine},
			{"AWS::StepFunctions::StateMachineVersion", "Version", `{"StateMachineArn":"$Machine"}`},
		},
		properties: `{"RoutingConfiguration":[{"StateMachineVersionArn":"$Version","Weight":"100"}]}`,
		id:         `.*:stateMachine:shop-Machine-\w{12}:shop-It-\w{12}`, attributes: map[string]string{"Arn": ".*:shop-It-.*"},
		changed: `{"Description":"d","RoutingConfiguration":[{"StateMachineVersionArn":"$Version","Weight":100}]}`,
		named:   `{"Name":"live","DeploymentPreference":{"StateMachineVersionArn":"$Version","Type":"LINEAR","Percentage":10,"Interval":1}}`,
	},
	{
		kind: "AWS::StepFunctions::Activity", properties: `{"Name":"pack"}`,
		id: `arn:aws:states:us-east-1:000000000000:activity:pack`, attributes: map[string]string{"Name": "pack", "Arn": ".*:activity:pack"},
		named: `{"Name":"ship"}`,
	},
	{
		kind: "AWS::Lambda::Function", properties: `{"Code":` + code + `,` + handler + `,"ReservedConcurrentExecutions":"5"}`,
		id: `shop-It-\w{12}`, attributes: map[string]string{"Arn": `arn:aws:lambda:us-east-1:000000000000:function:shop-It-\w{12}`},
		changed: `{"Code":{"ZipFile":"def handler(event, context):\n  return 2\n"},` + handler + `,"Timeout":"7","Environment":{"Variables":{"COUNT":1}}}`,
		named:   `{"FunctionName":"checkout","Code":` + code + `,` + handler + `}`,
	},
	{
		kind: "AWS::Lambda::Version", before: [][3]string{{"AWS::Lambda::Function", "Fn", `{"FunctionName":"checkout","Code":` + code + `,` + handler + `}`}},
		properties: `{"FunctionName":"$Fn","Description":"d"}`,
		id:         `arn:aws:lambda:us-east-1:000000000000:function:checkout:1`, attributes: map[string]string{"Version": "1", "FunctionArn": ".*:checkout:1"},
	},
	{
		kind: "AWS::Lambda::Alias",
		before: [][3]string{
			{"AWS::Lambda::Function", "Fn", `{"FunctionName":"checkout","Code":` + code + `,` + handler + `}`},
			{"AWS::Lambda::Version", "Version", `{"FunctionName":"checkout"}`},
		},
		properties: `{"FunctionName":"$Fn","FunctionVersion":"1","Name":"live"}`,
		id:         `arn:aws:lambda:us-east-1:000000000000:function:checkout:live`, attributes: map[string]string{"AliasArn": ".*:checkout:live"},
		changed: `{"FunctionName":"$Fn","FunctionVersion":"1","Name":"live","Description":"now"}`,
		named:   `{"FunctionName":"$Fn","FunctionVersion":"1","Name":"next"}`,
	},
	{
		kind: "AWS::Lambda::Permission", before: [][3]string{{"AWS::Lambda::Function", "Fn", `{"FunctionName":"checkout","Code":` + code + `,` + handler + `}`}},
		properties: `{"FunctionName":"$Fn","Action":"lambda:InvokeFunction","Principal":"sns.amazonaws.com","SourceArn":"arn:aws:sns:us-east-1:000000000000:t"}`,
		id:         `shop-It-\w{12}`, attributes: map[string]string{"Id": `shop-It-\w{12}`},
	},
	{
		kind: "AWS::Lambda::EventInvokeConfig", before: [][3]string{{"AWS::Lambda::Function", "Fn", `{"FunctionName":"checkout","Code":` + code + `,` + handler + `}`}},
		properties: `{"FunctionName":"$Fn","Qualifier":"$LATEST","MaximumRetryAttempts":0,"DestinationConfig":{}}`,
		id:         `shop-It-\w{12}`,
		changed:    `{"FunctionName":"$Fn","Qualifier":"$LATEST","MaximumRetryAttempts":"1"}`,
		named:      `{"FunctionName":"$Fn","Qualifier":"$LATEST","MaximumRetryAttempts":2}`,
	},
	{
		kind: "AWS::Lambda::Url", before: [][3]string{{"AWS::Lambda::Function", "Fn", `{"FunctionName":"checkout","Code":` + code + `,` + handler + `}`}},
		properties: `{"TargetFunctionArn":"$Fn","AuthType":"NONE"}`,
		id:         `arn:aws:lambda:us-east-1:000000000000:function:checkout`, attributes: map[string]string{"FunctionUrl": "http.*", "FunctionArn": ".*:checkout"},
		changed: `{"TargetFunctionArn":"$Fn","AuthType":"AWS_IAM","Cors":{"AllowOrigins":["*"]}}`,
		named:   `{"TargetFunctionArn":"$Fn","AuthType":"NONE"}`,
	},
	{
		kind: "AWS::CloudWatch::Alarm", properties: `{` + threeOf + `}`,
		id: `shop-It-\w{12}`, attributes: map[string]string{"Arn": `arn:aws:cloudwatch:us-east-1:000000000000:alarm:shop-It-\w{12}`},
		changed: `{` + threeOf + `,"AlarmDescription":"d","Tags":[{"Key":"team","Value":"a"}]}`,
		named:   `{"AlarmName":"errors",` + threeOf + `}`,
	},
	{
		kind: "AWS::CloudWatch::CompositeAlarm", before: [][3]string{{"AWS::CloudWatch::Alarm", "Errors", `{"AlarmName":"errors",` + threeOf + `}`}},
		properties: `{"AlarmRule":"ALARM(errors)"}`,
		id:         `shop-It-\w{12}`, attributes: map[string]string{"Arn": `.*:alarm:shop-It-\w{12}`},
		changed: `{"AlarmRule":"NOT ALARM(errors)"}`,
		named:   `{"AlarmName":"all","AlarmRule":"TRUE"}`,
	},
	{
		kind: "AWS::CodeDeploy::Application", properties: `{"ComputePlatform":"Lambda"}`, id: `shop-It-\w{12}`,
		changed: `{"ComputePlatform":"Lambda","Tags":[{"Key":"team","Value":"a"}]}`,
		named:   `{"ApplicationName":"checkout","ComputePlatform":"Lambda"}`,
	},
	{
		kind: "AWS::CodeDeploy::DeploymentConfig", id: `shop-It-\w{12}`,
		properties: `{"ComputePlatform":"Lambda","TrafficRoutingConfig":{"Type":"TimeBasedCanary","TimeBasedCanary":{"CanaryPercentage":"20","CanaryInterval":2}}}`,
		named:      `{"DeploymentConfigName":"slow","ComputePlatform":"Lambda","TrafficRoutingConfig":{"Type":"AllAtOnce"}}`,
	},
	{
		kind: "AWS::CodeDeploy::DeploymentGroup", before: [][3]string{{"AWS::CodeDeploy::Application", "App", `{"ComputePlatform":"Lambda"}`}}, id: `shop-It-\w{12}`,
		properties: `{"ApplicationName":"$App","AlarmConfiguration":{"Enabled":true,"Alarms":[{"Name":"errors"}]},` + group + `}`,
		changed:    `{"ApplicationName":"$App",` + group + `}`,
		named:      `{"ApplicationName":"$App","DeploymentGroupName":"g",` + group + `}`,
	},
	{
		kind: "AWS::SNS::Topic", properties: `{"DisplayName":"Alerts","Subscription":[{"Protocol":"email","Endpoint":"ada@example.com"}]}`,
		id: `arn:aws:sns:us-east-1:000000000000:shop-It-\w{12}`, attributes: map[string]string{"TopicArn": ".*:shop-It-.*", "TopicName": `shop-It-\w{12}`},
		changed: `{"Tags":[{"Key":"team","Value":"a"}]}`,
		named:   `{"TopicName":"orders.fifo","FifoTopic":true,"ContentBasedDeduplication":"true"}`,
	},
	{
		kind: "AWS::SNS::TopicPolicy", before: [][3]string{{"AWS::SNS::Topic", "Topic", `{}`}}, id: `shop-It-\w{12}`, attributes: map[string]string{"Id": `shop-It-\w{12}`},
		properties: `{"PolicyDocument":` + allowed + `,"Topics":["$Topic"]}`,
		changed:    `{"PolicyDocument":` + anybody + `,"Topics":["$Topic"]}`,
	},
	{
		kind: "AWS::SNS::Subscription", before: [][3]string{{"AWS::SNS::Topic", "Topic", `{"TopicName":"alerts"}`}},
		properties: `{"TopicArn":"$Topic","Protocol":"lambda","Endpoint":"arn:aws:lambda:us-east-1:000000000000:function:f","FilterPolicy":{"a":["b"]}}`,
		id:         `arn:aws:sns:us-east-1:000000000000:alerts:.*`, attributes: map[string]string{"Arn": ".*:alerts:.*"},
		changed: `{"TopicArn":"$Topic","Protocol":"lambda","Endpoint":"arn:aws:lambda:us-east-1:000000000000:function:f","FilterPolicy":{"a":{"b":["c"]}},"FilterPolicyScope":"MessageBody"}`,
	},
	{
		kind: "AWS::Events::Rule", id: `shop-It-\w{12}`, attributes: map[string]string{"Arn": `arn:aws:events:us-east-1:000000000000:rule/shop-It-\w{12}`},
		properties: `{"ScheduleExpression":"rate(1 day)","Targets":[{"Id":"a","Arn":"arn:aws:lambda:us-east-1:000000000000:function:f"}]}`,
		changed:    `{"EventPattern":{"source":["shop"]},"State":"DISABLED","Targets":[{"Id":"b","Arn":"arn:aws:sns:us-east-1:000000000000:t","Input":"1"}]}`,
		named:      `{"Name":"daily","ScheduleExpression":"rate(1 day)"}`,
	},
	{
		kind: "AWS::S3::BucketPolicy", before: [][3]string{{"AWS::S3::Bucket", "Bucket", `{"BucketName":"parcels"}`}},
		properties: `{"Bucket":"$Bucket","PolicyDocument":` + allowed + `}`, id: "parcels",
	},
	{
		kind:       "AWS::IAM::Role",
		properties: `{"AssumeRolePolicyDocument":` + anybody + `,"ManagedPolicyArns":["arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"],"Policies":[{"PolicyName":"p","PolicyDocument":` + allowed + `}],"Tags":[{"Key":"team","Value":"a"}]}`,
		id:         `shop-It-\w{12}`, attributes: map[string]string{"Arn": `arn:aws:iam::000000000000:role/shop-It-\w{12}`, "RoleId": `AROA.*`},
		changed: `{"AssumeRolePolicyDocument":` + anybody + `,"MaxSessionDuration":"7200","PermissionsBoundary":"arn:aws:iam::aws:policy/X","Policies":[{"PolicyName":"q","PolicyDocument":` + allowed + `}]}`,
		named:   `{"RoleName":"deployer","Path":"/ci/","AssumeRolePolicyDocument":` + anybody + `}`,
	},
	{
		kind: "AWS::IAM::Policy", before: [][3]string{{"AWS::IAM::Role", "Role", `{"AssumeRolePolicyDocument":` + anybody + `}`}},
		properties: `{"PolicyName":"p","PolicyDocument":` + allowed + `,"Roles":["$Role"]}`,
		id:         `shop-It-\w{12}`, attributes: map[string]string{"Id": `shop-It-\w{12}`},
		changed: `{"PolicyName":"q","PolicyDocument":` + allowed + `,"Roles":["$Role"]}`,
	},
	{
		kind: "AWS::IAM::ManagedPolicy", before: [][3]string{{"AWS::IAM::Role", "Role", `{"AssumeRolePolicyDocument":` + anybody + `}`}},
		properties: `{"PolicyDocument":` + allowed + `,"Roles":["$Role"]}`,
		id:         `arn:aws:iam::000000000000:policy/shop-It-\w{12}`, attributes: map[string]string{"PolicyArn": ".*/shop-It-.*", "DefaultVersionId": "v1"},
		changed: `{"PolicyDocument":` + anybody + `}`,
		named:   `{"ManagedPolicyName":"guard","Path":"/ci/","PolicyDocument":` + allowed + `}`,
	},
	{
		kind: "AWS::Logs::LogGroup", properties: `{"RetentionInDays":"7"}`,
		id: `shop-It-\w{12}`, attributes: map[string]string{"Arn": `arn:aws:logs:us-east-1:000000000000:log-group:shop-It-\w{12}:\*`},
		changed: `{"Tags":[{"Key":"team","Value":"a"}]}`,
		named:   `{"LogGroupName":"/aws/lambda/checkout"}`,
	},
	{
		kind: "AWS::S3::Bucket", properties: `{"BucketEncryption":{"ServerSideEncryptionConfiguration":[]}}`,
		id: `shop-it-[0-9a-z]{12}`, attributes: map[string]string{"Arn": `arn:aws:s3:::shop-it-.*`, "DomainName": `shop-it-.*\.s3\.amazonaws\.com`},
		changed: `{"VersioningConfiguration":{"Status":"Suspended"}}`,
		named:   `{"BucketName":"parcels"}`,
	},
}

func TestResourcesAreMadeChangedAndDeleted(t *testing.T) {
	for _, row := range rows {
		t.Run(row.kind, func(t *testing.T) {
			w := newWorld(t)
			ids := []string{}
			with := func(text string) string { return strings.NewReplacer(ids...).Replace(text) }
			for _, b := range row.before {
				made := w.create(b[0], b[1], with(b[2]))
				ids = append(ids, "$"+b[1], made.id)
			}
			r := w.create(row.kind, "It", with(row.properties))
			match(t, "id", r.id, row.id)
			for name, want := range row.attributes {
				match(t, name, r.get(name), want)
			}
			if row.changed != "" {
				w.update(r, with(row.changed))
				w.update(r, with(row.properties)) // and back
			}
			w.remove(r)
			if again := w.create(row.kind, "It", with(row.properties)); row.kind == "AWS::IAM::Role" {
				w.remove(again)
			}
			if row.named == "" {
				return
			}
			if row.kind == "AWS::Lambda::Url" || row.kind == "AWS::Lambda::EventInvokeConfig" {
				w.remove(r) // there can be one for each function
			}
			one := w.create(row.kind, "One", with(row.named))
			two := &thing{kind: row.kind, name: "Two"}
			w.fails(w.tryCreate(two, with(row.named)), "AlreadyExists", " already exists")
			w.remove(one)
			if err := w.tryCreate(two, with(row.named)); err != nil {
				t.Errorf("the name is still taken after its owner was deleted: %v", err)
			}
		})
	}
}

func match(t *testing.T, what, got, want string) {
	t.Helper()
	if !regexp.MustCompile("^(" + want + ")$").MatchString(got) {
		t.Errorf("got %s %q, want %s", what, got, want)
	}
}

func TestDeletingWhatIsGoneIsNoFailure(t *testing.T) {
	for _, row := range rows {
		t.Run(row.kind, func(t *testing.T) {
			w := newWorld(t)
			ids := []string{}
			with := func(text string) string { return strings.NewReplacer(ids...).Replace(text) }
			for _, b := range row.before {
				made := w.create(b[0], b[1], with(b[2]))
				ids = append(ids, "$"+b[1], made.id)
			}
			r := w.create(row.kind, "It", with(row.properties))
			w.remove(r)
			w.remove(r)
		})
	}
}

func TestTagsAreThoseOfTheStackAndTheTemplate(t *testing.T) {
	w := newWorld(t)
	role := w.create("AWS::IAM::Role", "Role", `{"AssumeRolePolicyDocument":`+anybody+`,"Tags":[{"Key":"team","Value":"a"}]}`)
	clients := iam.NewFromConfig(w.cloud.AWSConfig())
	list := func() string {
		out, err := clients.ListRoleTags(context.Background(), &iam.ListRoleTagsInput{RoleName: &role.id})
		if err != nil {
			t.Fatal(err)
		}
		var text []string
		for _, tag := range out.Tags {
			text = append(text, *tag.Key+"="+*tag.Value)
		}
		return strings.Join(text, " ")
	}
	want := "aws:cloudformation:logical-id=Role aws:cloudformation:stack-id=" + stackID + " aws:cloudformation:stack-name=shop team=a"
	if got := list(); got != want {
		t.Errorf("got the tags %s, want %s", got, want)
	}
	w.tags["cost"] = "7"
	w.update(role, `{"AssumeRolePolicyDocument":`+anybody+`,"Tags":[{"Key":"crew","Value":"b"}]}`)
	want = strings.Replace(want, "team=a", "cost=7 crew=b", 1)
	if got := list(); got != want {
		t.Errorf("got the tags %s, want %s", got, want)
	}
}

func TestAStateMachineTakesItsSystemTags(t *testing.T) {
	w := newWorld(t)
	r := w.create("AWS::StepFunctions::StateMachine", "Machine", machine)
	out, err := sfn.NewFromConfig(w.cloud.AWSConfig()).ListTagsForResource(t.Context(), &sfn.ListTagsForResourceInput{ResourceArn: &r.id})
	if err != nil || len(out.Tags) != 3 {
		t.Errorf("got the tags %v, %v, want the three of CloudFormation", out.Tags, err)
	}
	_, err = sfn.NewFromConfig(w.cloud.AWSConfig()).TagResource(t.Context(), &sfn.TagResourceInput{ResourceArn: &r.id, Tags: []types.Tag{{Key: new("aws:x"), Value: new("")}}})
	if err == nil {
		t.Error("somebody from outside may set a reserved tag")
	}
}

func TestAFunctionGoesBackToDefaultsWhenTheTemplateSaysNothing(t *testing.T) {
	w := newWorld(t)
	plain := `{"Code":` + code + `,` + handler + `}`
	r := w.create("AWS::Lambda::Function", "Fn", `{"Code":`+code+`,`+handler+`,"Timeout":9,"MemorySize":"256","Description":"d","ReservedConcurrentExecutions":2,"Environment":{"Variables":{"ASYNC":true}}}`)
	client := lambda.NewFromConfig(w.cloud.AWSConfig())
	before, err := client.GetFunction(t.Context(), &lambda.GetFunctionInput{FunctionName: &r.id})
	if err != nil || *before.Configuration.Timeout != 9 || *before.Configuration.MemorySize != 256 || before.Configuration.Environment.Variables["ASYNC"] != "true" ||
		before.Concurrency == nil || *before.Concurrency.ReservedConcurrentExecutions != 2 {
		t.Fatalf("got %+v, %v, want what the template says", before, err)
	}
	w.update(r, plain)
	after, err := client.GetFunction(t.Context(), &lambda.GetFunctionInput{FunctionName: &r.id})
	if err != nil || *after.Configuration.Timeout != 3 || *after.Configuration.MemorySize != 128 || after.Configuration.Environment != nil && len(after.Configuration.Environment.Variables) > 0 ||
		after.Concurrency != nil {
		t.Errorf("got %+v, %v, want the defaults", after.Configuration, err)
	}
	if *after.Configuration.CodeSha256 != *before.Configuration.CodeSha256 {
		t.Error("the code changed without a change in the template")
	}
}

func TestDefinitionsComeInThreeForms(t *testing.T) {
	w := newWorld(t)
	role := `"RoleArn":"arn:aws:iam::000000000000:role/r"`
	const template = "StartAt: A\nStates:\n  A: {Type: Wait, Comment: '${Who} waits', Seconds: 1, End: true}\n"
	buckets := s3.NewFromConfig(w.cloud.AWSConfig(), func(o *s3.Options) { o.UsePathStyle = true })
	bucket := w.create("AWS::S3::Bucket", "Definitions", `{}`)
	if _, err := buckets.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket.id, Key: new("a.yaml"), Body: strings.NewReader(template)}); err != nil {
		t.Fatal(err)
	}
	for name, properties := range map[string]string{
		"Object": `"Definition":{"StartAt":"A","States":{"A":{"Type":"Wait","Comment":"${Who} waits","Seconds":1,"End":true}}}`,
		"Text":   `"DefinitionString":"{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Wait\",\"Comment\":\"${Who} waits\",\"Seconds\":1,\"End\":true}}}"`,
		"Stored": `"DefinitionS3Location":{"Bucket":"` + bucket.id + `","Key":"a.yaml"}`,
	} {
		r := w.create("AWS::StepFunctions::StateMachine", name, `{`+role+`,`+properties+`,"DefinitionSubstitutions":{"Who":7},"LoggingConfiguration":{"Level":"OFF"}}`)
		out, err := sfn.NewFromConfig(w.cloud.AWSConfig()).DescribeStateMachine(t.Context(), &sfn.DescribeStateMachineInput{StateMachineArn: &r.id})
		if err != nil || !strings.Contains(*out.Definition, `"7 waits"`) {
			t.Errorf("%s: got %v, %v, want the substitution made", name, out, err)
		}
	}
	for name, properties := range map[string]string{
		"none": `{` + role + `}`,
		"two":  `{` + role + `,"Definition":{},"DefinitionString":"{}"}`,
	} {
		err := w.tryCreate(&thing{kind: "AWS::StepFunctions::StateMachine", name: name}, properties)
		w.fails(err, "InvalidRequest", "[DefinitionS3Location], [DefinitionString]")
	}
}

func TestFailuresReadAsThoseOfAWS(t *testing.T) {
	w := newWorld(t)
	for _, row := range []struct{ kind, properties, code, message string }{
		{"AWS::StepFunctions::StateMachine", `{"RoleArn":"arn:aws:iam::000000000000:role/r","DefinitionString":"{}"}`, "InvalidRequest", "(Service: Sfn, Status Code: 400, Request ID: "},
		{"AWS::Lambda::Version", `{"FunctionName":"nobody"}`, "NotFound", "(Service: Lambda, Status Code: 404, Request ID: "},
		{"AWS::Lambda::Function", `{"Code":{"ZipFile":"x"},"Runtime":"java21","Handler":"h","Role":"arn:aws:iam::000000000000:role/r"}`, "InvalidRequest", "ZipFile can only be used when Runtime is set to either of nodejs, python"},
		{"AWS::Lambda::Function", `{"Code":` + code + `,` + handler + `,"Timeout":"soon"}`, "InvalidRequest", "#/Timeout: expected type: Integer, found: String"},
		{"AWS::S3::Bucket", `{"NotificationConfiguration":{}}`, "InvalidRequest", "The local cloud does not support the property NotificationConfiguration."},
		{"AWS::IAM::Policy", `{"PolicyName":"p","PolicyDocument":{},"Users":["u"],"Roles":["nobody"]}`, "InvalidRequest", "property Users"},
		{"AWS::IAM::Role", `{"AssumeRolePolicyDocument":"x"}`, "InvalidRequest", "This policy contains invalid Json (Service: Iam, Status Code: 400"},
		{"AWS::StepFunctions::StateMachineAlias", `{"Name":"live"}`, "InvalidRequest", "Exactly one of [RoutingConfiguration] and [DeploymentPreference]"},
		{"AWS::StepFunctions::StateMachineAlias", `{"Name":"live","DeploymentPreference":{"StateMachineVersionArn":"` + firstARN + `:1","Type":"LINEAR"}}`, "InvalidRequest", "Deployments of type 'LINEAR' require an interval and percentage for traffic shifting."},
		{"AWS::StepFunctions::StateMachineAlias", `{"Name":"live","DeploymentPreference":{"StateMachineVersionArn":"` + firstARN + `:1","Type":"LINEAR","Percentage":1,"Interval":"22"}}`, "InvalidRequest", "2100 minutes"},
		{"AWS::StepFunctions::StateMachineAlias", `{"Name":"live","DeploymentPreference":{"StateMachineVersionArn":"` + firstARN + `:1","Type":"CANARY","Percentage":100,"Interval":1}}`, "InvalidRequest", "#/DeploymentPreference/Percentage: 100 is not between 1 and 99"},
	} {
		w.fails(w.tryCreate(&thing{kind: row.kind, name: "It"}, row.properties), row.code, row.message)
	}
}

func TestAFailedCreationTellsWhatItMade(t *testing.T) {
	w := newWorld(t)
	r := &thing{kind: "AWS::IAM::Role", name: "Role"}
	q := w.begin(cloudformation.Create, r, value(t, `{"AssumeRolePolicyDocument":`+anybody+`,"ManagedPolicyArns":["arn:aws:iam::000000000000:policy/nothing"]}`))
	progress, err := w.carry(q)
	w.fails(err, "NotFound", "Policy arn:aws:iam::000000000000:policy/nothing does not exist or is not attachable.")
	if progress.PhysicalID == "" {
		t.Error("the role that was made before the failure has no id")
	}
}

func TestARevisionHasOneVersion(t *testing.T) {
	w := newWorld(t)
	m := w.create("AWS::StepFunctions::StateMachine", "Machine", machine)
	properties := `{"StateMachineArn":"` + m.id + `"}`
	w.create("AWS::StepFunctions::StateMachineVersion", "First", properties)
	same := w.create("AWS::StepFunctions::StateMachineVersion", "Same", properties)
	if want := m.id + ":1"; same.id != want {
		t.Errorf("the second resource for one revision is %s, want %s", same.id, want)
	}
	second := &thing{kind: "AWS::StepFunctions::StateMachineVersion", name: "Second"}
	w.update(m, strings.Replace(machine, "1,", "2,", 1))
	if m.get("StateMachineRevisionId") == "INITIAL" {
		t.Error("the revision is INITIAL after an update")
	}
	if err := w.tryCreate(second, properties); err != nil || !strings.HasSuffix(second.id, ":2") {
		t.Errorf("got %s, %v, want the second version", second.id, err)
	}
}

func TestCodeHasOneVersion(t *testing.T) {
	w := newWorld(t)
	w.create("AWS::Lambda::Function", "Fn", `{"FunctionName":"checkout","Code":`+code+`,`+handler+`}`)
	w.create("AWS::Lambda::Version", "First", `{"FunctionName":"checkout"}`)
	w.fails(w.tryCreate(&thing{kind: "AWS::Lambda::Version", name: "Second"}, `{"FunctionName":"checkout"}`), "AlreadyExists",
		"A version for this Lambda function exists ( 1 ). Modify the function to create a new version.")
}

func TestSettingsOfLogGroupsComeAndGo(t *testing.T) {
	w := newWorld(t)
	r := w.create("AWS::Logs::LogGroup", "Group", `{"LogGroupName":"g","RetentionInDays":"7"}`)
	client := cloudwatchlogs.NewFromConfig(w.cloud.AWSConfig())
	days := func() *int32 {
		out, err := client.DescribeLogGroups(t.Context(), &cloudwatchlogs.DescribeLogGroupsInput{})
		if err != nil || len(out.LogGroups) != 1 {
			t.Fatalf("got %v, %v, want one group", out, err)
		}
		return out.LogGroups[0].RetentionInDays
	}
	if d := days(); d == nil || *d != 7 {
		t.Errorf("got a retention of %v, want 7 days", d)
	}
	w.update(r, `{"LogGroupName":"g"}`)
	if d := days(); d != nil {
		t.Errorf("got a retention of %d days, want none", *d)
	}
}

func TestAnAlarmIsWhatTheTemplateSays(t *testing.T) {
	w := newWorld(t)
	r := w.create("AWS::CloudWatch::Alarm", "Errors", `{`+threeOf+`,"Dimensions":[{"Name":"d","Value":"1"}],"ActionsEnabled":"false"}`)
	out, err := cloudwatch.NewFromConfig(w.cloud.AWSConfig()).DescribeAlarms(t.Context(), &cloudwatch.DescribeAlarmsInput{AlarmNames: []string{r.id}})
	if err != nil || len(out.MetricAlarms) != 1 {
		t.Fatalf("got %v, %v, want one alarm", out, err)
	}
	a := out.MetricAlarms[0]
	if *a.EvaluationPeriods != 3 || *a.Threshold != 1 || *a.Dimensions[0].Value != "1" || *a.ActionsEnabled {
		t.Errorf("got %+v, which is not what the template says", a)
	}
}
