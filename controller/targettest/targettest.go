// Package targettest holds every [controller.Target] to the same promises,
// together with the [controller.Publisher] of its kind. A target's own tests
// call [Run] with a service that behaves as AWS's does.
package targettest

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/plan"
	"github.com/crossfade-dev/crossfade/rollout"
)

// A Subject is a target under test, with the service behind it.
type Subject struct {
	Target    controller.Target
	Publisher controller.Publisher
	// Spec names a resource and its alias. The resource has at least four
	// versions and the alias sends everything to the first.
	Spec  plan.Target
	Alias string // its ARN
	// Versions are the versions' numbers, oldest first.
	Versions []string
	// Fine is true when every basis point can be expressed; otherwise only
	// whole percent can.
	Fine bool
	// Route changes the alias behind the target's back.
	Route func(t testing.TB, r rollout.Routing)
	// Entries returns how many versions the alias names, also with weight 0.
	Entries func(t testing.TB) int
	// Edit changes the resource, so that publishing makes a new version.
	Edit func(t testing.TB)
	// Run makes an execution of a version that runs until it is ended; nil
	// where the service cannot say what runs.
	Run func(t testing.TB, version string) (end func(failed bool, at time.Time))
	// Lag makes the alias show its present routing until settle is called;
	// nil where reads never lag.
	Lag func(t testing.TB) (settle func())
	// FailWrite, FailRead and FailReadBack make the next write of the alias,
	// the next read, or the read after the next one fail; nil where the
	// service cannot be made to.
	FailWrite, FailRead, FailReadBack func(Fault)
	// Now is the service's time.
	Now func() time.Time
}

// A Fault is what a service may answer.
type Fault int

// The faults.
const (
	Throttled Fault = iota
	Denied
)

// Run tests a target. open returns a new subject each time.
func Run(t *testing.T, open func(t testing.TB) Subject) {
	tests := []struct {
		name string
		run  func(t *testing.T, s Subject)
	}{
		{"an alias on one version reads as that version", readsOne},
		{"an alias that does not exist is not found", readsMissing},
		{"a shift is done and read back", shifts},
		{"a shift by twos, up and down, always ends as asked", shiftsUpAndDown},
		{"everything on one version leaves one version in the alias", endsSingle},
		{"a shift may go to an older version", shiftsToOlder},
		{"a shift that is repeated changes nothing", shiftRepeats},
		{"a shift from a routing that the alias does not have is refused", shiftComparesFirst},
		{"a shift knows a routing however it is written", shiftKnowsOtherWords},
		{"a shift of what cannot be expressed is invalid and writes nothing", shiftGranularity},
		{"a shift that is not visible yet is unsettled, and done", shiftUnsettled},
		{"a shift to what stale reads show is written all the same", shiftWritesThroughStaleReads},
		{"throttled and denied are told apart", errorsClassified},
		{"a failed write is an error and changes nothing", writeFails},
		{"a write that cannot be read back is unsettled", readBackFails},
		{"versions are listed newest first with their aliases", versionsListed},
		{"a version in an alias cannot be deleted", deleteReferenced},
		{"a version out of use can be deleted, twice", deleteUnused},
		{"what runs, and what may be redriven, is in use", inUse},
		{"resolving changes nothing and says what is there", resolves},
		{"content is the same until the resource changes, under any number", knowsContent},
		{"resolving finds what is missing", resolvesMissing},
		{"publishing makes a version of what was resolved", publishes},
		{"publishing what is published already says so", publishReuses},
		{"publishing refuses what was changed since it was resolved", publishRefusesChange},
		{"an alias is created with everything on one version", createsAlias},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { test.run(t, open(t)) })
	}
}

func (s Subject) split(w plan.Weight) rollout.Routing {
	return rollout.Routing{Stable: s.Versions[0], Canary: s.Versions[1], Weight: w}
}

func (s Subject) all(i int) rollout.Routing { return rollout.Routing{Stable: s.Versions[i]} }

func (s Subject) wantRouting(t *testing.T, want rollout.Routing) {
	t.Helper()
	got, err := s.Target.Routing(t.Context(), s.Alias)
	if err != nil || !got.Same(want) {
		t.Errorf("routing is %+v, error %v; want %+v", got, err, want)
	}
}

func (s Subject) mustShift(t *testing.T, from, to rollout.Routing) {
	t.Helper()
	if err := s.Target.Shift(t.Context(), s.Alias, from, to); err != nil {
		t.Fatalf("shift %+v to %+v: %v", from, to, err)
	}
}

func wantErr(t *testing.T, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("%s: got error %v, want %v", what, got, want)
	}
}

func readsOne(t *testing.T, s Subject) {
	got, err := s.Target.Routing(t.Context(), s.Alias)
	if err != nil || got != s.all(0) {
		t.Errorf("got %+v, error %v; want %+v", got, err, s.all(0))
	}
}

func readsMissing(t *testing.T, s Subject) {
	_, err := s.Target.Routing(t.Context(), s.Alias+"-missing")
	wantErr(t, "routing", err, controller.ErrNotFound)
	err = s.Target.Shift(t.Context(), s.Alias+"-missing", s.all(0), s.split(1000))
	wantErr(t, "shift", err, controller.ErrNotFound)
}

func shifts(t *testing.T, s Subject) {
	s.mustShift(t, s.all(0), s.split(1000))
	s.wantRouting(t, s.split(1000))
	got, _ := s.Target.Routing(t.Context(), s.Alias)
	if got.Stable != s.Versions[0] || got.Canary != s.Versions[1] || got.Weight != 1000 {
		t.Errorf("got %+v, want the older version as stable", got)
	}
}

func shiftsUpAndDown(t *testing.T, s Subject) {
	now := s.all(0)
	for _, w := range []plan.Weight{200, 400, 200, 9800, plan.Full, 9800, 100, 0} {
		s.mustShift(t, now, s.split(w))
		now = s.split(w)
		s.wantRouting(t, now)
	}
}

func endsSingle(t *testing.T, s Subject) {
	s.mustShift(t, s.all(0), s.split(5000))
	if n := s.Entries(t); n != 2 {
		t.Errorf("a split alias names %d versions, want 2", n)
	}
	s.mustShift(t, s.split(5000), s.split(plan.Full))
	if n := s.Entries(t); n != 1 {
		t.Errorf("a finished alias names %d versions, want 1", n)
	}
	s.wantRouting(t, s.all(1))
	s.mustShift(t, s.all(1), s.split(0))
	if n := s.Entries(t); n != 1 {
		t.Errorf("a reverted alias names %d versions, want 1", n)
	}
	s.wantRouting(t, s.all(0))
}

func shiftsToOlder(t *testing.T, s Subject) {
	s.mustShift(t, s.all(0), s.all(2))
	back := rollout.Routing{Stable: s.Versions[2], Canary: s.Versions[0], Weight: 3000}
	s.mustShift(t, s.all(2), back)
	s.wantRouting(t, back)
	s.mustShift(t, back, s.all(0))
	s.wantRouting(t, s.all(0))
}

func shiftRepeats(t *testing.T, s Subject) {
	for range 3 {
		s.mustShift(t, s.all(0), s.split(1000))
	}
	s.wantRouting(t, s.split(1000))
}

func shiftComparesFirst(t *testing.T, s Subject) {
	theirs := rollout.Routing{Stable: s.Versions[0], Canary: s.Versions[2], Weight: 1000}
	s.Route(t, theirs)
	err := s.Target.Shift(t.Context(), s.Alias, s.all(0), s.split(1000))
	wantErr(t, "shift", err, controller.ErrConflict)
	s.wantRouting(t, theirs)
	s.Route(t, s.split(1100))
	err = s.Target.Shift(t.Context(), s.Alias, s.split(1000), s.split(2000))
	wantErr(t, "shift from another weight", err, controller.ErrConflict)
	s.wantRouting(t, s.split(1100))
}

func shiftKnowsOtherWords(t *testing.T, s Subject) {
	s.Route(t, s.split(1000))
	swapped := rollout.Routing{Stable: s.Versions[1], Canary: s.Versions[0], Weight: plan.Full - 1000}
	s.mustShift(t, swapped, s.split(2000))
	s.wantRouting(t, s.split(2000))
}

func shiftGranularity(t *testing.T, s Subject) {
	for _, w := range []plan.Weight{-100, plan.Full + 100} {
		err := s.Target.Shift(t.Context(), s.Alias, s.all(0), s.split(w))
		wantErr(t, "shift beyond the ends", err, controller.ErrInvalid)
	}
	err := s.Target.Shift(t.Context(), s.Alias, s.all(0), s.split(150))
	if !s.Fine {
		wantErr(t, "shift to 1.5 %", err, controller.ErrInvalid)
		s.wantRouting(t, s.all(0))
		return
	}
	if err != nil {
		t.Errorf("shift to 1.5 %%: %v", err)
	}
	s.wantRouting(t, s.split(150))
}

func shiftUnsettled(t *testing.T, s Subject) {
	if s.Lag == nil {
		return // a service whose reads never lag has nothing to show here
	}
	settle := s.Lag(t)
	err := s.Target.Shift(t.Context(), s.Alias, s.all(0), s.split(1000))
	wantErr(t, "shift", err, controller.ErrUnsettled)
	s.wantRouting(t, s.all(0))
	settle()
	s.wantRouting(t, s.split(1000))
}

func shiftWritesThroughStaleReads(t *testing.T, s Subject) {
	if s.Lag == nil {
		return
	}
	settle := s.Lag(t)
	// The first write takes effect unseen. Going back, the alias seems to be
	// there already; without a write it would come to be at 10 % after all.
	wantErr(t, "shift", s.Target.Shift(t.Context(), s.Alias, s.all(0), s.split(1000)), controller.ErrUnsettled)
	if err := s.Target.Shift(t.Context(), s.Alias, s.all(0), s.all(0)); err != nil && !errors.Is(err, controller.ErrUnsettled) {
		t.Errorf("shift back: %v", err)
	}
	settle()
	s.wantRouting(t, s.all(0))
}

func errorsClassified(t *testing.T, s Subject) {
	if s.FailRead == nil || s.FailWrite == nil {
		return
	}
	for fault, want := range map[Fault]error{Throttled: controller.ErrThrottled, Denied: controller.ErrDenied} {
		s.FailRead(fault)
		_, err := s.Target.Routing(t.Context(), s.Alias)
		wantErr(t, "routing", err, want)
		s.FailWrite(fault)
		err = s.Target.Shift(t.Context(), s.Alias, s.all(0), s.split(1000))
		wantErr(t, "shift", err, want)
	}
}

func writeFails(t *testing.T, s Subject) {
	if s.FailWrite == nil {
		return
	}
	s.FailWrite(Throttled)
	if err := s.Target.Shift(t.Context(), s.Alias, s.all(0), s.split(1000)); err == nil || errors.Is(err, controller.ErrUnsettled) {
		t.Errorf("got %v, want the service's error", err)
	}
	s.wantRouting(t, s.all(0))
}

func readBackFails(t *testing.T, s Subject) {
	if s.FailReadBack == nil {
		return
	}
	s.FailReadBack(Throttled)
	err := s.Target.Shift(t.Context(), s.Alias, s.all(0), s.split(1000))
	wantErr(t, "shift", err, controller.ErrUnsettled)
	s.wantRouting(t, s.split(1000))
}

func versionsListed(t *testing.T, s Subject) {
	s.Route(t, s.split(1000))
	versions, err := s.Target.Versions(t.Context(), s.Alias)
	if err != nil {
		t.Fatal(err)
	}
	var numbers []string
	for _, v := range versions {
		numbers = append(numbers, v.Number)
		refers := v.Number == s.Versions[0] || v.Number == s.Versions[1]
		if refers != slices.Contains(v.Aliases, s.Spec.Alias) {
			t.Errorf("version %s names aliases %v; alias %s refers to it: %t", v.Number, v.Aliases, s.Spec.Alias, refers)
		}
	}
	want := slices.Clone(s.Versions)
	slices.Reverse(want)
	if !slices.Equal(numbers, want) {
		t.Errorf("versions %v, want %v", numbers, want)
	}
}

func deleteReferenced(t *testing.T, s Subject) {
	s.Route(t, s.split(1000))
	for _, version := range s.Versions[:2] {
		wantErr(t, "delete "+version, s.Target.DeleteVersion(t.Context(), s.Alias, version), controller.ErrConflict)
	}
}

func deleteUnused(t *testing.T, s Subject) {
	for range 2 {
		if err := s.Target.DeleteVersion(t.Context(), s.Alias, s.Versions[2]); err != nil {
			t.Errorf("delete: %v", err)
		}
	}
	versions, err := s.Target.Versions(t.Context(), s.Alias)
	if err != nil || len(versions) != len(s.Versions)-1 {
		t.Errorf("%d versions are left, error %v; want %d", len(versions), err, len(s.Versions)-1)
	}
}

func inUse(t *testing.T, s Subject) {
	wantUse := func(want controller.Use) {
		t.Helper()
		if got, err := s.Target.InUse(t.Context(), s.Alias, s.Versions[1]); err != nil || got != want {
			t.Errorf("use is %q, error %v; want %q", got, err, want)
		}
	}
	wantUse(controller.Unused)
	if s.Run == nil {
		return
	}
	end := s.Run(t, s.Versions[1])
	wantUse(controller.Executing)
	end(false, s.Now())
	wantUse(controller.Unused)
	s.Run(t, s.Versions[1])(true, s.Now().Add(-15*24*time.Hour))
	wantUse(controller.Unused)
	s.Run(t, s.Versions[1])(true, s.Now().Add(-13*24*time.Hour))
	wantUse(controller.Redrivable)
}

func (s Subject) resolve(t *testing.T, spec plan.Target) controller.Resolved {
	t.Helper()
	r, err := s.Publisher.Resolve(t.Context(), spec, nil)
	if err != nil {
		t.Fatalf("resolve: %v", err)
	}
	return r
}

func resolves(t *testing.T, s Subject) {
	s.Route(t, s.split(1000))
	r := s.resolve(t, s.Spec)
	if r.Alias != s.Alias || !r.Exists || !r.Now.Same(s.split(1000)) || r.Upload {
		t.Errorf("got %+v, want the alias %s at %+v", r, s.Alias, s.split(1000))
	}
	spec := s.Spec
	spec.Version = s.Versions[2]
	if r := s.resolve(t, spec); r.Version != s.Versions[2] {
		t.Errorf("got version %q, want %q", r.Version, s.Versions[2])
	}
}

func resolvesMissing(t *testing.T, s Subject) {
	spec := s.Spec
	spec.Alias += "-new"
	if r := s.resolve(t, spec); r.Exists {
		t.Errorf("got %+v, want an alias that does not exist", r)
	}
	spec = s.Spec
	spec.Version = "999"
	_, err := s.Publisher.Resolve(t.Context(), spec, nil)
	wantErr(t, "resolve a missing version", err, controller.ErrNotFound)
	spec = s.Spec
	spec.Name += "-missing"
	_, err = s.Publisher.Resolve(t.Context(), spec, nil)
	wantErr(t, "resolve a missing resource", err, controller.ErrNotFound)
}

func knowsContent(t *testing.T, s Subject) {
	before := s.resolve(t, s.Spec).Content
	s.Edit(t)
	there := s.resolve(t, s.Spec)
	published, err := s.Publisher.Publish(t.Context(), there, nil)
	if err != nil {
		t.Fatal(err)
	}
	spec := s.Spec
	spec.Version = published.Canary
	version := s.resolve(t, spec).Content
	if before == "" || there.Content == before || version != there.Content {
		t.Errorf("content is %q, after an edit %q, and of what was published of that %q; want the last two alike and not the first", before, there.Content, version)
	}
}

func publishes(t *testing.T, s Subject) {
	s.Edit(t)
	got, err := s.Publisher.Publish(t.Context(), s.resolve(t, s.Spec), nil)
	if err != nil || got.Reused || slices.Contains(s.Versions, got.Canary) {
		t.Errorf("got %+v, error %v; want a version that is not among %v", got, err, s.Versions)
	}
	s.wantRouting(t, s.all(0))
}

func publishReuses(t *testing.T, s Subject) {
	last := s.Versions[len(s.Versions)-1]
	got, err := s.Publisher.Publish(t.Context(), s.resolve(t, s.Spec), nil)
	if err != nil || !got.Reused || got.Canary != last {
		t.Errorf("got %+v, error %v; want %s again", got, err, last)
	}
}

func publishRefusesChange(t *testing.T, s Subject) {
	r := s.resolve(t, s.Spec)
	s.Edit(t)
	_, err := s.Publisher.Publish(t.Context(), r, nil)
	wantErr(t, "publish", err, controller.ErrConflict)
}

func createsAlias(t *testing.T, s Subject) {
	alias := s.Alias + "-new"
	for range 2 {
		if err := s.Publisher.CreateAlias(t.Context(), alias, s.Versions[1]); err != nil {
			t.Fatalf("create: %v", err)
		}
	}
	got, err := s.Target.Routing(t.Context(), alias)
	if err != nil || !got.Same(s.all(1)) {
		t.Errorf("the new alias does %+v, error %v; want %+v", got, err, s.all(1))
	}
	err = s.Publisher.CreateAlias(t.Context(), alias, s.Versions[2])
	wantErr(t, "create with another routing", err, controller.ErrConflict)
}
