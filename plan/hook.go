package plan

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/crossfade-dev/crossfade/internal/arn"
)

// A Moment is a point in a rollout at which something outside is asked.
type Moment string

// The moments of hooks.
const (
	// BeforeTraffic is when everything else is proven; its answer lets the
	// first shift begin, or refuses the rollout.
	BeforeTraffic Moment = "beforeTraffic"
	// EachStep is when a step's weight below Full is seen on every target; the
	// step does not end without its answer.
	EachStep Moment = "eachStep"
	// AfterTraffic is when all of the traffic is seen on the new version; the
	// rollout does not succeed without its answer.
	AfterTraffic Moment = "afterTraffic"
	// OnRollback is when all of the traffic is seen back on the old version.
	// Its answer changes nothing, and nothing waits for it but the rollout's
	// end.
	OnRollback Moment = "onRollback"
)

// Trying is when new versions are tried out, before BeforeTraffic. It is no moment
// of a hook.
const Trying Moment = "probe"

// Moments are the moments of hooks in the order in which a rollout gets to them.
var Moments = []Moment{BeforeTraffic, EachStep, AfterTraffic, OnRollback}

// A HookKind is what a hook is.
type HookKind string

// The kinds of hook.
const (
	LambdaHook HookKind = "lambda"  // a function that is invoked
	Webhook    HookKind = "webhook" // an address that gets a POST
)

// A Hook is something outside that is asked at a moment of a rollout and says
// whether it may go on.
type Hook struct {
	Kind HookKind `json:"kind"`
	// Name is the function's name or ARN, with a qualifier or without, or the
	// address.
	Name string `json:"name"`
	// Payload is a JSON text that is handed on to the hook; empty for none.
	Payload string `json:"payload,omitempty"`
	// Async is true for a hook that only takes the question and has its answer
	// given later, in another way. Otherwise what it returns is the answer.
	Async bool `json:"async,omitempty"`
	// Timeout is how long it has for its answer, from when it was first asked.
	// A hook that does not answer in time has failed.
	Timeout time.Duration `json:"timeout"`
}

// Hooks are the hooks of a plan, at most one for each moment.
type Hooks struct {
	BeforeTraffic *Hook `json:"beforeTraffic,omitempty"`
	EachStep      *Hook `json:"eachStep,omitempty"`
	AfterTraffic  *Hook `json:"afterTraffic,omitempty"`
	OnRollback    *Hook `json:"onRollback,omitempty"`
}

// At returns the hook of a moment, or nil if there is none.
func (h Hooks) At(m Moment) *Hook {
	p := h.at(m)
	if p == nil {
		return nil
	}
	return *p
}

// Set makes hook that of a moment.
func (h *Hooks) Set(m Moment, hook *Hook) { *h.at(m) = hook }

func (h *Hooks) at(m Moment) **Hook {
	switch m {
	case BeforeTraffic:
		return &h.BeforeTraffic
	case EachStep:
		return &h.EachStep
	case AfterTraffic:
		return &h.AfterTraffic
	case OnRollback:
		return &h.OnRollback
	default:
		return nil
	}
}

// validFunction is a function's name or partial ARN, with a qualifier or without.
var validFunction = regexp.MustCompile(`^(\d{12}:function:)?[a-zA-Z0-9-_]{1,64}(:(\$LATEST|[a-zA-Z0-9-_]{1,128}))?$`)

// ParseHook reads a hook in its short form: a function's name or ARN, or the
// address of a webhook. Its Timeout is DefaultHookTimeout.
func ParseHook(text string) (Hook, error) {
	h := Hook{Kind: LambdaHook, Name: strings.TrimSpace(text), Timeout: DefaultHookTimeout}
	if strings.HasPrefix(h.Name, "http://") || strings.HasPrefix(h.Name, "https://") {
		h.Kind = Webhook
	}
	return h, h.check()
}

func (h Hook) check() error {
	switch {
	case h.Kind == Webhook && !validURL.MatchString(h.Name):
		return fmt.Errorf("%q is not an http or https address", h.Name)
	case h.Kind == Webhook:
	case strings.HasPrefix(h.Name, "arn:"):
		a, err := arn.Parse(h.Name)
		if err != nil {
			return err
		}
		if a.Service != "lambda" || a.Kind() != "function" {
			return fmt.Errorf("%s is not the ARN of a function", h.Name)
		}
	case !validFunction.MatchString(h.Name):
		return fmt.Errorf("%q is not a function's name or ARN, nor an http or https address", h.Name)
	}
	if h.Timeout <= 0 {
		return errors.New("the timeout has to be longer than 0s")
	}
	return nil
}

// String names the hook for people: the function's name, or the address.
func (h Hook) String() string {
	a, err := arn.Parse(h.Name)
	if err != nil {
		return h.Name
	}
	return a.Name()
}

// checkHooks notes what is wrong with the hooks of a draft.
func (d draft) checkHooks() {
	for _, m := range Moments {
		if h := d.hooks.At(m); h != nil {
			if err := h.check(); err != nil {
				d.problem("hooks."+string(m), err.Error())
			}
		}
	}
}

// waitsFor is how long the hooks that hold traffic up may take in all.
func (h Hooks) waitsFor(steps int) time.Duration {
	var d time.Duration
	if h.BeforeTraffic != nil {
		d += h.BeforeTraffic.Timeout
	}
	if h.EachStep != nil {
		d += time.Duration(steps-1) * h.EachStep.Timeout
	}
	return d
}
