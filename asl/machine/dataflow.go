package machine

import (
	"github.com/crossfade-dev/crossfade/asl"
	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

// A way is how a state is left: what it gives and sets, and where it leads.
type way struct {
	output asl.Expression // JSONata
	assign []asl.Assignment
	next   int32
	name   string // of the next state
}

// way returns how the state is left when nothing special happens.
func (s *state) way() way { return way{s.common.Output, s.common.Assign, s.next, s.common.Next} }

// look makes v what "$" stands for in JSONPath.
func (r *run) look(v jsonvalue.Value) { r.scope = asl.Scope{Root: v, World: &r.world} }

// lookAt sets what $states shows in JSONata.
func (r *run) lookAt(f *frame, result jsonvalue.Value) {
	r.scope = asl.Scope{Input: f.Input.value, Result: result, World: &r.world}
}

// effectiveInput applies InputPath. The document itself comes back where nothing is selected,
// so that its text stays.
func (r *run) effectiveInput(f *frame, s *state) (document, *failure) {
	path := s.common.InputPath
	input := f.Input
	if !s.jsonata && path != nil && !asl.IsRoot(path) {
		r.look(f.Input.value)
		v, failed := r.eval(f, path)
		if failed != nil {
			return input, failed
		}
		input = documentOf(v)
	}
	if r.inspect != nil && !s.jsonata && s.kind.id != parallelState {
		r.inspect.AfterInputPath = input.json()
	}
	return input, nil
}

// argument evaluates what a state hands on, Parameters or Arguments; without it that is the
// effective input.
func (r *run) argument(f *frame, s *state, e asl.Expression) (document, *failure) {
	input, failed := r.effectiveInput(f, s)
	if failed != nil {
		return input, failed
	}
	if e != nil {
		if s.jsonata {
			r.lookAt(f, jsonvalue.Value{})
		} else {
			r.look(input.value)
		}
		v, failed := r.eval(f, e)
		if failed != nil {
			return input, failed
		}
		input = documentOf(v)
	}
	if r.inspect != nil && s.kind.id != parallelState {
		if s.jsonata {
			r.inspect.AfterArguments = input.json()
		} else {
			r.inspect.AfterParameters = input.json()
		}
	}
	return input, nil
}

// pass is the Pass state.
func (r *run) pass(f *frame, s *state) *failure {
	def := s.def.(*asl.Pass)
	if s.jsonata {
		return r.leave(f, s, s.way(), f.Input, jsonvalue.Value{})
	}
	if def.Result.IsDefined() {
		result := documentOf(def.Result)
		if r.inspect != nil {
			r.inspect.Result = result.json()
		}
		return r.place(f, s, def.ResultPath, result)
	}
	result, failed := r.argument(f, s, def.Parameters)
	if failed != nil {
		return failed
	}
	return r.place(f, s, def.ResultPath, result)
}

// passOn leaves a state that makes nothing: its input goes on.
func (r *run) passOn(f *frame, s *state, w way) *failure {
	input, failed := r.effectiveInput(f, s)
	if failed != nil {
		return failed
	}
	return r.leave(f, s, w, input, input.value)
}

// withResult leaves a state whose work gave a result.
func (r *run) withResult(f *frame, s *state, selector asl.Expression, path *asl.ResultPath, result document) *failure {
	if s.jsonata {
		return r.leave(f, s, s.way(), result, result.value)
	}
	if selector != nil {
		r.look(result.value)
		v, failed := r.eval(f, selector)
		if failed != nil {
			return failed
		}
		result = documentOf(v)
	}
	return r.place(f, s, path, result)
}

// place puts a result where ResultPath says, and leaves the state.
func (r *run) place(f *frame, s *state, path *asl.ResultPath, result document) *failure {
	output := result
	switch {
	case path == nil || path.IsRoot():
	case path.Discard:
		output = f.Input
	default:
		v, err := path.Set(f.Input.value, result.value)
		if err != nil {
			return r.evaluation(f, err)
		}
		output = documentOf(v)
	}
	if r.inspect != nil {
		r.inspect.AfterResultSelector, r.inspect.AfterResultPath = result.json(), output.json()
	}
	return r.leave(f, s, s.way(), output, result.value)
}

// leave evaluates what a state sets and gives, both against the variables as they were when it
// was entered, and leaves it. output goes through OutputPath in JSONPath, and is what a state
// without Output gives in JSONata; result is what Assign sees.
func (r *run) leave(f *frame, s *state, w way, output document, result jsonvalue.Value) *failure {
	if s.jsonata {
		r.lookAt(f, result)
		if w.output != nil {
			v, failed := r.eval(f, w.output)
			if failed != nil {
				return failed
			}
			output = documentOf(v)
		}
	} else {
		r.look(result)
	}
	assigned, failed := r.assignments(f, w.assign)
	if failed != nil {
		return failed
	}
	if path := s.common.OutputPath; path != nil && !s.jsonata && !asl.IsRoot(path) {
		r.look(output.value)
		v, failed := r.eval(f, path)
		if failed != nil {
			return failed
		}
		output = documentOf(v)
	}
	if failed := r.checkSize(f, &output); failed != nil {
		return failed
	}
	if r.inspect != nil {
		r.inspect.succeeded(output, w.name)
		return nil
	}
	r.exit(f, output, assigned, w.next)
	return nil
}

// assignments evaluates an Assign field in the scope at hand, without setting anything yet.
func (r *run) assignments(f *frame, list []asl.Assignment) ([]variable, *failure) {
	if len(list) == 0 {
		return nil, nil
	}
	assigned := make([]variable, len(list))
	size := 0
	for i, a := range list {
		v, failed := r.eval(f, a.Value)
		if failed != nil {
			return nil, failed
		}
		assigned[i] = variable{a.Variable, v}
		size += v.Size()
	}
	if size > maxPayload {
		return nil, tooLarge(r.state(f).common.Name)
	}
	return assigned, nil
}

// failState is the Fail state. The failure that it returns is the one that it stands for,
// unless that could not be evaluated.
func (r *run) failState(f *frame, s *state) *failure {
	def := s.def.(*asl.Fail)
	failed := &failure{}
	if s.jsonata {
		r.lookAt(f, jsonvalue.Value{})
	} else {
		r.look(f.Input.value)
		if r.inspect != nil {
			r.inspect.AfterInputPath = f.Input.json()
		}
	}
	for _, field := range []struct {
		to            **string
		literal, path asl.Expression
	}{{&failed.name, def.Error, def.ErrorPath}, {&failed.cause, def.Cause, def.CausePath}} {
		e := field.literal
		if e == nil {
			e = field.path
		}
		if e == nil {
			continue
		}
		v, broken := r.eval(f, e)
		if broken != nil {
			return broken
		}
		if v.Kind() != jsonvalue.KindString {
			return r.runtimeFailure(f, "The JSONPath '%s' specified for a field of a Fail state must select a string", e)
		}
		text := v.Str()
		*field.to = &text
	}
	return failed
}
