package wire

import (
	"bytes"
	"io"
	"net/http"
	"reflect"
	"strconv"
)

// Content types of answers.
const (
	typeJSON10 = "application/x-amz-json-1.0"
	typeJSON11 = "application/x-amz-json-1.1"
	typeJSON   = "application/json"
	typeCBOR   = "application/cbor"
	typeXML    = "text/xml"
	typeS3     = "application/xml"
)

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := s.config.NewID()
	x := exchange{request: r}
	defer x.release()
	x.caller, x.scope = s.caller(r, id)

	answer := buffers.Get().(*bytes.Buffer)
	defer putBuffer(answer)
	h := w.Header()
	h["X-Amzn-Requestid"] = []string{id}

	defer x.endStream()
	status, body, failure := 0, []byte(nil), refuseBrowsers(r)
	if failure == nil {
		status, body, failure = s.answer(&x, h, answer.AvailableBuffer())
	}
	if failure != nil {
		status, body = x.fail(h, answer.AvailableBuffer(), failure)
	}
	if note, ok := r.Context().Value(noteKey{}).(*Note); ok {
		if x.op != nil {
			note.Operation = x.op.Name
		}
		if failure != nil {
			note.Problem = failure.Code
		}
	}
	answer.Write(body)
	switch x.protocol {
	case CBOR:
		h["Smithy-Protocol"] = []string{"rpc-v2-cbor"}
	case RestXML:
		h["X-Amz-Request-Id"] = []string{s3RequestID(id)}
		h["X-Amz-Id-2"] = []string{s3HostID(id)}
	}
	// What is streamed, or only would be, has told its length.
	said := failure == nil && x.protocol == RestXML && h["Content-Length"] != nil
	if status != http.StatusNoContent && status != http.StatusNotModified && !said {
		h["Content-Length"] = []string{strconv.Itoa(len(body))}
	}
	s.log(&x, status, failure)
	w.WriteHeader(status)
	if len(body) > 0 && r.Method != http.MethodHead {
		// The client is gone if this fails; nobody is left to be told.
		_, _ = w.Write(body)
	}
	if x.sends != nil && r.Method != http.MethodHead {
		if _, err := io.Copy(w, x.sends); err != nil {
			// Too late for an error: the client must see that bytes are missing.
			panic(http.ErrAbortHandler)
		}
	}
}

func (x *exchange) endStream() {
	if x.sends != nil {
		_ = x.sends.Close() // it was read only
	}
}

// crossOrigin knows the requests that a browser sends for a page of elsewhere.
var crossOrigin http.CrossOriginProtection

// refuseBrowsers keeps web pages from using a cloud that listens on the machine
// of who looks at them. Since any credentials are accepted, a form on any page
// could otherwise create what runs code here.
func refuseBrowsers(r *http.Request) *Error {
	if r.Header["Sec-Fetch-Site"] == nil && r.Header["Origin"] == nil {
		return nil
	}
	// A GET is not harmless here: the query protocol may act by it.
	post := *r
	post.Method = http.MethodPost
	if crossOrigin.Check(&post) == nil {
		return nil
	}
	return &Error{
		Code:    "AccessDenied",
		Message: "A web page of another origin must not use the local cloud.",
		Status:  http.StatusForbidden,
	}
}

func (s *Server) log(x *exchange, status int, failure *Error) {
	if !s.config.Log.Enabled(x.request.Context(), -4) {
		return
	}
	name, code := "", ""
	if x.op != nil {
		name = x.op.service.ID + "." + x.op.Name
	}
	if failure != nil {
		code = failure.Code
	}
	s.config.Log.Debug("request", "operation", name, "protocol", x.protocol.String(), "status", status, "error", code, "account", x.caller.Account, "region", x.caller.Region)
}

// answer carries a request out and appends the body of its answer to b.
func (s *Server) answer(x *exchange, h http.Header, b []byte) (status int, body []byte, failure *Error) {
	if e := s.find(x); e != nil {
		return 0, nil, e
	}
	if x.protocol == RestXML {
		x.unframe()
	}
	if x.protocol != RestXML || !x.op.streams() {
		if e := x.readBody(x.service.maxBody); e != nil {
			return 0, nil, e
		}
	}
	in, missing, e := x.decode()
	if e != nil {
		return 0, nil, e
	}
	out, e := s.run(WithCaller(x.request.Context(), x.caller), x.op, in, missing)
	if e != nil {
		return 0, nil, e
	}
	status, body = x.encode(h, b, out)
	if len(body) > 0 {
		for name, value := range x.op.row.headers {
			h[name] = value
		}
	}
	return status, body, nil
}

// decode reads the input of the operation.
func (x *exchange) decode() (in reflect.Value, missing []string, err *Error) {
	p, _ := x.op.plans()
	in = reflect.New(x.op.row.in)
	if p == nil {
		return in, nil, nil
	}
	v := in.Elem()
	switch x.protocol {
	case JSON10, JSON11:
		d := jsonDecoder{data: x.body}
		err = d.document(p, v)
		missing = d.missing
	case CBOR:
		d := cborDecoder{data: x.body}
		err = d.document(p, v)
		missing = d.missing
	case Query:
		d := formDecoder{}
		err = d.structure(p, v, x.form)
		missing = d.missing
	case RestJSON:
		missing, err = decodeRest(p, v, x.request, x.labels, x.body)
	case RestXML:
		missing, err = decodeRestXML(p, v, x)
	default:
		panic("wire: nothing decodes " + x.protocol.String())
	}
	return in, missing, err
}

// encode appends the answer of a successful operation.
func (x *exchange) encode(h http.Header, b []byte, out reflect.Value) (status int, body []byte) {
	_, p := x.op.plans()
	status = http.StatusOK
	switch x.protocol {
	case JSON10, JSON11:
		setType(h, x.jsonType())
		if p == nil {
			return status, append(b, "{}"...)
		}
		return status, jsonStyle{}.appendJSON(b, p, out)
	case CBOR:
		if p == nil {
			return status, b
		}
		setType(h, typeCBOR)
		return status, appendCBOR(b, p, out)
	case Query:
		setType(h, typeXML)
		return status, queryAnswer(b, x.service.Service, x.op.Operation, p, out, x.caller.RequestID)
	case RestJSON, RestXML:
		if x.op.Status != 0 {
			status = x.op.Status
		}
		if p == nil {
			return status, b
		}
		if x.protocol == RestXML {
			return x.encodeRestXML(b, h, p, out, status)
		}
		return encodeRest(b, h, p, out, status)
	default:
		panic("wire: nothing encodes " + x.protocol.String())
	}
}

func setType(h http.Header, contentType string) { h["Content-Type"] = []string{contentType} }

func (x *exchange) jsonType() string {
	if x.protocol == JSON11 {
		return typeJSON11
	}
	return typeJSON10
}

// fail appends the answer of an error.
func (x *exchange) fail(h http.Header, b []byte, e *Error) (status int, body []byte) {
	status = e.HTTPStatus()
	f := failureOf(x.service, e)
	if x.service != nil && x.service.QueryCompatible && (x.protocol == JSON10 || x.protocol == JSON11 || x.protocol == CBOR) {
		if headerValue(x.request, "X-Amzn-Query-Mode") == "true" {
			h["X-Amzn-Query-Error"] = []string{e.queryCode() + ";" + e.faultName()}
		} else if status < 500 {
			// Only who knows of the query protocol's codes gets its statuses.
			status = http.StatusBadRequest
		}
	}
	switch x.protocol {
	case JSON10, JSON11:
		setType(h, x.jsonType())
		return status, f.appendJSON(b, true)
	case CBOR:
		setType(h, typeCBOR)
		return status, f.appendCBOR(b)
	case Query:
		setType(h, typeXML)
		namespace := ""
		if x.service != nil {
			namespace = x.service.XMLNamespace
		}
		return status, queryFailure(b, namespace, e, f.appendXML, x.caller.RequestID)
	case RestJSON:
		setType(h, typeJSON)
		h["X-Amzn-Errortype"] = []string{e.Code}
		return status, f.appendJSON(b, false)
	default:
		if status == http.StatusNotModified {
			return status, b
		}
		setType(h, typeS3)
		return status, s3Failure(b, e, f.appendXML, x.request.URL.Path, x.caller.RequestID)
	}
}
