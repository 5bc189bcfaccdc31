package sfn

import (
	"slices"
	"strings"

	"github.com/crossfade-dev/crossfade/asl"
	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/sfnapi"
)

// checkMock holds a mocked result to the model of the operation that it stands
// for: strictly, only in the fields that are present, or not at all. Fields that
// the model does not have are let through, and so are services without a model.
//
// Source: API reference, MockInput, fieldValidationMode; messages recorded.
func (s *Service) checkMock(r asl.Resource, result jsonvalue.Value, mode *string) error {
	if mode != nil && *mode == sfnapi.MockResponseValidationModeNone || r.Kind != asl.Integration && r.Kind != asl.SDK {
		return nil
	}
	service := r.Service
	if service == "states" {
		service = sfnapi.Service.Name
	}
	for _, model := range s.models {
		if model.Name != service && model.SigningName != service {
			continue
		}
		for i := range model.Operations {
			o := &model.Operations[i]
			if !strings.EqualFold(o.Name, r.Action) || o.Output == wire.None {
				continue
			}
			c := mockCheck{model: model, strict: mode == nil || *mode == sfnapi.MockResponseValidationModeStrict}
			if why := c.shape("", &model.Shapes[o.Output], result); why != "" {
				return sfnapi.NewValidationException("Mock result schema validation error: " + why)
			}
		}
	}
	return nil
}

// A mockCheck holds a value to the shapes of a model.
type mockCheck struct {
	model  *wire.Service
	strict bool
}

// shape says what is wrong with the value of a field, "" when nothing is.
func (c mockCheck) shape(field string, shape *wire.Shape, v jsonvalue.Value) string {
	kind, article := jsonvalue.KindString, "a string"
	switch shape.Kind {
	case wire.Structure, wire.Map:
		kind, article = jsonvalue.KindObject, "an object"
	case wire.List:
		kind, article = jsonvalue.KindArray, "an array"
	case wire.Boolean:
		kind, article = jsonvalue.KindBool, "a boolean"
	case wire.Integer, wire.Long, wire.Float, wire.Double:
		kind, article = jsonvalue.KindNumber, "a number"
	case wire.String, wire.Timestamp, wire.Blob:
	}
	if v.Kind() != kind {
		return "Field '" + field + "' must be " + article
	}
	switch shape.Kind {
	case wire.Structure:
		return c.members(shape, v)
	case wire.List:
		for e := range v.Elements() {
			if why := c.shape(field, &c.model.Shapes[shape.Elem], e); why != "" {
				return why
			}
		}
	case wire.Map:
		for key, e := range v.Members() {
			if why := c.shape(key, &c.model.Shapes[shape.Elem], e); why != "" {
				return why
			}
		}
	case wire.String:
		if len(shape.Enum) > 0 && !slices.Contains(shape.Enum, v.Str()) {
			return "Field '" + field + "' is not an expected value"
		}
	}
	return bounds(field, shape, v)
}

// members checks the members of a structure. An optimized integration shows a
// function's payload as a value, where the model has bytes.
func (c mockCheck) members(shape *wire.Shape, v jsonvalue.Value) string {
	for i := range shape.Members {
		m := &shape.Members[i]
		name := capital(m.Name)
		value, ok := v.Get(name)
		switch {
		case !ok && m.Required && c.strict:
			return "Required field '" + name + "' is missing"
		case !ok || m.Name == shape.Payload:
		default:
			if why := c.shape(name, &c.model.Shapes[m.Shape], value); why != "" {
				return why
			}
		}
	}
	return ""
}

// bounds checks lengths and numbers.
func bounds(field string, shape *wire.Shape, v jsonvalue.Value) string {
	r := shape.Range
	if r == nil {
		return ""
	}
	size, small, large := float64(v.Len()), "is smaller than the minimum length", "exceeds the maximum length"
	switch v.Kind() {
	case jsonvalue.KindString:
		size = float64(len([]rune(v.Str())))
	case jsonvalue.KindNumber:
		size, small, large = v.Float(), "is less than the minimum value", "exceeds the maximum value"
	}
	switch {
	case r.HasMin && size < r.Min:
		return "Field '" + field + "' " + small
	case r.HasMax && size > r.Max:
		return "Field '" + field + "' " + large
	default:
		return ""
	}
}
