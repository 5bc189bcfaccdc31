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

func TestPublishingTwiceWithoutAChangeMakesOneVersion(t *testing.T) {
	w := newWorld(t, nil)
	w.create("roast", nil)
	first, err := w.PublishVersion(t.Context(), &awslambda.PublishVersionInput{FunctionName: aws.String("roast"), Description: aws.String("light")})
	w.must(err)
	again, err := w.PublishVersion(t.Context(), &awslambda.PublishVersionInput{FunctionName: aws.String("roast"), Description: aws.String("dark")})
	w.must(err)
	if *first.Version != "1" || *again.Version != "1" || *again.Description != "light" || *again.RevisionId != *first.RevisionId {
		t.Errorf("got version %s %q and %s %q, want version 1 with its description twice", *first.Version, *first.Description, *again.Version, *again.Description)
	}
	if !strings.HasSuffix(*first.FunctionArn, ":function:roast:1") || first.State != types.StateActive {
		t.Errorf("got %s in state %s", *first.FunctionArn, first.State)
	}
	w.update("roast", "second")
	if got := w.publish("roast"); got != "2" {
		t.Errorf("other code makes version %s, want 2", got)
	}
	_, err = w.UpdateFunctionConfiguration(t.Context(), &awslambda.UpdateFunctionConfigurationInput{FunctionName: aws.String("roast"), Timeout: aws.Int32(9)})
	w.must(err)
	w.pass(time.Second)
	if got := w.publish("roast"); got != "3" {
		t.Errorf("another timeout makes version %s, want 3", got)
	}
}

func TestAPublishedVersionStaysWhatItWas(t *testing.T) {
	w := newWorld(t, nil)
	w.create("roast", func(in *awslambda.CreateFunctionInput) {
		in.Environment = &types.Environment{Variables: map[string]string{"BEANS": "two"}}
	})
	w.publish("roast")
	before, err := w.GetFunctionConfiguration(t.Context(), &awslambda.GetFunctionConfigurationInput{FunctionName: aws.String("roast:1")})
	w.must(err)
	w.update("roast", "second")
	_, err = w.UpdateFunctionConfiguration(t.Context(), &awslambda.UpdateFunctionConfigurationInput{
		FunctionName: aws.String("roast"), Environment: &types.Environment{Variables: map[string]string{"BEANS": "nine"}}})
	w.must(err)
	w.pass(time.Second)
	after, err := w.GetFunctionConfiguration(t.Context(), &awslambda.GetFunctionConfigurationInput{FunctionName: aws.String("roast:1")})
	w.must(err)
	if *after.CodeSha256 != *before.CodeSha256 || after.Environment.Variables["BEANS"] != "two" || *after.RevisionId != *before.RevisionId {
		t.Errorf("version 1 changed: %+v", after)
	}
}

func TestPublishingGivesLatestAnotherRevision(t *testing.T) {
	w := newWorld(t, nil)
	w.create("roast", nil)
	revision := func() string {
		got, err := w.GetFunctionConfiguration(t.Context(), &awslambda.GetFunctionConfigurationInput{FunctionName: aws.String("roast")})
		w.must(err)
		return *got.RevisionId
	}
	before := revision()
	w.publish("roast")
	published := revision()
	if published == before {
		t.Error("a publication left the revision of $LATEST")
	}
	w.publish("roast")
	if revision() != published {
		t.Error("a publication of what was published already changed the revision of $LATEST")
	}
}

func TestPublishingChecksTheHashOfTheCode(t *testing.T) {
	w := newWorld(t, nil)
	made := w.create("roast", nil)
	_, err := w.PublishVersion(t.Context(), &awslambda.PublishVersionInput{FunctionName: aws.String("roast"), CodeSha256: aws.String("other")})
	refused(t, err, "InvalidParameterValueException", 400, "CodeSHA256 (other) is different from current CodeSHA256 in $LATEST ("+*made.CodeSha256+").")
	_, err = w.PublishVersion(t.Context(), &awslambda.PublishVersionInput{FunctionName: aws.String("roast"), CodeSha256: made.CodeSha256})
	w.must(err)
}

func TestCodeCanBePublishedAsItIsUploaded(t *testing.T) {
	w := newWorld(t, nil)
	made := w.create("roast", func(in *awslambda.CreateFunctionInput) { in.Publish = true })
	if *made.Version != "1" || !strings.HasSuffix(*made.FunctionArn, ":function:roast") {
		t.Errorf("a creation that publishes answers version %s of %s, want 1 and an ARN without it", *made.Version, *made.FunctionArn)
	}
	next, err := w.UpdateFunctionCode(t.Context(), &awslambda.UpdateFunctionCodeInput{FunctionName: aws.String("roast"), ZipFile: lambdatest.Code("second"), Publish: true})
	w.must(err)
	if *next.Version != "2" || !strings.HasSuffix(*next.FunctionArn, ":roast:2") || next.State != types.StatePending {
		t.Errorf("an update that publishes answers version %s of %s in state %s, want 2, with it, Pending", *next.Version, *next.FunctionArn, next.State)
	}
	w.pass(time.Second)
	got, err := w.GetFunctionConfiguration(t.Context(), &awslambda.GetFunctionConfigurationInput{FunctionName: aws.String("roast:2")})
	w.must(err)
	if got.State != types.StateActive || *got.CodeSha256 != *next.CodeSha256 {
		t.Errorf("later: got state %s, code %s", got.State, *got.CodeSha256)
	}
	if v := w.publish("roast"); v != "2" {
		t.Errorf("there is nothing new to publish, but got version %s", v)
	}
}

func TestNumbersOfVersionsNeverComeAgain(t *testing.T) {
	w := newWorld(t, nil)
	w.create("roast", nil)
	w.publish("roast")
	w.update("roast", "second")
	w.publish("roast")
	name := aws.String("roast")
	_, err := w.CreateAlias(t.Context(), &awslambda.CreateAliasInput{FunctionName: name, Name: aws.String("live"), FunctionVersion: aws.String("2")})
	w.must(err)
	_, err = w.DeleteFunction(t.Context(), &awslambda.DeleteFunctionInput{FunctionName: name, Qualifier: aws.String("2")})
	refused(t, err, "ResourceConflictException", 409, "because the following aliases reference it: [live]")
	_, err = w.DeleteAlias(t.Context(), &awslambda.DeleteAliasInput{FunctionName: name, Name: aws.String("live")})
	w.must(err)
	_, err = w.DeleteFunction(t.Context(), &awslambda.DeleteFunctionInput{FunctionName: name, Qualifier: aws.String("2")})
	w.must(err)
	_, err = w.DeleteFunction(t.Context(), &awslambda.DeleteFunctionInput{FunctionName: name, Qualifier: aws.String("77")})
	w.must(err) // a version that is not there is no error
	if got := w.publish("roast"); got != "3" {
		t.Errorf("got version %s, want 3: 2 has been used", got)
	}
	all, err := w.ListVersionsByFunction(t.Context(), &awslambda.ListVersionsByFunctionInput{FunctionName: name})
	w.must(err)
	var versions []string
	for _, v := range all.Versions {
		versions = append(versions, *v.Version)
		if !strings.HasSuffix(*v.FunctionArn, ":roast:"+*v.Version) {
			t.Errorf("version %s has the ARN %s", *v.Version, *v.FunctionArn)
		}
	}
	if got := strings.Join(versions, " "); got != "$LATEST 1 3" {
		t.Errorf("got %s, want $LATEST 1 3", got)
	}
}
