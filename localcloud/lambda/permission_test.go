package lambda_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/crossfade-dev/crossfade/localcloud/lambda/lambdatest"
)

func TestAPermissionShowsItsPrincipalAsPoliciesDo(t *testing.T) {
	w := newWorld(t, nil)
	w.create("roast", nil)
	const resource = `"Action":"lambda:InvokeFunction","Resource":"arn:aws:lambda:eu-west-1:444455556666:function:roast"`
	for _, row := range []struct {
		id   string
		in   awslambda.AddPermissionInput
		want string
	}{
		{"all", awslambda.AddPermissionInput{Principal: aws.String("*")}, `{"Sid":"all","Effect":"Allow","Principal":"*",` + resource + `}`},
		{"service", awslambda.AddPermissionInput{Principal: aws.String("events.amazonaws.com"), SourceArn: aws.String("arn:aws:events:eu-west-1:444455556666:rule/r"), SourceAccount: aws.String(account)},
			`{"Sid":"service","Effect":"Allow","Principal":{"Service":"events.amazonaws.com"},` + resource +
				`,"Condition":{"ArnLike":{"AWS:SourceArn":"arn:aws:events:eu-west-1:444455556666:rule/r"},"StringEquals":{"AWS:SourceAccount":"444455556666"}}}`},
		{"account", awslambda.AddPermissionInput{Principal: aws.String("111122223333")}, `{"Sid":"account","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:root"},` + resource + `}`},
		{"user", awslambda.AddPermissionInput{Principal: aws.String("arn:aws:iam::111122223333:user/ann")}, `{"Sid":"user","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:user/ann"},` + resource + `}`},
	} {
		row.in.FunctionName, row.in.StatementId, row.in.Action = aws.String("roast"), &row.id, aws.String("lambda:InvokeFunction")
		out, err := w.AddPermission(t.Context(), &row.in)
		w.must(err)
		if *out.Statement != row.want {
			t.Errorf("got  %s\nwant %s", *out.Statement, row.want)
		}
	}
	_, err := w.AddPermission(t.Context(), &awslambda.AddPermissionInput{FunctionName: aws.String("roast"), StatementId: aws.String("x"), Action: aws.String("lambda:InvokeFunction"), Principal: aws.String("nobody")})
	refused(t, err, "InvalidParameterValueException", 400, "The provided principal was invalid.")
	policy, err := w.GetPolicy(t.Context(), &awslambda.GetPolicyInput{FunctionName: aws.String("roast")})
	w.must(err)
	if !strings.HasPrefix(*policy.Policy, `{"Version":"2012-10-17","Id":"default","Statement":[{"Sid":"all"`) || strings.Count(*policy.Policy, `"Sid"`) != 4 {
		t.Errorf("got %s", *policy.Policy)
	}
}

func TestAPolicyAndWhatItIsAboutShareARevision(t *testing.T) {
	w := released(t, 0.1)
	add := func(qualifier, id, revision *string) error {
		_, err := w.AddPermission(t.Context(), &awslambda.AddPermissionInput{
			FunctionName: aws.String("roast"), Qualifier: qualifier, StatementId: id, RevisionId: revision,
			Action: aws.String("lambda:InvokeFunction"), Principal: aws.String("s3.amazonaws.com")})
		return err
	}
	live := aws.String("live")
	alias, err := w.GetAlias(t.Context(), &awslambda.GetAliasInput{FunctionName: aws.String("roast"), Name: live})
	w.must(err)
	refused(t, add(live, aws.String("a"), aws.String("stale")), "PreconditionFailedException", 412, "Call the GetPolicy API")
	w.must(add(live, aws.String("a"), alias.RevisionId)) // without a policy yet, the alias's revision counts
	policy, err := w.GetPolicy(t.Context(), &awslambda.GetPolicyInput{FunctionName: aws.String("roast"), Qualifier: live})
	w.must(err)
	alias, err = w.GetAlias(t.Context(), &awslambda.GetAliasInput{FunctionName: aws.String("roast"), Name: live})
	w.must(err)
	if *alias.RevisionId != *policy.RevisionId {
		t.Errorf("the alias has revision %s, its policy %s", *alias.RevisionId, *policy.RevisionId)
	}
	if !strings.Contains(*policy.Policy, ":function:roast:live") {
		t.Errorf("the policy is not about the alias: %s", *policy.Policy)
	}
	refused(t, add(live, aws.String("a"), nil), "ResourceConflictException", 409, "The statement id (a) provided already exists.")
	refused(t, add(aws.String("$LATEST"), aws.String("a"), nil), "InvalidParameterValueException", 400, "We currently do not support adding policies for $LATEST.")
	refused(t, add(aws.String("none"), aws.String("a"), nil), "ResourceNotFoundException", 404, "Cannot find alias arn")
	_, err = w.GetPolicy(t.Context(), &awslambda.GetPolicyInput{FunctionName: aws.String("roast")})
	refused(t, err, "ResourceNotFoundException", 404, "The resource you requested does not exist.")

	remove := func(id, revision *string) error {
		_, err := w.RemovePermission(t.Context(), &awslambda.RemovePermissionInput{FunctionName: aws.String("roast"), Qualifier: live, StatementId: id, RevisionId: revision})
		return err
	}
	refused(t, remove(aws.String("b"), nil), "ResourceNotFoundException", 404, "Statement b is not found in resource policy.")
	refused(t, remove(aws.String("a"), aws.String("stale")), "PreconditionFailedException", 412, "Call the GetPolicy API")
	w.must(remove(aws.String("a"), policy.RevisionId))
	refused(t, remove(aws.String("a"), nil), "ResourceNotFoundException", 404, "No policy is associated with the given resource.")
}

func TestAPolicyHasALength(t *testing.T) {
	w := newWorld(t, nil)
	w.create("roast", nil)
	var err error
	for i := 0; err == nil && i < 200; i++ {
		_, err = w.AddPermission(t.Context(), &awslambda.AddPermissionInput{
			FunctionName: aws.String("roast"), StatementId: aws.String(strings.Repeat("s", 90) + string(rune('A'+i%26)) + string(rune('a'+i/26))),
			Action: aws.String("lambda:InvokeFunction"), Principal: aws.String("s3.amazonaws.com")})
	}
	refused(t, err, "PolicyLengthExceededException", 400, "is bigger than the limit (20480).")
}

func TestTagsBelongToFunctionsAndGiveThemARevision(t *testing.T) {
	w := newWorld(t, nil)
	made := w.create("roast", func(in *awslambda.CreateFunctionInput) { in.Tags = map[string]string{"shop": "one"} })
	w.publish("roast")
	revision := func() string {
		got, err := w.GetFunction(t.Context(), &awslambda.GetFunctionInput{FunctionName: aws.String("roast")})
		w.must(err)
		return *got.Configuration.RevisionId
	}
	before := revision()
	_, err := w.TagResource(t.Context(), &awslambda.TagResourceInput{Resource: made.FunctionArn, Tags: map[string]string{"shop": "two", "till": "9"}})
	w.must(err)
	if revision() == before {
		t.Error("tags left the revision")
	}
	_, err = w.UntagResource(t.Context(), &awslambda.UntagResourceInput{Resource: made.FunctionArn, TagKeys: []string{"till", "none"}})
	w.must(err)
	tags, err := w.ListTags(t.Context(), &awslambda.ListTagsInput{Resource: made.FunctionArn})
	w.must(err)
	if len(tags.Tags) != 1 || tags.Tags["shop"] != "two" {
		t.Errorf("got %v, want shop=two", tags.Tags)
	}
	got, err := w.GetFunction(t.Context(), &awslambda.GetFunctionInput{FunctionName: aws.String("roast")})
	w.must(err)
	if got.Tags["shop"] != "two" {
		t.Errorf("GetFunction shows the tags %v", got.Tags)
	}
	tag := func(arn string, tags map[string]string) error {
		_, err := w.TagResource(t.Context(), &awslambda.TagResourceInput{Resource: &arn, Tags: tags})
		return err
	}
	one := map[string]string{"a": "b"}
	refused(t, tag(*made.FunctionArn+":1", one), "InvalidParameterValueException", 400, "Tags on function aliases and versions are not supported.")
	refused(t, tag("arn:aws:lambda:eu-west-1:444455556666:function:nobody", one), "ResourceNotFoundException", 404, "Function not found: arn:aws:lambda:eu-west-1:444455556666:function:nobody")
	refused(t, tag("arn:aws:sqs:x", one), "ValidationException", 400, "at 'resource' failed to satisfy constraint")
	refused(t, tag(*made.FunctionArn, map[string]string{}), "InvalidParameterValueException", 400, "An error occurred and the request cannot be processed.")
	many := map[string]string{}
	for i := range 50 {
		many["k"+string(rune('A'+i))] = "v"
	}
	refused(t, tag(*made.FunctionArn, many), "InvalidParameterValueException", 400, "Number of tags exceeds resource tag limit.")
}

func TestLayersAreNumberedAndStayWithWhoUsesThem(t *testing.T) {
	w := newWorld(t, nil)
	publish := func(name, text string) string {
		out, err := w.PublishLayerVersion(t.Context(), &awslambda.PublishLayerVersionInput{
			LayerName: &name, Content: &types.LayerVersionContentInput{ZipFile: lambdatest.Code(text)}, CompatibleRuntimes: []types.Runtime{types.RuntimePython312}})
		w.must(err)
		return *out.LayerVersionArn
	}
	cups1, cups2, lids := publish("cups", "a"), publish("cups", "b"), publish("lids", "c")
	if cups2 != "arn:aws:lambda:eu-west-1:444455556666:layer:cups:2" {
		t.Errorf("the second version is %s", cups2)
	}
	w.create("roast", nil)
	use := func(layers ...string) error {
		_, err := w.UpdateFunctionConfiguration(t.Context(), &awslambda.UpdateFunctionConfigurationInput{FunctionName: aws.String("roast"), Layers: layers})
		return err
	}
	refused(t, use(cups1, cups2), "InvalidParameterValueException", 400, "Two different versions of the same layer are not allowed to be referenced in the same function. "+cups1+" and "+cups2)
	refused(t, use("arn:aws:lambda:eu-west-1:444455556666:layer:cups:9"), "InvalidParameterValueException", 400, "layer:cups:9 does not exist.")
	refused(t, use("arn:aws:lambda:eu-north-1:444455556666:layer:cups:1"), "InvalidParameterValueException", 400, "Layers are expected to be in region eu-west-1.")
	refused(t, use("arn:aws:lambda:eu-west-1:444455556666:layer:a:1", "arn:aws:lambda:eu-west-1:444455556666:layer:b:1", "arn:aws:lambda:eu-west-1:444455556666:layer:c:1",
		"arn:aws:lambda:eu-west-1:444455556666:layer:d:1", "arn:aws:lambda:eu-west-1:444455556666:layer:e:1", "arn:aws:lambda:eu-west-1:444455556666:layer:f:1"),
		"InvalidParameterValueException", 400, "Cannot reference more than 5 layers.")
	w.must(use(cups2, lids))
	w.pass(time.Second)
	_, err := w.DeleteLayerVersion(t.Context(), &awslambda.DeleteLayerVersionInput{LayerName: aws.String("cups"), VersionNumber: aws.Int64(2)})
	w.must(err)
	_, err = w.DeleteLayerVersion(t.Context(), &awslambda.DeleteLayerVersionInput{LayerName: aws.String("cups"), VersionNumber: aws.Int64(2)})
	w.must(err) // what is not there is no error
	got, err := w.GetFunctionConfiguration(t.Context(), &awslambda.GetFunctionConfigurationInput{FunctionName: aws.String("roast")})
	w.must(err)
	if len(got.Layers) != 2 || *got.Layers[0].Arn != cups2 || got.Layers[0].CodeSize != int64(len(lambdatest.Code("b"))) {
		t.Errorf("got layers %+v", got.Layers)
	}
	if next := publish("cups", "d"); !strings.HasSuffix(next, ":cups:3") {
		t.Errorf("after a deletion the next version is %s, want 3", next)
	}
	list, err := w.ListLayers(t.Context(), &awslambda.ListLayersInput{})
	w.must(err)
	if len(list.Layers) != 2 || list.Layers[0].LatestMatchingVersion.Version != 3 {
		t.Errorf("got %+v", list.Layers)
	}
	versions, err := w.ListLayerVersions(t.Context(), &awslambda.ListLayerVersionsInput{LayerName: aws.String("cups")})
	w.must(err)
	if len(versions.LayerVersions) != 2 || versions.LayerVersions[0].Version != 3 || versions.LayerVersions[1].Version != 1 {
		t.Errorf("got %+v, want 3 before 1", versions.LayerVersions)
	}
	one, err := w.GetLayerVersionByArn(t.Context(), &awslambda.GetLayerVersionByArnInput{Arn: &lids})
	w.must(err)
	if one.Version != 1 || *one.Content.CodeSha256 == "" {
		t.Errorf("got %+v", one)
	}
	_, err = w.GetLayerVersion(t.Context(), &awslambda.GetLayerVersionInput{LayerName: aws.String("lids"), VersionNumber: aws.Int64(5)})
	refused(t, err, "ResourceNotFoundException", 404, "The resource you requested does not exist.")
}

func TestALayersPolicyHasRevisionsOfItsOwn(t *testing.T) {
	w := newWorld(t, nil)
	_, err := w.PublishLayerVersion(t.Context(), &awslambda.PublishLayerVersionInput{LayerName: aws.String("cups"), Content: &types.LayerVersionContentInput{ZipFile: lambdatest.Code("a")}})
	w.must(err)
	add := func(id, revision *string) (*awslambda.AddLayerVersionPermissionOutput, error) {
		return w.AddLayerVersionPermission(t.Context(), &awslambda.AddLayerVersionPermissionInput{
			LayerName: aws.String("cups"), VersionNumber: aws.Int64(1), StatementId: id, RevisionId: revision,
			Action: aws.String("lambda:GetLayerVersion"), Principal: aws.String("*")})
	}
	first, err := add(aws.String("a"), nil)
	w.must(err)
	_, err = add(aws.String("b"), aws.String("stale"))
	refused(t, err, "PreconditionFailedException", 412, "GetLayerPolicy")
	second, err := add(aws.String("b"), first.RevisionId)
	w.must(err)
	got, err := w.GetLayerVersionPolicy(t.Context(), &awslambda.GetLayerVersionPolicyInput{LayerName: aws.String("cups"), VersionNumber: aws.Int64(1)})
	w.must(err)
	if *got.RevisionId != *second.RevisionId || strings.Count(*got.Policy, `"Sid"`) != 2 {
		t.Errorf("got %s with revision %s", *got.Policy, *got.RevisionId)
	}
	for _, id := range []string{"a", "b"} {
		_, err = w.RemoveLayerVersionPermission(t.Context(), &awslambda.RemoveLayerVersionPermissionInput{LayerName: aws.String("cups"), VersionNumber: aws.Int64(1), StatementId: &id})
		w.must(err)
	}
	_, err = w.GetLayerVersionPolicy(t.Context(), &awslambda.GetLayerVersionPolicyInput{LayerName: aws.String("cups"), VersionNumber: aws.Int64(1)})
	refused(t, err, "ResourceNotFoundException", 404, "No policy is associated with the given resource.")
	_, err = w.GetLayerVersionPolicy(t.Context(), &awslambda.GetLayerVersionPolicyInput{LayerName: aws.String("cups"), VersionNumber: aws.Int64(8)})
	refused(t, err, "ResourceNotFoundException", 404, "Layer version arn:aws:lambda:eu-west-1:444455556666:layer:cups:8 does not exist.")
}
