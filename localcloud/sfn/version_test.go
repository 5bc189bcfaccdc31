package sfn

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/sfnapi"
)

func (c *cloud) publish(arn string) string {
	c.t.Helper()
	return must[*sfnapi.PublishStateMachineVersionOutput](c.t)(c.publishStateMachineVersion(c.ctx,
		&sfnapi.PublishStateMachineVersionInput{StateMachineArn: arn})).StateMachineVersionArn
}

func (c *cloud) versionARNs(arn string) []string {
	c.t.Helper()
	var arns []string
	for _, v := range must[*sfnapi.ListStateMachineVersionsOutput](c.t)(c.listStateMachineVersions(c.ctx,
		&sfnapi.ListStateMachineVersionsInput{StateMachineArn: arn})).StateMachineVersions {
		arns = append(arns, v.StateMachineVersionArn)
	}
	return arns
}

func TestAVersionPinsWhatWasPublished(t *testing.T) {
	c := newCloud(t)
	arn := c.create("pinned", passDefinition("one"), published, func(in *sfnapi.CreateStateMachineInput) {
		in.VersionDescription = ptr("the first")
	})
	c.pass(time.Minute)
	second := c.update(arn, passDefinition("two"))
	first := c.describe(arn + ":1")
	if first.StateMachineArn != arn+":1" || first.Name != "pinned" || first.Definition != passDefinition("one") ||
		*first.Description != "the first" || first.RevisionId != nil || !first.CreationDate.Equal(testStart) {
		t.Errorf("version 1 is described as %+v", first)
	}
	got := c.describe(second)
	if got.Definition != passDefinition("two") || got.RevisionId == nil || *got.RevisionId != *c.describe(arn).RevisionId ||
		got.Description != nil || !got.CreationDate.Equal(testStart.Add(time.Minute)) {
		t.Errorf("version 2 is described as %+v", got)
	}
	if _, err := c.describeStateMachine(c.ctx, &sfnapi.DescribeStateMachineInput{StateMachineArn: arn + ":3"}); !isGone(err) {
		t.Errorf("version 3: %v, want StateMachineDoesNotExist", err)
	}
}

func TestPublishComparesTheRevision(t *testing.T) {
	c := newCloud(t)
	arn := c.create("compared", passDefinition("one"))
	publish := func(revision string) (*sfnapi.PublishStateMachineVersionOutput, error) {
		return c.publishStateMachineVersion(c.ctx, &sfnapi.PublishStateMachineVersionInput{StateMachineArn: arn, RevisionId: &revision})
	}
	if got := must[*sfnapi.PublishStateMachineVersionOutput](t)(publish("INITIAL")); got.StateMachineVersionArn != arn+":1" {
		t.Errorf("INITIAL published %s", got.StateMachineVersionArn)
	}
	_, err := publish("0c27dbfe-0000-4000-8000-000000000000")
	refused(t, err, "ConflictException", "Failed to publish the State Machine version for revision "+
		"0c27dbfe-0000-4000-8000-000000000000. The current State Machine revision is INITIAL.")
	updated := must[*sfnapi.UpdateStateMachineOutput](t)(c.updateStateMachine(c.ctx, &sfnapi.UpdateStateMachineInput{
		StateMachineArn: arn, Definition: ptr(passDefinition("two")),
	}))
	_, err = publish("INITIAL")
	refused(t, err, "ConflictException", "Failed to publish the State Machine version for revision INITIAL."+
		" The current State Machine revision is "+*updated.RevisionId+".")
	if got := must[*sfnapi.PublishStateMachineVersionOutput](t)(publish(*updated.RevisionId)); got.StateMachineVersionArn != arn+":2" {
		t.Errorf("the current revision published %s", got.StateMachineVersionArn)
	}
	_, err = c.publishStateMachineVersion(c.ctx, &sfnapi.PublishStateMachineVersionInput{StateMachineArn: arn + ":1"})
	refused(t, err, "StateMachineDoesNotExist", "State Machine Does Not Exist: '"+arn+":1'")
}

func TestAVersionThatAnAliasRefersToCannotBeDeleted(t *testing.T) {
	c := newCloud(t)
	arn := c.create("referred", passDefinition("one"), published)
	second := c.update(arn, passDefinition("two"))
	c.makeAlias("live", to(arn+":1", 0), to(second, 100))
	c.makeAlias("spare", to(arn+":1", 100))
	remove := func() error {
		_, err := c.deleteStateMachineVersion(c.ctx, &sfnapi.DeleteStateMachineVersionInput{StateMachineVersionArn: arn + ":1"})
		return err
	}
	refused(t, remove(), "ConflictException",
		"Version to be deleted must not be referenced by an alias. Current list of aliases referencing this version: [live, spare]")
	for _, name := range []string{"live", "spare", "never-was"} {
		must[*sfnapi.DeleteStateMachineAliasOutput](t)(c.deleteStateMachineAlias(c.ctx,
			&sfnapi.DeleteStateMachineAliasInput{StateMachineAliasArn: arn + ":" + name}))
	}
	for range 2 { // the second time it is gone, which is no error
		if err := remove(); err != nil {
			t.Fatal(err)
		}
	}
	if got := c.versionARNs(arn); !slices.Equal(got, []string{second}) {
		t.Errorf("versions left: %v, want %v", got, second)
	}
}

func TestVersionsAreListedNewestFirstPageByPage(t *testing.T) {
	c := newCloud(t)
	arn := c.create("many", passDefinition("0"))
	for i := range 13 {
		c.update(arn, passDefinition(fmt.Sprint("v", i)))
	}
	in := &sfnapi.ListStateMachineVersionsInput{StateMachineArn: arn, MaxResults: ptr(int32(10))}
	page := must[*sfnapi.ListStateMachineVersionsOutput](t)(c.listStateMachineVersions(c.ctx, in))
	if len(page.StateMachineVersions) != 10 || page.StateMachineVersions[0].StateMachineVersionArn != arn+":13" || page.NextToken == nil {
		t.Fatalf("page 1: %d versions, first %s", len(page.StateMachineVersions), page.StateMachineVersions[0].StateMachineVersionArn)
	}
	in.NextToken, in.MaxResults = page.NextToken, ptr(int32(3))
	page = must[*sfnapi.ListStateMachineVersionsOutput](t)(c.listStateMachineVersions(c.ctx, in))
	if len(page.StateMachineVersions) != 3 || page.StateMachineVersions[0].StateMachineVersionArn != arn+":3" || page.NextToken != nil {
		t.Fatalf("page 2: %+v", page)
	}
	if got := c.versionARNs(strings.Replace(arn, "many", "none", 1)); len(got) != 0 {
		t.Errorf("of an unknown state machine %v are listed", got)
	}
}

// TestVersionsAndRevisionsObeyTheirRules runs random changes against a plain
// model of what AWS documents.
func TestVersionsAndRevisionsObeyTheirRules(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		c := newCloud(t)
		arn := c.create("model", passDefinition("0"))
		var (
			definition = "0"
			revision   = ""               // "" is the initial one
			pinned     = map[int]string{} // definition by version
			of         = map[int]string{} // revision by version
			last       = 0
			aliases    = map[string][]int{} // versions by alias
			seen       = map[string]bool{"": true}
		)
		publishedAs := func() int {
			for number, r := range of {
				if r == revision {
					return number
				}
			}
			return 0
		}
		expectPublish := func(got string) {
			number := publishedAs()
			if number == 0 {
				last++
				number = last
				pinned[number], of[number] = definition, revision
			}
			if want := fmt.Sprint(arn, ":", number); got != want {
				rt.Fatalf("published %s, want %s", got, want)
			}
		}
		for range rapid.IntRange(1, 40).Draw(rt, "steps") {
			c.pass(time.Second)
			switch rapid.IntRange(0, 5).Draw(rt, "what") {
			case 0: // update
				next := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(rt, "definition")
				publish := rapid.Bool().Draw(rt, "publish")
				out := must[*sfnapi.UpdateStateMachineOutput](t)(c.updateStateMachine(c.ctx, &sfnapi.UpdateStateMachineInput{
					StateMachineArn: arn, Definition: ptr(passDefinition(next)), Publish: &publish,
				}))
				got := wire.Value(out.RevisionId)
				if changed := next != definition; changed && seen[got] || !changed && got != revision {
					rt.Fatalf("update from %s to %s gave revision %q after %q", definition, next, got, revision)
				}
				definition, revision, seen[got] = next, got, true
				if publish {
					expectPublish(*out.StateMachineVersionArn)
				}
			case 1:
				expectPublish(c.publish(arn))
			case 2: // delete a version
				number := rapid.IntRange(1, last+1).Draw(rt, "number")
				_, err := c.deleteStateMachineVersion(c.ctx, &sfnapi.DeleteStateMachineVersionInput{StateMachineVersionArn: fmt.Sprint(arn, ":", number)})
				referred := false
				for _, versions := range aliases {
					referred = referred || slices.Contains(versions, number)
				}
				if referred != wire.IsCode(err, "ConflictException") || !referred && err != nil {
					rt.Fatalf("delete of version %d (referred: %v): %v", number, referred, err)
				}
				if !referred {
					delete(pinned, number)
					delete(of, number)
				}
			case 3, 4: // set an alias
				if len(pinned) == 0 {
					continue
				}
				var numbers []int
				for n := range pinned {
					numbers = append(numbers, n)
				}
				slices.Sort(numbers)
				name := rapid.SampledFrom([]string{"x", "y"}).Draw(rt, "alias")
				use := []int{rapid.SampledFrom(numbers).Draw(rt, "first")}
				routes := []sfnapi.RoutingConfigurationListItem{to(fmt.Sprint(arn, ":", use[0]), 100)}
				if other := rapid.SampledFrom(numbers).Draw(rt, "second"); other != use[0] {
					use = append(use, other)
					routes[0].Weight = 30
					routes = append(routes, to(fmt.Sprint(arn, ":", other), 70))
				}
				if aliases[name] == nil {
					c.makeAlias(name, routes...)
				} else {
					must[*sfnapi.UpdateStateMachineAliasOutput](t)(c.updateStateMachineAlias(c.ctx, &sfnapi.UpdateStateMachineAliasInput{
						StateMachineAliasArn: arn + ":" + name, RoutingConfiguration: routes,
					}))
				}
				aliases[name] = use
			case 5:
				name := rapid.SampledFrom([]string{"x", "y"}).Draw(rt, "alias")
				must[*sfnapi.DeleteStateMachineAliasOutput](t)(c.deleteStateMachineAlias(c.ctx,
					&sfnapi.DeleteStateMachineAliasInput{StateMachineAliasArn: arn + ":" + name}))
				delete(aliases, name)
			}
			if got := c.versionARNs(arn); len(got) != len(pinned) {
				rt.Fatalf("%d versions are listed, want %d", len(got), len(pinned))
			}
			for number, want := range pinned {
				if got := c.describe(fmt.Sprint(arn, ":", number)); got.Definition != passDefinition(want) || wire.Value(got.RevisionId) != of[number] {
					rt.Fatalf("version %d has %s of revision %s, want %s of %s", number, got.Definition, wire.Value(got.RevisionId), want, of[number])
				}
			}
		}
	})
}
