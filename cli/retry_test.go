package cli

import (
	"io"
	"testing"
	"time"

	"github.com/aws/smithy-go"
)

func TestWhatBrokeIsTriedAgainSoonAndWhatWasTooMuchIsNot(t *testing.T) {
	tooMuch := &smithy.GenericAPIError{Code: "ThrottlingException"}
	for _, tt := range []struct {
		err         error
		attempt     int
		least, most time.Duration
	}{
		{io.EOF, 0, 125 * time.Millisecond, 250 * time.Millisecond}, // as the SDK's newer mode counts
		{io.EOF, 1, 125 * time.Millisecond, 250 * time.Millisecond},
		{io.EOF, 2, 250 * time.Millisecond, 500 * time.Millisecond},
		{io.EOF, 100, 500 * time.Millisecond, time.Second},
		{tooMuch, 1, 500 * time.Millisecond, time.Second},
		{tooMuch, 2, 500 * time.Millisecond, time.Second},
	} {
		for drawn, want := range map[float64]time.Duration{0: tt.least, 1: tt.most} {
			got, err := retryer(func() float64 { return drawn }).RetryDelay(tt.attempt, tt.err)
			if err != nil || got != want {
				t.Errorf("after attempt %d failed with %v, drawn %g: got %s, %v; want %s", tt.attempt, tt.err, drawn, got, err, want)
			}
		}
	}
}
