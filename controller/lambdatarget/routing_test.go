package lambdatarget_test

import (
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/plan"
	"github.com/crossfade-dev/crossfade/rollout"
)

func TestEveryBasisPointIsWrittenAndReadAsItself(t *testing.T) {
	s, target := newService(t, time.Nanosecond)
	now := one("1")
	for w := plan.Weight(1); w < plan.Full; w += 37 { // every residue of 100
		to := two("1", "2", w)
		if err := target.Shift(t.Context(), alias, now, to); err != nil {
			t.Fatalf("shift to %d basis points: %v", w, err)
		}
		if got, err := target.Routing(t.Context(), alias); err != nil || got != to {
			t.Fatalf("got %+v, error %v; want %+v", got, err, to)
		}
		if _, weights := s.shown(t); weights["2"] != float64(w)/10_000 {
			t.Fatalf("the alias shows %v, want 2 at %d basis points", weights, w)
		}
		now = to
	}
}

func TestTheNewVersionStaysTheAdditionalOneUntilTheEnd(t *testing.T) {
	s, target := newService(t, time.Nanosecond)
	now := one("1")
	for _, w := range []plan.Weight{100, 5000, 9999} {
		if err := target.Shift(t.Context(), alias, now, two("1", "2", w)); err != nil {
			t.Fatal(err)
		}
		now = two("1", "2", w)
		if version, weights := s.shown(t); version != "1" || len(weights) != 1 {
			t.Errorf("at %d basis points the alias shows %s and %v, want 1 and a weight of 2", w, version, weights)
		}
	}
	if err := target.Shift(t.Context(), alias, now, two("1", "2", plan.Full)); err != nil {
		t.Fatal(err)
	}
	if version, weights := s.shown(t); version != "2" || len(weights) != 0 {
		t.Errorf("in the end the alias shows %s and %v, want 2 alone", version, weights)
	}
}

func TestNeitherAWeightOfZeroNorOfOneIsEverSent(t *testing.T) {
	s, target := newService(t, time.Nanosecond)
	now := one("1")
	for _, to := range []rollout.Routing{
		two("1", "2", 0), two("1", "2", 1), two("1", "2", plan.Full), two("1", "2", 9999), two("2", "2", 5000), one("1"),
	} {
		if err := target.Shift(t.Context(), alias, now, to); err != nil {
			t.Fatalf("shift to %+v: %v", to, err)
		}
		now = to
	}
	for i, in := range s.updates {
		if in.RoutingConfig == nil || in.RoutingConfig.AdditionalVersionWeights == nil || in.FunctionVersion == nil {
			t.Errorf("write %d does not say the whole routing: it would leave the old one", i)
			continue
		}
		for version, w := range in.RoutingConfig.AdditionalVersionWeights {
			if w <= 0 || w >= 1 || version == *in.FunctionVersion {
				t.Errorf("write %d gives version %s the weight %v beside %s", i, version, w, *in.FunctionVersion)
			}
		}
	}
}

func TestWhatOthersWroteIsReadForWhatItDoes(t *testing.T) {
	s, target := newService(t, time.Nanosecond)
	for _, test := range []struct {
		version string
		weights map[string]float64
		want    rollout.Routing
	}{
		{"1", map[string]float64{"2": 0}, one("1")},
		{"1", map[string]float64{"2": 1}, one("2")},
		{"2", map[string]float64{"1": 0.25}, two("2", "1", 2500)},
		{"1", map[string]float64{"2": 1.0 / 3}, two("1", "2", 3333)},
		{"1", map[string]float64{"2": 0.000001}, two("1", "2", 1)},
		{"1", map[string]float64{"2": 0.999999}, two("1", "2", 9999)},
	} {
		s.route(t, test.version, test.weights)
		if got, err := target.Routing(t.Context(), alias); err != nil || got != test.want {
			t.Errorf("%s and %v: got %+v, error %v; want %+v", test.version, test.weights, got, err, test.want)
		}
	}
}

func TestAWriteInsistsOnTheRevisionThatWasReadRightBefore(t *testing.T) {
	s, target := newService(t, time.Nanosecond)
	s.meanwhile = func() { s.route(t, "1", map[string]float64{"3": 0.5}) }
	err := target.Shift(t.Context(), alias, one("1"), two("1", "2", 1000))
	if !errors.Is(err, controller.ErrConflict) {
		t.Errorf("got %v, want a conflict", err)
	}
	if _, weights := s.shown(t); !maps.Equal(weights, map[string]float64{"3": 0.5}) {
		t.Errorf("the alias shows %v, want what somebody else wrote in between", weights)
	}
}

func TestAWriteWhoseAnswerWasLostIsKnownByReadingBack(t *testing.T) {
	s, target := newService(t, time.Nanosecond)
	s.lost["UpdateAlias"] = 1
	if err := target.Shift(t.Context(), alias, one("1"), two("1", "2", 1000)); err != nil {
		t.Errorf("got %v, want the shift done", err)
	}
	if _, weights := s.shown(t); weights["2"] != 0.1 {
		t.Errorf("the alias shows %v, want 2 at 0.1", weights)
	}
}

func TestWeightsThatLambdaMovesForProvisionedConcurrencyAreNotTakenForSomebodyElses(t *testing.T) {
	s, target := newService(t, time.Nanosecond)
	split, full := two("1", "2", 5000), one("2")
	if err := target.Shift(t.Context(), alias, one("1"), split); err != nil {
		t.Fatal(err)
	}
	s.concurrency["live"] = types.ProvisionedConcurrencyStatusEnumInProgress
	if got, err := target.Routing(t.Context(), alias); err != nil || got != split {
		t.Errorf("what was asked for: got %+v, error %v; want %+v", got, err, split)
	}
	if err := target.Shift(t.Context(), alias, split, full); err != nil {
		t.Fatal(err)
	}
	s.route(t, "2", map[string]float64{"1": 0.7}) // as Lambda does until the environments are there
	if got, err := target.Routing(t.Context(), alias); !errors.Is(err, controller.ErrUnsettled) || !strings.Contains(err.Error(), "70 %") {
		t.Errorf("on the way: got %+v, error %v; want unsettled, and how far it is", got, err)
	}
	if err := target.Shift(t.Context(), alias, full, one("1")); err != nil {
		t.Errorf("taking traffic back on the way: %v", err)
	}
	s.route(t, "1", map[string]float64{"3": 0.7})
	if err := target.Shift(t.Context(), alias, one("1"), split); !errors.Is(err, controller.ErrConflict) {
		t.Errorf("a third version: got %v, want a conflict", err)
	}
	s.concurrency["live"] = types.ProvisionedConcurrencyStatusEnumReady
	if got, err := target.Routing(t.Context(), alias); err != nil || got != two("1", "3", 7000) {
		t.Errorf("when Lambda has done: got %+v, error %v; want what the alias does", got, err)
	}
}

func TestWithoutTheRightToSeeProvisionedConcurrencyAnAliasIsTakenAtItsWord(t *testing.T) {
	s, target := newService(t, time.Nanosecond)
	s.route(t, "2", map[string]float64{"1": 0.7})
	s.fail("GetProvisionedConcurrencyConfig", errDenied)
	if got, err := target.Routing(t.Context(), alias); err != nil || got != two("2", "1", 7000) {
		t.Errorf("got %+v, error %v; want 2, and 1 at 70 %%", got, err)
	}
	s.fail("GetProvisionedConcurrencyConfig", errThrottled)
	if _, err := target.Routing(t.Context(), alias); !errors.Is(err, controller.ErrThrottled) {
		t.Errorf("got error %v, want throttled", err)
	}
}

func TestProveNeedsTheRightToShiftAndChangesNothing(t *testing.T) {
	s, target := newService(t, time.Nanosecond)
	s.route(t, "2", map[string]float64{"1": 0.25})
	if err := target.Prove(t.Context(), alias); err != nil {
		t.Error(err)
	}
	s.fail("UpdateAlias", errDenied)
	if err := target.Prove(t.Context(), alias); !errors.Is(err, controller.ErrDenied) {
		t.Errorf("got %v, want access denied", err)
	}
	if version, weights := s.shown(t); version != "2" || !maps.Equal(weights, map[string]float64{"1": 0.25}) {
		t.Errorf("the alias shows %s and %v, want 2 and 1 at 0.25 as before", version, weights)
	}
}

func TestCommandIsWhatAPersonWouldType(t *testing.T) {
	_, target := newService(t, time.Nanosecond)
	begin := "aws lambda update-alias --region " + region + " --function-name " + function + " --name live --function-version 1 --routing-config "
	for to, want := range map[rollout.Routing]string{
		one("1"):           begin + `'{"AdditionalVersionWeights":{}}'`,
		two("1", "2", 125): begin + `'{"AdditionalVersionWeights":{"2":0.0125}}'`,
	} {
		if got := target.Command(alias, to); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	if got := target.Command("live", one("1")); got != "" {
		t.Errorf("for no alias: got %q, want nothing", got)
	}
}

func TestDeletingNeverDeletesTheFunction(t *testing.T) {
	s, target := newService(t, time.Nanosecond)
	for _, version := range []string{"", "$LATEST", "live", "2x"} {
		if err := target.DeleteVersion(t.Context(), alias, version); !errors.Is(err, controller.ErrInvalid) {
			t.Errorf("version %q: got %v, want invalid", version, err)
		}
	}
	if n := s.called("DeleteFunction"); n != 0 {
		t.Errorf("DeleteFunction was called %d times, want never", n)
	}
}

func TestAVersionThatAnEventSourceOrProvisionedConcurrencyUsesIsInUse(t *testing.T) {
	s, target := newService(t, time.Nanosecond)
	want := func(what string, want controller.Use) {
		t.Helper()
		if got, err := target.InUse(t.Context(), alias, "3"); err != nil || got != want {
			t.Errorf("%s: got %q, error %v; want %q", what, got, err, want)
		}
	}
	want("nothing", controller.Unused)
	s.concurrency["3"] = types.ProvisionedConcurrencyStatusEnumReady
	want("provisioned concurrency", controller.Referenced)
	delete(s.concurrency, "3")
	s.sources[function+":3"] = true
	want("an event source", controller.Referenced)
	s.fail("ListEventSourceMappings", errDenied)
	if _, err := target.InUse(t.Context(), alias, "3"); !errors.Is(err, controller.ErrDenied) {
		t.Errorf("got %v, want access denied", err)
	}
}

func TestVersionsAndAliasesAreReadOnAllTheirPages(t *testing.T) {
	s, target := newService(t, time.Nanosecond)
	for n := 5; n <= 60; n++ {
		s.edit(t, "version "+string(rune('a'+n)))
		s.publish(t)
	}
	for n := range 55 {
		name := "alias-" + string(rune('A'+n/26)) + string(rune('A'+n%26))
		if _, err := s.Client.CreateAlias(t.Context(), &lambda.CreateAliasInput{
			FunctionName: aws.String("checkout"), Name: &name, FunctionVersion: aws.String("7"),
			RoutingConfig: &types.AliasRoutingConfiguration{AdditionalVersionWeights: map[string]float64{"9": 0}},
		}); err != nil {
			t.Fatal(err)
		}
	}
	versions, err := target.Versions(t.Context(), alias)
	if err != nil || len(versions) != 60 || versions[0].Number != "60" || versions[59].Number != "1" {
		t.Fatalf("got %d versions, error %v; want 60 down to 1", len(versions), err)
	}
	if n := len(versions[60-7].Aliases); n != 55 {
		t.Errorf("version 7 is referred to by %d aliases, want 55", n)
	}
	if n := len(versions[60-9].Aliases); n != 55 {
		t.Errorf("version 9 is referred to, with weight 0, by %d aliases, want 55", n)
	}
	if versions[0].Created.IsZero() {
		t.Error("when version 60 was made is not told")
	}
}

func TestErrorsNameTheOperationAndTheServicesWords(t *testing.T) {
	s, target := newService(t, time.Nanosecond)
	s.fail("GetAlias", errThrottled)
	_, err := target.Routing(t.Context(), alias)
	if want := "GetAlias: throttled: TooManyRequestsException: Rate exceeded"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestWhatIsNoAliasOfAFunctionIsInvalid(t *testing.T) {
	_, target := newService(t, time.Nanosecond)
	for _, name := range []string{"live", function, function + ":2", function + ":$LATEST", "arn:aws:states:eu-west-1:444455556666:stateMachine:orders:prod"} {
		if _, err := target.Routing(t.Context(), name); !errors.Is(err, controller.ErrInvalid) {
			t.Errorf("%s: got %v, want invalid", name, err)
		}
	}
}
