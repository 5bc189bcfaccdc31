package lambda

import (
	"encoding/json"
	"strconv"
	"time"

	"github.com/crossfade-dev/crossfade/localcloud/journal"
	"github.com/crossfade-dev/crossfade/localcloud/wire"
)

// How asynchronous invocations are attempted.
//
// Source: Lambda developer guide, "Retry behavior": two more attempts after
// function errors, a minute and then two minutes later; throttled ones for up to
// six hours, from one second to five minutes apart.
const (
	defaultRetries = 2
	defaultAge     = 6 * time.Hour
	firstBackoff   = time.Second
	longestBackoff = 5 * time.Minute
)

// An event is an asynchronous invocation that was accepted and has not ended.
type event struct {
	function *function
	eventRecord
}

// An eventRecord is an event as it is kept.
type eventRecord struct {
	Function      string          `json:"function"` // its id
	Number        int64           `json:"number"`   // grows with every event
	RequestID     string          `json:"requestId"`
	Qualifier     string          `json:"qualifier,omitempty"`
	InvokedARN    string          `json:"invokedArn"`
	Payload       json.RawMessage `json:"payload"`
	ClientContext string          `json:"clientContext,omitempty"`
	TraceID       string          `json:"traceId,omitempty"`
	Received      time.Time       `json:"received"`
	// Failed is how many attempts the function has failed, Throttled how many
	// did not come to run since.
	Failed    int       `json:"failed,omitempty"`
	Throttled int       `json:"throttled,omitempty"`
	Next      time.Time `json:"next"`
}

func (e *event) key() string { return e.RequestID + "/" + strconv.FormatInt(e.Number, 10) }

func (e *event) record() journal.Record { return journal.JSON(recordEvent, e.key(), e.eventRecord) }

// enqueue accepts an asynchronous invocation: saved first.
func (s *Service) enqueue(f *function, qualifier string, r Request) error {
	now := s.now()
	e := &event{function: f, eventRecord: eventRecord{
		Function:      f.id,
		Number:        s.queued.Add(1),
		RequestID:     r.ID,
		Qualifier:     qualifier,
		InvokedARN:    r.InvokedARN,
		Payload:       append(json.RawMessage(nil), r.Payload...),
		ClientContext: r.ClientContext,
		TraceID:       r.TraceID,
		Received:      now,
		Next:          now,
	}}
	if err := s.save(e.record()); err != nil {
		return err
	}
	s.count(f, asyncReceived, count, 1, now)
	s.calls.Submit(func() { s.attempt(e) })
	return nil
}

// attempt invokes the function once, and decides what becomes of the event.
func (s *Service) attempt(e *event) {
	if s.ctx.Err() != nil {
		return // the next service goes on with it
	}
	f := e.function
	c := f.control.Load()
	if c.deleted {
		s.forget(e)
		return
	}
	config := c.eventConfig(e.Qualifier)
	now := s.now()
	if now.Sub(e.Received) >= config.age() {
		s.ended(e, config, outcome{condition: "EventAgeExceeded"})
		return
	}
	if c.reserved != nil && *c.reserved == 0 {
		// Nothing will ever run, so AWS does not wait: recorded.
		s.ended(e, config, outcome{condition: "ZeroReservedConcurrency"})
		return
	}
	if e.Failed == 0 && e.Throttled == 0 {
		s.count(f, asyncAge, inMS, milliseconds(now.Sub(e.Received)), now)
	}
	ctx := wire.WithCaller(s.ctx, wire.Caller{Account: f.space.Account, Region: f.space.Region, Partition: f.space.Partition, RequestID: e.RequestID})
	ran, err := s.run(ctx, f, e.Qualifier, Request{
		ID: e.RequestID, Payload: e.Payload, ClientContext: e.ClientContext, InvokedARN: e.InvokedARN, TraceID: e.TraceID,
	})
	now = s.now()
	switch {
	case s.ctx.Err() != nil:
		return
	case err != nil:
		wait := min(firstBackoff<<min(e.Throttled, 16), longestBackoff)
		e.Throttled++
		s.again(e, now.Add(wait))
	case ran.FunctionError == "":
		s.ended(e, config, outcome{condition: "Success", ran: &ran, attempts: e.Failed + 1})
	case e.Failed < config.retries():
		e.Failed++
		e.Throttled = 0
		s.again(e, now.Add(time.Duration(e.Failed)*time.Minute))
	default:
		e.Failed++
		s.ended(e, config, outcome{condition: "RetriesExhausted", ran: &ran, attempts: e.Failed})
	}
}

// again has an event attempted once more. That an attempt was made is saved, so
// that a restart makes no more of them than there should be; if it cannot be
// saved, there may be one more.
func (s *Service) again(e *event, at time.Time) {
	e.Next = at
	_ = s.save(e.record())
	s.timers.set(at, func() { s.attempt(e) })
}

// An outcome is how an event ended.
type outcome struct {
	condition string
	attempts  int
	ran       *run // nil if nothing ran
}

// ended hands the event to its destination and forgets it. A service that stops
// in between does so once more.
func (s *Service) ended(e *event, config *eventConfig, o outcome) {
	f := e.function
	now := s.now()
	if o.condition == "Success" {
		if config.successful() != "" {
			s.deliver(e, config.successful(), s.destinationRecord(e, o, now))
		}
		s.forget(e)
		return
	}
	s.count(f, asyncDropped, count, 1, now)
	if to := config.failed(); to != "" {
		s.deliver(e, to, s.destinationRecord(e, o, now))
	}
	if v := f.control.Load().resolve(e.Qualifier); v != nil && v.DeadLetter != "" {
		s.deadLetter(e, v.DeadLetter, o)
	}
	s.forget(e)
}

// forget takes an event out of the journal. If that fails it comes again after
// a restart, as AWS says may happen.
func (s *Service) forget(e *event) {
	_ = s.save(journal.Deletion(recordEvent, e.key()))
}
