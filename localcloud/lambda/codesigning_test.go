package lambda_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/crossfade-dev/crossfade/localcloud/lambda/lambdatest"
)

func (w *world) signing(policy types.CodeSigningPolicy) *string {
	w.t.Helper()
	out, err := w.CreateCodeSigningConfig(w.t.Context(), &awslambda.CreateCodeSigningConfigInput{
		AllowedPublishers:   &types.AllowedPublishers{SigningProfileVersionArns: []string{"arn:aws:signer:eu-west-1:" + account + ":/signing-profiles/barista/0123456789"}},
		CodeSigningPolicies: &types.CodeSigningPolicies{UntrustedArtifactOnDeployment: policy},
	})
	w.must(err)
	return out.CodeSigningConfig.CodeSigningConfigArn
}

func TestCodeIsRefusedWhereSignaturesAreEnforcedSinceNothingIsSignedHere(t *testing.T) {
	w := newWorld(t, nil)
	warn, enforce := w.signing(types.CodeSigningPolicyWarn), w.signing(types.CodeSigningPolicyEnforce)
	name := aws.String("roast")
	w.create("roast", func(in *awslambda.CreateFunctionInput) { in.CodeSigningConfigArn = warn })
	w.update("roast", "second")
	_, err := w.PutFunctionCodeSigningConfig(t.Context(), &awslambda.PutFunctionCodeSigningConfigInput{FunctionName: name, CodeSigningConfigArn: enforce})
	w.must(err)
	_, err = w.UpdateFunctionCode(t.Context(), &awslambda.UpdateFunctionCodeInput{FunctionName: name, ZipFile: lambdatest.Code("third")})
	refused(t, err, "CodeVerificationFailedException", 400, "the code signing policy is set to ENFORCE")
	used, err := w.ListFunctionsByCodeSigningConfig(t.Context(), &awslambda.ListFunctionsByCodeSigningConfigInput{CodeSigningConfigArn: enforce})
	w.must(err)
	if len(used.FunctionArns) != 1 {
		t.Errorf("it is used by %v", used.FunctionArns)
	}
	_, err = w.DeleteCodeSigningConfig(t.Context(), &awslambda.DeleteCodeSigningConfigInput{CodeSigningConfigArn: enforce})
	refused(t, err, "ResourceConflictException", 409, "only if no function is using it")
	_, err = w.DeleteFunctionCodeSigningConfig(t.Context(), &awslambda.DeleteFunctionCodeSigningConfigInput{FunctionName: name})
	w.must(err)
	w.update("roast", "third")
	_, err = w.DeleteCodeSigningConfig(t.Context(), &awslambda.DeleteCodeSigningConfigInput{CodeSigningConfigArn: enforce})
	w.must(err)
	_, err = w.GetCodeSigningConfig(t.Context(), &awslambda.GetCodeSigningConfigInput{CodeSigningConfigArn: enforce})
	refused(t, err, "CodeSigningConfigNotFoundException", 404, *enforce)
}

func TestCodeSigningIsThereAfterARestart(t *testing.T) {
	dir := t.TempDir()
	keep, closeJournal := inDir(t, dir)
	w := newWorld(t, keep)
	enforce := w.signing(types.CodeSigningPolicyEnforce)
	w.create("roast", nil)
	_, err := w.PutFunctionCodeSigningConfig(t.Context(), &awslambda.PutFunctionCodeSigningConfigInput{FunctionName: aws.String("roast"), CodeSigningConfigArn: enforce})
	w.must(err)
	w.service.Close()
	closeJournal()

	keep, _ = inDir(t, dir)
	w = newWorld(t, keep)
	_, err = w.UpdateFunctionCode(t.Context(), &awslambda.UpdateFunctionCodeInput{FunctionName: aws.String("roast"), ZipFile: lambdatest.Code("second")})
	refused(t, err, "CodeVerificationFailedException", 400, "ENFORCE")
	list, err := w.ListCodeSigningConfigs(t.Context(), &awslambda.ListCodeSigningConfigsInput{})
	w.must(err)
	if len(list.CodeSigningConfigs) != 1 || *list.CodeSigningConfigs[0].CodeSigningConfigArn != *enforce {
		t.Errorf("after a restart there are %+v", list.CodeSigningConfigs)
	}
}
