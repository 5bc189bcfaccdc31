package cli

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// stackAnswers are what an account with the stack shop answers.
var stackAnswers = map[string]string{
	"GetCallerIdentity": `<GetCallerIdentityResponse><GetCallerIdentityResult><Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`,
	"DescribeStacks": `<DescribeStacksResponse><DescribeStacksResult><Stacks><member>
<StackName>shop</StackName><StackId>arn:aws:cloudformation:eu-west-1:123456789012:stack/shop/1</StackId>
<CreationTime>2026-01-02T03:04:05Z</CreationTime><StackStatus>CREATE_COMPLETE</StackStatus>
<Parameters><member><ParameterKey>Stage</ParameterKey><ParameterValue>test</ParameterValue></member>
<member><ParameterKey>Token</ParameterKey><ParameterValue>****</ParameterValue></member>
<member><ParameterKey>Former</ParameterKey><ParameterValue>x</ParameterValue></member></Parameters>
</member></Stacks></DescribeStacksResult></DescribeStacksResponse>`,
	"ListStackResources": `<ListStackResourcesResponse><ListStackResourcesResult><StackResourceSummaries>
<member><LogicalResourceId>Pay</LogicalResourceId><PhysicalResourceId>shop-Pay-1A2B3C</PhysicalResourceId></member>
<member><LogicalResourceId>Errors</LogicalResourceId><PhysicalResourceId>shop-Errors-4D5E</PhysicalResourceId></member>
</StackResourceSummaries></ListStackResourcesResult></ListStackResourcesResponse>`,
}

func TestImportTakesNamesAndParametersFromAStack(t *testing.T) {
	account := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			t.Error(err)
		}
		w.Header().Set("Content-Type", "text/xml")
		if _, err := io.WriteString(w, stackAnswers[r.Form.Get("Action")]); err != nil {
			t.Error(err)
		}
	}))
	defer account.Close()
	file := filepath.Join(t.TempDir(), "template.yaml")
	text := `Transform: AWS::Serverless-2016-10-31
Parameters:
  Stage: {Type: String}
  Token: {Type: String, NoEcho: true}
Resources:
  Errors: {Type: AWS::CloudWatch::Alarm}
  Pay:
    Type: AWS::Serverless::Function
    Properties:
      Handler: index.handler
      Runtime: python3.12
      InlineCode: x
      AutoPublishAlias: !Sub "${Stage}-${AWS::Region}"
      DeploymentPreference: {Type: AllAtOnce, Alarms: [!Ref Errors]}
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	env := testEnv(t)
	var out, told bytes.Buffer
	env.Stdout, env.Stderr = &out, &told
	env.Args = []string{"import", file, "--stack", "shop", "--endpoint-url", account.URL, "--region", "eu-west-1"}
	if code := Run(t.Context(), env); code != ExitSucceeded {
		t.Fatalf("exit code %d: %s", code, told.String())
	}
	for _, want := range []string{"lambda: {function: shop-Pay-1A2B3C, alias: test-eu-west-1}", "alarm: shop-Errors-4D5E"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("got %s\nwant %s", out.String(), want)
		}
	}
	if !strings.Contains(told.String(), "the parameter Token has no value") || strings.Contains(told.String(), "only exists after deployment") {
		t.Errorf("got %s", told.String())
	}
}

func TestImportSaysWhichParameterDecidesWhetherThereIsARollout(t *testing.T) {
	const head = `Transform: AWS::Serverless-2016-10-31
Parameters:
  Gradual: {Type: String}
  Stage: {Type: String}
Conditions:
  Live: !Equals [!Ref Stage, prod]
Resources:
  Pay:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: pay
      Handler: index.handler
      Runtime: python3.12
      InlineCode: x
      AutoPublishAlias: live
      DeploymentPreference: {Type: AllAtOnce, Enabled: `
	for _, c := range []struct {
		enabled    string
		parameters []string
		code       Exit
		says       string // not at all: nothing is open
	}{
		{"!Ref Gradual", nil, ExitSucceeded, "whether PayAliaslive is deployed gradually depends on the parameter Gradual, which has no value"},
		{"!If [Live, true, false]", nil, ExitSucceeded, "depends on the parameter Stage, which has no value"},
		{"!If [Live, !Ref Gradual, false]", nil, ExitSucceeded, "depends on the parameter Gradual and the parameter Stage"},
		{`!Sub "${Gradual}"`, nil, ExitSucceeded, "depends on the parameter Gradual, which has no value"},
		{"!Ref Gradual", []string{"--parameter", "Gradual=true"}, ExitSucceeded, ""},
		{"!Ref Gradual", []string{"--parameter", "Gradual=false"}, ExitError, "PayAliaslive moves to its version at once"},
		{"!If [Live, true, false]", []string{"--parameter", "Stage=dev"}, ExitError, "PayAliaslive moves to its version at once"},
	} {
		file := filepath.Join(t.TempDir(), "template.yaml")
		if err := os.WriteFile(file, []byte(head+c.enabled+"}\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		env := testEnv(t)
		var out, told bytes.Buffer
		env.Stdout, env.Stderr = &out, &told
		env.Args = append([]string{"import", file}, c.parameters...)
		if code := Run(t.Context(), env); code != c.code {
			t.Errorf("%s with %v: exit code %d, want %d\n%s", c.enabled, c.parameters, code, c.code, told.String())
		}
		if !strings.Contains(told.String(), c.says) || c.says == "" && strings.Contains(told.String(), "depends on the parameter") {
			t.Errorf("%s with %v: it says\n%s\nwant %q", c.enabled, c.parameters, told.String(), c.says)
		}
	}
}
