package localcloud_test

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/crossfade-dev/crossfade/internal/conformance"
)

// The Go SDK speaks CBOR to CloudWatch; the other two protocols are spoken by
// hand here, as botocore speaks them.

const signature = "AWS4-HMAC-SHA256 Credential=" + conformance.Account + "/20260101/" + conformance.Region + "/monitoring/aws4_request, SignedHeaders=host;x-amz-date, Signature=0"

func (c *caller) send(ctx context.Context, body []byte, header map[string]string) (*recorder, error) {
	seen := &recorder{next: c.cloud.HTTPClient().Transport}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://cloud.local/", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", signature)
	for k, v := range header {
		r.Header.Set(k, v)
	}
	resp, err := seen.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	return seen, resp.Body.Close()
}

// json calls an operation of CloudWatch in awsJson 1.0.
func (c *caller) json(ctx context.Context, operation string, params map[string]any) (conformance.Answer, error) {
	body, err := json.Marshal(epochs("", params))
	if err != nil {
		return conformance.Answer{}, err
	}
	seen, err := c.send(ctx, body, map[string]string{
		"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": "GraniteServiceVersion20100801." + operation, "X-Amzn-Query-Mode": "true",
	})
	if err != nil {
		return conformance.Answer{}, err
	}
	answer := conformance.Answer{Status: seen.status, Headers: seen.headers()}
	out, err := seen.tree()
	if err != nil {
		return answer, err
	}
	if seen.status >= 400 {
		code, _ := out["__type"].(string)
		code = code[strings.LastIndex(code, "#")+1:]
		if query, _, ok := strings.Cut(seen.header.Get("X-Amzn-Query-Error"), ";"); ok {
			code = query
		}
		message, _ := out["message"].(string)
		answer.Error = &conformance.Error{Code: code, Message: message}
		return answer, nil
	}
	answer.Response = out
	return answer, nil
}

// epochs writes timestamps as awsJson wants them.
func epochs(member string, v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, x := range v {
			out[k] = epochs(k, x)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, x := range v {
			out[i] = epochs(member, x)
		}
		return out
	case string:
		if strings.HasSuffix(member, "Time") || strings.HasSuffix(member, "Timestamp") || member == "StartDate" || member == "EndDate" {
			if t, err := time.Parse(time.RFC3339, v); err == nil {
				return float64(t.UnixMilli()) / 1000
			}
		}
	}
	return v
}

// query calls an operation of CloudWatch in the query protocol.
func (c *caller) query(ctx context.Context, operation string, params map[string]any) (conformance.Answer, error) {
	form := url.Values{"Action": {operation}, "Version": {"2010-08-01"}}
	flatten(form, "", params)
	seen, err := c.send(ctx, []byte(form.Encode()), map[string]string{"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"})
	if err != nil {
		return conformance.Answer{}, err
	}
	answer := conformance.Answer{Status: seen.status, Headers: seen.headers()}
	var root element
	if err := xml.Unmarshal(seen.body, &root); err != nil {
		return answer, fmt.Errorf("%w in %s", err, seen.body)
	}
	if seen.status >= 400 {
		answer.Error = &conformance.Error{Code: root.text("Error", "Code"), Message: root.text("Error", "Message")}
		return answer, nil
	}
	answer.Response, err = result("cloudwatch", operation, root)
	return answer, err
}

// result reads the answer of an operation out of the query protocol's XML.
func result(service, operation string, root element) (map[string]any, error) {
	m, err := modelOf(service)
	if err != nil {
		return nil, err
	}
	output := m.Operations[operation].Output.Shape
	if output == "" {
		return map[string]any{}, nil
	}
	found := root.child(operation + "Result")
	if found == nil {
		return nil, fmt.Errorf("no %sResult in the answer", operation)
	}
	out, _ := m.read(output, *found).(map[string]any)
	return out, nil
}

func flatten(form url.Values, prefix string, v any) {
	join := func(name string) string {
		if prefix == "" {
			return name
		}
		return prefix + "." + name
	}
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			flatten(form, join(k), x)
		}
	case []any:
		if len(v) == 0 {
			form.Set(prefix, "")
		}
		for i, x := range v {
			flatten(form, join(fmt.Sprintf("member.%d", i+1)), x)
		}
	default:
		form.Set(prefix, fmt.Sprint(v))
	}
}

// An element is any XML element.
type element struct {
	XMLName  xml.Name
	Text     string    `xml:",chardata"`
	Children []element `xml:",any"`
}

func (e element) child(name string) *element {
	for i := range e.Children {
		if e.Children[i].XMLName.Local == name {
			return &e.Children[i]
		}
	}
	return nil
}

func (e element) text(path ...string) string {
	at := &e
	for _, name := range path {
		if at = at.child(name); at == nil {
			return ""
		}
	}
	return at.Text
}

// A model is as much of a service model as it takes to read XML.
type model struct {
	Operations map[string]struct {
		Output struct {
			Shape string `json:"shape"`
		} `json:"output"`
	} `json:"operations"`
	Shapes map[string]struct {
		Type    string `json:"type"`
		Members map[string]struct {
			Shape string `json:"shape"`
		} `json:"members"`
		Member struct {
			Shape string `json:"shape"`
		} `json:"member"`
	} `json:"shapes"`
}

// models are the models that were read, by service.
var models sync.Map

func modelOf(service string) (model, error) {
	if m, ok := models.Load(service); ok {
		return m.(model), nil
	}
	var m model
	text, err := os.ReadFile("../models/" + service + ".json")
	if err != nil {
		return m, err
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return m, err
	}
	models.Store(service, m)
	return m, nil
}

func (m model) read(shape string, e element) any {
	s := m.Shapes[shape]
	switch s.Type {
	case "structure":
		out := map[string]any{}
		for _, c := range e.Children {
			if member, ok := s.Members[c.XMLName.Local]; ok {
				out[c.XMLName.Local] = m.read(member.Shape, c)
			}
		}
		return out
	case "list":
		out := []any{}
		for _, c := range e.Children {
			out = append(out, m.read(s.Member.Shape, c))
		}
		return out
	case "boolean":
		return e.Text == "true"
	case "integer", "long", "double", "float":
		return json.Number(e.Text)
	default:
		return e.Text
	}
}
