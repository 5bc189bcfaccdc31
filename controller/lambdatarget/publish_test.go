package lambdatarget_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/localcloud/lambda/lambdatest"
	"github.com/crossfade-dev/crossfade/plan"
)

// coded is a target that names code.
var coded = plan.Target{Kind: plan.Lambda, Name: "checkout", Alias: "live", Code: "checkout.zip"}

func sum(content []byte) string {
	hash := sha256.Sum256(content)
	return base64.StdEncoding.EncodeToString(hash[:])
}

// sumOf is the sum of the code of a version; no qualifier is what is unpublished.
func (s *service) sumOf(t testing.TB, qualifier string) string {
	t.Helper()
	in := &lambda.GetFunctionConfigurationInput{FunctionName: aws.String("checkout")}
	if qualifier != "" {
		in.Qualifier = &qualifier
	}
	out, err := s.Client.GetFunctionConfiguration(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return *out.CodeSha256
}

func TestWhatIsPublishedIsExactlyWhatWasUploaded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // with an update that takes as long as AWS's
		s, target := newService(t, 3*time.Second)
		f := files{"checkout.zip": lambdatest.Code("version 5")}
		r, err := target.Resolve(t.Context(), coded, f)
		if err != nil || !r.Upload || s.called("UpdateFunctionCode") != 0 {
			t.Fatalf("resolve: %+v, error %v, %d uploads; want an upload to do", r, err, s.called("UpdateFunctionCode"))
		}
		got, err := target.Publish(t.Context(), r, f)
		if err != nil || got.Canary != "5" || got.Reused {
			t.Fatalf("publish: %+v, error %v; want the new version 5", got, err)
		}
		if got := s.sumOf(t, "5"); got != sum(f["checkout.zip"]) {
			t.Errorf("version 5 has the code %s, want %s", got, sum(f["checkout.zip"]))
		}
	})
}

func TestAnUploadThatIsNotInForceInTimeEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, target := newService(t, 3*time.Second)
		f := files{"checkout.zip": lambdatest.Code("version 5")}
		r, err := target.Resolve(t.Context(), coded, f)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := target.Publish(ctx, r, f); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "code was uploaded") {
			t.Errorf("got %v, want that the code was uploaded and time was up", err)
		}
		if n := s.called("PublishVersion"); n != 0 {
			t.Errorf("PublishVersion was called %d times, want never", n)
		}
		// The next attempt finds the code there, waits for it, and publishes.
		r, err = target.Resolve(t.Context(), coded, f)
		if err != nil || r.Upload {
			t.Fatalf("resolve again: %+v, error %v; want nothing to upload", r, err)
		}
		if got, err := target.Publish(t.Context(), r, f); err != nil || got.Canary != "5" {
			t.Errorf("publish again: %+v, error %v; want version 5", got, err)
		}
	})
}

func TestCodeThatSomebodyElseUploadedSinceIsNotOverwritten(t *testing.T) {
	s, target := newService(t, time.Nanosecond)
	f := files{"checkout.zip": lambdatest.Code("version 5")}
	r, err := target.Resolve(t.Context(), coded, f)
	if err != nil {
		t.Fatal(err)
	}
	s.edit(t, "somebody else's")
	if _, err := target.Publish(t.Context(), r, f); !errors.Is(err, controller.ErrConflict) || !strings.Contains(err.Error(), "changed while") {
		t.Errorf("got %v, want a conflict", err)
	}
	if got := s.sumOf(t, ""); got != sum(lambdatest.Code("somebody else's")) {
		t.Error("somebody else's code was overwritten")
	}
}

func TestCodeThatIsThereAlreadyIsPublishedOnlyIfItIsStillThat(t *testing.T) {
	_, target := newService(t, time.Nanosecond)
	f := files{"checkout.zip": lambdatest.Code("version 4")}
	r, err := target.Resolve(t.Context(), coded, f)
	if err != nil || r.Upload {
		t.Fatalf("resolve: %+v, error %v; want nothing to upload", r, err)
	}
	f["checkout.zip"] = lambdatest.Code("version 5") // the file changed since
	if _, err := target.Publish(t.Context(), r, f); !errors.Is(err, controller.ErrConflict) {
		t.Errorf("got %v, want a conflict", err)
	}
}

func TestTheCodeAndSettingsOfTheVersionThatServesAreNothingToRelease(t *testing.T) {
	s, target := newService(t, time.Nanosecond)
	f := files{"checkout.zip": lambdatest.Code("version 1")}
	r, err := target.Resolve(t.Context(), coded, f)
	if err != nil || r.Version != "1" || r.Upload {
		t.Fatalf("resolve: %+v, error %v; want version 1, and nothing to upload", r, err)
	}
	got, err := target.Publish(t.Context(), r, f)
	if err != nil || got.Canary != "1" || !got.Reused {
		t.Errorf("publish: %+v, error %v; want version 1 again", got, err)
	}
	if s.called("UpdateFunctionCode")+s.called("PublishVersion") != 0 {
		t.Error("something was uploaded or published")
	}
	// With other settings the same code is a release.
	s.configure(t, lambda.UpdateFunctionConfigurationInput{MemorySize: aws.Int32(512)})
	if r, err = target.Resolve(t.Context(), coded, f); err != nil || r.Version != "" || !r.Upload {
		t.Errorf("resolve with more memory: %+v, error %v; want a release", r, err)
	}
}

func TestVersionsThatLambdaWouldNotSplitAnAliasBetweenAreFoundBeforeAnythingIsDone(t *testing.T) {
	for what, change := range map[string]lambda.UpdateFunctionConfigurationInput{
		"execution role":     {Role: aws.String(role + "-two")},
		"dead letter target": {DeadLetterConfig: &types.DeadLetterConfig{TargetArn: aws.String("arn:aws:sqs:" + region + ":" + account + ":lost")}},
	} {
		s, target := newService(t, time.Nanosecond)
		s.configure(t, change)
		f := files{"checkout.zip": lambdatest.Code("version 5")}
		for _, spec := range []plan.Target{spec, coded} {
			if _, err := target.Resolve(t.Context(), spec, f); !errors.Is(err, controller.ErrInvalid) || !strings.Contains(err.Error(), what) {
				t.Errorf("%s, code %q: got %v, want that they differ in it", what, spec.Code, err)
			}
		}
		named := spec
		named.Version = s.publish(t)
		if _, err := target.Resolve(t.Context(), named, nil); !errors.Is(err, controller.ErrInvalid) || !strings.Contains(err.Error(), what) {
			t.Errorf("%s, version %s: got %v, want that they differ in it", what, named.Version, err)
		}
		if s.called("UpdateFunctionCode")+s.called("PublishVersion")+s.called("UpdateAlias") != 0 {
			t.Errorf("%s: something was changed", what)
		}
	}
}

func TestAVersionThatIsNotActiveTakesNoTraffic(t *testing.T) {
	s, target := newService(t, time.Nanosecond)
	named := spec
	named.Version = "3"
	for state, want := range map[types.State]string{types.StateFailed: "Failed", types.StateInactive: "invoke it once"} {
		s.states["3"] = state
		if _, err := target.Resolve(t.Context(), named, nil); !errors.Is(err, controller.ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", state, err, want)
		}
	}
	s.edit(t, "version 5")
	r, err := target.Resolve(t.Context(), spec, nil)
	if err != nil {
		t.Fatal(err)
	}
	s.states["5"] = types.StateFailed
	if _, err := target.Publish(t.Context(), r, nil); err == nil || !strings.Contains(err.Error(), "version 5") || !strings.Contains(err.Error(), "stays") {
		t.Errorf("a published version that fails: got %v, want that it stays and cannot take traffic", err)
	}
}

func TestPublishingWaitsUntilTheVersionIsActive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, target := newService(t, time.Nanosecond)
		s.edit(t, "version 5")
		r, err := target.Resolve(t.Context(), spec, nil)
		if err != nil {
			t.Fatal(err)
		}
		s.states["5"] = types.StatePending
		time.AfterFunc(40*time.Second, func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			delete(s.states, "5")
		})
		before := time.Now()
		got, err := target.Publish(t.Context(), r, nil)
		if took := time.Since(before); err != nil || got.Canary != "5" || took < 40*time.Second || took > 43*time.Second {
			t.Errorf("got %+v after %s, error %v; want version 5 after 40 s", got, took, err)
		}
	})
}

func TestAnAliasOnLatestIsRefusedWithTheWayOut(t *testing.T) {
	s, target := newService(t, time.Nanosecond)
	s.route(t, "$LATEST", map[string]float64{})
	if _, err := target.Resolve(t.Context(), spec, nil); !errors.Is(err, controller.ErrInvalid) || !strings.Contains(err.Error(), "publish a version") {
		t.Errorf("got %v, want invalid, and what to do", err)
	}
	if err := target.Shift(t.Context(), alias, one("$LATEST"), two("$LATEST", "2", 1000)); !errors.Is(err, controller.ErrInvalid) {
		t.Errorf("shift: got %v, want invalid", err)
	}
}

func TestAFileThatIsNoArchiveIsFoundBeforeAnythingIsCalled(t *testing.T) {
	s, target := newService(t, time.Nanosecond)
	for _, f := range []files{{"checkout.zip": []byte("print('hello')")}, {}} {
		if _, err := target.Resolve(t.Context(), coded, f); err == nil || !strings.Contains(err.Error(), "checkout.zip") {
			t.Errorf("got %v, want the file's name", err)
		}
	}
	huge := files{"checkout.zip": make([]byte, 51<<20)}
	if _, err := target.Resolve(t.Context(), coded, huge); !errors.Is(err, controller.ErrInvalid) || !strings.Contains(err.Error(), "S3") {
		t.Errorf("got %v, want that it is too large, and the way out", err)
	}
	if n := s.called("GetFunctionConfiguration"); n != 0 {
		t.Errorf("Lambda was asked %d times, want never", n)
	}
}

func TestNamesAreCompletedFromTheCallersIdentityAndTheClientsRegion(t *testing.T) {
	s, target := newService(t, time.Nanosecond)
	for _, name := range []string{"checkout", function, function + ":7", "checkout"} {
		named := spec
		named.Name = name
		if r, err := target.Resolve(t.Context(), named, nil); err != nil || r.Alias != alias {
			t.Fatalf("%s: got %q, error %v; want %q", name, r.Alias, err, alias)
		}
	}
	if n := s.called("GetCallerIdentity"); n != 1 {
		t.Errorf("the identity was asked for %d times, want once", n)
	}
	named := spec
	named.Name = "444455556666:function:checkout"
	if _, err := target.Resolve(t.Context(), named, nil); !errors.Is(err, controller.ErrInvalid) {
		t.Errorf("%s: got %v, want invalid", named.Name, err)
	}
}
