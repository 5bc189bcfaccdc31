package asl

import (
	"strings"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

// handlers reads Retry and Catch.
func (o object) handlers(vs *variables) Handlers {
	var h Handlers
	retriers := o.children("Retry", false)
	for i, r := range retriers {
		r.allow(retrierFields)
		h.Retry = append(h.Retry, r.retrier(i == len(retriers)-1))
	}
	catchers := o.children("Catch", false)
	for i, c := range catchers {
		c.allow(catcherFields)
		c.require("ErrorEquals", "Next")
		h.Catch = append(h.Catch, Catcher{
			ErrorEquals: c.errorEquals(i == len(catchers)-1),
			Next:        c.text("Next"),
			ResultPath:  c.resultPath(),
			Assign:      c.assign(vs),
			Output:      c.template("Output"),
		})
	}
	return h
}

func (o object) retrier(last bool) Retrier {
	o.require("ErrorEquals")
	r := Retrier{
		ErrorEquals:     o.errorEquals(last),
		IntervalSeconds: o.integer("IntervalSeconds", 1, 1, maxSeconds),
		MaxAttempts:     o.integer("MaxAttempts", 3, 0, maxSeconds),
		BackoffRate:     2,
		MaxDelaySeconds: o.integer("MaxDelaySeconds", 0, 1, 31_622_400),
		FullJitter:      o.choice("JitterStrategy", "FULL", "NONE") == "FULL",
	}
	if v, ok := o.get("BackoffRate", jsonvalue.KindNumber); ok {
		r.BackoffRate = v.Float()
		if r.BackoffRate < 1 {
			o.p.fail(o.place("BackoffRate"), "Value must be greater than or equal to 1.0")
		}
	}
	if r.MaxDelaySeconds != 0 && r.MaxDelaySeconds <= r.IntervalSeconds {
		o.p.fail(o.place("MaxDelaySeconds"), "MaxDelaySeconds must be greater than IntervalSeconds")
	}
	return r
}

// errorEquals reads the names of errors. The wildcard stands alone, in the last handler.
func (o object) errorEquals(last bool) []string {
	names := o.words("ErrorEquals")
	for _, name := range names {
		at := o.place("ErrorEquals")
		switch {
		case name == "States.ALL" && (len(names) > 1 || !last):
			o.p.fail(at, "States.ALL must appear alone and in the last element")
		case strings.HasPrefix(name, "States.") && !reservedErrors[name]:
			o.p.fail(at, "Error names must not begin with 'States.': %s", name)
		}
	}
	return names
}

// reservedErrors are the names beginning with "States." that exist.
//
// Source: Step Functions Developer Guide, "Handling errors in Step Functions workflows".
var reservedErrors = map[string]bool{
	"States.ALL":                             true,
	"States.BranchFailed":                    true,
	"States.DataLimitExceeded":               true,
	"States.ExceedToleratedFailureThreshold": true,
	"States.HeartbeatTimeout":                true,
	"States.Http.Socket":                     true,
	"States.IntrinsicFailure":                true,
	"States.ItemReaderFailed":                true,
	"States.NoChoiceMatched":                 true,
	"States.ParameterPathFailure":            true,
	"States.Permissions":                     true,
	"States.QueryEvaluationError":            true,
	"States.ResultPathMatchFailure":          true,
	"States.ResultWriterFailed":              true,
	"States.Runtime":                         true,
	"States.TaskFailed":                      true,
	"States.Timeout":                         true,
}
