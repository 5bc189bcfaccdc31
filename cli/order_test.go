package cli

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/crossfade-dev/crossfade/controller/memstore"
	"github.com/crossfade-dev/crossfade/rollout"
)

// TestAnOrderThatEndsTheRolloutAtOnceIsFollowed lets whoever looks after the rollout
// follow the order, end and go before anybody looks who that is.
func TestAnOrderThatEndsTheRolloutAtOnceIsFollowed(t *testing.T) {
	for _, kind := range []rollout.OrderKind{rollout.Succeed, rollout.Skip, rollout.Abort} {
		for _, followed := range []bool{true, false} {
			ctx, store, before := t.Context(), memstore.New(), lookedAtNoon()
			leases, err := store.Create(ctx, before, noon.Add(time.Minute), nil)
			if err != nil {
				t.Fatal(err)
			}
			before.Revision = 1
			number, err := store.Order(ctx, before.ID, rollout.Order{Kind: kind})
			if err != nil {
				t.Fatal(err)
			}
			after := before.Clone()
			after.Status.Phase = rollout.Succeeded
			if followed {
				after.Status.Orders = number
			}
			if _, err := store.Save(ctx, after, leases, []rollout.Event{{Text: "that was it"}}, nil); err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			env := testEnv(t)
			env.Stdout = &out
			err = orderOptions{kind: kind, wait: time.Second}.noted(ctx, env, store, before, number, 0)
			switch {
			case followed && (err != nil || !strings.Contains(out.String(), "that was it")):
				t.Errorf("%s: got error %v and %q, want what came of it", kind, err, &out)
			case !followed && (err == nil || !strings.Contains(err.Error(), "has ended already")):
				t.Errorf("%s: got error %v, want that it has ended already", kind, err)
			}
		}
	}
}
