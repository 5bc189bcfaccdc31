package wire

import (
	"fmt"
	"reflect"
	"time"
)

// A failure is an error on its way into bytes: with the names that the model
// gives to its members.
type failure struct {
	*Error
	typeName    string // the value of __type
	messageName string
	fields      []failureField
}

type failureField struct {
	name  string
	plan  *plan
	value reflect.Value
}

// failureOf looks up how svc, which may be nil, words e.
func failureOf(svc *service, e *Error) failure {
	f := failure{Error: e, typeName: e.Code, messageName: "message"}
	var shape *Shape
	namespace := e.namespace
	if svc != nil {
		if es := svc.errorShape(e.Code); es != nil {
			shape = &svc.Shapes[es.Shape]
			if namespace == "" {
				namespace = svc.ErrorNamespace
			}
		}
		// awsJson1.1 services send the bare name, their framework's too.
		if svc.speaks(JSON11) {
			namespace = ""
		}
	}
	if namespace != "" {
		f.typeName = namespace + "#" + e.Code
	}
	if shape != nil {
		for i := range shape.Members {
			if n := shape.Members[i].Name; n == "Message" || n == "message" {
				f.messageName = n
			}
		}
	}
	if shape != nil && !e.has("Type") && shape.member("Type") != nil {
		// Lambda's errors say in their bodies who is to blame.
		blame := "User"
		if e.Server {
			blame = "Service"
		}
		f.fields = append(f.fields, fieldOf(svc, shape, Field{"Type", blame}))
	}
	for _, field := range e.Fields {
		f.fields = append(f.fields, fieldOf(svc, shape, field))
	}
	return f
}

// fieldOf finds the plan of a field: that of the member in the model, or one
// for its Go type.
func fieldOf(svc *service, shape *Shape, field Field) failureField {
	v := reflect.ValueOf(field.Value)
	for v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	if shape != nil {
		if m := shape.member(field.Name); m != nil {
			switch svc.Shapes[m.Shape].Kind {
			case Integer:
				v = v.Convert(reflect.TypeFor[int32]())
			case Long:
				v = v.Convert(reflect.TypeFor[int64]())
			case Float, Double:
				v = v.Convert(reflect.TypeFor[float64]())
			}
			return failureField{m.wireName(), svc.planner.plan(m.Shape, v.Type()), v}
		}
	}
	kind := String
	switch v.Interface().(type) {
	case string:
	case bool:
		kind = Boolean
	case int, int32, int64:
		kind = Long
		v = v.Convert(reflect.TypeFor[int64]())
	case float64:
		kind = Double
	case time.Time:
		kind = Timestamp
	default:
		panic(fmt.Sprintf("wire: the field %s of an error has the type %s, which no model gives it", field.Name, v.Type()))
	}
	return failureField{field.Name, &plan{shape: &Shape{Name: field.Name, Kind: kind}, kind: kind, typ: v.Type()}, v}
}

// appendJSON appends the error as an object, with its type if that is not in a
// header.
func (f *failure) appendJSON(b []byte, withType bool) []byte {
	b = append(b, '{')
	sep := func() {
		if b[len(b)-1] != '{' {
			b = append(b, ',')
		}
	}
	if withType {
		b = append(b, `"__type":`...)
		b = appendJSONString(b, f.typeName)
	}
	for _, x := range f.fields {
		sep()
		b = appendJSONString(b, x.name)
		b = append(b, ':')
		b = jsonStyle{}.appendJSON(b, x.plan, x.value)
	}
	if f.Message != "" {
		sep()
		b = append(b, '"')
		b = append(b, f.messageName...)
		b = append(b, `":`...)
		b = appendJSONString(b, f.Message)
	}
	return append(b, '}')
}

func (f *failure) appendCBOR(b []byte) []byte {
	n := 1 + len(f.fields)
	if f.Message != "" {
		n++
	}
	b = appendCBORHead(b, cborMap, uint64(n))
	b = appendCBORText(b, "__type")
	b = appendCBORText(b, f.typeName)
	for _, x := range f.fields {
		b = appendCBORText(b, x.name)
		b = appendCBOR(b, x.plan, x.value)
	}
	if f.Message != "" {
		b = appendCBORText(b, f.messageName)
		b = appendCBORText(b, f.Message)
	}
	return b
}

func (f *failure) appendXML(b []byte) []byte {
	for _, x := range f.fields {
		b = appendXML(b, x.name, x.plan, x.value, x.plan.shape.TimeFormat)
	}
	return b
}
