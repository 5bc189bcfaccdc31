package cli

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/google/go-cmp/cmp"

	"github.com/crossfade-dev/crossfade/cli/view"
	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/controller/memstore"
	"github.com/crossfade-dev/crossfade/localcloud"
	"github.com/crossfade-dev/crossfade/plan"
	"github.com/crossfade-dev/crossfade/rollout"
)

// fullDisk is a store that cannot write while full is set.
type fullDisk struct {
	controller.Store
	full atomic.Bool
}

var errNoSpace = errors.New("no space left on device")

func (f *fullDisk) Save(ctx context.Context, rec controller.Record, leases []controller.Lease, events []rollout.Event, notes []controller.LedgerEntry) (int64, error) {
	if f.full.Load() {
		return 0, errNoSpace
	}
	return f.Store.Save(ctx, rec, leases, events, notes)
}

func (f *fullDisk) Acquire(ctx context.Context, id, owner string, now, until time.Time) ([]controller.Lease, error) {
	if f.full.Load() {
		return nil, errNoSpace
	}
	return f.Store.Acquire(ctx, id, owner, now, until)
}

func (f *fullDisk) SaveAll(ctx context.Context, savings []controller.Saving) []controller.Saved {
	return controller.SaveOneByOne(ctx, f, savings)
}

func (f *fullDisk) AcquireAll(ctx context.Context, ids []string, owner string, now, until time.Time) []controller.Grant {
	return controller.AcquireOneByOne(ctx, f, ids, owner, now, until)
}

func (f *fullDisk) Order(ctx context.Context, id string, o rollout.Order) (int64, error) {
	if f.full.Load() {
		return 0, errNoSpace
	}
	return f.Store.Order(ctx, id, o)
}

// heard is a display that remembers what was said and can ask.
type heard struct {
	mu     sync.Mutex
	said   []string
	shown  func(view.Scene)
	told   func(text string)
	wanted chan ask
}

func (h *heard) event(string, controller.NumberedEvent) {}
func (h *heard) asks() <-chan ask                       { return h.wanted }
func (h *heard) close()                                 {}
func (h *heard) show(sc view.Scene) {
	if h.shown != nil {
		h.shown(sc)
	}
}

func (h *heard) say(text string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.said = append(h.said, text)
	if h.told != nil {
		h.told(text)
	}
}

// carried is a rollout of orders:prod at 10 % in a cloud of its own, with a
// store whose disk can fill up.
type carried struct {
	t     *testing.T
	disk  *fullDisk
	stage *stage
	seen  *heard
	c     *carrier
}

func newCarried(t *testing.T, unknownFor string) *carried {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cloud, err := localcloud.Open(localcloud.Config{Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() { _ = cloud.Run(ctx) })
	t.Cleanup(func() { cancel(); running.Wait(); _ = cloud.Close() })

	w := &carried{t: t, disk: &fullDisk{Store: memstore.New()}, stage: newStage(cloud.AWSConfig()), seen: &heard{wanted: make(chan ask, 4)}}
	if err := w.stage.build(ctx); err != nil {
		t.Fatal(err)
	}
	env := testEnv(t)
	s, err := newSession(env, w.disk, cloud.AWSConfig())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.close)
	p, err := plan.New(plan.Spec{
		Targets: []plan.Target{{Kind: plan.StateMachine, Name: demoMachine, Alias: demoAliasName, Definition: definitionFile("2")}},
		Canary:  "10%/1h", Look: "100ms", Settle: "100ms", Alarms: []string{demoAlarm}, NoDefaultChecks: true, UnknownFor: unknownFor,
	})
	if err != nil {
		t.Fatal(err)
	}
	rec, err := s.ctl.Start(ctx, p, definitions{})
	if err != nil {
		t.Fatal(err)
	}
	w.c = &carrier{session: s, id: rec.ID, display: w.seen, onInterrupt: interruptRevert}
	return w
}

// atTenPercent does something once, as soon as the alias is split.
func (w *carried) atTenPercent(do func()) {
	var once sync.Once
	w.seen.shown = func(sc view.Scene) {
		if sc.Status.Targets[0].Seen.Weight == 1000 {
			once.Do(do)
		}
	}
}

func (w *carried) wantRouting(want map[string]int32) {
	w.t.Helper()
	out, err := w.stage.states.DescribeStateMachineAlias(w.t.Context(), &sfn.DescribeStateMachineAliasInput{StateMachineAliasArn: aws.String(w.stage.alias)})
	if err != nil {
		w.t.Fatal(err)
	}
	got := make(map[string]int32)
	for _, r := range out.RoutingConfiguration {
		got[strings.TrimPrefix(aws.ToString(r.StateMachineVersionArn), w.stage.machine+":")] = r.Weight
	}
	if diff := cmp.Diff(want, got); diff != "" {
		w.t.Errorf("the alias does something else (-want +got):\n%s", diff)
	}
}

func TestAFullDiskHoldsAndThenTakesTheTrafficBack(t *testing.T) {
	w := newCarried(t, "1s")
	w.atTenPercent(func() {
		// Something to decide, so that something has to be written.
		if _, err := w.disk.Store.Order(t.Context(), w.c.id, rollout.Order{Kind: rollout.Skip, By: "ada", Reason: "enough"}); err != nil {
			t.Error(err)
		}
		w.disk.full.Store(true)
	})
	status, err := w.c.carry(t.Context())
	if f := asFailure(err); f.code != ExitWaiting || !errors.Is(err, errNoSpace) {
		t.Fatalf("got exit %d, %v; want %d and the disk's error", f.code, err, ExitWaiting)
	}
	if status.Phase.Ended() {
		t.Errorf("a status %s was remembered although nothing could be", status.Phase)
	}
	if len(w.seen.said) == 0 || !strings.Contains(w.seen.said[0], "nothing can be remembered (no space left on device)") {
		t.Errorf("nobody was told: %q", w.seen.said)
	}
	w.wantRouting(map[string]int32{"1": 100})
}

func TestHarmIsSeenWhileNothingCanBeRemembered(t *testing.T) {
	w := newCarried(t, "1h")
	w.atTenPercent(func() {
		// Something to decide, so that something has to be written.
		if _, err := w.disk.Store.Order(t.Context(), w.c.id, rollout.Order{Kind: rollout.Skip, By: "ada", Reason: "enough"}); err != nil {
			t.Error(err)
		}
		w.disk.full.Store(true)
	})
	var fire sync.Once
	w.seen.told = func(string) {
		fire.Do(func() {
			if _, err := w.stage.metrics.SetAlarmState(t.Context(), &cloudwatch.SetAlarmStateInput{
				AlarmName: aws.String(demoAlarm), StateValue: cwtypes.StateValueAlarm, StateReason: aws.String("a test says so"),
			}); err != nil {
				t.Error(err)
			}
		})
	}
	if _, err := w.c.carry(t.Context()); !errors.Is(err, errNoSpace) {
		t.Fatalf("got %v, want the disk's error", err)
	}
	if said := strings.Join(w.seen.said, "\n"); !strings.Contains(said, demoAlarm) {
		t.Errorf("nobody was told of the alarm: %q", said)
	}
	w.wantRouting(map[string]int32{"1": 100})
}

func TestAnInterruptWithAFullDiskStillTakesTheTrafficBack(t *testing.T) {
	w := newCarried(t, "1h")
	w.atTenPercent(func() {
		w.disk.full.Store(true)
		w.seen.wanted <- ask{kind: askInterrupt, reason: interruptRevert}
	})
	if _, err := w.c.carry(t.Context()); !errors.Is(err, errNoSpace) {
		t.Fatalf("got %v, want the disk's error", err)
	}
	w.wantRouting(map[string]int32{"1": 100})
}

func TestLeavingWithoutRevertingPrintsTheCommandThatReverts(t *testing.T) {
	w := newCarried(t, "1h")
	w.atTenPercent(func() { w.seen.wanted <- ask{kind: askDie} })
	_, err := w.c.carry(t.Context())
	f := asFailure(err)
	if !errors.Is(err, errLeft) || f.code != ExitWaiting {
		t.Fatalf("got exit %d, %v", f.code, err)
	}
	next := strings.Join(f.next, "\n")
	for _, want := range []string{"crossfade abort " + w.c.id, "aws stepfunctions update-state-machine-alias"} {
		if !strings.Contains(next, want) {
			t.Errorf("%q does not say %q", next, want)
		}
	}
	w.wantRouting(map[string]int32{"1": 90, "2": 10})
}
