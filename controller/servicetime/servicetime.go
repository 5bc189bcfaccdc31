// Package servicetime is a clock that shows the time of the service whose answers it
// sees, so that a rollout does not depend on the clock of the machine that carries it
// out.
//
// What versions did is counted by the service's times, and what an alias was asked
// for is remembered by the rollout's. Where the two differ, requests are looked for
// at weights that were not in force, and a good version can be proven worse. Every
// answer of AWS has a Date; it says within a second, and a few of them within less,
// by how much the machine's clock is off.
package servicetime

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/crossfade-dev/crossfade/internal/clock"
)

const (
	// resolution is that of a Date: it names the second in which it was written.
	resolution = time.Second
	// slack is how far apart the clocks of a service's machines may be.
	slack = 100 * time.Millisecond
	// drift is by how much a clock goes wrong as time passes, at most, before it
	// counts as one that was set: far more than the quartz of any machine does.
	drift = 500e-6
)

// A Clock shows the time of a service. It is safe for concurrent use. Until an answer
// was seen it shows the machine's.
type Clock struct {
	local  clock.Clock
	origin time.Time // by the machine's clock

	mu sync.Mutex
	// least and most bound by how much the service's time is ahead of the machine's.
	least, most time.Duration
	known       bool
	age         time.Duration // how old a Date may be when it is sent
	at          time.Time     // of the last answer, by the machine's clock
	jumps       int
	shown       time.Time
}

// New returns a clock that runs as local does.
func New(local clock.Clock) *Clock { return &Clock{local: local, origin: local.Now()} }

// Now returns the service's time, as far as it is known. It goes back only when the
// service's answers say that it was wrong.
func (c *Clock) Now() time.Time {
	now := c.local.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.steadied(now).Add((c.least + c.most) / 2)
	if off := (c.most - c.least) / 2; t.Before(c.shown) && c.shown.Sub(t) <= max(off, resolution) {
		return c.shown
	}
	c.shown = t
	return t
}

// steadied is a time of the machine's clock as it would be had nobody set that clock
// since the origin: how long ago the origin was does not change when the clock is set,
// as far as the machine can tell.
func (c *Clock) steadied(t time.Time) time.Time { return c.origin.Add(t.Sub(c.origin)) }

// After returns a channel that receives once when d has passed.
func (c *Clock) After(d time.Duration) <-chan time.Time { return c.local.After(d) }

// Off says how far the clock may be off; known is false until an answer was seen.
func (c *Clock) Off() (by time.Duration, known bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return (c.most - c.least) / 2, c.known
}

// Jumps is how often an answer said that the clock had been wrong by more than it
// may be off.
func (c *Clock) Jumps() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.jumps
}

// Answered takes in an answer with a Date to a question that was sent and answered
// at times of the machine's clock.
//
// An answer that contradicts those before says that the machine's clock was set. One
// that does so by less than a second may also have a Date that was made for all answers
// of its second, so from then on each may be that old: a clock that is wrong with every
// other answer would never be known well enough for anything to be compared.
func (c *Clock) Answered(sent, received, date time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	// The date was written after the question was sent and before the answer came.
	least := date.Sub(c.steadied(received)) - slack
	most := date.Add(resolution).Sub(c.steadied(sent)) + c.age + slack
	if c.known {
		wider := time.Duration(drift * float64(received.Sub(c.at).Abs()))
		l, m := max(least, c.least-wider), min(most, c.most+wider)
		switch apart := l - m; {
		case apart <= 0:
			least, most = l, m
		case apart < resolution:
			c.jumps++
			most += resolution - c.age
			c.age = resolution
		default:
			c.jumps++
		}
	}
	c.least, c.most, c.known, c.at = least, most, true, received
}

// Watch makes the clients of a configuration tell the clock of every answer. One that
// a cache on the way kept, which has an Age, has the date of another day.
func (c *Clock) Watch(cfg *aws.Config) {
	watch := middleware.DeserializeMiddlewareFunc("ServiceTime", func(ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler) (middleware.DeserializeOutput, middleware.Metadata, error) {
		sent := c.local.Now()
		out, metadata, err := next.HandleDeserialize(ctx, in)
		if answer, ok := out.RawResponse.(*smithyhttp.Response); ok && answer != nil && answer.Response != nil && answer.Header.Get("Age") == "" {
			if date, problem := http.ParseTime(answer.Header.Get("Date")); problem == nil {
				c.Answered(sent, c.local.Now(), date)
			}
		}
		return out, metadata, err
	})
	cfg.APIOptions = append(cfg.APIOptions[:len(cfg.APIOptions):len(cfg.APIOptions)], func(stack *middleware.Stack) error {
		return stack.Deserialize.Add(watch, middleware.After)
	})
}
