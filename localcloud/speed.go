package localcloud

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/crossfade-dev/crossfade/internal/clock"
)

// The headers of every answer of a cloud whose time passes faster: how many times
// as fast, and what time it is there. Date stays the machine's time, because SDKs
// set the clock that they sign by with it.
const (
	SpeedHeader = "X-Crossfade-Speed"
	TimeHeader  = "X-Crossfade-Time"
)

// MaxSpeed is the largest Config.Speed.
const MaxSpeed = 1000

// recordTime is what time it was, of a cloud whose time is not the machine's.
const recordTime = "cloud.time"

// timeEvery is how often, in the machine's time, a cloud whose time is not the
// machine's remembers it. When the cloud starts again its time begins so much
// later, so that it never goes back.
const timeEvery = 5 * time.Second

// ownTime gives the cloud its time: the clock's that it was given, unless it is to
// pass faster, or was ahead already when the cloud ended.
func (c *Cloud) ownTime(config Config) error {
	speed := config.Speed
	if speed == 0 {
		speed = 1
	}
	if speed < 1 || speed > MaxSpeed {
		return errors.New("the speed of a cloud is between 1 and " + strconv.Itoa(MaxSpeed))
	}
	c.machine, c.clock = config.Clock, config.Clock
	now := config.Clock.Now()
	ahead := speed > 1
	if c.journal != nil {
		if err := c.journal.Load(recordTime, func(_ string, value []byte) error {
			saved, err := time.Parse(time.RFC3339Nano, string(value))
			if saved.After(now) {
				now, ahead = saved, true
			}
			return err
		}); err != nil {
			return err
		}
	}
	if !ahead {
		return nil
	}
	c.scaled = clock.NewScaled(config.Clock, now, speed)
	c.clock = c.scaled
	if c.journal != nil {
		k := &timekeeper{journal: c.journal, clock: c.scaled, speed: speed, next: now}
		c.processes = append(c.processes, process{Process: k, name: "time"})
		return k.Run(context.Background(), now)
	}
	return nil
}

// A timekeeper remembers what time it is in a cloud.
type timekeeper struct {
	journal interface {
		Put(kind, key string, value []byte) error
	}
	clock clock.Clock
	speed float64
	mu    sync.Mutex
	next  time.Time
}

func (k *timekeeper) Next() (time.Time, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.next, true
}

// Run remembers the latest that it can be before it is run again.
func (k *timekeeper) Run(_ context.Context, now time.Time) error {
	every := time.Duration(float64(timeEvery) * k.speed)
	k.mu.Lock()
	k.next = now.Add(every)
	k.mu.Unlock()
	return k.journal.Put(recordTime, "", []byte(now.Add(2*every).UTC().Format(time.RFC3339Nano)))
}

// stamped adds to every answer how fast the cloud's time passes, and what time it
// is there.
func (c *Cloud) stamped(next http.Handler) http.Handler {
	if c.scaled == nil {
		return next
	}
	speed := strconv.FormatFloat(c.scaled.Speed(), 'f', -1, 64)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header()[SpeedHeader] = []string{speed}
		w.Header()[TimeHeader] = []string{c.clock.Now().UTC().Format(time.RFC3339Nano)}
		next.ServeHTTP(w, r)
	})
}

// ownTimeOf returns what time it was in the cloud when the machine showed t.
// Functions run in the machine's time, and so does what they say.
func (c *Cloud) ownTimeOf(t time.Time) time.Time {
	if c.scaled == nil {
		return t
	}
	return c.scaled.At(t)
}

// meant returns what time a caller means who gives a time to what it measured:
// the cloud's, unless it is the machine's time of just now, which is what a clock
// says that knows nothing of the cloud's.
func (c *Cloud) meant(t time.Time) time.Time {
	if c.scaled == nil {
		return t
	}
	if age := c.machine.Now().Sub(t); age < -time.Second || age > lately || c.clock.Now().Sub(t) <= lately {
		return t
	}
	return c.scaled.At(t)
}

// lately is how old a time may be that a program took from the machine's clock
// and sends now.
const lately = 5 * time.Minute
