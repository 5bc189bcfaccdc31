package machine

import (
	"errors"
	"strconv"
	"time"

	"github.com/crossfade-dev/crossfade/asl"
	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

// longestWait is what AWS accepts of a Wait state: as many seconds as fit 32 bits.
const longestWait = (1<<31 - 1) * time.Second

// wait is the Wait state: it sets the timer, or goes on at once when the time has passed.
func (r *run) wait(f *frame, s *state) *failure {
	until, failed := r.waitUntil(f, s)
	if failed != nil {
		return failed
	}
	if !until.After(r.now) {
		return r.passOn(f, s, s.way())
	}
	r.sleep(f, waiting, until)
	return nil
}

func (r *run) waitUntil(f *frame, s *state) (time.Time, *failure) {
	def := s.def.(*asl.Wait)
	input, failed := r.effectiveInput(f, s)
	if failed != nil {
		return time.Time{}, failed
	}
	r.look(input.value)
	if s.jsonata {
		r.lookAt(f, jsonvalue.Value{})
	}
	switch {
	case def.Seconds != nil:
		v, failed := r.eval(f, def.Seconds)
		if failed != nil {
			return time.Time{}, failed
		}
		seconds, whole := v.Int()
		if !whole || seconds < 0 || seconds > 99_999_999 {
			return time.Time{}, r.queryFailure(f, "Seconds", true, "The Seconds field must be a whole number between 0 and 99999999, but was: %s", v)
		}
		return r.now.Add(time.Duration(seconds) * time.Second), nil
	case def.SecondsPath != nil:
		return r.secondsPath(f, def.SecondsPath)
	case def.Timestamp != nil:
		v, failed := r.eval(f, def.Timestamp)
		if failed != nil {
			return time.Time{}, failed
		}
		at, err := asl.ParseTimestamp(v.Str())
		if err != nil {
			return time.Time{}, r.queryFailure(f, "Timestamp", true,
				"The Timestamp field cannot be parsed as an ISO-8601 extended offset date-time format string: %s", v.Text())
		}
		return r.notTooFar(f, at)
	default:
		v, failed := r.parameter(f, def.TimestampPath, "TimestampPath")
		if failed != nil {
			return time.Time{}, failed
		}
		at, err := asl.ParseTimestamp(v.Str())
		if err != nil {
			return time.Time{}, r.runtimeFailure(f,
				"The TimestampPath parameter does not reference a valid ISO-8601 extended offset date-time format string: %s == %s",
				def.TimestampPath, v.Text())
		}
		return r.notTooFar(f, at)
	}
}

func (r *run) secondsPath(f *frame, path asl.Expression) (time.Time, *failure) {
	v, failed := r.parameter(f, path, "SecondsPath")
	if failed != nil {
		return time.Time{}, failed
	}
	seconds, err := strconv.ParseInt(v.Text(), 10, 64)
	switch {
	case err != nil:
		return time.Time{}, r.runtimeFailure(f, "The SecondsPath parameter cannot be parsed as a long value: %s == %s", path, v.Text())
	case seconds < 0:
		return time.Time{}, r.runtimeFailure(f, "The SecondsPath parameter references a negative value: %s == %s", path, v.Text())
	case seconds > int64(longestWait/time.Second):
		return time.Time{}, r.runtimeFailure(f, "Wait state delay is too long.")
	}
	return r.now.Add(time.Duration(seconds) * time.Second), nil
}

func (r *run) notTooFar(f *frame, at time.Time) (time.Time, *failure) {
	// Sub saturates, so that a date ten thousand years away is no problem.
	if at.Sub(r.now) > longestWait {
		return time.Time{}, r.runtimeFailure(f, "Wait state delay is too long.")
	}
	return at, nil
}

// parameter evaluates a Path field of a Wait state.
func (r *run) parameter(f *frame, path asl.Expression, field string) (jsonvalue.Value, *failure) {
	r.world.look(f)
	v, err := path.Eval(&r.scope)
	if e := (*asl.EvalError)(nil); errors.As(err, &e) {
		return v, r.runtimeFailure(f, "The %s parameter does not reference an input value: %s", field, path)
	}
	return v, nil
}
