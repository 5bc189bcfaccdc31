package lambda_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// released makes a function with the versions 1 and 2, and the alias live that
// gives a weight to version 2.
func released(t testing.TB, weight float64) *world {
	t.Helper()
	w := newWorld(t, nil)
	w.create("roast", nil)
	w.publish("roast")
	w.update("roast", "second")
	w.publish("roast")
	_, err := w.CreateAlias(t.Context(), &awslambda.CreateAliasInput{
		FunctionName: aws.String("roast"), Name: aws.String("live"), FunctionVersion: aws.String("1"), RoutingConfig: split("2", weight),
	})
	w.must(err)
	return w
}

func split(version string, weight float64) *types.AliasRoutingConfiguration {
	return &types.AliasRoutingConfiguration{AdditionalVersionWeights: map[string]float64{version: weight}}
}

func TestAnAliasDealsExactlyTheSharesThatItsWeightSays(t *testing.T) {
	for _, row := range []struct {
		weight      float64
		invocations int
		want        int
	}{
		{0.05, 2000, 100}, {0.1, 100, 10}, {0.5, 100, 50}, {0.0, 100, 0}, {1.0, 100, 100}, {0.025, 1000, 25}, {0.0001, 10_000, 1},
	} {
		w := released(t, row.weight)
		executed := map[string]int{}
		for range row.invocations {
			executed[*w.invoke("roast", "live", `{}`).ExecutedVersion]++
		}
		if executed["2"] != row.want || executed["1"]+executed["2"] != row.invocations {
			t.Errorf("weight %v: of %d invocations %v were executed by the versions, want %d by version 2", row.weight, row.invocations, executed, row.want)
		}
	}
}

func TestARoutingIsRefusedInAWSsWords(t *testing.T) {
	w := released(t, 0.1)
	for _, row := range []struct {
		why, version string
		weights      map[string]float64
		code         string
		status       int
		text         string
	}{
		{"two further versions", "1", map[string]float64{"1": 0.1, "2": 0.1}, "InvalidParameterValueException", 400,
			"Number of items in AdditionalVersionWeights cannot be greater than 1"},
		{"the same version", "2", map[string]float64{"2": 0.5}, "InvalidParameterValueException", 400,
			"Invalid function version 2. Function version 2 is already included in routing configuration."},
		{"no such version", "9", map[string]float64{"2": 0.5}, "ResourceNotFoundException", 404, "Function not found: arn:aws:lambda:eu-west-1:444455556666:function:roast:9"},
		{"no such further version", "1", map[string]float64{"9": 0.5}, "ResourceNotFoundException", 404, ":function:roast:9"},
		{"$LATEST with another", "$LATEST", map[string]float64{"2": 0.5}, "InvalidParameterValueException", 400,
			"$LATEST is not supported for an alias pointing to more than 1 version"},
		{"$LATEST as the other", "1", map[string]float64{"$LATEST": 0.5}, "ValidationException", 400,
			"Value '{$LATEST=0.5}' at 'routingConfig.additionalVersionWeights' failed to satisfy constraint: Map keys must satisfy constraint:"},
		{"more than all", "1", map[string]float64{"2": 1.5}, "ValidationException", 400,
			"Value '{2=1.5}' at 'routingConfig.additionalVersionWeights' failed to satisfy constraint: Map value must satisfy constraint:"},
		{"less than nothing", "1", map[string]float64{"2": -0.5}, "ValidationException", 400, "Member must have value greater than or equal to 0.0"},
	} {
		t.Run(row.why, func(t *testing.T) {
			routing := &types.AliasRoutingConfiguration{AdditionalVersionWeights: row.weights}
			_, err := w.CreateAlias(t.Context(), &awslambda.CreateAliasInput{
				FunctionName: aws.String("roast"), Name: aws.String("next"), FunctionVersion: &row.version, RoutingConfig: routing})
			refused(t, err, row.code, row.status, row.text)
			_, err = w.UpdateAlias(t.Context(), &awslambda.UpdateAliasInput{
				FunctionName: aws.String("roast"), Name: aws.String("live"), FunctionVersion: &row.version, RoutingConfig: routing})
			refused(t, err, row.code, row.status, row.text)
		})
	}
	got, err := w.GetAlias(t.Context(), &awslambda.GetAliasInput{FunctionName: aws.String("roast"), Name: aws.String("live")})
	w.must(err)
	if *got.FunctionVersion != "1" || got.RoutingConfig.AdditionalVersionWeights["2"] != 0.1 {
		t.Errorf("the refused updates changed the alias: %+v", got)
	}
}

func TestAnUpdateOfAnAliasChangesOnlyWhatItNames(t *testing.T) {
	w := released(t, 0.1)
	name, live := aws.String("roast"), aws.String("live")
	promoted, err := w.UpdateAlias(t.Context(), &awslambda.UpdateAliasInput{FunctionName: name, Name: live, Description: aws.String("a tenth")})
	w.must(err)
	if promoted.RoutingConfig.AdditionalVersionWeights["2"] != 0.1 || *promoted.FunctionVersion != "1" {
		t.Errorf("a description changed the routing: %+v", promoted)
	}
	_, err = w.UpdateAlias(t.Context(), &awslambda.UpdateAliasInput{FunctionName: name, Name: live, FunctionVersion: aws.String("2")})
	refused(t, err, "InvalidParameterValueException", 400, "already included in routing configuration")

	promoted, err = w.UpdateAlias(t.Context(), &awslambda.UpdateAliasInput{
		FunctionName: name, Name: live, FunctionVersion: aws.String("2"), RoutingConfig: &types.AliasRoutingConfiguration{}})
	w.must(err)
	if promoted.RoutingConfig != nil && len(promoted.RoutingConfig.AdditionalVersionWeights) > 0 || *promoted.FunctionVersion != "2" || *promoted.Description != "a tenth" {
		t.Errorf("after the promotion: %+v", promoted)
	}
	if got := *w.invoke("roast", "live", `{}`).ExecutedVersion; got != "2" {
		t.Errorf("after the promotion version %s was executed, want 2", got)
	}
}

func TestTheRevisionOfAnAliasIsACompareAndSwap(t *testing.T) {
	w := released(t, 0.1)
	name, live := aws.String("roast"), aws.String("live")
	seen, err := w.GetAlias(t.Context(), &awslambda.GetAliasInput{FunctionName: name, Name: live})
	w.must(err)
	next, err := w.UpdateAlias(t.Context(), &awslambda.UpdateAliasInput{FunctionName: name, Name: live, RevisionId: seen.RevisionId})
	w.must(err)
	if *next.RevisionId == *seen.RevisionId {
		t.Error("an update that names nothing left the revision")
	}
	_, err = w.UpdateAlias(t.Context(), &awslambda.UpdateAliasInput{FunctionName: name, Name: live, RevisionId: seen.RevisionId, RoutingConfig: split("2", 0.9)})
	refused(t, err, "PreconditionFailedException", 412, "Call the GetFunction/GetAlias API to retrieve the latest Revision Id")
	now, err := w.GetAlias(t.Context(), &awslambda.GetAliasInput{FunctionName: name, Name: live})
	w.must(err)
	if now.RoutingConfig.AdditionalVersionWeights["2"] != 0.1 {
		t.Errorf("who came second changed the routing to %v", now.RoutingConfig.AdditionalVersionWeights)
	}
}

func TestAliasesThatAreNotThereAreMissedInThreeWays(t *testing.T) {
	w := released(t, 0.1)
	name, none := aws.String("roast"), aws.String("none")
	_, err := w.GetAlias(t.Context(), &awslambda.GetAliasInput{FunctionName: name, Name: none})
	refused(t, err, "ResourceNotFoundException", 404, "Cannot find alias arn: arn:aws:lambda:eu-west-1:444455556666:function:roast:none")
	_, err = w.UpdateAlias(t.Context(), &awslambda.UpdateAliasInput{FunctionName: name, Name: none})
	refused(t, err, "ResourceNotFoundException", 404, "Alias not found: arn:aws:lambda:eu-west-1:444455556666:function:roast:none")
	_, err = w.DeleteAlias(t.Context(), &awslambda.DeleteAliasInput{FunctionName: name, Name: none})
	w.must(err)
	_, err = w.CreateAlias(t.Context(), &awslambda.CreateAliasInput{FunctionName: name, Name: aws.String("live"), FunctionVersion: aws.String("1")})
	refused(t, err, "ResourceConflictException", 409, "Alias already exists: arn:aws:lambda:eu-west-1:444455556666:function:roast:live")
	_, err = w.CreateAlias(t.Context(), &awslambda.CreateAliasInput{FunctionName: aws.String("nobody"), Name: none, FunctionVersion: aws.String("3")})
	refused(t, err, "ResourceNotFoundException", 404, "Function not found: arn:aws:lambda:eu-west-1:444455556666:function:nobody:3")
	_, err = w.CreateAlias(t.Context(), &awslambda.CreateAliasInput{FunctionName: name, Name: aws.String("12"), FunctionVersion: aws.String("1")})
	refused(t, err, "ValidationException", 400, "(?!^[0-9]+$)([a-zA-Z0-9-_]+)")
}

func TestAliasesAreListedByNameAndByTheirMainVersion(t *testing.T) {
	w := released(t, 0.1)
	for alias, version := range map[string]string{"beta": "2", "alpha": "1"} {
		_, err := w.CreateAlias(t.Context(), &awslambda.CreateAliasInput{FunctionName: aws.String("roast"), Name: &alias, FunctionVersion: &version})
		w.must(err)
	}
	list := func(version *string) string {
		var names []string
		pages := awslambda.NewListAliasesPaginator(w.Client, &awslambda.ListAliasesInput{FunctionName: aws.String("roast"), FunctionVersion: version, MaxItems: aws.Int32(1)})
		for pages.HasMorePages() {
			page, err := pages.NextPage(t.Context())
			w.must(err)
			for _, a := range page.Aliases {
				names = append(names, *a.Name)
			}
		}
		return strings.Join(names, " ")
	}
	if got := list(nil); got != "alpha beta live" {
		t.Errorf("got %s", got)
	}
	if got := list(aws.String("1")); got != "alpha live" {
		t.Errorf("of version 1: got %s", got)
	}
}

func TestAVersionThroughAnAliasHasTheAliasesARNAndItsOwnRevision(t *testing.T) {
	w := released(t, 0.1)
	version, err := w.GetFunctionConfiguration(t.Context(), &awslambda.GetFunctionConfigurationInput{FunctionName: aws.String("roast:1")})
	w.must(err)
	got, err := w.GetFunctionConfiguration(t.Context(), &awslambda.GetFunctionConfigurationInput{FunctionName: aws.String("roast"), Qualifier: aws.String("live")})
	w.must(err)
	if !strings.HasSuffix(*got.FunctionArn, ":function:roast:live") || *got.Version != "1" || *got.RevisionId != *version.RevisionId {
		t.Errorf("got %s, version %s, revision %s; want the alias, 1 and %s", *got.FunctionArn, *got.Version, *got.RevisionId, *version.RevisionId)
	}
}

func TestVersionsBehindOneAliasHaveOneRole(t *testing.T) {
	w := newWorld(t, nil)
	w.create("roast", nil)
	w.publish("roast")
	_, err := w.UpdateFunctionConfiguration(t.Context(), &awslambda.UpdateFunctionConfigurationInput{
		FunctionName: aws.String("roast"), Role: aws.String("arn:aws:iam::444455556666:role/cashier")})
	w.must(err)
	w.pass(time.Second)
	w.publish("roast")
	_, err = w.CreateAlias(t.Context(), &awslambda.CreateAliasInput{
		FunctionName: aws.String("roast"), Name: aws.String("live"), FunctionVersion: aws.String("1"), RoutingConfig: split("2", 0.1)})
	refused(t, err, "InvalidParameterValueException", 400, "Specified versions must be associated with the same execution role")
}
