package wire

import (
	"cmp"
	"encoding/base64"
	"net"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
)

// An xmlRoute is the binding of an operation of a restXml service. Many share a
// path and a method; they differ in what else a request must have.
type xmlRoute struct {
	route
	params  []string // query parameters that must be there
	headers []string // headers that must be there
	known   []string // query parameters that the operation has a member for
}

// xmlRoutes returns the routes of a service, those that want more first.
func xmlRoutes(ops []*boundOp) []xmlRoute {
	rs := make([]xmlRoute, len(ops))
	for i, op := range ops {
		r := xmlRoute{route: newRoute(op)}
		if op.Input != None {
			for _, m := range op.service.Shapes[op.Input].Members {
				switch {
				case m.Location == QueryString:
					r.known = append(r.known, m.wireName())
					if m.Required {
						r.params = append(r.params, m.wireName())
					}
				case m.Location == Header && m.Required:
					r.headers = append(r.headers, http.CanonicalHeaderKey(m.wireName()))
				}
			}
		}
		rs[i] = r
	}
	slices.SortStableFunc(rs, func(a, b xmlRoute) int { return cmp.Compare(b.wants(), a.wants()) })
	return rs
}

func (r *xmlRoute) wants() int { return len(r.query) + len(r.params) + len(r.headers) }

func (r *xmlRoute) accepts(request *http.Request, parts []string, query url.Values) bool {
	if !r.matchesParts(parts) || !r.matchesQuery(query) {
		return false
	}
	for _, name := range r.params {
		if _, ok := query[name]; !ok {
			return false
		}
	}
	for _, name := range r.headers {
		if request.Header[name] == nil {
			return false
		}
	}
	return true
}

// matchesParts is other than for JSON services in that a key may have empty
// parts: "a//b" and "folder/" are names.
func (r *xmlRoute) matchesParts(parts []string) bool {
	for i, s := range r.segments {
		switch {
		case s.greedy:
			return i < len(parts)
		case i >= len(parts):
			return false
		case s.label && parts[i] == "", !s.label && s.text != parts[i]:
			return false
		}
	}
	return len(parts) == len(r.segments)
}

// refuses returns the first parameter that names a part of the resource which no
// operation of the model is for, as in "?acl"; AWS's own parameters have values.
func (r *xmlRoute) refuses(query url.Values) string {
	for name, values := range query {
		_, fixed := r.query[name]
		if !fixed && values[0] == "" && !slices.Contains(r.known, name) {
			return name
		}
	}
	return ""
}

// xmlParts returns the bucket and what follows, unescaped. In the virtual-hosted
// style the host begins with the bucket.
func xmlParts(r *http.Request, hosts []string) ([]string, bool) {
	path := strings.TrimPrefix(r.URL.EscapedPath(), "/")
	bucket := bucketOfHost(r.Host, hosts)
	var parts []string
	if bucket != "" {
		parts = append(parts, bucket)
	}
	if path != "" {
		for part := range strings.SplitSeq(path, "/") {
			text, err := url.PathUnescape(part)
			if err != nil {
				return nil, false
			}
			parts = append(parts, text)
		}
	}
	// "/bucket/" is the bucket, not a key without a name.
	if len(parts) == 2 && parts[1] == "" {
		parts = parts[:1]
	}
	if len(parts) == 0 {
		parts = []string{""} // as a route's path "/" has one empty segment
	}
	return parts, true
}

// bucketOfHost returns the bucket before one of hosts, or before "s3" in a name
// of AWS's; "" if the host names none.
func bucketOfHost(host string, hosts []string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(host)
	if net.ParseIP(strings.Trim(host, "[]")) != nil {
		return ""
	}
	for _, marker := range []string{".s3.", ".s3-"} {
		if i := strings.Index(host, marker); i > 0 {
			return host[:i]
		}
	}
	if strings.HasPrefix(host, "s3.") || strings.HasPrefix(host, "s3-") {
		return ""
	}
	for _, base := range hosts {
		if bucket, ok := strings.CutSuffix(host, "."+base); ok {
			return bucket
		}
	}
	return ""
}

// findXML finds the operation of a restXml service.
func (s *Server) findXML(x *exchange, svc *service) *Error {
	r := x.request
	x.protocol, x.service = RestXML, svc
	parts, ok := xmlParts(r, s.config.Hosts)
	if !ok {
		return &Error{Code: "InvalidURI", Message: "Couldn't parse the specified URI.", Status: http.StatusBadRequest}
	}
	query := r.URL.Query()
	wrong := false
	for i := range svc.xmlRoutes {
		route := &svc.xmlRoutes[i]
		if !route.accepts(r, parts, query) {
			continue
		}
		if route.method != r.Method {
			wrong = true
			continue
		}
		if part := route.refuses(query); part != "" {
			return &Error{
				Code:    "NotImplemented",
				Message: "The local cloud does not implement the part \"" + part + "\" of buckets and objects.",
				Status:  http.StatusNotImplemented,
				Server:  true,
			}
		}
		x.labels = route.labels(parts)
		return s.pick(x, svc, svc.ID, route.op.Name)
	}
	if wrong {
		return &Error{Code: "MethodNotAllowed", Message: "The specified method is not allowed against this resource.", Status: http.StatusMethodNotAllowed}
	}
	return &Error{Code: "InvalidURI", Message: "Couldn't parse the specified URI.", Status: http.StatusBadRequest}
}

// streams says whether the operation's input has a stream, which is not to be
// read before the operation runs.
func (op *boundOp) streams() bool {
	in, _ := op.plans()
	return in != nil && in.shape.Payload != "" && in.payload().plan.stream
}

// unframe replaces the body of a request to a restXml service by its payload, and
// the headers that tell of the framing. The caller's request stays as it is.
func (x *exchange) unframe() {
	limit := x.service.maxBody
	if x.op.streams() {
		limit = x.service.maxStream
	}
	x.payload = payload(x.request, limit)
	r := new(http.Request)
	*r = *x.request
	r.Body = x.payload.ReadCloser
	if encoding := headerValue(r, "Content-Encoding"); isChunked(encoding) {
		r.Header = r.Header.Clone()
		if rest := withoutChunked(encoding); rest != "" {
			r.Header.Set("Content-Encoding", rest)
		} else {
			r.Header.Del("Content-Encoding")
		}
	}
	x.request = r
}

// decodeRestXML reads a request into v, a structure of p. It returns the paths of
// the required members that are not there.
func decodeRestXML(p *plan, v reflect.Value, x *exchange) ([]string, *Error) {
	rd := restDecoder{request: x.request, labels: x.labels, query: x.request.URL.Query()}
	seen, err := rd.members(p, v)
	if err != nil {
		return nil, err
	}
	xd := xmlDecoder{}
	if p.shape.Payload != "" {
		m := p.payload()
		switch {
		case m.plan.stream:
			m.slot(v).Set(reflect.ValueOf(*x.payload))
		case len(x.body) > 0:
			root, err := parseXML(x.body)
			if err != nil {
				return nil, err
			}
			xd.push(step{name: m.camel})
			if err := xd.value(m.plan, m.slot(v), root); err != nil {
				return nil, err
			}
			xd.pop()
		case m.Required:
			return nil, &Error{Code: "MissingRequestBodyError", Message: "Request Body is empty", Status: http.StatusBadRequest}
		}
	}
	xd.absent(p, seen)
	return xd.missing, nil
}

const xmlHead = `<?xml version="1.0" encoding="UTF-8"?>` + "\n"

// encodeRestXML returns the status and the body of an answer and sets its headers;
// a stream is left in x, for after the headers.
func (x *exchange) encodeRestXML(b []byte, h http.Header, p *plan, v reflect.Value, status int) (int, []byte) {
	status = bindHeaders(h, p, v, status)
	if h["Content-Range"] != nil {
		status = http.StatusPartialContent
	}
	if status == http.StatusNoContent || status == http.StatusNotModified {
		return status, b
	}
	if p.shape.Payload != "" {
		m := p.payload()
		mv, ok := m.get(v)
		switch {
		case !ok:
			return status, b
		case m.plan.stream:
			x.sends = mv.Addr().Interface().(*Stream)
			return status, b
		default:
			setType(h, typeS3)
			return status, appendXMLRoot(append(b, xmlHead...), m.plan.shape.Name, x.service.XMLNamespace, m.plan, mv)
		}
	}
	if !p.hasBody() {
		return status, b
	}
	setType(h, typeS3)
	root := x.op.ResultWrapper
	if root == "" {
		root = p.shape.Name
	}
	b = append(b, xmlHead...)
	if !x.op.Unwrapped {
		return status, appendXMLRoot(b, root, x.service.XMLNamespace, p, v)
	}
	// The one member is the document.
	m := &p.members[0]
	text := ""
	if mv, ok := m.get(v); ok {
		text = scalarText(m.plan, mv, "")
	}
	b = append(b, '<')
	b = append(b, m.wire...)
	b = append(b, ` xmlns="`+x.service.XMLNamespace+`">`...)
	b = appendXMLText(b, text)
	return status, closeXML(b, m.wire)
}

// appendXMLRoot appends a structure as a document's root.
func appendXMLRoot(b []byte, name, namespace string, p *plan, v reflect.Value) []byte {
	b = append(b, '<')
	b = append(b, name...)
	b = append(b, ` xmlns="`+namespace+`">`...)
	b = appendXMLMembers(b, p, v)
	return closeXML(b, name)
}

// s3RequestID is a request's id in the form that S3 gives its ids.
func s3RequestID(id string) string {
	return strings.ToUpper(strings.ReplaceAll(id, "-", ""))[:min(16, len(id))]
}

// s3HostID is the second id of a request, which S3's answers have as well.
func s3HostID(id string) string {
	return base64.StdEncoding.EncodeToString([]byte(id + id))
}

// s3Code is an error's code as S3 has it.
func s3Code(e *Error) string {
	switch e.Code {
	case "ValidationException", "SerializationException":
		return "InvalidArgument"
	case "NotImplementedException":
		return "NotImplemented"
	case "InternalFailure":
		return "InternalError"
	case "RequestEntityTooLargeException":
		return "MaxMessageLengthExceeded"
	default:
		return e.Code
	}
}
