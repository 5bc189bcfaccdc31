package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/crossfade-dev/crossfade/localcloud/lambda/lambdatest"
)

// What people type to release a function by hand works unmodified.
func TestAFunctionsCanaryByHandWithTheAWSCLI(t *testing.T) {
	t.Parallel()
	need(t, "python3", "--version")
	need(t, "aws", "--version")
	need(t, "date", "-d", "-1 minute") // GNU's
	c := startCloud(t)
	c.createFunction(t, "checkout")
	client := c.lambda()
	traffic(t, func(ctx context.Context) error {
		_, err := c.invoke(ctx, client, "checkout")
		return err
	})
	dir := t.TempDir()
	for _, release := range []struct {
		name, source string
		code         int
		says         []string
		routing      string
	}{
		{"good", fmt.Sprintf(goodCode, "second"), 0, []string{`canary: 1 and {"2":0.05}`, "2\tNone", `"release": "second"`, "version 2: 0 errors", "promoted"}, "2"},
		{"bad", fmt.Sprintf(badCode, "no stock"), 1, []string{`canary: 2 and {"3":0.05}`, "3\tUnhandled", `"errorMessage": "no stock"`, "taken back"}, "2"},
	} {
		cmd := exec.Command("bash", "testdata/function-canary.sh")
		cmd.Env = append(environment(t, c.endpoint), "FUNCTION=checkout", "ALIAS=live", "ARCHIVE="+file(t, dir, release.name+".zip", lambdatest.Code(release.source)))
		r := start(t, cmd)
		code := r.code(t)
		if got := c.functionRouting(t, "checkout"); code != release.code || got != release.routing {
			t.Fatalf("a %s version: exit code %d with routing %q, want %d with %q\n%s", release.name, code, got, release.code, release.routing, r.said())
		}
		for _, want := range release.says {
			if !strings.Contains(r.said(), want) {
				t.Errorf("a %s version: the script did not say %q\n%s", release.name, want, r.said())
			}
		}
	}
}

// The commands that everybody copies work as they are printed, with the blanks
// inside their JSON, and a deployer that is a function works with the event that
// goes with them.
func TestTheCommandsOfAReleaseByHandWorkAsTheyArePrinted(t *testing.T) {
	t.Parallel()
	need(t, "aws", "--version")
	need(t, "python3", "-c", "import boto3")
	c := startCloud(t)
	client, ctx := c.lambda(), t.Context()
	for _, f := range []struct{ name, alias string }{{"myfunction", "myalias"}, {"MyFunction", "MyAlias"}} {
		c.createFunction(t, f.name)
		if _, err := client.CreateAlias(ctx, &lambda.CreateAliasInput{FunctionName: &f.name, Name: &f.alias, FunctionVersion: aws.String("1")}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := client.UpdateFunctionCode(ctx, &lambda.UpdateFunctionCodeInput{
		FunctionName: aws.String("MyFunction"), ZipFile: lambdatest.Code(fmt.Sprintf(goodCode, "second")), Publish: true,
	}); err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("testdata/simple_deploy.py")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.CreateFunction(ctx, &lambda.CreateFunctionInput{
		FunctionName: aws.String("SimpleDeployFunction"), Role: aws.String("arn:aws:iam::000000000000:role/deployer"), Handler: aws.String("app.handler"),
		Runtime: lambdatypes.RuntimePython312, Code: &lambdatypes.FunctionCode{ZipFile: lambdatest.Code(string(source))}, Timeout: aws.Int32(300),
		Environment: &lambdatypes.Environment{Variables: map[string]string{"MILLISECONDS": "1"}},
	}); err != nil {
		t.Fatal(err)
	}
	c.awaitFunction(t, "SimpleDeployFunction")
	script, err := filepath.Abs("testdata/by-hand.sh")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("bash", script)
	cmd.Dir = t.TempDir()
	file(t, cmd.Dir, "code.zip", lambdatest.Code(fmt.Sprintf(goodCode, "second")))
	cmd.Env = environment(t, c.endpoint)
	r := start(t, cmd)
	if code := r.code(t); code != 0 || !strings.Contains(r.said(), `"MyFunction is at 2"`) {
		t.Fatalf("exit code %d\n%s", code, r.said())
	}
	for _, f := range []struct{ name, alias string }{{"myfunction", "myalias"}, {"MyFunction", "MyAlias"}} {
		out, err := client.GetAlias(ctx, &lambda.GetAliasInput{FunctionName: &f.name, Name: &f.alias})
		if err != nil {
			t.Fatal(err)
		}
		if aws.ToString(out.FunctionVersion) != "2" || out.RoutingConfig != nil {
			t.Errorf("%s is at version %s with %v, want 2 alone", f.alias, aws.ToString(out.FunctionVersion), out.RoutingConfig)
		}
	}
}
