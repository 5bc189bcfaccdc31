package wire

import (
	"errors"
	"fmt"
	"net/http"
)

// An Error is an error as AWS answers it. Operations return the errors that the
// generated packages construct, such as sfnapi.NewInvalidArn(message); any
// other error is answered as an internal failure with status 500.
type Error struct {
	// Code is the name of the modelled error, such as "StateMachineDoesNotExist".
	Code string
	// QueryCode is the code in the query protocol; empty means Code.
	QueryCode string
	// Message is for people. Empty means the answer has no text.
	Message string
	// Status is the HTTP status; 0 means 400, or 500 for a server's fault.
	Status int
	// Server says that the fault is the service's; else it is the client's.
	Server bool
	// Fields are members that the model gives the error beside its message.
	Fields []Field

	// namespace replaces the service's namespace for errors of the framework.
	namespace string
}

// A Field is one further member of an Error.
type Field struct {
	// Name is the member's name in the model.
	Name string
	// Value is a string, bool, number, time, or a value of a generated type.
	Value any
}

// NewError returns the modelled error shape with a message.
func NewError(shape *ErrorShape, message string) *Error {
	return &Error{
		Code:      shape.Name,
		QueryCode: shape.QueryCode,
		Message:   message,
		Status:    shape.Status,
		Server:    shape.Server,
	}
}

// With returns a copy of e that also carries the member name with value.
func (e *Error) With(name string, value any) *Error {
	c := *e
	c.Fields = append(append([]Field(nil), e.Fields...), Field{name, value})
	return &c
}

// has says whether e carries the member name.
func (e *Error) has(name string) bool {
	for _, f := range e.Fields {
		if f.Name == name {
			return true
		}
	}
	return false
}

// Error returns code and message.
func (e *Error) Error() string {
	if e.Message == "" {
		return e.Code
	}
	return e.Code + ": " + e.Message
}

// HTTPStatus returns the status that the error is answered with.
func (e *Error) HTTPStatus() int {
	switch {
	case e.Status != 0:
		return e.Status
	case e.Server:
		return http.StatusInternalServerError
	default:
		return http.StatusBadRequest
	}
}

// queryCode is the code in the query protocol.
func (e *Error) queryCode() string {
	if e.QueryCode != "" {
		return e.QueryCode
	}
	return e.Code
}

// IsCode says whether err is, or wraps, an *Error with that Code.
func IsCode(err error, code string) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Code == code
}

// validateNamespace is where AWS's framework keeps its own validation error.
const validateNamespace = "com.amazon.coral.validate"

// NewValidationError returns the error of a request that breaks a constraint of
// the model: ValidationException in JSON and CBOR, ValidationError in the query
// protocol, status 400.
func NewValidationError(message string) *Error {
	return &Error{
		Code:      "ValidationException",
		QueryCode: "ValidationError",
		Message:   message,
		Status:    http.StatusBadRequest,
		namespace: validateNamespace,
	}
}

// newSerializationError says that a body is not what the protocol wants.
func newSerializationError(message string) *Error {
	return &Error{
		Code:      "SerializationException",
		QueryCode: "MalformedInput",
		Message:   message,
		Status:    http.StatusBadRequest,
		namespace: "com.amazon.coral.service",
	}
}

// newUnknownOperation says that a service has no such operation.
func newUnknownOperation(service, name string) *Error {
	e := &Error{
		Code:      "UnknownOperationException",
		QueryCode: "InvalidAction",
		Status:    http.StatusBadRequest,
		namespace: "com.amazon.coral.service",
	}
	if name != "" {
		e.Message = fmt.Sprintf("Could not find operation %s of service %s.", name, service)
	}
	return e
}

// newNotImplemented says that AWS has the operation but the local cloud has not.
func newNotImplemented(service, name string) *Error {
	return &Error{
		Code:    "NotImplementedException",
		Message: fmt.Sprintf("The local cloud does not implement %s of %s.", name, service),
		Status:  http.StatusNotImplemented,
		Server:  true,
	}
}

// newInternalFailure hides an error that no model names.
func newInternalFailure(err error) *Error {
	return &Error{
		Code:    "InternalFailure",
		Message: "The local cloud could not answer: " + err.Error(),
		Status:  http.StatusInternalServerError,
		Server:  true,
	}
}

// faultName is who is to blame, in the query protocol's words.
func (e *Error) faultName() string {
	if e.Server {
		return "Receiver"
	}
	return "Sender"
}

func asWireError(err error) (*Error, bool) { return errors.AsType[*Error](err) }
