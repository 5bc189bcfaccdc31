package clock

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestAScaledClockPassesFaster(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
		began := System{}.Now()
		c := NewScaled(System{}, noon, 60)
		if got := c.Now(); !got.Equal(noon) {
			t.Errorf("it begins at %s, want %s", got, noon)
		}
		<-c.After(time.Minute)
		if took := (System{}).Now().Sub(began); took != time.Second {
			t.Errorf("its minute took %s, want 1s", took)
		}
		if got, want := c.Now(), noon.Add(time.Minute); !got.Equal(want) {
			t.Errorf("after its minute it shows %s, want %s", got, want)
		}
		<-c.After(0)
		<-c.After(-time.Hour)
		if got, want := c.At(began.Add(2*time.Second)), noon.Add(2*time.Minute); !got.Equal(want) {
			t.Errorf("in a second it will show %s, want %s", got, want)
		}
	})
}

func TestAScaledClockNeverFiresBeforeItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := NewScaled(System{}, System{}.Now(), 7)
		for _, d := range []time.Duration{1, 6, 7, 8, time.Second + 1, time.Hour + 3} {
			due := c.Now().Add(d)
			<-c.After(d)
			if now := c.Now(); now.Before(due) {
				t.Errorf("after %s it shows %s, before %s", d, now, due)
			}
		}
	})
}
