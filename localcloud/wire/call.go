package wire

import (
	"context"
	"net/http"
	"reflect"
	"strings"
)

// Call carries out an operation for a state machine's task, as the integration
// arn:aws:states:::aws-sdk:SERVICE:OPERATION does. service is the name there
// ("sfn", "cloudwatch"), operation the operation's name, whose first letter may
// be small. params is a JSON object, or empty; its member names may begin with a
// capital, which is how AWS wants them, or be as in the model. Blobs in it are
// plain text or any JSON; timestamps are ISO 8601.
//
// The result is a JSON object with member names that begin with capitals and
// timestamps as ISO 8601. The caller is that of ctx, with a request id of its
// own. The error is always an *Error.
func (s *Server) Call(ctx context.Context, service, operation string, params []byte) ([]byte, error) {
	out, p, e := s.invoke(ctx, service, operation, params)
	if e != nil {
		return nil, e
	}
	if p == nil {
		return []byte("{}"), nil
	}
	if p.shape.Payload != "" && p.payload().plan.stream {
		if v, ok := p.payload().get(out); ok {
			if e := v.Addr().Interface().(*Stream).collect(maxCollected); e != nil {
				return nil, e
			}
		}
	}
	return jsonStyle{integration: true}.appendJSON(nil, p, out), nil
}

// maxCollected bounds a stream that becomes a value, well above what a state
// machine can hold.
const maxCollected = 1 << 20

// Has says whether Call knows the operation of the service, and whether the
// service is there at all.
func (s *Server) Has(service, operation string) (hasService, hasOperation bool) {
	svc := s.byName[strings.ToLower(service)]
	if svc == nil {
		return false, false
	}
	op := svc.ops[capital(operation)]
	return true, op != nil && op.row != nil
}

func (s *Server) invoke(ctx context.Context, service, operation string, params []byte) (reflect.Value, *plan, *Error) {
	operation = capital(operation)
	svc := s.byName[strings.ToLower(service)]
	if svc == nil {
		return reflect.Value{}, nil, &Error{
			Code:    "NotImplementedException",
			Message: "The local cloud has no service " + service + " and does not implement its operation " + operation + ".",
			Status:  http.StatusNotImplemented,
			Server:  true,
		}
	}
	op := svc.ops[operation]
	if op == nil {
		return reflect.Value{}, nil, newUnknownOperation(svc.ID, operation)
	}
	if op.row == nil {
		return reflect.Value{}, nil, newNotImplemented(svc.ID, operation)
	}
	inPlan, outPlan := op.plans()
	in := reflect.New(op.row.in)
	var missing []string
	if inPlan != nil {
		d := jsonDecoder{data: params, integration: true}
		if e := d.document(inPlan, in.Elem()); e != nil {
			return reflect.Value{}, nil, e
		}
		missing = d.missing
	}
	caller := CallerFrom(ctx)
	caller.RequestID = s.config.NewID()
	out, e := s.run(WithCaller(ctx, caller), op, in, missing)
	return out, outPlan, e
}

// capital returns s with its first letter in upper case.
func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
