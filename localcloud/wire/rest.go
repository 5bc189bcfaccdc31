package wire

import (
	"cmp"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
)

// A route is the binding of an operation of a rest protocol to a method and a
// path.
type route struct {
	method   string
	segments []segment
	query    url.Values // fixed parameters that must be there
	op       *boundOp
}

// A segment is one part of a path: fixed text, or a label that takes one part
// or, greedy, all that are left.
type segment struct {
	text   string
	label  bool
	greedy bool
}

func newRoute(op *boundOp) route {
	path, query, _ := strings.Cut(op.URI, "?")
	r := route{method: op.Method, op: op}
	if query != "" {
		// A parameter without value, as in "?delete", must only be present.
		r.query, _ = url.ParseQuery(query)
	}
	for part := range strings.SplitSeq(strings.Trim(path, "/"), "/") {
		switch {
		case strings.HasPrefix(part, "{") && strings.HasSuffix(part, "+}"):
			r.segments = append(r.segments, segment{text: part[1 : len(part)-2], label: true, greedy: true})
		case strings.HasPrefix(part, "{") && strings.HasSuffix(part, "}"):
			r.segments = append(r.segments, segment{text: part[1 : len(part)-1], label: true})
		default:
			r.segments = append(r.segments, segment{text: part})
		}
	}
	return r
}

// routes returns the routes of a service, the more particular ones first: fixed
// text before labels, and fixed parameters before none.
func routes(ops []*boundOp) []route {
	rs := make([]route, len(ops))
	for i, op := range ops {
		rs[i] = newRoute(op)
	}
	slices.SortStableFunc(rs, func(a, b route) int {
		for i := range min(len(a.segments), len(b.segments)) {
			if d := a.segments[i].rank() - b.segments[i].rank(); d != 0 {
				return d
			}
		}
		if d := len(b.segments) - len(a.segments); d != 0 {
			return d
		}
		return len(b.query) - len(a.query)
	})
	return rs
}

func (s segment) rank() int {
	switch {
	case s.greedy:
		return 2
	case s.label:
		return 1
	default:
		return 0
	}
}

// splitPath returns the parts of an escaped path, each unescaped once: a label
// may contain a slash or colon that is written %2F or %3A.
func splitPath(escaped string) ([]string, bool) {
	parts := strings.Split(strings.Trim(escaped, "/"), "/")
	for i, p := range parts {
		if strings.IndexByte(p, '%') < 0 {
			continue
		}
		u, err := url.PathUnescape(p)
		if err != nil {
			return nil, false
		}
		parts[i] = u
	}
	return parts, true
}

// match returns the operation of a request and the values of its labels. wrong
// says that the path exists, but not with this method.
func match(rs []route, method string, parts []string, query url.Values) (op *boundOp, labels map[string]string, wrong bool) {
	for i := range rs {
		r := &rs[i]
		if !r.matches(parts) || !r.matchesQuery(query) {
			continue
		}
		if r.method != method {
			wrong = true
			continue
		}
		return r.op, r.labels(parts), false
	}
	return nil, nil, wrong
}

func (r *route) matches(parts []string) bool {
	for i, s := range r.segments {
		switch {
		case i >= len(parts):
			return false
		case s.greedy:
			return parts[i] != ""
		case s.label:
			if parts[i] == "" {
				return false
			}
		case s.text != parts[i]:
			return false
		}
	}
	return len(parts) == len(r.segments)
}

func (r *route) matchesQuery(query url.Values) bool {
	for name, want := range r.query {
		got, ok := query[name]
		if !ok || want[0] != "" && (len(got) == 0 || got[0] != want[0]) {
			return false
		}
	}
	return true
}

func (r *route) labels(parts []string) map[string]string {
	var labels map[string]string
	for i, s := range r.segments {
		if !s.label {
			continue
		}
		if labels == nil {
			labels = map[string]string{}
		}
		if s.greedy {
			labels[s.text] = strings.Join(parts[i:], "/")
			break
		}
		labels[s.text] = parts[i]
	}
	return labels
}

// A restDecoder reads what a request has outside of its body.
type restDecoder struct {
	request *http.Request
	labels  map[string]string
	query   url.Values
}

// members decodes the bound members; it returns the bits of the required ones
// that are there.
func (d *restDecoder) members(p *plan, v reflect.Value) (seen uint64, err *Error) {
	for i := range p.members {
		m := &p.members[i]
		var ok bool
		switch m.Location {
		case URI:
			var text string
			if text, ok = d.labels[m.wire]; ok {
				err = d.set(m.plan, m.slot(v), text, m)
			}
		case QueryString:
			ok, err = d.queryMember(m, v)
		case Header:
			ok, err = d.headerMember(m, v)
		case Headers:
			ok = d.prefixHeaders(m, v)
		}
		if err != nil {
			return seen, err
		}
		if ok {
			seen |= m.bit
		}
	}
	return seen, nil
}

func (d *restDecoder) set(p *plan, v reflect.Value, text string, m *memberPlan) *Error {
	if !setScalar(p, v, text) {
		return newSerializationError("The value '" + text + "' of " + m.camel + " can not be converted to " + kindName(p.kind) + ".")
	}
	return nil
}

func (d *restDecoder) queryMember(m *memberPlan, v reflect.Value) (bool, *Error) {
	if m.plan.kind == Map {
		return d.queryMap(m, v)
	}
	values, ok := d.query[m.wire]
	if !ok {
		return false, nil
	}
	if m.plan.kind == List {
		return true, d.setList(m, v, values)
	}
	if values[0] == "" && m.plan.kind != String {
		return false, nil
	}
	return true, d.set(m.plan, m.slot(v), values[0], m)
}

// queryMap takes all parameters that no other member is bound to.
func (d *restDecoder) queryMap(m *memberPlan, v reflect.Value) (bool, *Error) {
	if len(d.query) == 0 {
		return false, nil
	}
	all := reflect.MakeMap(m.plan.typ)
	for name, values := range d.query {
		elem := reflect.New(m.plan.elem.typ).Elem()
		if m.plan.elem.kind == List {
			elem.Set(reflect.ValueOf(slices.Clone(values)))
		} else if err := d.set(m.plan.elem, elem, values[0], m); err != nil {
			return false, err
		}
		all.SetMapIndex(reflect.ValueOf(name), elem)
	}
	m.slot(v).Set(all)
	return true, nil
}

func (d *restDecoder) setList(m *memberPlan, v reflect.Value, texts []string) *Error {
	list := reflect.MakeSlice(m.plan.typ, len(texts), len(texts))
	for i, text := range texts {
		if err := d.set(m.plan.elem, list.Index(i), text, m); err != nil {
			return err
		}
	}
	m.slot(v).Set(list)
	return nil
}

func (d *restDecoder) headerMember(m *memberPlan, v reflect.Value) (bool, *Error) {
	values := d.request.Header.Values(m.wire)
	if len(values) == 0 {
		return false, nil
	}
	if m.plan.kind == List {
		var texts []string
		for _, value := range values {
			for text := range strings.SplitSeq(value, ",") {
				texts = append(texts, strings.TrimSpace(text))
			}
		}
		return true, d.setList(m, v, texts)
	}
	return true, d.set(m.plan, m.slot(v), values[0], m)
}

func (d *restDecoder) prefixHeaders(m *memberPlan, v reflect.Value) bool {
	all := reflect.MakeMap(m.plan.typ)
	prefix := http.CanonicalHeaderKey(m.wire)
	for name, values := range d.request.Header {
		if rest, ok := strings.CutPrefix(name, prefix); ok {
			all.SetMapIndex(reflect.ValueOf(strings.ToLower(rest)), reflect.ValueOf(values[0]))
		}
	}
	if all.Len() == 0 {
		return false
	}
	m.slot(v).Set(all)
	return true
}

// decodeRest reads a request of restJson1 into v, a structure of p. It returns
// the paths of the required members that are not there.
func decodeRest(p *plan, v reflect.Value, r *http.Request, labels map[string]string, body []byte) ([]string, *Error) {
	rd := restDecoder{request: r, labels: labels, query: r.URL.Query()}
	seen, err := rd.members(p, v)
	if err != nil {
		return nil, err
	}
	jd := jsonDecoder{data: body, bound: seen}
	if p.shape.Payload == "" {
		if !p.hasBody() {
			jd.data = nil
		}
		err = jd.document(p, v)
		return jd.missing, err
	}
	m := p.payload()
	if len(body) > 0 {
		seen |= m.bit
		switch m.plan.kind {
		case Blob:
			m.slot(v).SetBytes(slices.Clone(body))
		case String:
			m.slot(v).SetString(validText(string(body)))
		default:
			jd.bound = 0
			jd.push(step{name: m.camel})
			if err := jd.document(m.plan, m.slot(v)); err != nil {
				return nil, err
			}
			jd.pop()
		}
	}
	jd.absent(p, seen)
	return jd.missing, nil
}

// hasBody says whether some member is neither in the path nor in a header.
func (p *plan) hasBody() bool { return len(p.byName) > 0 }

// payload returns the member that is the whole body.
func (p *plan) payload() *memberPlan {
	for i := range p.members {
		if p.members[i].Name == p.shape.Payload {
			return &p.members[i]
		}
	}
	panic("wire: " + p.shape.Name + " has no member " + p.shape.Payload)
}

// bindHeaders sets the headers of an answer, and returns its status.
func bindHeaders(h http.Header, p *plan, v reflect.Value, status int) int {
	for i := range p.members {
		m := &p.members[i]
		if m.Location == Body {
			continue
		}
		mv, ok := m.get(v)
		if !ok {
			continue
		}
		switch m.Location {
		case StatusCode:
			if code := int(mv.Int()); code != 0 {
				status = code
			}
		case Header:
			format := cmp.Or(m.TimeFormat, m.plan.shape.TimeFormat, formatRFC822)
			if m.plan.kind == List {
				texts := make([]string, mv.Len())
				for i := range texts {
					texts[i] = scalarText(m.plan.elem, mv.Index(i), format)
				}
				h.Set(m.wire, strings.Join(texts, ","))
			} else {
				h.Set(m.wire, scalarText(m.plan, mv, format))
			}
		case Headers:
			for _, k := range sortedKeys(mv) {
				// Not in Go's form: the SDKs of some languages show the name as it came.
				h[m.wire+k] = []string{mv.MapIndex(reflect.ValueOf(k)).String()}
			}
		}
	}
	return status
}

// encodeRest returns the status and the body of an answer of restJson1 and sets
// its headers.
func encodeRest(b []byte, h http.Header, p *plan, v reflect.Value, status int) (int, []byte) {
	status = bindHeaders(h, p, v, status)
	if status == http.StatusNoContent || status == http.StatusNotModified {
		return status, b
	}
	if p.shape.Payload == "" {
		h.Set("Content-Type", "application/json")
		return status, jsonStyle{}.appendJSON(b, p, v)
	}
	m := p.payload()
	mv, ok := m.get(v)
	if !ok {
		return status, b
	}
	switch m.plan.kind {
	case Blob:
		if h.Get("Content-Type") == "" {
			h.Set("Content-Type", "application/octet-stream")
		}
		return status, append(b, mv.Bytes()...)
	case String:
		if h.Get("Content-Type") == "" {
			h.Set("Content-Type", "text/plain")
		}
		return status, append(b, mv.String()...)
	default:
		h.Set("Content-Type", "application/json")
		return status, jsonStyle{}.appendJSON(b, m.plan, mv)
	}
}
