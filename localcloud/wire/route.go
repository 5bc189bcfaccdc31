package wire

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
)

// An exchange is one request and what becomes of it.
type exchange struct {
	request *http.Request
	caller  Caller
	scope   string // the service in the credential's scope

	protocol Protocol
	service  *service // nil as long as it is not known
	op       *boundOp
	labels   map[string]string // of the path in the rest protocols
	form     *formNode         // of the query protocol
	body     []byte

	buffer *bytes.Buffer // behind body

	payload *Stream // the input of a restXml service
	sends   *Stream // the output, when it is one
}

// find decides which operation the request is for and in which protocol it
// speaks. The order is: rpc-v2-cbor by its header or path, awsJson by its target,
// the scope of a restXml service, a form with an Action, a path of a restJson1
// service, and S3 for all the rest.
func (s *Server) find(x *exchange) *Error {
	r := x.request
	target := headerValue(r, "X-Amz-Target")
	if smithy := headerValue(r, "Smithy-Protocol"); smithy != "" || strings.Contains(r.URL.Path, "/operation/") {
		if name, op, ok := rpcPath(r.URL.Path); ok && x.scope != "s3" || smithy != "" {
			x.protocol = CBOR
			if target != "" || headerValue(r, "X-Amzn-Target") != "" {
				return newSerializationError("A request of the protocol rpc-v2-cbor must not have a target.")
			}
			if !ok || smithy != "" && smithy != "rpc-v2-cbor" {
				return newUnknownOperation("rpc-v2-cbor", r.URL.Path)
			}
			return s.pick(x, s.byTarget[name], name, op)
		}
	}
	if target != "" {
		prefix, op, _ := strings.Cut(target, ".")
		x.protocol = JSON10
		svc := s.byTarget[prefix]
		if svc != nil && svc.speaks(JSON11) || strings.HasSuffix(headerValue(r, "Content-Type"), "json-1.1") {
			x.protocol = JSON11
		}
		return s.pick(x, svc, prefix, op)
	}
	for _, svc := range s.services {
		if x.scope == svc.SigningName && svc.speaks(RestXML) {
			return s.findXML(x, svc)
		}
	}
	if text, ok, err := s.formText(x); ok || err != nil {
		x.protocol = Query
		if err != nil {
			return err
		}
		return s.findAction(x, text)
	}
	return s.findPath(x)
}

// pick takes the operation called op of svc; svc may be nil, for a service
// called name that is not there.
func (s *Server) pick(x *exchange, svc *service, name, op string) *Error {
	if svc == nil {
		return &Error{
			Code:    "NotImplementedException",
			Message: "The local cloud has no service " + name + " and does not implement its operation " + op + ".",
			Status:  http.StatusNotImplemented,
			Server:  true,
		}
	}
	x.service = svc
	if x.op = svc.ops[op]; x.op == nil {
		return newUnknownOperation(svc.ID, op)
	}
	if x.op.row == nil {
		return newNotImplemented(svc.ID, op)
	}
	return nil
}

// rpcPath reads /service/NAME/operation/OP, which may have a prefix; NAME may be
// an absolute shape id, of which the last part counts.
func rpcPath(path string) (service, op string, ok bool) {
	parts := strings.Split(path, "/")
	if len(parts) < 4 {
		return "", "", false
	}
	parts = parts[len(parts)-4:]
	if parts[0] != "service" || parts[2] != "operation" {
		return "", "", false
	}
	service = parts[1]
	if i := strings.LastIndexAny(service, ".#"); i >= 0 {
		service = service[i+1:]
	}
	return service, parts[3], true
}

// formText returns the form of a request in the query protocol: the body of a
// POST to "/", or the URL's query of a GET of it.
func (s *Server) formText(x *exchange) (text string, ok bool, err *Error) {
	r := x.request
	if r.URL.Path != "/" && r.URL.Path != "" {
		return "", false, nil
	}
	switch r.Method {
	case http.MethodGet:
		return r.URL.RawQuery, strings.Contains("&"+r.URL.RawQuery, "&Action="), nil
	case http.MethodPost:
		ct := headerValue(r, "Content-Type")
		form := strings.HasPrefix(ct, "application/x-www-form-urlencoded")
		if !form && ct != "" {
			return "", false, nil
		}
		if err := x.readBody(1 << 20); err != nil {
			return "", true, err
		}
		return string(x.body), form || bytes.Contains(x.body, []byte("Action=")), nil
	default:
		return "", false, nil
	}
}

// findAction finds the operation of a form.
func (s *Server) findAction(x *exchange, text string) *Error {
	form, err := parseForm(text)
	if err != nil {
		return err
	}
	x.form = form
	action, version := form.text("Action"), form.text("Version")
	if svc := s.queryService(x.scope, version, action); svc != nil {
		if action == "" {
			x.service = svc
			return missingAction()
		}
		if svc.ops[action] == nil {
			x.service = svc
			return &Error{
				Code:    "InvalidAction",
				Message: "Could not find operation " + action + " for version " + version,
				Status:  http.StatusBadRequest,
			}
		}
		return s.pick(x, svc, svc.ID, action)
	}
	if action == "" {
		return missingAction()
	}
	return &Error{
		Code:    "NotImplementedException",
		Message: "The local cloud has no service with the API version " + version + " and does not implement its operation " + action + ".",
		Status:  http.StatusNotImplemented,
		Server:  true,
	}
}

func missingAction() *Error {
	return &Error{
		Code:    "MissingAction",
		Message: "The request must contain the parameter Action.",
		Status:  http.StatusBadRequest,
	}
}

// queryService returns the service of a form: that of the credential's scope, or
// that with the version, or for a form without version that with the action.
func (s *Server) queryService(scope, version, action string) *service {
	var byVersion, byAction *service
	for _, svc := range s.services {
		if !svc.speaks(Query) {
			continue
		}
		if svc.SigningName == scope && (version == "" || version == svc.APIVersion) {
			return svc
		}
		if version == svc.APIVersion {
			byVersion = svc
		}
		if byAction == nil && svc.ops[action] != nil {
			byAction = svc
		}
	}
	if byVersion == nil && version == "" {
		return byAction
	}
	return byVersion
}

// findPath finds the operation of a rest service by method and path.
func (s *Server) findPath(x *exchange) *Error {
	r := x.request
	x.protocol = RestXML
	parts, ok := splitPath(r.URL.EscapedPath())
	if !ok {
		return &Error{Code: "InvalidURI", Message: "Couldn't parse the specified URI.", Status: http.StatusBadRequest}
	}
	wrongMethod := false
	for _, svc := range s.services {
		if !svc.speaks(RestJSON) || x.scope != "" && x.scope != svc.SigningName {
			continue
		}
		op, labels, wrong := match(svc.routes, r.Method, parts, r.URL.Query())
		if op != nil {
			x.protocol = RestJSON
			x.labels = labels
			return s.pick(x, svc, svc.ID, op.Name)
		}
		if x.scope == svc.SigningName || wrong {
			x.protocol = RestJSON
			x.service = svc
			wrongMethod = wrong
		}
	}
	switch {
	case wrongMethod:
		return &Error{Code: "MethodNotAllowedException", Message: "The method " + r.Method + " is not allowed for " + r.URL.Path + ".", Status: http.StatusMethodNotAllowed}
	case x.service != nil:
		return &Error{Code: "UnknownOperationException", Message: x.service.ID + " has no operation at " + r.Method + " " + r.URL.Path + ".", Status: http.StatusNotFound}
	case isDatedPath(parts):
		x.protocol = RestJSON
	case x.scope == "":
		// Who does not sign reads a link to an object, or opens one.
		for _, svc := range s.services {
			if svc.speaks(RestXML) {
				return s.findXML(x, svc)
			}
		}
	}
	return &Error{
		Code:    "NotImplemented",
		Message: "The local cloud has no service that answers " + r.Method + " " + r.URL.Path + ".",
		Status:  http.StatusNotImplemented,
		Server:  true,
	}
}

// isDatedPath says whether a path begins with the date of an API's version, as
// Lambda's do.
func isDatedPath(parts []string) bool {
	d := parts[0]
	return len(d) == len("2006-01-02") && strings.HasPrefix(d, "20") && d[4] == '-' && d[7] == '-'
}

func headerValue(r *http.Request, canonical string) string {
	if v := r.Header[canonical]; len(v) > 0 {
		return v[0]
	}
	return ""
}

var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// keepBuffer is the size up to which buffers are kept for other requests.
const keepBuffer = 64 << 10

func putBuffer(b *bytes.Buffer) {
	if b.Cap() <= keepBuffer {
		b.Reset()
		buffers.Put(b)
	}
}

// inflation is how many times larger than the limit a compressed body may be
// when it is unpacked.
const inflation = 10

// readBody reads the request's body, once, up to limit bytes. x.body is valid
// until release.
func (x *exchange) readBody(limit int64) *Error {
	if x.buffer != nil {
		return nil
	}
	x.buffer = buffers.Get().(*bytes.Buffer)
	var in io.Reader = x.request.Body
	if x.request.Body == nil {
		return nil
	}
	in = &bounded{in: in, left: limit}
	if headerValue(x.request, "Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(in)
		if err != nil {
			return bodyError(err)
		}
		in = &bounded{in: z, left: limit * inflation}
	}
	if _, err := x.buffer.ReadFrom(in); err != nil {
		failure := bodyError(err)
		if errors.Is(err, errTooLarge) && x.op != nil {
			failure.Message = fmt.Sprintf("Request must be smaller than %d bytes for the %s operation", limit, x.op.Name)
		}
		return failure
	}
	x.body = x.buffer.Bytes()
	return nil
}

func (x *exchange) release() {
	if x.buffer != nil {
		putBuffer(x.buffer)
		x.buffer, x.body = nil, nil
	}
}

var errTooLarge = errors.New("body too large")

// bounded reads at most left bytes and then fails, other than io.LimitReader.
type bounded struct {
	in   io.Reader
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.in.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, errTooLarge
	}
	return n, err
}

func bodyError(err error) *Error {
	if e, ok := asWireError(err); ok {
		return e
	}
	if errors.Is(err, errTooLarge) {
		return &Error{Code: "RequestEntityTooLargeException", QueryCode: "RequestEntityTooLarge", Message: "The request body is too large.", Status: http.StatusRequestEntityTooLarge}
	}
	return newSerializationError("The request body could not be read: " + err.Error())
}
