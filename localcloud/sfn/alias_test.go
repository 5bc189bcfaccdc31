package sfn

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/sfnapi"
)

func TestRoutingsThatAWSRefuses(t *testing.T) {
	c := newCloud(t)
	arn := c.create("routed", passDefinition("one"), published)
	one, two := arn+":1", c.update(arn, passDefinition("two"))
	foreign := c.create("other", passDefinition("x"), published) + ":1"
	for what, test := range map[string]struct {
		routes        []sfnapi.RoutingConfigurationListItem
		code, message string
	}{
		"one version twice": {[]sfnapi.RoutingConfigurationListItem{to(one, 40), to(one, 60)}, "ValidationException",
			"Routing configuration must contain distinct state machine version ARNs. Received: [" + one + ", " + one + "]"},
		"a state machine": {[]sfnapi.RoutingConfigurationListItem{to(arn, 40), to(two, 60)}, "ValidationException",
			"Routing configuration must contain state machine version ARNs. Received: [" + arn + ", " + two + "]"},
		"an alias": {[]sfnapi.RoutingConfigurationListItem{to(arn+":live", 100)}, "ValidationException",
			"Routing configuration must contain state machine version ARNs. Received: [" + arn + ":live]"},
		"too little": {[]sfnapi.RoutingConfigurationListItem{to(one, 40), to(two, 50)}, "ValidationException",
			"Sum of routing configuration weights must equal 100. Received: [40, 50]"},
		"too much": {[]sfnapi.RoutingConfigurationListItem{to(one, 40), to(two, 61)}, "ValidationException",
			"Sum of routing configuration weights must equal 100. Received: [40, 61]"},
		"two state machines": {[]sfnapi.RoutingConfigurationListItem{to(one, 40), to(foreign, 60)}, "ValidationException", ""},
		"an unknown version": {[]sfnapi.RoutingConfigurationListItem{to(arn+":9", 100)}, "ResourceNotFound", ""},
	} {
		t.Run(what, func(t *testing.T) {
			_, err := c.createStateMachineAlias(c.ctx, &sfnapi.CreateStateMachineAliasInput{Name: "bad", RoutingConfiguration: test.routes})
			refused(t, err, test.code, test.message)
		})
	}
}

func TestAnAliasIsCreatedOnceAndChangedByUpdates(t *testing.T) {
	c := newCloud(t)
	arn := c.create("aliased", passDefinition("one"), published)
	two := c.update(arn, passDefinition("two"))
	create := func(description string, routes ...sfnapi.RoutingConfigurationListItem) (*sfnapi.CreateStateMachineAliasOutput, error) {
		return c.createStateMachineAlias(c.ctx, &sfnapi.CreateStateMachineAliasInput{Name: "live", Description: &description, RoutingConfiguration: routes})
	}
	first := must[*sfnapi.CreateStateMachineAliasOutput](t)(create("d", to(arn+":1", 30), to(two, 70)))
	c.pass(time.Second)
	again := must[*sfnapi.CreateStateMachineAliasOutput](t)(create("d", to(two, 70), to(arn+":1", 30)))
	if *again != *first {
		t.Errorf("the repeated creation answered %v, want %v", again, first)
	}
	const conflict = "Failed to create alias because an alias with the same name and a different routing configuration already exists."
	_, err := create("other", to(arn+":1", 30), to(two, 70))
	refused(t, err, "ConflictException", conflict)
	_, err = create("d", to(arn+":1", 31), to(two, 69))
	refused(t, err, "ConflictException", conflict)

	describe := func() *sfnapi.DescribeStateMachineAliasOutput {
		return must[*sfnapi.DescribeStateMachineAliasOutput](t)(c.describeStateMachineAlias(c.ctx, &sfnapi.DescribeStateMachineAliasInput{StateMachineAliasArn: arn + ":live"}))
	}
	if got := describe(); !got.UpdateDate.Equal(*got.CreationDate) || *got.Name != "live" {
		t.Errorf("a fresh alias is described as %+v", got)
	}
	update := func(in sfnapi.UpdateStateMachineAliasInput) error {
		in.StateMachineAliasArn = arn + ":live"
		_, err := c.updateStateMachineAlias(c.ctx, &in)
		return err
	}
	if err := update(sfnapi.UpdateStateMachineAliasInput{Description: ptr("new")}); err != nil {
		t.Fatal(err)
	}
	if err := update(sfnapi.UpdateStateMachineAliasInput{RoutingConfiguration: []sfnapi.RoutingConfigurationListItem{to(two, 100)}}); err != nil {
		t.Fatal(err)
	}
	got := describe()
	if *got.Description != "new" || !slices.Equal(got.RoutingConfiguration, []sfnapi.RoutingConfigurationListItem{to(two, 100)}) || !got.UpdateDate.After(*got.CreationDate) {
		t.Errorf("after two updates: %+v", got)
	}
	refused(t, update(sfnapi.UpdateStateMachineAliasInput{}), "ValidationException", "")
	_, err = c.updateStateMachineAlias(c.ctx, &sfnapi.UpdateStateMachineAliasInput{StateMachineAliasArn: arn + ":absent", Description: ptr("x")})
	refused(t, err, "ResourceNotFound", "Request references a resource that does not exist.")
	_, err = c.describeStateMachineAlias(c.ctx, &sfnapi.DescribeStateMachineAliasInput{StateMachineAliasArn: arn + ":absent"})
	refused(t, err, "ResourceNotFound", "Request references a resource that does not exist.")
}

func TestAliasesAreListedOldestFirst(t *testing.T) {
	c := newCloud(t)
	arn := c.create("listed", passDefinition("one"), published)
	two := c.update(arn, passDefinition("two"))
	c.makeAlias("zeta", to(arn+":1", 100))
	c.makeAlias("beta", to(two, 100))
	c.makeAlias("alpha", to(arn+":1", 50), to(two, 50))
	list := func(in sfnapi.ListStateMachineAliasesInput) (string, *string) {
		out := must[*sfnapi.ListStateMachineAliasesOutput](t)(c.listStateMachineAliases(c.ctx, &in))
		var names []string
		for _, a := range out.StateMachineAliases {
			names = append(names, strings.TrimPrefix(a.StateMachineAliasArn, arn+":"))
		}
		return strings.Join(names, " "), out.NextToken
	}
	if got, next := list(sfnapi.ListStateMachineAliasesInput{StateMachineArn: arn, MaxResults: ptr(int32(0))}); got != "zeta beta alpha" || next != nil {
		t.Errorf("listed %q, more: %v", got, next != nil)
	}
	if got, _ := list(sfnapi.ListStateMachineAliasesInput{StateMachineArn: two}); got != "beta alpha" {
		t.Errorf("of version 2 %q are listed", got)
	}
	got, next := list(sfnapi.ListStateMachineAliasesInput{StateMachineArn: arn, MaxResults: ptr(int32(1))})
	if got != "zeta" || next == nil {
		t.Fatalf("page 1 is %q", got)
	}
	if got, next = list(sfnapi.ListStateMachineAliasesInput{StateMachineArn: arn, NextToken: next}); got != "beta alpha" || next != nil {
		t.Errorf("page 2 is %q", got)
	}
	_, err := c.listStateMachineAliases(c.ctx, &sfnapi.ListStateMachineAliasesInput{StateMachineArn: arn + "x"})
	refused(t, err, "StateMachineDoesNotExist", "")
}

// TestTwoThousandStartsAreSplitExactly also has them come from 32 clients.
func TestTwoThousandStartsAreSplitExactly(t *testing.T) {
	for _, clients := range []int{1, 32} {
		c := newCloud(t)
		arn := c.create("split", passDefinition("old"), published)
		canary := c.update(arn, passDefinition("new"))
		live := c.makeAlias("live", to(arn+":1", 90), to(canary, 10))
		var wg sync.WaitGroup
		for client := range clients {
			wg.Go(func() {
				for n := client; n < 2000; n += clients {
					if _, err := c.startExecution(c.ctx, &sfnapi.StartExecutionInput{StateMachineArn: live}); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		count := func(of string) (n int) {
			in := &sfnapi.ListExecutionsInput{StateMachineArn: &of, MaxResults: ptr(int32(1000))}
			for {
				out := must[*sfnapi.ListExecutionsOutput](t)(c.listExecutions(c.ctx, in))
				n += len(out.Executions)
				if in.NextToken = out.NextToken; in.NextToken == nil {
					return n
				}
			}
		}
		if got := [4]int{count(canary), count(arn + ":1"), count(live), count(arn)}; got != [4]int{200, 1800, 2000, 2000} {
			t.Errorf("with %d clients canary, stable, alias and all are %v, want [200 1800 2000 2000]", clients, got)
		}
	}
}

func TestANewRoutingStartsANewDeckAndANewDescriptionDoesNot(t *testing.T) {
	c := newCloud(t)
	arn := c.create("decks", passDefinition("old"), published)
	two := c.update(arn, passDefinition("new"))
	live := c.makeAlias("live", to(arn+":1", 50), to(two, 50))
	dealer := func() any {
		return c.space(placeOf(wire.CallerFrom(c.ctx))).machine("decks").control.Load().alias("live").dealer
	}
	first := dealer()
	change := func(in sfnapi.UpdateStateMachineAliasInput) {
		in.StateMachineAliasArn = live
		must[*sfnapi.UpdateStateMachineAliasOutput](t)(c.updateStateMachineAlias(c.ctx, &in))
	}
	change(sfnapi.UpdateStateMachineAliasInput{Description: ptr("words")})
	change(sfnapi.UpdateStateMachineAliasInput{RoutingConfiguration: []sfnapi.RoutingConfigurationListItem{to(arn+":1", 50), to(two, 50)}})
	if dealer() != first {
		t.Error("the deck was replaced though the routing stayed the same")
	}
	change(sfnapi.UpdateStateMachineAliasInput{RoutingConfiguration: []sfnapi.RoutingConfigurationListItem{to(arn+":1", 49), to(two, 51)}})
	if dealer() == first {
		t.Error("the old deck went on under the new routing")
	}
}
