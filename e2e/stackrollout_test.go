package e2e

import (
	"path/filepath"
	"strings"
	"testing"

	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
)

// crossfade runs the program as somebody does who shares the cloud's store; it has
// to succeed.
func (c *cloud) crossfade(t *testing.T, store string, args ...string) string {
	t.Helper()
	s := &shop{cloud: c, t: t, store: store, env: environment(t, c.endpoint)}
	return s.crossfade(args...)
}

func TestTheRolloutOfAStackIsListedExplainedPausedPromotedAndAborted(t *testing.T) {
	t.Parallel()
	store := filepath.Join(t.TempDir(), "rollouts.db")
	c := startCloud(t, "--store", store, "--speed", "120")
	c.changeStack(t, "orders", cfntypes.ChangeSetTypeCreate, ordersTemplate(t, 1), "good morning")
	eventually(t, "the stack is there", func() bool { return c.stackStatus(t, "orders") == cfntypes.StackStatusCreateComplete })
	alias := c.stackResource(t, "orders", "Prod")

	c.changeStack(t, "orders", cfntypes.ChangeSetTypeUpdate, ordersTemplate(t, 2), "good evening")
	eventually(t, "some traffic on version 2", func() bool { return strings.Contains(c.routing(t, alias), " 2=") })
	c.crossfade(t, store, "pause", "orders:PROD", "--reason", "looking at the graphs")
	held := c.routing(t, alias)
	list := c.crossfade(t, store, "list", "--open")
	id := strings.Fields(strings.Split(list, "\n")[1])[0]
	if !strings.Contains(list, "orders:PROD") || !strings.Contains(list, "Paused") || !strings.Contains(list, "local cloud") {
		t.Errorf("crossfade list --open shows\n%s\nwant the rollout of orders:PROD by the local cloud, paused", list)
	}
	if why := c.crossfade(t, store, "why", id); !strings.Contains(why, "paused") || !strings.Contains(why, "looking at the graphs") ||
		!strings.Contains(why, c.stackResource(t, "orders", "SlowAlarm")) {
		t.Errorf("crossfade why says\n%s\nwant that it is paused, by whom and why, and what its alarms say", why)
	}
	// The stack says so, too, and stays where it is.
	eventually(t, "the stack tells of the pause", func() bool {
		return strings.Contains(c.story(t, "orders", "Prod"), "is paused at")
	})
	if story := c.story(t, "orders", "Prod"); !strings.Contains(story, "looking at the graphs. It goes on with: crossfade resume orders-prod-…") {
		t.Errorf("the events tell\n%s\nwant who paused it, and what resumes it", story)
	}
	if got := c.stackStatus(t, "orders"); got != cfntypes.StackStatusUpdateInProgress || c.routing(t, alias) != held {
		t.Errorf("while it is paused the stack is %s and the alias at %s, want %s and %s", got, c.routing(t, alias), cfntypes.StackStatusUpdateInProgress, held)
	}
	c.crossfade(t, store, "resume", id, "--reason", "they are fine")
	c.crossfade(t, store, "promote", id, "--reason", "very fine")
	eventually(t, "the stack's end", func() bool { return c.stackStatus(t, "orders") == cfntypes.StackStatusUpdateComplete })
	if got := c.routing(t, alias); got != "2=100" {
		t.Errorf("after the update the alias is at %s, want 2=100", got)
	}

	c.changeStack(t, "orders", cfntypes.ChangeSetTypeUpdate, ordersTemplate(t, 3), "good night")
	eventually(t, "some traffic on version 3", func() bool { return strings.Contains(c.routing(t, alias), " 3=") })
	c.crossfade(t, store, "abort", "orders:PROD", "--reason", "no good")
	eventually(t, "the stack's way back", func() bool { return c.stackStatus(t, "orders") == cfntypes.StackStatusUpdateRollbackComplete })
	if story := c.story(t, "orders", "Prod"); c.routing(t, alias) != "2=100" || !strings.Contains(story, "no good") {
		t.Errorf("after the abort the alias is at %s, want 2=100, and the events tell\n%s\nwant why", c.routing(t, alias), story)
	}
	if list := c.crossfade(t, store, "list"); strings.Count(list, "orders:PROD") != 2 || !strings.Contains(list, "Succeeded") || !strings.Contains(list, "Aborted") {
		t.Errorf("crossfade list shows\n%s\nwant one rollout that succeeded and one that was aborted", list)
	}
	if history := c.crossfade(t, store, "history", "orders:PROD"); !strings.Contains(history, "no good") {
		t.Errorf("crossfade history tells\n%s\nwant the abort", history)
	}
}
