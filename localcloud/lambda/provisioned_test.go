package lambda_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/crossfade-dev/crossfade/localcloud/lambda"
	"github.com/crossfade-dev/crossfade/localcloud/lambda/lambdatest"
)

func (w *world) provision(name, qualifier string, n int32) error {
	_, err := w.PutProvisionedConcurrencyConfig(w.t.Context(), &awslambda.PutProvisionedConcurrencyConfigInput{
		FunctionName: &name, Qualifier: &qualifier, ProvisionedConcurrentExecutions: &n,
	})
	return err
}

func (w *world) provisioned(name, qualifier string) *awslambda.GetProvisionedConcurrencyConfigOutput {
	w.t.Helper()
	out, err := w.GetProvisionedConcurrencyConfig(w.t.Context(), &awslambda.GetProvisionedConcurrencyConfigInput{FunctionName: &name, Qualifier: &qualifier})
	w.must(err)
	return out
}

// keptFor is how many environments the runtime keeps for each version.
func (w *world) keptFor(name string) map[string]int {
	w.runtime.mu.Lock()
	defer w.runtime.mu.Unlock()
	out := map[string]int{}
	for _, v := range w.runtime.versions {
		if v.Name == name && w.runtime.kept[v.ID] > 0 {
			out[v.Version] = w.runtime.kept[v.ID]
		}
	}
	return out
}

func TestProvisionedConcurrencyIsInProgressForAMomentAndThenReady(t *testing.T) {
	w := newWorld(t, nil)
	w.create("roast", nil)
	w.publish("roast")
	w.must(w.provision("roast", "1", 3))
	if got := w.provisioned("roast", "1"); got.Status != types.ProvisionedConcurrencyStatusEnumInProgress || *got.AllocatedProvisionedConcurrentExecutions != 0 {
		t.Errorf("right after it was asked for it is %s with %d", got.Status, *got.AllocatedProvisionedConcurrentExecutions)
	}
	w.pass(time.Second)
	got := w.provisioned("roast", "1")
	if got.Status != types.ProvisionedConcurrencyStatusEnumReady || *got.AllocatedProvisionedConcurrentExecutions != 3 || *got.RequestedProvisionedConcurrentExecutions != 3 {
		t.Errorf("a second later it is %s with %d of %d", got.Status, *got.AllocatedProvisionedConcurrentExecutions, *got.RequestedProvisionedConcurrentExecutions)
	}
	list, err := w.ListProvisionedConcurrencyConfigs(t.Context(), &awslambda.ListProvisionedConcurrencyConfigsInput{FunctionName: aws.String("roast")})
	w.must(err)
	if len(list.ProvisionedConcurrencyConfigs) != 1 || *list.ProvisionedConcurrencyConfigs[0].FunctionArn != "arn:aws:lambda:eu-west-1:"+account+":function:roast:1" {
		t.Errorf("the list is %+v", list.ProvisionedConcurrencyConfigs)
	}
	settings, err := w.GetAccountSettings(t.Context(), &awslambda.GetAccountSettingsInput{})
	w.must(err)
	if settings.AccountLimit.UnreservedConcurrentExecutions == nil || *settings.AccountLimit.UnreservedConcurrentExecutions != 997 {
		t.Errorf("%v is left to the others, want 997", settings.AccountLimit.UnreservedConcurrentExecutions)
	}
	_, err = w.DeleteProvisionedConcurrencyConfig(t.Context(), &awslambda.DeleteProvisionedConcurrencyConfigInput{FunctionName: aws.String("roast"), Qualifier: aws.String("1")})
	w.must(err)
	if kept := w.keptFor("roast"); len(kept) != 0 {
		t.Errorf("after its deletion %v is kept", kept)
	}
}

func TestProvisionedConcurrencyThatCannotStartSaysWhy(t *testing.T) {
	w := newWorld(t, nil)
	w.runtime.broken = true
	w.create("roast", nil)
	w.publish("roast")
	w.must(w.provision("roast", "1", 1))
	w.pass(time.Second)
	got := w.provisioned("roast", "1")
	if got.Status != types.ProvisionedConcurrencyStatusEnumFailed || aws.ToString(got.StatusReason) != "FUNCTION_ERROR_INIT_FAILURE" {
		t.Errorf("it is %s because of %s", got.Status, aws.ToString(got.StatusReason))
	}
}

func TestProvisionedConcurrencyFollowsItsAliasByWeight(t *testing.T) {
	w := newWorld(t, nil)
	w.create("roast", nil)
	w.publish("roast")
	w.update("roast", "second")
	w.publish("roast")
	name, live := aws.String("roast"), aws.String("live")
	_, err := w.CreateAlias(t.Context(), &awslambda.CreateAliasInput{FunctionName: name, Name: live, FunctionVersion: aws.String("1")})
	w.must(err)
	w.must(w.provision("roast", "live", 10))
	steps := []struct {
		routing *types.AliasRoutingConfiguration
		version string
		want    map[string]int
	}{
		{split("2", 0.2), "1", map[string]int{"1": 8, "2": 2}},
		{split("2", 0.5), "1", map[string]int{"1": 5, "2": 5}},
		{&types.AliasRoutingConfiguration{}, "2", map[string]int{"2": 10}},
	}
	for _, s := range steps {
		if s.version == "2" {
			s.routing = &types.AliasRoutingConfiguration{AdditionalVersionWeights: map[string]float64{}}
		}
		_, err := w.UpdateAlias(t.Context(), &awslambda.UpdateAliasInput{FunctionName: name, Name: live, FunctionVersion: &s.version, RoutingConfig: s.routing})
		w.must(err)
		if got := w.keptFor("roast"); len(got) != len(s.want) || got["1"] != s.want["1"] || got["2"] != s.want["2"] {
			t.Errorf("through version %s with %v, %v is kept, want %v", s.version, s.routing.AdditionalVersionWeights, got, s.want)
		}
	}
	w.must(w.provision("roast", "1", 1))
	refused(t, w.provision("roast", "2", 1), "ResourceConflictException", 409, "Version is pointed by a Provisioned Concurrency alias")
	_, err = w.DeleteAlias(t.Context(), &awslambda.DeleteAliasInput{FunctionName: name, Name: live})
	w.must(err)
	if got := w.keptFor("roast"); len(got) != 1 || got["1"] != 1 {
		t.Errorf("without the alias %v is kept, want one of version 1", got)
	}
}

func TestProvisionedConcurrencyIsPartOfTheReservation(t *testing.T) {
	busy := make(chan struct{})
	w := newWorld(t, nil)
	w.runtime.handlers["app.wait"] = holdUntil(busy)
	w.create("roast", func(in *awslambda.CreateFunctionInput) { in.Handler = aws.String("app.wait") })
	w.publish("roast")
	w.must(w.provision("roast", "1", 2))
	reserve := func(n int32) error {
		_, err := w.PutFunctionConcurrency(t.Context(), &awslambda.PutFunctionConcurrencyInput{FunctionName: aws.String("roast"), ReservedConcurrentExecutions: &n})
		return err
	}
	refused(t, reserve(1), "InvalidParameterValueException", 400, " ReservedConcurrentExecutions  1 should not be lower than function's total provisioned concurrency [2].")
	w.must(reserve(2))
	refused(t, w.provision("roast", "1", 3), "InvalidParameterValueException", 400, "should not be greater than the reservedConcurrentExecution")
	// All of the reservation is the version's, so $LATEST has nothing.
	_, err := w.Invoke(t.Context(), &awslambda.InvokeInput{FunctionName: aws.String("roast")})
	refused(t, err, "TooManyRequestsException", 429, "Rate Exceeded.")
	close(busy)
	w.invoke("roast", "1", `{}`)
}

func TestProvisionedConcurrencyComesBackAfterARestart(t *testing.T) {
	dir := t.TempDir()
	keep, closeJournal := inDir(t, dir)
	w := newWorld(t, keep)
	w.create("roast", nil)
	w.publish("roast")
	w.must(w.provision("roast", "1", 4))
	w.service.Close()
	closeJournal()

	keep, _ = inDir(t, dir)
	w = newWorld(t, keep)
	w.pass(time.Second)
	if got := w.keptFor("roast"); got["1"] != 4 {
		t.Errorf("after a restart %v is kept, want 4 of version 1", got)
	}
}

func TestCodeComesFromABucket(t *testing.T) {
	w := newWorld(t, func(c *lambda.Config) { c.Objects = fakeObjects{"beans/roast.zip": lambdatest.Code("from a bucket")} })
	out := w.create("roast", func(in *awslambda.CreateFunctionInput) {
		in.Code = &types.FunctionCode{S3Bucket: aws.String("beans"), S3Key: aws.String("roast.zip")}
	})
	if want := lambda.NewArchive(lambdatest.Code("from a bucket")).SHA256; *out.CodeSha256 != want {
		t.Errorf("the code is %s, want %s", *out.CodeSha256, want)
	}
	_, err := w.UpdateFunctionCode(t.Context(), &awslambda.UpdateFunctionCodeInput{FunctionName: aws.String("roast"), S3Bucket: aws.String("beans"), S3Key: aws.String("tea.zip")})
	refused(t, err, "InvalidParameterValueException", 400, "Error occurred while GetObject. S3 Error Code: NoSuchKey. S3 Error Message: The specified key does not exist.")
	_, err = w.PublishLayerVersion(t.Context(), &awslambda.PublishLayerVersionInput{
		LayerName: aws.String("cups"), Content: &types.LayerVersionContentInput{S3Bucket: aws.String("beans"), S3Key: aws.String("roast.zip")},
	})
	w.must(err)
}

func TestAFunctionCallsAWSAsASessionOfItsRole(t *testing.T) {
	var got []string
	w := newWorld(t, func(c *lambda.Config) {
		c.Sessions = sessionMaker(func(account, role, name string) lambda.Credentials {
			got = append(got, account+" "+role+" "+name)
			return lambda.Credentials{AccessKeyID: "key of " + name}
		})
	})
	for _, name := range []string{"roast", "r"} {
		w.create(name, nil)
		w.invoke(name, "", `{}`)
		w.invoke(name, "", `{}`)
	}
	want := []string{account + " " + roleARN + " roast", account + " " + roleARN + " r@lambda_function"}
	if len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("sessions were opened for %q, want %q", got, want)
	}
}
