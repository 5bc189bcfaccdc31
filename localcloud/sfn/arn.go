package sfn

import (
	"strconv"
	"strings"
	"unicode"

	"github.com/crossfade-dev/crossfade/internal/arn"
	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/sfnapi"
)

// The kinds of resources that Step Functions names.
const (
	kindMachine   = "stateMachine"
	kindExecution = "execution"
	kindExpress   = "express"
	kindActivity  = "activity"
	kindMapRun    = "mapRun"
)

// A resource is an ARN of Step Functions taken apart: kind and what follows it.
type resource struct {
	place place
	kind  string
	name  string // what follows the kind, up to the next colon
	rest  string // what follows that, without the colon; empty when there is nothing
}

// parseResource reads an ARN and checks that it is of one of the kinds.
//
// Source of the messages: recorded.
func parseResource(text string, kinds ...string) (resource, error) {
	a, err := arn.Parse(text)
	if err != nil || a.Service != "states" {
		return resource{}, sfnapi.NewInvalidArn("Invalid Arn: 'Invalid ARN prefix: " + text + "'")
	}
	r := resource{place: place{wire.Place{Partition: a.Partition, Region: a.Region, Account: a.Account}}}
	var remainder string
	r.kind, remainder, _ = strings.Cut(a.Resource, ":")
	r.name, r.rest, _ = strings.Cut(remainder, ":")
	for _, kind := range kinds {
		if kind == r.kind {
			if r.name == "" {
				return resource{}, sfnapi.NewInvalidArn("Invalid Arn: 'Invalid ARN: " + text + "'")
			}
			return r, nil
		}
	}
	return resource{}, sfnapi.NewInvalidArn("Invalid Arn: 'Resource type not valid in this context: " + r.kind + "'")
}

// cutVersion splits a version's ARN into the state machine's and the number.
func cutVersion(text string) (machineARN string, number int, ok bool) {
	at := strings.LastIndexByte(text, ':')
	if at < 0 {
		return "", 0, false
	}
	if r, err := parseResource(text, kindMachine); err != nil || r.rest == "" {
		return "", 0, false
	}
	number, ok = versionNumber(text[at+1:])
	return text[:at], number, ok
}

// versionNumber reads a qualifier that is a version number.
func versionNumber(qualifier string) (int, bool) {
	if !arn.IsVersion(qualifier) {
		return 0, false
	}
	n, err := strconv.Atoi(qualifier)
	return n, err == nil
}

// A place is an account in a region: what is here is unknown elsewhere.
type place struct{ wire.Place }

func placeOf(c wire.Caller) place { return place{c.Place()} }

// arn names a resource at the place.
func (p place) arn(kind, rest string) string { return p.ARN("states", kind+":"+rest) }

// checkName refuses the names of state machines, executions and activities that
// AWS refuses. Their length is checked by the model.
//
// Source: API reference, CreateStateMachine, "name".
func checkName(name string) error {
	bad := func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r) || strings.ContainsRune("<>{}[]?*\"#%\\^|~`$&,;:/", r)
	}
	if strings.ContainsFunc(name, bad) {
		return sfnapi.NewInvalidName("Invalid Name: '" + name + "'")
	}
	return nil
}

func machineGone(text string) error {
	return sfnapi.NewStateMachineDoesNotExist("State Machine Does Not Exist: '" + text + "'")
}

func executionGone(text string) error {
	return sfnapi.NewExecutionDoesNotExist("Execution Does Not Exist: '" + text + "'")
}

func resourceGone(text string) error {
	return sfnapi.NewResourceNotFound("Resource not found: '"+text+"'").With("resourceName", text)
}
