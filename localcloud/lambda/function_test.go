package lambda_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/crossfade-dev/crossfade/localcloud/lambda"
	"github.com/crossfade-dev/crossfade/localcloud/lambda/lambdatest"
)

func TestANewFunctionIsPendingForAMomentAndThenActiveWithAnotherRevision(t *testing.T) {
	w := newWorld(t, nil)
	made, err := w.CreateFunction(t.Context(), &awslambda.CreateFunctionInput{
		FunctionName: aws.String("roast"), Role: aws.String(roleARN), Handler: aws.String("app.echo"), Runtime: types.RuntimePython312,
		Code: &types.FunctionCode{ZipFile: lambdatest.Code("first")},
	})
	w.must(err)
	if made.State != types.StatePending || made.StateReasonCode != types.StateReasonCodeCreating || made.LastUpdateStatus != "" {
		t.Errorf("got state %s, reason %s, update %q; want Pending, Creating and none", made.State, made.StateReasonCode, made.LastUpdateStatus)
	}
	_, err = w.Invoke(t.Context(), &awslambda.InvokeInput{FunctionName: aws.String("roast")})
	refused(t, err, "ResourceConflictException", 409, "in the following state: Pending")
	_, err = w.PublishVersion(t.Context(), &awslambda.PublishVersionInput{FunctionName: aws.String("roast")})
	refused(t, err, "ResourceConflictException", 409, "An update is in progress for resource: arn:aws:lambda:eu-west-1:444455556666:function:roast")

	w.pass(time.Second)
	now, err := w.GetFunctionConfiguration(t.Context(), &awslambda.GetFunctionConfigurationInput{FunctionName: aws.String("roast")})
	w.must(err)
	if now.State != types.StateActive || now.LastUpdateStatus != types.LastUpdateStatusSuccessful {
		t.Errorf("a second later: got state %s, update %s", now.State, now.LastUpdateStatus)
	}
	if *now.RevisionId == *made.RevisionId {
		t.Error("the revision is still that of the creation")
	}
}

func TestAnUpdateRunsTheOldCodeUntilItHasSettled(t *testing.T) {
	w := newWorld(t, nil)
	w.runtime.handlers["app.echo"] = versionHandler
	w.create("roast", nil)
	before := string(w.invoke("roast", "", `{}`).Payload)
	_, err := w.UpdateFunctionCode(t.Context(), &awslambda.UpdateFunctionCodeInput{FunctionName: aws.String("roast"), ZipFile: lambdatest.Code("second")})
	w.must(err)
	if got := string(w.invoke("roast", "", `{}`).Payload); got != before {
		t.Errorf("while the update is in progress: got %s, want %s", got, before)
	}
	_, err = w.UpdateFunctionCode(t.Context(), &awslambda.UpdateFunctionCodeInput{FunctionName: aws.String("roast"), ZipFile: lambdatest.Code("third")})
	refused(t, err, "ResourceConflictException", 409, "An update is in progress")
	w.pass(time.Second)
	if got := string(w.invoke("roast", "", `{}`).Payload); got == before {
		t.Errorf("after the update: still %s", got)
	}
	if len(w.runtime.retired) != 1 {
		t.Errorf("the runtime let go of %d versions, want the one that was replaced", len(w.runtime.retired))
	}
}

// versionHandler answers with the code that it is.
func versionHandler(_ context.Context, v *lambda.FunctionVersion, _ lambda.Request) (lambda.Response, error) {
	return lambda.Response{Payload: []byte(`"` + v.Code.SHA256 + `"`), Duration: time.Millisecond}, nil
}

func TestAStaleRevisionChangesNothing(t *testing.T) {
	w := newWorld(t, nil)
	w.create("roast", nil)
	name, stale := aws.String("roast"), aws.String("a5d1c0de-0000-4000-8000-000000000000")
	const text = "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API"
	_, err := w.UpdateFunctionCode(t.Context(), &awslambda.UpdateFunctionCodeInput{FunctionName: name, ZipFile: lambdatest.Code("x"), RevisionId: stale})
	refused(t, err, "PreconditionFailedException", 412, text)
	_, err = w.UpdateFunctionConfiguration(t.Context(), &awslambda.UpdateFunctionConfigurationInput{FunctionName: name, RevisionId: stale})
	refused(t, err, "PreconditionFailedException", 412, text)
	_, err = w.PublishVersion(t.Context(), &awslambda.PublishVersionInput{FunctionName: name, RevisionId: stale})
	refused(t, err, "PreconditionFailedException", 412, text)

	now, err := w.GetFunctionConfiguration(t.Context(), &awslambda.GetFunctionConfigurationInput{FunctionName: name})
	w.must(err)
	_, err = w.UpdateFunctionConfiguration(t.Context(), &awslambda.UpdateFunctionConfigurationInput{
		FunctionName: name, RevisionId: now.RevisionId, Timeout: aws.Int32(20)})
	w.must(err)
}

func TestADryRunOfCodeKeepsNothing(t *testing.T) {
	w := newWorld(t, nil)
	made := w.create("roast", nil)
	dry, err := w.UpdateFunctionCode(t.Context(), &awslambda.UpdateFunctionCodeInput{FunctionName: aws.String("roast"), ZipFile: lambdatest.Code("other"), DryRun: true})
	w.must(err)
	if *dry.CodeSha256 == *made.CodeSha256 {
		t.Error("the answer does not show what the code would be")
	}
	now, err := w.GetFunctionConfiguration(t.Context(), &awslambda.GetFunctionConfigurationInput{FunctionName: aws.String("roast")})
	w.must(err)
	if *now.CodeSha256 != *made.CodeSha256 {
		t.Error("the dry run changed the code")
	}
}

func TestWhatCannotBeCreatedIsSaidInAWSsWords(t *testing.T) {
	w := newWorld(t, nil)
	w.runtime.missing = map[string]string{"ruby3.4": "install ruby"}
	w.create("taken", nil)
	for _, row := range []struct {
		why    string
		change func(in *awslambda.CreateFunctionInput)
		code   string
		status int
		text   string
	}{
		{"a name that is taken", func(in *awslambda.CreateFunctionInput) { in.FunctionName = aws.String("taken") },
			"ResourceConflictException", 409, "Function already exist: taken"},
		{"a name of 65 letters", func(in *awslambda.CreateFunctionInput) { in.FunctionName = aws.String(strings.Repeat("n", 65)) },
			"InvalidParameterValueException", 400, "Member must have length less than or equal to 64"},
		{"another region", func(in *awslambda.CreateFunctionInput) {
			in.FunctionName = aws.String("arn:aws:lambda:us-east-2:" + account + ":function:roast")
		}, "ResourceNotFoundException", 404, "Functions from 'us-east-2' are not reachable in this region ('eu-west-1')"},
		{"another account", func(in *awslambda.CreateFunctionInput) {
			in.FunctionName = aws.String("arn:aws:lambda:eu-west-1:999988887777:function:roast")
		}, "AccessDeniedException", 403, ""},
		{"no such runtime", func(in *awslambda.CreateFunctionInput) { in.Runtime = "cobol85" },
			"InvalidParameterValueException", 400, "Value cobol85 at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: ["},
		{"a runtime of old", func(in *awslambda.CreateFunctionInput) { in.Runtime = types.RuntimeNodejs10x },
			"InvalidParameterValueException", 400, "The runtime parameter of nodejs10.x is no longer supported"},
		{"a runtime that the machine has not", func(in *awslambda.CreateFunctionInput) { in.Runtime = types.RuntimeRuby34 },
			"InvalidParameterValueException", 400, "install ruby"},
		{"no zip file", func(in *awslambda.CreateFunctionInput) { in.Code.ZipFile = []byte("beans") },
			"InvalidParameterValueException", 400, "Could not unzip uploaded file."},
		{"no code", func(in *awslambda.CreateFunctionInput) { in.Code.ZipFile = nil },
			"InvalidParameterValueException", 400, "Please provide a source for function code."},
		{"code in S3", func(in *awslambda.CreateFunctionInput) {
			in.Code = &types.FunctionCode{S3Bucket: aws.String("beans"), S3Key: aws.String("a.zip")}
		}, "InvalidParameterValueException", 400, "S3 Error Code: NoSuchBucket"},
		{"an image", func(in *awslambda.CreateFunctionInput) {
			in.PackageType, in.Code = types.PackageTypeImage, &types.FunctionCode{ImageUri: aws.String("a:b")}
		}, "InvalidParameterValueException", 400, "The local cloud has no container images."},
		{"SnapStart", func(in *awslambda.CreateFunctionInput) {
			in.SnapStart = &types.SnapStart{ApplyOn: types.SnapStartApplyOnPublishedVersions}
		}, "InvalidParameterValueException", 400, "The local cloud has no SnapStart."},
		{"a network", func(in *awslambda.CreateFunctionInput) {
			in.VpcConfig = &types.VpcConfig{SubnetIds: []string{"subnet-1"}, SecurityGroupIds: []string{"sg-1"}}
		}, "InvalidParameterValueException", 400, "InvalidGroup.NotFound. EC2 Error Message: The security group 'sg-1' does not exist"},
		{"a variable that is Lambda's", func(in *awslambda.CreateFunctionInput) {
			in.Environment = &types.Environment{Variables: map[string]string{"AWS_REGION": "x", "TZ": "y", "MINE": "z"}}
		}, "InvalidParameterValueException", 400, "Reserved keys used in this request: AWS_REGION, TZ"},
		{"4,097 bytes of variables", func(in *awslambda.CreateFunctionInput) {
			in.Environment = &types.Environment{Variables: map[string]string{"A1": strings.Repeat("v", 4088)}}
		}, "InvalidParameterValueException", 400, `exceeded the 4KB limit. String measured: {"A1":"vvv`},
		{"a timeout above a quarter of an hour", func(in *awslambda.CreateFunctionInput) { in.Timeout = aws.Int32(901) },
			"ValidationException", 400, "Member must have value less than or equal to 900"},
		{"a layer that is not there", func(in *awslambda.CreateFunctionInput) {
			in.Layers = []string{"arn:aws:lambda:eu-west-1:" + account + ":layer:cups:3"}
		}, "InvalidParameterValueException", 400, "layer:cups:3 does not exist."},
	} {
		t.Run(row.why, func(t *testing.T) {
			in := &awslambda.CreateFunctionInput{
				FunctionName: aws.String("roast"), Role: aws.String(roleARN), Handler: aws.String("app.echo"),
				Runtime: types.RuntimePython312, Code: &types.FunctionCode{ZipFile: lambdatest.Code("first")},
			}
			row.change(in)
			_, err := w.CreateFunction(t.Context(), in)
			refused(t, err, row.code, row.status, row.text)
		})
	}
	all, err := w.ListFunctions(t.Context(), &awslambda.ListFunctionsInput{})
	w.must(err)
	if len(all.Functions) != 1 {
		t.Errorf("%d functions are there, want only the one that could be created", len(all.Functions))
	}
}

func TestAConfigurationShowsWhatWasGivenAndDefaultsForTheRest(t *testing.T) {
	w := newWorld(t, nil)
	w.create("roast", func(in *awslambda.CreateFunctionInput) {
		in.Environment = &types.Environment{Variables: map[string]string{"BEANS": "two"}}
		in.LoggingConfig = &types.LoggingConfig{LogFormat: types.LogFormatJson, SystemLogLevel: types.SystemLogLevelWarn}
		in.DeadLetterConfig = &types.DeadLetterConfig{TargetArn: aws.String("arn:aws:sqs:eu-west-1:444455556666:spills")}
	})
	got, err := w.GetFunctionConfiguration(t.Context(), &awslambda.GetFunctionConfigurationInput{FunctionName: aws.String("roast")})
	w.must(err)
	if *got.MemorySize != 128 || *got.Timeout != 3 || *got.EphemeralStorage.Size != 512 || *got.Description != "" ||
		got.TracingConfig.Mode != types.TracingModePassThrough || got.PackageType != types.PackageTypeZip || got.Architectures[0] != types.ArchitectureX8664 {
		t.Errorf("defaults: got %+v", got)
	}
	if got.Environment.Variables["BEANS"] != "two" || *got.DeadLetterConfig.TargetArn != "arn:aws:sqs:eu-west-1:444455556666:spills" {
		t.Errorf("what was given: got %+v", got)
	}
	l := got.LoggingConfig
	if *l.LogGroup != "/aws/lambda/roast" || l.ApplicationLogLevel != types.ApplicationLogLevelInfo || l.SystemLogLevel != types.SystemLogLevelWarn {
		t.Errorf("logging: got %+v", l)
	}
	_, err = w.UpdateFunctionConfiguration(t.Context(), &awslambda.UpdateFunctionConfigurationInput{
		FunctionName: aws.String("roast"), LoggingConfig: &types.LoggingConfig{LogFormat: types.LogFormatText}, MemorySize: aws.Int32(256)})
	w.must(err)
	w.pass(time.Second)
	got, err = w.GetFunctionConfiguration(t.Context(), &awslambda.GetFunctionConfigurationInput{FunctionName: aws.String("roast")})
	w.must(err)
	if got.LoggingConfig.SystemLogLevel != "" || *got.MemorySize != 256 || got.Environment.Variables["BEANS"] != "two" {
		t.Errorf("after an update: logging %+v, memory %d, variables %v", got.LoggingConfig, *got.MemorySize, got.Environment.Variables)
	}
}

func TestListsOfFunctionsComeInPagesAndLeaveOutStates(t *testing.T) {
	w := newWorld(t, nil)
	for _, name := range []string{"cup", "bean", "milk"} {
		w.create(name, nil)
	}
	w.publish("cup")
	var names []string
	pages := awslambda.NewListFunctionsPaginator(w.Client, &awslambda.ListFunctionsInput{MaxItems: aws.Int32(2)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		w.must(err)
		for _, f := range page.Functions {
			names = append(names, *f.FunctionName)
			if f.State != "" || f.LastUpdateStatus != "" || f.RuntimeVersionConfig != nil {
				t.Errorf("the list says what is only true for the moment: %+v", f)
			}
		}
	}
	if got := strings.Join(names, " "); got != "bean cup milk" {
		t.Errorf("got %s, want bean cup milk", got)
	}
	all, err := w.ListFunctions(t.Context(), &awslambda.ListFunctionsInput{FunctionVersion: types.FunctionVersionAll})
	w.must(err)
	var arns []string
	for _, f := range all.Functions {
		arns = append(arns, strings.TrimPrefix(*f.FunctionArn, "arn:aws:lambda:eu-west-1:444455556666:function:"))
	}
	if got := strings.Join(arns, " "); got != "bean:$LATEST cup:$LATEST cup:1 milk:$LATEST" {
		t.Errorf("with all versions: got %s", got)
	}
}

func TestADeletedFunctionIsGoneAndItsNameIsFree(t *testing.T) {
	w := newWorld(t, nil)
	w.create("roast", nil)
	w.publish("roast")
	w.invoke("roast", "1", `{}`)
	name := aws.String("roast")
	_, err := w.DeleteFunction(t.Context(), &awslambda.DeleteFunctionInput{FunctionName: name, Qualifier: aws.String("$LATEST")})
	refused(t, err, "InvalidParameterValueException", 400, "$LATEST version cannot be deleted without deleting the function.")
	_, err = w.DeleteFunction(t.Context(), &awslambda.DeleteFunctionInput{FunctionName: name})
	w.must(err)
	_, err = w.DeleteFunction(t.Context(), &awslambda.DeleteFunctionInput{FunctionName: name})
	refused(t, err, "ResourceNotFoundException", 404, "Function not found: arn:aws:lambda:eu-west-1:444455556666:function:roast")
	if len(w.runtime.retired) != 1 {
		t.Errorf("the runtime let go of %d versions, want the one that had run", len(w.runtime.retired))
	}
	w.create("roast", nil)
	if got := w.publish("roast"); got != "1" {
		t.Errorf("the first version of the new function is %s, want 1", got)
	}
}

func TestEveryFormOfANameFindsTheFunction(t *testing.T) {
	w := newWorld(t, nil)
	w.create("roast", nil)
	w.publish("roast")
	for _, name := range []string{
		"roast", "roast:1", "roast:$LATEST", "function:roast", "444455556666:function:roast:1",
		"arn:aws:lambda:eu-west-1:444455556666:function:roast", "arn:aws:lambda:eu-west-1:444455556666:function:roast:1",
	} {
		if _, err := w.GetFunction(t.Context(), &awslambda.GetFunctionInput{FunctionName: &name}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := w.GetFunction(t.Context(), &awslambda.GetFunctionInput{FunctionName: aws.String("roast:1"), Qualifier: aws.String("$LATEST")})
	refused(t, err, "InvalidParameterValueException", 400, "The derived qualifier from the function name does not match the specified qualifier.")
	_, err = w.GetFunction(t.Context(), &awslambda.GetFunctionInput{FunctionName: aws.String("arn:aws:lambda:eu-west-1:444455556666:function")})
	refused(t, err, "ResourceNotFoundException", 404, "function:function")
	_, err = w.as(account, "eu-north-1").GetFunction(t.Context(), &awslambda.GetFunctionInput{FunctionName: aws.String("roast")})
	refused(t, err, "ResourceNotFoundException", 404, "arn:aws:lambda:eu-north-1:444455556666:function:roast")
}

func TestTheCodeCanBeFetchedFromItsLocation(t *testing.T) {
	w := newWorld(t, nil)
	w.create("roast", nil)
	got, err := w.GetFunction(t.Context(), &awslambda.GetFunctionInput{FunctionName: aws.String("roast")})
	w.must(err)
	path, ok := strings.CutPrefix(*got.Code.Location, "http://127.0.0.1:4599")
	if !ok || !strings.HasPrefix(path, lambda.CodePath()) {
		t.Fatalf("got location %s", *got.Code.Location)
	}
	answer := fetch(t, w.service.Code(), path)
	if answer != string(lambdatest.Code("first")) {
		t.Errorf("got %d bytes, want the zip file that was uploaded", len(answer))
	}
}

// fetch gets a path from a handler.
func fetch(t *testing.T, h http.Handler, path string) string {
	t.Helper()
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
	if rec.Code != http.StatusOK {
		t.Fatalf("%s: got status %d", path, rec.Code)
	}
	return rec.Body.String()
}
