package sfn

import (
	"strings"
	"sync"
	"testing"

	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/sfnapi"
)

func (c *cloud) describe(arn string) *sfnapi.DescribeStateMachineOutput {
	c.t.Helper()
	return must[*sfnapi.DescribeStateMachineOutput](c.t)(c.describeStateMachine(c.ctx, &sfnapi.DescribeStateMachineInput{StateMachineArn: arn}))
}

func TestAFreshStateMachineHasNoRevisionAndSaysItsDefaults(t *testing.T) {
	c := newCloud(t)
	arn := c.create("plain", passDefinition("one"))
	if want := "arn:aws:states:eu-central-1:123456789012:stateMachine:plain"; arn != want {
		t.Fatalf("its ARN is %s, want %s", arn, want)
	}
	got := c.describe(arn)
	if got.RevisionId != nil || got.Description != nil {
		t.Errorf("revision %v and description %v, want neither", got.RevisionId, got.Description)
	}
	if *got.Status != "ACTIVE" || got.Type != "STANDARD" || got.Definition != passDefinition("one") || got.RoleArn != testRole {
		t.Errorf("described as %+v", got)
	}
	if *got.LoggingConfiguration.Level != "OFF" || *got.LoggingConfiguration.IncludeExecutionData || got.LoggingConfiguration.Destinations != nil {
		t.Errorf("logging is %+v, want OFF without data and destinations", got.LoggingConfiguration)
	}
	if *got.TracingConfiguration.Enabled || got.EncryptionConfiguration.Type != "AWS_OWNED_KEY" {
		t.Errorf("tracing %v, encryption %v", *got.TracingConfiguration.Enabled, got.EncryptionConfiguration.Type)
	}
}

func TestCreationIsIdempotentOnEverythingButRoleAndTags(t *testing.T) {
	c := newCloud(t)
	base := sfnapi.CreateStateMachineInput{
		Name: "same", Definition: passDefinition("one"), RoleArn: testRole, Publish: ptr(true), VersionDescription: ptr("first"),
	}
	first := must[*sfnapi.CreateStateMachineOutput](t)(c.createStateMachine(c.ctx, &base))
	c.pass(1e9)

	again := base
	again.RoleArn = testRole + "2"
	again.Tags = []sfnapi.Tag{{Key: ptr("a"), Value: ptr("b")}}
	second := must[*sfnapi.CreateStateMachineOutput](t)(c.createStateMachine(c.ctx, &again))
	if *second.StateMachineVersionArn != *first.StateMachineVersionArn || !second.CreationDate.Equal(first.CreationDate) {
		t.Errorf("the repeated creation answered %v, want %v", second, first)
	}
	if got := c.describe(first.StateMachineArn).RoleArn; got != testRole {
		t.Errorf("the role is %s now, want the first one", got)
	}
	for what, change := range map[string]func(*sfnapi.CreateStateMachineInput){
		"blanks in the definition": func(in *sfnapi.CreateStateMachineInput) {
			in.Definition = strings.ReplaceAll(in.Definition, ":", ": ")
		},
		"another type":        express,
		"no publish":          func(in *sfnapi.CreateStateMachineInput) { in.Publish, in.VersionDescription = nil, nil },
		"another description": func(in *sfnapi.CreateStateMachineInput) { in.VersionDescription = ptr("x") },
		"tracing": func(in *sfnapi.CreateStateMachineInput) {
			in.TracingConfiguration = &sfnapi.TracingConfiguration{Enabled: ptr(true)}
		},
	} {
		t.Run(what, func(t *testing.T) {
			other := base
			change(&other)
			_, err := c.createStateMachine(c.ctx, &other)
			refused(t, err, "StateMachineAlreadyExists", "State Machine Already Exists: '"+first.StateMachineArn+"'")
		})
	}
}

func TestNamesThatAWSRefusesAreRefused(t *testing.T) {
	c := newCloud(t)
	for _, name := range []string{"two words", "co:lon", "sla/sh", "a*b", "a\x7f", "a\u0085b", "dollar$", `quo"te`, "ti~de", "tab\t"} {
		_, err := c.createStateMachine(c.ctx, &sfnapi.CreateStateMachineInput{Name: name, Definition: passDefinition(""), RoleArn: testRole})
		refused(t, err, "InvalidName", "Invalid Name: '"+name+"'")
		_, err = c.createActivity(c.ctx, &sfnapi.CreateActivityInput{Name: name})
		refused(t, err, "InvalidName", "Invalid Name: '"+name+"'")
	}
	c.create("dots.and-dashes_1", passDefinition(""))
}

func TestABadDefinitionIsRefusedInAWSsWords(t *testing.T) {
	c := newCloud(t)
	_, err := c.createStateMachine(c.ctx, &sfnapi.CreateStateMachineInput{Name: "bad", Definition: `{"StartAt":"A"}`, RoleArn: testRole})
	refused(t, err, "InvalidDefinition",
		"Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: These fields are required: [States] at /'")
	if _, err := c.describeStateMachine(c.ctx, &sfnapi.DescribeStateMachineInput{
		StateMachineArn: "arn:aws:states:eu-central-1:123456789012:stateMachine:bad",
	}); !isGone(err) {
		t.Errorf("the refused state machine is there: %v", err)
	}
}

func TestARNsThatAreNoneAndOfTheWrongKind(t *testing.T) {
	c := newCloud(t)
	_, err := c.describeStateMachine(c.ctx, &sfnapi.DescribeStateMachineInput{StateMachineArn: "nonsense"})
	refused(t, err, "InvalidArn", "Invalid Arn: 'Invalid ARN prefix: nonsense'")
	_, err = c.describeExecution(c.ctx, &sfnapi.DescribeExecutionInput{
		ExecutionArn: "arn:aws:states:eu-central-1:123456789012:express:m:n:u",
	})
	refused(t, err, "InvalidArn", "Invalid Arn: 'Resource type not valid in this context: express'")
}

func TestUpdatesMakeRevisionsOnlyWhenSomethingChanges(t *testing.T) {
	c := newCloud(t)
	arn := c.create("changing", passDefinition("one"))
	update := func(in sfnapi.UpdateStateMachineInput) *sfnapi.UpdateStateMachineOutput {
		in.StateMachineArn = arn
		return must[*sfnapi.UpdateStateMachineOutput](t)(c.updateStateMachine(c.ctx, &in))
	}
	if got := update(sfnapi.UpdateStateMachineInput{Definition: ptr(passDefinition("one"))}); got.RevisionId != nil {
		t.Errorf("an update without change gave revision %s, want none", *got.RevisionId)
	}
	second := update(sfnapi.UpdateStateMachineInput{RoleArn: ptr(testRole + "2")})
	if second.RevisionId == nil || *c.describe(arn).RevisionId != *second.RevisionId {
		t.Fatalf("a new role gave revision %v", second.RevisionId)
	}
	if same := update(sfnapi.UpdateStateMachineInput{Definition: ptr(passDefinition("one"))}); *same.RevisionId != *second.RevisionId {
		t.Errorf("an update without change gave revision %s, want %s", *same.RevisionId, *second.RevisionId)
	}
	if third := update(sfnapi.UpdateStateMachineInput{Definition: ptr(passDefinition("two"))}); *third.RevisionId == *second.RevisionId {
		t.Errorf("a new definition kept revision %s", *third.RevisionId)
	}
	_, err := c.updateStateMachine(c.ctx, &sfnapi.UpdateStateMachineInput{StateMachineArn: arn, Publish: ptr(true)})
	refused(t, err, "MissingRequiredParameter",
		"Either the definition, the role ARN, the LoggingConfiguration, or the TracingConfiguration must be specified")
	_, err = c.updateStateMachine(c.ctx, &sfnapi.UpdateStateMachineInput{
		StateMachineArn: arn, RoleArn: ptr(testRole), VersionDescription: ptr("x"),
	})
	refused(t, err, "ValidationException", "Version description can only be set when publish is true")
	_, err = c.updateStateMachine(c.ctx, &sfnapi.UpdateStateMachineInput{StateMachineArn: arn + ":1", RoleArn: ptr(testRole)})
	refused(t, err, "StateMachineDoesNotExist", "State Machine Does Not Exist: '"+arn+":1'")
}

func TestLoggingNeedsExactlyOneDestinationThatIsThere(t *testing.T) {
	c := newCloud(t, func(config *Config) {
		config.Logs = &logGroups{known: "arn:aws:logs:eu-central-1:123456789012:log-group:there"}
	})
	there, gone := "arn:aws:logs:eu-central-1:123456789012:log-group:there:*", "arn:aws:logs:eu-central-1:123456789012:log-group:gone:*"
	to := func(groups ...string) []sfnapi.LogDestination {
		list := []sfnapi.LogDestination{}
		for _, g := range groups {
			list = append(list, sfnapi.LogDestination{CloudWatchLogsLogGroup: &sfnapi.CloudWatchLogsLogGroup{LogGroupArn: &g}})
		}
		return list
	}
	for what, test := range map[string]struct {
		in      sfnapi.LoggingConfiguration
		message string
	}{
		"a level without destination": {sfnapi.LoggingConfiguration{Level: ptr("ERROR")}, "Must specify exactly one Log Destination."},
		"two destinations":            {sfnapi.LoggingConfiguration{Level: ptr("ALL"), Destinations: to(there, there)}, "Must specify exactly one Log Destination."},
		"a group that is gone":        {sfnapi.LoggingConfiguration{Level: ptr("ALL"), Destinations: to(gone)}, "Log Destination not found."},
	} {
		t.Run(what, func(t *testing.T) {
			_, err := c.createStateMachine(c.ctx, &sfnapi.CreateStateMachineInput{
				Name: "bad", Definition: passDefinition(""), RoleArn: testRole, LoggingConfiguration: &test.in,
			})
			refused(t, err, "InvalidLoggingConfiguration", "Invalid Logging Configuration: "+test.message)
		})
	}
	arn := c.create("empty-list", passDefinition(""), func(in *sfnapi.CreateStateMachineInput) {
		in.LoggingConfiguration = &sfnapi.LoggingConfiguration{Destinations: to()}
	})
	if got := c.describe(arn).LoggingConfiguration; got.Destinations == nil || len(got.Destinations) != 0 || *got.Level != "OFF" {
		t.Errorf("an empty list is shown as %+v, want an empty list and OFF", got)
	}
}

func TestDeletingWaitsForRunningExecutionsAndIsRepeatable(t *testing.T) {
	c := newCloud(t)
	arn := c.create("ending", waitAnHour)
	running := c.begin(arn)
	remove := func() {
		t.Helper()
		must[*sfnapi.DeleteStateMachineOutput](t)(c.deleteStateMachine(c.ctx, &sfnapi.DeleteStateMachineInput{StateMachineArn: arn}))
	}
	remove()
	remove()
	if got := *c.describe(arn).Status; got != "DELETING" {
		t.Fatalf("with a running execution its status is %s, want DELETING", got)
	}
	_, err := c.startExecution(c.ctx, &sfnapi.StartExecutionInput{StateMachineArn: arn})
	refused(t, err, "StateMachineDeleting", "")
	_, err = c.createStateMachine(c.ctx, &sfnapi.CreateStateMachineInput{Name: "ending", Definition: waitAnHour, RoleArn: testRole})
	refused(t, err, "StateMachineDeleting", "")

	x, err := c.execution(c.here(c.ctx), running)
	if err != nil {
		t.Fatal(err)
	}
	c.pass(2 * 3600e9)
	if got := x.shownStatus(); got != "ABORTED" {
		t.Errorf("the execution is %s after its next transition, want ABORTED", got)
	}
	if _, err := c.describeStateMachine(c.ctx, &sfnapi.DescribeStateMachineInput{StateMachineArn: arn}); !isGone(err) {
		t.Errorf("after the last execution ended: %v, want it to be gone", err)
	}
	remove()
	c.create("ending", waitAnHour)
	if _, err := c.describeExecution(c.ctx, &sfnapi.DescribeExecutionInput{ExecutionArn: running}); err == nil {
		t.Error("the new state machine inherited an execution")
	}
}

func TestEverythingBelongsToAnAccountAndARegion(t *testing.T) {
	c := newCloud(t)
	arn := c.create("mine", passDefinition(""))
	for _, other := range []*cloud{c.as("999999999999", testRegion), c.as(testAccount, "us-west-2")} {
		if _, err := other.describeStateMachine(other.ctx, &sfnapi.DescribeStateMachineInput{StateMachineArn: arn}); !isGone(err) {
			t.Errorf("elsewhere: %v, want StateMachineDoesNotExist", err)
		}
		if list := must[*sfnapi.ListStateMachinesOutput](t)(other.listStateMachines(other.ctx, &sfnapi.ListStateMachinesInput{})); len(list.StateMachines) != 0 {
			t.Errorf("elsewhere %d state machines are listed", len(list.StateMachines))
		}
		if got := other.create("mine", passDefinition("theirs")); got == arn {
			t.Errorf("two places gave the ARN %s", got)
		}
	}
}

func TestStateMachinesAreListedPageByPage(t *testing.T) {
	c := newCloud(t)
	for _, name := range []string{"c", "a", "e", "b", "d"} {
		c.create(name, passDefinition(""))
	}
	var names []string
	in := &sfnapi.ListStateMachinesInput{MaxResults: ptr(int32(2))}
	for {
		out := must[*sfnapi.ListStateMachinesOutput](t)(c.listStateMachines(c.ctx, in))
		for _, m := range out.StateMachines {
			names = append(names, m.Name)
		}
		if in.NextToken = out.NextToken; in.NextToken == nil {
			break
		}
	}
	if got := strings.Join(names, ""); got != "abcde" {
		t.Errorf("listed %s, want abcde", got)
	}
	_, err := c.listStateMachines(c.ctx, &sfnapi.ListStateMachinesInput{NextToken: ptr("made-up")})
	refused(t, err, "InvalidToken", "Invalid Token: 'Invalid token'")
	token := must[*sfnapi.ListStateMachinesOutput](t)(c.listStateMachines(c.ctx, &sfnapi.ListStateMachinesInput{MaxResults: ptr(int32(1))})).NextToken
	_, err = c.listActivities(c.ctx, &sfnapi.ListActivitiesInput{NextToken: token})
	refused(t, err, "InvalidToken", "Invalid Token: 'Invalid token'")
	c.pass(25 * 3600e9)
	_, err = c.listStateMachines(c.ctx, &sfnapi.ListStateMachinesInput{NextToken: token})
	refused(t, err, "InvalidToken", "Invalid Token: 'Invalid token'")
}

func TestTagsAreAddedReplacedAndRemoved(t *testing.T) {
	c := newCloud(t)
	machine := c.create("tagged", passDefinition(""), published, func(in *sfnapi.CreateStateMachineInput) {
		in.Tags = []sfnapi.Tag{{Key: ptr("team"), Value: ptr("blue")}}
	})
	worker := must[*sfnapi.CreateActivityOutput](t)(c.createActivity(c.ctx, &sfnapi.CreateActivityInput{
		Name: "tagged", Tags: []sfnapi.Tag{{Key: ptr("team"), Value: ptr("blue")}},
	})).ActivityArn
	for _, arn := range []string{machine, worker} {
		list := func() string {
			var text []string
			for _, tag := range must[*sfnapi.ListTagsForResourceOutput](t)(c.listTagsForResource(c.ctx, &sfnapi.ListTagsForResourceInput{ResourceArn: arn})).Tags {
				text = append(text, *tag.Key+"="+*tag.Value)
			}
			return strings.Join(text, " ")
		}
		must[*sfnapi.TagResourceOutput](t)(c.tagResource(c.ctx, &sfnapi.TagResourceInput{ResourceArn: arn, Tags: []sfnapi.Tag{
			{Key: ptr("stage"), Value: ptr("")}, {Key: ptr("team"), Value: ptr("red")},
		}}))
		if got, want := list(), "team=red stage="; got != want {
			t.Errorf("tags of %s are %q, want %q", arn, got, want)
		}
		must[*sfnapi.UntagResourceOutput](t)(c.untagResource(c.ctx, &sfnapi.UntagResourceInput{ResourceArn: arn, TagKeys: []string{"team", "team", "absent"}}))
		if got, want := list(), "stage="; got != want {
			t.Errorf("tags of %s are %q, want %q", arn, got, want)
		}
		var many []sfnapi.Tag
		for i := range 50 {
			many = append(many, sfnapi.Tag{Key: ptr(strings.Repeat("k", i+1)), Value: ptr("v")})
		}
		_, err := c.tagResource(c.ctx, &sfnapi.TagResourceInput{ResourceArn: arn, Tags: many})
		refused(t, err, "TooManyTags", "")
	}
	_, err := c.tagResource(c.ctx, &sfnapi.TagResourceInput{ResourceArn: machine + ":1"})
	refused(t, err, "ResourceNotFound", "Resource not found: '"+machine+":1'")
	_, err = c.listTagsForResource(c.ctx, &sfnapi.ListTagsForResourceInput{ResourceArn: worker + "x"})
	refused(t, err, "ResourceNotFound", "Resource not found: '"+worker+"x'")
}

func TestAnOperationOnAMapRunThatDoesNotExist(t *testing.T) {
	c := newCloud(t)
	execution := c.begin(c.create("no-maps", passDefinition("")))
	if got := must[*sfnapi.ListMapRunsOutput](t)(c.listMapRuns(c.ctx, &sfnapi.ListMapRunsInput{ExecutionArn: execution})); len(got.MapRuns) != 0 {
		t.Errorf("%d map runs, want none", len(got.MapRuns))
	}
	_, err := c.describeMapRun(c.ctx, &sfnapi.DescribeMapRunInput{MapRunArn: "arn:aws:states:eu-central-1:123456789012:mapRun:m/label:u"})
	refused(t, err, "ResourceNotFound", "")
	_, err = c.updateMapRun(c.ctx, &sfnapi.UpdateMapRunInput{MapRunArn: execution})
	refused(t, err, "InvalidArn", "Invalid Arn: 'Resource type not valid in this context: execution'")
}

func TestValidateSaysWhatIsWrong(t *testing.T) {
	c := newCloud(t)
	validate := func(in sfnapi.ValidateStateMachineDefinitionInput) *sfnapi.ValidateStateMachineDefinitionOutput {
		return must[*sfnapi.ValidateStateMachineDefinitionOutput](t)(c.validateStateMachineDefinition(c.ctx, &in))
	}
	if got := validate(sfnapi.ValidateStateMachineDefinitionInput{Definition: passDefinition("")}); got.Result != "OK" || got.Diagnostics == nil || len(got.Diagnostics) != 0 || *got.Truncated {
		t.Errorf("a good definition: %+v", got)
	}
	got := validate(sfnapi.ValidateStateMachineDefinitionInput{Definition: `{}`, Type: ptr("EXPRESS")})
	if got.Result != "FAIL" || len(got.Diagnostics) != 1 {
		t.Fatalf("an empty object: %+v", got)
	}
	if d := got.Diagnostics[0]; d.Code != "SCHEMA_VALIDATION_FAILED" || *d.Location != "/" || d.Severity != "ERROR" || d.Message != "These fields are required: [States, StartAt]" {
		t.Errorf("diagnostic %+v", d)
	}
}

func TestADeletionAmongStartsLeavesNothingBehind(t *testing.T) {
	for range 20 {
		c := newCloud(t)
		arn := c.create("contested", passDefinition(""))
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for range 20 {
					_, err := c.startExecution(c.ctx, &sfnapi.StartExecutionInput{StateMachineArn: arn})
					if err != nil && !isGone(err) && !wire.IsCode(err, "StateMachineDeleting") {
						t.Error(err)
					}
				}
			})
		}
		wg.Go(func() {
			if _, err := c.deleteStateMachine(c.ctx, &sfnapi.DeleteStateMachineInput{StateMachineArn: arn}); err != nil {
				t.Error(err)
			}
		})
		wg.Wait()
		c.pass(0)
		if _, err := c.describeStateMachine(c.ctx, &sfnapi.DescribeStateMachineInput{StateMachineArn: arn}); !isGone(err) {
			t.Fatalf("after the last start: %v, want it to be gone", err)
		}
	}
}
