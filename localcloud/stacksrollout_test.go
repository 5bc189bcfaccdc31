package localcloud_test

import (
	"strings"
	"testing"
	"time"

	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/localcloud/lambda/lambdatest"
	"github.com/crossfade-dev/crossfade/rollout"
)

// checkoutTemplate is a function whose alias CodeDeploy moves from a version to
// the next. VERSION is the number of the release.
const checkoutTemplate = `
Resources:
  Checkout:
    Type: AWS::Lambda::Function
    Properties:
      FunctionName: checkout
      Role: arn:aws:iam::000000000000:role/checkout
      Runtime: provided.al2023
      Handler: index.handler
      Code: {S3Bucket: artifacts, S3Key: VERSION.zip}
  VersionVERSION:
    Type: AWS::Lambda::Version
    DeletionPolicy: Retain
    Properties: {FunctionName: !Ref Checkout}
  Shop: {Type: AWS::CodeDeploy::Application, Properties: {ComputePlatform: Lambda}}
  Group:
    Type: AWS::CodeDeploy::DeploymentGroup
    Properties:
      ApplicationName: !Ref Shop
      ServiceRoleArn: arn:aws:iam::000000000000:role/deployer
      DeploymentConfigName: CodeDeployDefault.LambdaCanary10Percent10Minutes
      DeploymentStyle: {DeploymentType: BLUE_GREEN, DeploymentOption: WITH_TRAFFIC_CONTROL}
      AutoRollbackConfiguration: {Enabled: true, Events: [DEPLOYMENT_FAILURE, DEPLOYMENT_STOP_ON_ALARM, DEPLOYMENT_STOP_ON_REQUEST]}
  Prod:
    Type: AWS::Lambda::Alias
    Properties: {Name: live, FunctionName: !Ref Checkout, FunctionVersion: !GetAtt VersionVERSION.Version}
    UpdatePolicy:
      CodeDeployLambdaAliasUpdate: {ApplicationName: !Ref Shop, DeploymentGroupName: !Ref Group}
`

// rollout returns the one that is open.
func (c *stackCloud) rollout() controller.Record {
	c.t.Helper()
	all, err := c.store.List(c.t.Context(), controller.Filter{Open: true})
	if err != nil || len(all) != 1 {
		c.t.Fatalf("got %d open rollouts, %v; want one", len(all), err)
	}
	return all[0]
}

// order gives the open rollout an order, as a person in front of it does.
func (c *stackCloud) order(kind rollout.OrderKind, reason string) {
	c.t.Helper()
	if _, err := c.store.Order(c.t.Context(), c.rollout().ID, rollout.Order{Kind: kind, By: "ada@here", Reason: reason, At: c.clock.Now()}); err != nil {
		c.t.Fatal(err)
	}
}

func TestAPersonPausesAndAbortsTheRolloutOfAStack(t *testing.T) {
	preference := "        Type: CANARY\n        Percentage: 10\n        Interval: 10\n"
	first, second, third := ordersReleases(t, preference)
	for _, s := range []struct {
		name       string
		releases   [3]string
		parameters [3]string // what differs where the template does not
		routing    func(c *stackCloud) func() string
		id         string // of the rollout, as the events have it
		aborted    string // why the alias did not move
	}{
		{
			name: "a state machine's", releases: [3]string{first, second, third},
			parameters: [3]string{"Greeting=good morning", "Greeting=good evening", "Greeting=good night"},
			routing:    func(c *stackCloud) func() string { return c.machineRouting(c.resource("shop", "Prod")) },
			id:         "shop-prod-…", aborted: "orders:PROD 2 → 3 aborted at 10 %, everything is back on 2, by ada@here: no good",
		},
		{
			name: "a function's", releases: [3]string{
				strings.ReplaceAll(checkoutTemplate, "VERSION", "1"), strings.ReplaceAll(checkoutTemplate, "VERSION", "2"), strings.ReplaceAll(checkoutTemplate, "VERSION", "3"),
			},
			routing: func(c *stackCloud) func() string { return c.functionRouting("checkout", "live") },
			id:      "d-…", aborted: "CodeDeploy deployment d-… ended as Stopped: The deployment was aborted, and its traffic taken back: by ada@here: no good (MANUAL_STOP)",
		},
	} {
		t.Run(s.name, func(t *testing.T) {
			c := newStackCloud(t, false)
			put := c.artifacts()
			for _, version := range []string{"1", "2", "3"} {
				put(version+".zip", lambdatest.Archive(map[string]string{"bootstrap": version}))
			}
			begin := func(release int) {
				t.Helper()
				var parameters []string
				if p := s.parameters[release]; p != "" {
					parameters = []string{p}
				}
				c.begin("shop", s.releases[release], parameters...)
			}
			begin(0)
			c.follow("shop", nil)
			c.is("shop", cfntypes.StackStatusCreateComplete)
			c.watch("Prod", s.routing(c))

			begin(1)
			c.follow("shop", c.at("Prod", "1=90 2=10"))
			c.order(rollout.Pause, "looking at the graphs")
			c.follow("shop", func() bool { return c.clock.Now().Sub(c.began) > time.Hour })
			c.is("shop", cfntypes.StackStatusUpdateInProgress)
			paused := strings.ReplaceAll(`Prod UPDATE_IN_PROGRESS
Prod UPDATE_IN_PROGRESS: The rollout ID is paused at 10% by ada@here: looking at the graphs. It goes on with: crossfade resume ID
`, "ID", s.id)
			c.wantStory(paused, "shop", "Prod")
			c.order(rollout.Resume, "they are fine")
			c.follow("shop", nil)
			c.is("shop", cfntypes.StackStatusUpdateComplete)
			c.wantShares("Prod", "1=90 2=10, 2=100 after 1h0m0s")
			c.wantStory(paused+"Prod UPDATE_IN_PROGRESS\nProd UPDATE_COMPLETE\n", "shop", "Prod")

			begin(2)
			c.follow("shop", c.at("Prod", "2=90 3=10"))
			c.order(rollout.Abort, "no good")
			c.follow("shop", nil)
			c.is("shop", cfntypes.StackStatusUpdateRollbackComplete)
			c.wantShares("Prod", "2=90 3=10, 2=100 after 0s")
			c.wantStory(`shop UPDATE_IN_PROGRESS: User Initiated
Prod UPDATE_IN_PROGRESS
Prod UPDATE_FAILED: Resource handler returned message: "`+s.aborted+`" (RequestToken: …, HandlerErrorCode: NotStabilized)
shop UPDATE_ROLLBACK_IN_PROGRESS: The following resource(s) failed to update: [Prod].
Prod UPDATE_IN_PROGRESS
Prod UPDATE_COMPLETE
shop UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS
shop UPDATE_ROLLBACK_COMPLETE
`, "shop", "shop", "Prod")
		})
	}
}
