package servicetime_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"github.com/crossfade-dev/crossfade/controller/servicetime"
	"github.com/crossfade-dev/crossfade/internal/clock"
)

var noon = time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)

// machine is a machine's clock that is wrong.
type machine struct {
	truth time.Time
	ahead time.Duration
}

func (m *machine) Now() time.Time                       { return m.truth.Add(m.ahead) }
func (m *machine) After(time.Duration) <-chan time.Time { panic("nobody waits here") }

// ask lets the service answer within 40 ms.
func (m *machine) ask(c *servicetime.Clock) {
	sent := m.Now()
	m.truth = m.truth.Add(20 * time.Millisecond)
	date := m.truth.Truncate(time.Second)
	m.truth = m.truth.Add(20 * time.Millisecond)
	c.Answered(sent, m.Now(), date)
}

func TestAClockThatIsWrongShowsTheServicesTime(t *testing.T) {
	for _, ahead := range []time.Duration{0, -time.Hour, 7 * time.Minute, 400 * time.Millisecond} {
		m := &machine{truth: noon, ahead: ahead}
		c := servicetime.New(m)
		if _, known := c.Off(); known {
			t.Error("it knows the service's time before any answer")
		}
		last := time.Time{}
		for range 300 {
			m.ask(c)
			m.truth = m.truth.Add(1037 * time.Millisecond)
			m.ahead += 50 * time.Microsecond // a quartz
			by, known := c.Off()
			now := c.Now()
			if wrong := now.Sub(m.truth).Abs(); wrong > by+time.Millisecond || !known {
				t.Fatalf("%s ahead: wrong by %s, and says %s (%v)", ahead, wrong, by, known)
			}
			if now.Before(last) {
				t.Fatalf("%s ahead: it went back from %s to %s", ahead, last, now)
			}
			last = now
		}
		if by, _ := c.Off(); by > 200*time.Millisecond || c.Jumps() > 0 {
			t.Errorf("%s ahead: off by %s at most after 300 answers, %d jumps; want 0.2 s and none", ahead, by, c.Jumps())
		}
	}
}

func TestAClockThatWasSetIsNoticed(t *testing.T) {
	m := &machine{truth: noon}
	c := servicetime.New(m)
	m.ask(c)
	for i, by := range []time.Duration{-40 * time.Second, time.Hour, 3 * time.Second} {
		m.ahead += by
		m.truth = m.truth.Add(time.Second)
		m.ask(c)
		if wrong := c.Now().Sub(m.truth).Abs(); c.Jumps() != i+1 || wrong > time.Second {
			t.Errorf("set by %s: %d jumps, wrong by %s; want %d, and a second at most", by, c.Jumps(), wrong, i+1)
		}
	}
}

func TestDatesThatAreMadeOnceASecondAreGotUsedTo(t *testing.T) {
	m := &machine{truth: noon, ahead: 7 * time.Minute}
	c := servicetime.New(m)
	for i := range 600 {
		sent, made := m.Now(), m.truth
		if i%3 == 0 { // of a machine that makes its dates in the middle of its seconds
			made = made.Add(-900 * time.Millisecond)
		}
		m.truth = m.truth.Add(40 * time.Millisecond)
		c.Answered(sent, m.Now(), made.Truncate(time.Second))
		m.truth = m.truth.Add(1037 * time.Millisecond)
		by, _ := c.Off()
		if wrong := c.Now().Sub(m.truth).Abs(); c.Jumps() > 0 && wrong > by+time.Millisecond {
			t.Fatalf("answer %d: wrong by %s, and says %s", i, wrong, by)
		}
	}
	if by, _ := c.Off(); c.Jumps() != 1 || by > time.Second {
		t.Errorf("%d jumps, off by %s; want one, and 1 s at most", c.Jumps(), by)
	}
}

func TestAnAnswerThatACacheKeptTellsNoTime(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Age", "3600")
	}))
	defer server.Close()
	c := servicetime.New(clock.System{})
	_ = ask(t, c, server.URL) // an empty answer is none that can be read
	if by, known := c.Off(); known {
		t.Errorf("it shows the time of a kept answer, off by %s", by)
	}
}

func TestEveryAnswerTellsTheTime(t *testing.T) {
	date := clock.System{}.Now().Add(-time.Hour)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Date", date.UTC().Format(http.TimeFormat))
		w.WriteHeader(http.StatusBadRequest) // an error is an answer
	}))
	defer server.Close()
	c := servicetime.New(clock.System{})
	if err := ask(t, c, server.URL); err == nil {
		t.Fatal("the call worked, want an error")
	}
	if by, known := c.Off(); !known || c.Now().Sub(date).Abs() > time.Minute || by > 10*time.Second {
		t.Errorf("it shows %s, off by %s (%v); want %s", c.Now(), by, known, date)
	}
}

// ask lets a clock watch a call.
func ask(t *testing.T, c *servicetime.Clock, endpoint string) error {
	t.Helper()
	cfg := aws.Config{
		Region: "eu-west-1", BaseEndpoint: &endpoint, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("k", "s", ""),
	}
	c.Watch(&cfg)
	_, err := sfn.NewFromConfig(cfg).ListStateMachines(t.Context(), &sfn.ListStateMachinesInput{})
	return err
}
