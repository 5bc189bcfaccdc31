package template

import (
	"errors"
	"strconv"
	"strings"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

// A Resolver knows what resources are, while a stack is made. It returns
// [Unknown] for what is not known yet. The text of its errors becomes the message
// of an [*Error] with the place of the reference.
type Resolver interface {
	// Ref returns what Ref of a resource gives.
	Ref(id string) (jsonvalue.Value, error)
	// GetAtt returns an attribute of a resource.
	GetAtt(id, attribute string) (jsonvalue.Value, error)
	// Import returns what another stack exports under a name. Where there is no
	// such export AWS says: No export named NAME found.
	Import(name string) (jsonvalue.Value, error)
}

// Properties returns a resource's properties with all functions evaluated. A
// property that is AWS::NoValue is not in the result. The error is an *Error.
func (b *Bound) Properties(id string, r Resolver) (jsonvalue.Value, error) {
	return b.Attribute(id, "Properties", r)
}

// Attribute returns Properties, UpdatePolicy, CreationPolicy or Metadata of a
// resource with all functions evaluated, or Undefined where the template does not
// have it; Properties are then an empty object.
func (b *Bound) Attribute(id, name string, r Resolver) (jsonvalue.Value, error) {
	v := b.attribute(id, name)
	if !v.IsDefined() {
		return v, nil
	}
	got, err := b.Evaluate(v, r, "Resources", id, name)
	if err == nil && name == "Properties" && got.Kind() != jsonvalue.KindObject {
		return jsonvalue.ObjectOf(), nil
	}
	return got, err
}

func (b *Bound) attribute(id, name string) jsonvalue.Value {
	r, _ := b.Resource(id)
	switch name {
	case "Properties":
		return r.Properties
	case "UpdatePolicy":
		return r.UpdatePolicy
	case "CreationPolicy":
		return r.CreationPolicy
	case "Metadata":
		return r.Metadata
	default:
		return jsonvalue.Value{}
	}
}

// Evaluate returns v with all functions evaluated. Path is where v stands in the
// template, for errors. It is Undefined when v is AWS::NoValue.
func (b *Bound) Evaluate(v jsonvalue.Value, r Resolver, path ...string) (jsonvalue.Value, error) {
	e := b.evaluator(r, path...)
	got, err := e.eval(v)
	if err == nil && got.Size() > maxProduced {
		err = e.fail("Template error: functions make more than %d bytes of this.", maxProduced)
	}
	return got, err
}

// Partial returns v with what is known before there is any resource in place of
// functions, and the rest as it is written. Path is where v stands.
func (b *Bound) Partial(v jsonvalue.Value, path ...string) (jsonvalue.Value, error) {
	e := b.evaluator(nil, path...)
	e.partial = true
	return e.eval(v)
}

// An OutputValue is an output that exists, evaluated.
type OutputValue struct {
	Name        string
	Description string
	Value       string
	// Export is the name under which other stacks import the value, or empty.
	Export string
}

// OutputValues returns the outputs whose condition holds, in the template's order.
// The error is an *Error.
func (b *Bound) OutputValues(r Resolver) ([]OutputValue, error) {
	var values []OutputValue
	for _, o := range b.Outputs {
		if !b.Condition(o.Condition) {
			continue
		}
		out := OutputValue{Name: o.Name, Description: o.Description}
		v, err := b.Evaluate(o.Value, r, "Outputs", o.Name, "Value")
		if err != nil {
			return nil, err
		}
		if !isScalar(v) {
			return nil, b.Fail([]string{"Outputs", o.Name, "Value"}, "Template format error: Output %s is malformed. The Value field of every Outputs member must evaluate to a String.", o.Name)
		}
		out.Value = v.Text()
		if o.Export.IsDefined() {
			name, err := b.Evaluate(o.Export, r, "Outputs", o.Name, "Export", "Name")
			if err != nil {
				return nil, err
			}
			if out.Export = name.Text(); !isScalar(name) || out.Export == "" {
				return nil, b.Fail([]string{"Outputs", o.Name, "Export", "Name"}, "Template format error: Output %s is malformed. The Name field of every Export must evaluate to a String.", o.Name)
			}
		}
		values = append(values, out)
	}
	return values, nil
}

// An evaluator evaluates one value. It is made for one use.
type evaluator struct {
	b        *Bound
	resolver Resolver // nil: there are no resources yet
	path     []string
	// partial leaves in place what needs a resource; open counts what was left.
	partial bool
	open    int
	// uncertain is true when an Unknown was looked at to decide something.
	uncertain bool
	// produced counts the bytes that functions made.
	produced int
	// rule allows the functions of the Rules section.
	rule bool
}

func (b *Bound) evaluator(r Resolver, path ...string) *evaluator {
	return &evaluator{b: b, resolver: r, path: append(make([]string, 0, len(path)+8), path...)}
}

func (e *evaluator) fail(format string, args ...any) error {
	return e.b.Fail(e.path, format, args...)
}

func (e *evaluator) push(step string) { e.path = append(e.path, step) }
func (e *evaluator) pop()             { e.path = e.path[:len(e.path)-1] }

// eval returns v evaluated; Undefined is AWS::NoValue.
func (e *evaluator) eval(v jsonvalue.Value) (jsonvalue.Value, error) {
	got, _, err := e.evalChanged(v)
	return got, err
}

// evalChanged also says whether the result may differ from v, so that what has no
// functions in it is not built anew.
func (e *evaluator) evalChanged(v jsonvalue.Value) (got jsonvalue.Value, changed bool, err error) {
	switch v.Kind() {
	case jsonvalue.KindString:
		return v, false, e.refuseDynamic(v.Str())
	case jsonvalue.KindArray:
		return e.array(v)
	case jsonvalue.KindObject:
		if name, argument, ok := function(v); ok {
			e.push(name)
			got, err = e.call(name, argument)
			e.pop()
			return got, true, err
		}
		return e.object(v)
	default:
		return v, false, nil
	}
}

// DynamicReference is how the references begin that CloudFormation resolves only
// when it calls the service.
const DynamicReference = "{{resolve:"

// refuseDynamic refuses dynamic references: Systems Manager and Secrets Manager are not there.
func (e *evaluator) refuseDynamic(s string) error {
	_, rest, found := strings.Cut(s, DynamicReference)
	if !found || e.partial || e.b.inputs.KeepDynamic {
		return nil
	}
	service, _, _ := strings.Cut(rest, ":")
	return e.fail("Template error: the dynamic reference {{resolve:%s:…}} cannot be resolved: there is no such store here. Give the value as a parameter.", service)
}

// array evaluates the elements, and makes a new array only when one changed.
func (e *evaluator) array(v jsonvalue.Value) (jsonvalue.Value, bool, error) {
	var b jsonvalue.ArrayBuilder
	changed := false
	i := 0
	for item := range v.Elements() {
		e.push(strconv.Itoa(i))
		got, differs, err := e.evalChanged(item)
		e.pop()
		if err != nil {
			return jsonvalue.Value{}, false, err
		}
		if differs && !changed {
			changed = true
			b.Grow(v.Len())
			for earlier := range v.Slice(0, i).Elements() {
				b.Append(earlier)
			}
		}
		if changed && got.IsDefined() {
			b.Append(got)
		}
		i++
	}
	if !changed {
		return v, false, nil
	}
	return b.Value(), true, nil
}

func (e *evaluator) object(v jsonvalue.Value) (jsonvalue.Value, bool, error) {
	var b jsonvalue.ObjectBuilder
	changed := false
	i := 0
	for key, item := range v.Members() {
		e.push(key)
		got, differs, err := e.evalChanged(item)
		e.pop()
		if err != nil {
			return jsonvalue.Value{}, false, err
		}
		if differs && !changed {
			changed = true
			b.Grow(v.Len())
			for j := range i {
				k, earlier := v.MemberAt(j)
				b.Set(k, earlier)
			}
		}
		if changed && got.IsDefined() {
			b.Set(key, got)
		}
		i++
	}
	if !changed {
		return v, false, nil
	}
	return b.Value(), true, nil
}

// function takes a call apart: an object with a single key that names a function.
func function(v jsonvalue.Value) (name string, argument jsonvalue.Value, ok bool) {
	if v.Len() != 1 {
		return "", argument, false
	}
	name, argument = v.MemberAt(0)
	return name, argument, name == "Ref" || strings.HasPrefix(name, "Fn::")
}

// again is a call that stays as it is, with what its argument has become.
func again(name string, argument jsonvalue.Value) jsonvalue.Value {
	return jsonvalue.ObjectOf(jsonvalue.Member{Key: name, Value: argument})
}

// resolved turns a resolver's answer into a value or an error with its place.
func (e *evaluator) resolved(v jsonvalue.Value, err error) (jsonvalue.Value, error) {
	if err == nil {
		return v, nil
	}
	var placed *Error
	if errors.As(err, &placed) && placed.Line > 0 {
		return v, err
	}
	return v, e.fail("%s", err.Error())
}

func isUnknown(v jsonvalue.Value) bool {
	return v.Kind() == jsonvalue.KindString && v.Str() == Unknown
}
