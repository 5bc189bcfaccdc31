package cwmonitor_test

import (
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/controller/cwmonitor"
)

// became is an item of a history: an alarm came to be in a state.
func became(at time.Duration, state string) types.AlarmHistoryItem {
	return types.AlarmHistoryItem{
		Timestamp:   aws.Time(t0.Add(at)),
		HistoryData: aws.String(`{"version":"1.0","oldState":{"stateValue":"ALARM"},"newState":{"stateValue":"` + state + `","stateReason":"x"}}`),
	}
}

func TestAnAlarmThatFiredAndRecoveredIsFoundInItsHistory(t *testing.T) {
	f := &fake{page: 1, history: []types.AlarmHistoryItem{
		became(50*time.Second, "OK"), became(40*time.Second, "ALARM"), became(30*time.Second, "OK"),
		became(20*time.Second, "ALARM"), became(10*time.Second, "OK"),
	}}
	m := cwmonitor.New(f)
	for since, want := range map[time.Duration]struct {
		at       time.Duration // 0: it did not fire
		complete bool
	}{
		0:                {40 * time.Second, true},
		30 * time.Second: {40 * time.Second, true},
		40 * time.Second: {0, true}, // which is known
		45 * time.Second: {0, true},
		50 * time.Second: {0, false},
	} {
		at, complete, err := m.Fired(t.Context(), "a", t0.Add(since))
		if err != nil {
			t.Fatal(err)
		}
		wantAt := time.Time{}
		if want.at > 0 {
			wantAt = t0.Add(want.at)
		}
		if !at.Equal(wantAt) || complete != want.complete {
			t.Errorf("since %s: got %s, complete %t; want %s, %t", since, at, complete, wantAt, want.complete)
		}
	}
	f.deny = map[string]bool{"a": true}
	if _, _, err := m.Fired(t.Context(), "a", t0); !errors.Is(err, controller.ErrDenied) {
		t.Errorf("got error %v, want ErrDenied", err)
	}
}
