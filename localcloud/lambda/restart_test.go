package lambda_test

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/crossfade-dev/crossfade/localcloud/journal"
	"github.com/crossfade-dev/crossfade/localcloud/lambda"
	"github.com/crossfade-dev/crossfade/localcloud/lambda/lambdatest"
)

// inDir returns what makes a Lambda keep everything in a folder.
func inDir(t *testing.T, dir string) (change func(*lambda.Config), closeJournal func()) {
	t.Helper()
	j, err := journal.Open(dir, journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	done := sync.OnceFunc(func() {
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(done)
	return func(c *lambda.Config) { c.Journal, c.Dir = j, filepath.Join(dir, "code") }, done
}

func TestEverythingIsThereAfterARestart(t *testing.T) {
	dir := t.TempDir()
	keep, closeJournal := inDir(t, dir)
	w := newWorld(t, keep)
	name := aws.String("roast")
	layer, err := w.PublishLayerVersion(t.Context(), &awslambda.PublishLayerVersionInput{LayerName: aws.String("cups"), Content: &types.LayerVersionContentInput{ZipFile: lambdatest.Code("cups")}})
	w.must(err)
	w.create("roast", func(in *awslambda.CreateFunctionInput) {
		in.Layers, in.Tags = []string{*layer.LayerVersionArn}, map[string]string{"shop": "one"}
		in.Environment = &types.Environment{Variables: map[string]string{"BEANS": "two"}}
	})
	_, err = w.PublishVersion(t.Context(), &awslambda.PublishVersionInput{FunctionName: name, Description: aws.String("light")})
	w.must(err)
	w.update("roast", "second")
	w.publish("roast")
	_, err = w.CreateAlias(t.Context(), &awslambda.CreateAliasInput{FunctionName: name, Name: aws.String("live"), FunctionVersion: aws.String("1"), RoutingConfig: split("2", 0.5)})
	w.must(err)
	_, err = w.AddPermission(t.Context(), &awslambda.AddPermissionInput{FunctionName: name, StatementId: aws.String("s"), Action: aws.String("lambda:InvokeFunction"), Principal: aws.String("*")})
	w.must(err)
	_, err = w.PutFunctionConcurrency(t.Context(), &awslambda.PutFunctionConcurrencyInput{FunctionName: name, ReservedConcurrentExecutions: aws.Int32(5)})
	w.must(err)
	_, err = w.PutFunctionEventInvokeConfig(t.Context(), &awslambda.PutFunctionEventInvokeConfigInput{FunctionName: name, MaximumRetryAttempts: aws.Int32(1)})
	w.must(err)
	w.create("gone", nil)
	_, err = w.DeleteFunction(t.Context(), &awslambda.DeleteFunctionInput{FunctionName: aws.String("gone")})
	w.must(err)

	// look returns everything that can be seen of the function.
	look := func(w *world) []any {
		var seen []any
		for _, q := range []string{"$LATEST", "1", "2", "live"} {
			out, err := w.GetFunctionConfiguration(t.Context(), &awslambda.GetFunctionConfigurationInput{FunctionName: name, Qualifier: &q})
			w.must(err)
			seen = append(seen, *out.RevisionId, *out.CodeSha256, *out.Description, *out.LastModified, out.Environment.Variables["BEANS"], *out.Layers[0].Arn, out.State)
		}
		alias, err := w.GetAlias(t.Context(), &awslambda.GetAliasInput{FunctionName: name, Name: aws.String("live")})
		w.must(err)
		policy, err := w.GetPolicy(t.Context(), &awslambda.GetPolicyInput{FunctionName: name})
		w.must(err)
		f, err := w.GetFunction(t.Context(), &awslambda.GetFunctionInput{FunctionName: name})
		w.must(err)
		events, err := w.GetFunctionEventInvokeConfig(t.Context(), &awslambda.GetFunctionEventInvokeConfigInput{FunctionName: name})
		w.must(err)
		got, err := w.GetLayerVersionByArn(t.Context(), &awslambda.GetLayerVersionByArnInput{Arn: layer.LayerVersionArn})
		w.must(err)
		all, err := w.ListFunctions(t.Context(), &awslambda.ListFunctionsInput{FunctionVersion: types.FunctionVersionAll})
		w.must(err)
		return append(seen, *alias.RevisionId, *alias.FunctionVersion, alias.RoutingConfig.AdditionalVersionWeights["2"], *policy.Policy, *policy.RevisionId,
			f.Tags["shop"], *f.Concurrency.ReservedConcurrentExecutions, *events.MaximumRetryAttempts, *got.Content.CodeSha256, *got.CreatedDate, len(all.Functions))
	}
	before := look(w)
	w.service.Close()
	closeJournal()

	keep, _ = inDir(t, dir)
	again := newWorld(t, keep)
	again.clock.Set(w.clock.Now())
	after := look(again)
	for i := range before {
		if before[i] != after[i] {
			t.Errorf("value %d: got %v after the restart, want %v", i, after[i], before[i])
		}
	}
	var content []byte
	again.runtime.handlers["app.echo"] = func(_ context.Context, v *lambda.FunctionVersion, _ lambda.Request) (lambda.Response, error) {
		var err error
		content, err = v.Code.Bytes()
		return lambda.Response{Payload: []byte("null")}, err
	}
	again.invoke("roast", "1", `{}`)
	if string(content) != string(lambdatest.Code("first")) {
		t.Errorf("the code of version 1 has %d bytes after the restart, want what was uploaded", len(content))
	}
	executed := map[string]int{}
	for range 100 {
		executed[*again.invoke("roast", "live", `{}`).ExecutedVersion]++
	}
	if executed["1"] != 50 || executed["2"] != 50 {
		t.Errorf("got %v through the alias, want 50 each", executed)
	}
	again.update("roast", "third")
	if got := again.publish("roast"); got != "3" {
		t.Errorf("the next version is %s, want 3", got)
	}
}

func TestAnEventThatWasAcceptedRunsAfterARestart(t *testing.T) {
	dir := t.TempDir()
	keep, closeJournal := inDir(t, dir)
	w := newWorld(t, keep)
	w.create("roast", nil)
	w.attempts(99)
	w.send("roast", `{"cup":1}`)
	w.pass(0) // the first attempt fails
	w.service.Close()
	closeJournal()

	keep, closeJournal = inDir(t, dir)
	again := newWorld(t, keep)
	again.clock.Set(w.clock.Now())
	seen := again.attempts(0)
	again.pass(59 * time.Second)
	if at, _ := seen(); len(at) != 0 {
		t.Errorf("attempts at %v, want none before its time", at)
	}
	again.pass(time.Hour)
	if at, _ := seen(); len(at) != 1 || at[0] != time.Minute {
		t.Errorf("attempts at %v, want one a minute after the first", at)
	}
	again.service.Close()
	closeJournal()

	keep, _ = inDir(t, dir)
	third := newWorld(t, keep)
	third.clock.Set(again.clock.Now())
	seen = third.attempts(0)
	third.pass(time.Hour)
	if at, _ := seen(); len(at) != 0 {
		t.Errorf("what had succeeded ran again at %v", at)
	}
}

func TestCodeThatNothingNamesAnyMoreIsRemoved(t *testing.T) {
	dir := t.TempDir()
	keep, _ := inDir(t, dir)
	w := newWorld(t, keep)
	files := func() int {
		t.Helper()
		w.service.Idle()
		entries, err := os.ReadDir(filepath.Join(dir, "code"))
		w.must(err)
		return len(entries)
	}
	w.create("roast", nil)
	w.create("other", nil) // the same code
	if got := files(); got != 1 {
		t.Errorf("two functions of one code have %d files, want 1", got)
	}
	w.publish("roast")
	w.update("roast", "second")
	if got := files(); got != 2 {
		t.Errorf("with a version of the old code there are %d files, want 2", got)
	}
	for _, name := range []string{"roast", "other"} {
		_, err := w.DeleteFunction(t.Context(), &awslambda.DeleteFunctionInput{FunctionName: &name})
		w.must(err)
	}
	if got := files(); got != 0 {
		t.Errorf("after the deletion there are %d files, want none", got)
	}
}

func TestAJournalWithoutAFolderForCodeIsRefused(t *testing.T) {
	j, err := journal.Open(t.TempDir(), journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if _, err := lambda.New(lambda.Config{Journal: j}); err == nil {
		t.Error("got no error: functions would come back without their code")
	}
}
