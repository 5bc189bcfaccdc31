package e2e

import (
	"context"
	"encoding/base64"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/crossfade-dev/crossfade/localcloud/lambda/lambdatest"
)

// A function that releases another one needs nothing to be told of the cloud that
// it runs in: its endpoint, region and credentials are in its environment.
func TestAFunctionThatIsADeployerPromotesOrTakesBackAnother(t *testing.T) {
	t.Parallel()
	need(t, "python3", "-c", "import boto3")
	c := startCloud(t)
	c.createFunction(t, "checkout")
	client, ctx := c.lambda(), t.Context()
	source, err := os.ReadFile("testdata/function_deployer.py")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.CreateFunction(ctx, &lambda.CreateFunctionInput{
		FunctionName: aws.String("deployer"), Role: aws.String("arn:aws:iam::000000000000:role/deployer"), Handler: aws.String("app.handler"),
		Runtime: lambdatypes.RuntimePython312, Code: &lambdatypes.FunctionCode{ZipFile: lambdatest.Code(string(source))}, Timeout: aws.Int32(60),
	}); err != nil {
		t.Fatal(err)
	}
	c.awaitFunction(t, "deployer")
	traffic(t, func(ctx context.Context) error {
		_, err := c.invoke(ctx, client, "checkout")
		return err
	})
	for _, release := range []struct {
		name, source, version string
		payload, log, routing string
	}{
		{"good", fmt.Sprintf(goodCode, "second"), "2", `{"promoted": "2"}`, "step 2: ", "2"},
		{"bad", fmt.Sprintf(badCode, "no stock"), "3", "2 has everything again", "step 1: ", "2"},
	} {
		if _, err := client.UpdateFunctionCode(ctx, &lambda.UpdateFunctionCodeInput{
			FunctionName: aws.String("checkout"), ZipFile: lambdatest.Code(release.source), Publish: true,
		}); err != nil {
			t.Fatal(err)
		}
		c.awaitFunction(t, "checkout")
		out, err := client.Invoke(ctx, &lambda.InvokeInput{
			FunctionName: aws.String("deployer"), LogType: lambdatypes.LogTypeTail,
			Payload: fmt.Appendf(nil, `{"function": "checkout", "alias": "live", "version": %q, "steps": 3, "interval": 1}`, release.version),
		})
		if err != nil {
			t.Fatal(err)
		}
		log, err := base64.StdEncoding.DecodeString(aws.ToString(out.LogResult))
		if err != nil {
			t.Fatal(err)
		}
		if got := c.functionRouting(t, "checkout"); got != release.routing || !strings.Contains(string(out.Payload), release.payload) || !strings.Contains(string(log), release.log) {
			t.Errorf("a %s version: routing %q and answer %s, want %q and %s, and %q in the log\n%s",
				release.name, got, out.Payload, release.routing, release.payload, release.log, log)
		}
	}
}
