package lambda

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"mime"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/lambdaapi"
)

// URLs returns a handler that answers at the addresses of functions, which it
// knows by the name of the host, and leaves everything else to next.
//
// A function is given the event of the payload format 2.0. What it answers is
// delivered as a whole, also with the mode RESPONSE_STREAM.
//
// Source: Lambda developer guide, "Invoking Lambda function URLs"; the answers to
// who may not are recorded.
func (s *Service) URLs(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}
		if id := urlID(host); id != "" {
			s.serveURL(w, r, id, host)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (s *Service) serveURL(w http.ResponseWriter, r *http.Request, id, host string) {
	requestID := s.random.UUID()
	w.Header().Set("X-Amzn-Requestid", requestID)
	w.Header().Set("Content-Type", "application/json")
	f, qualifier, u := s.urlOf(id)
	if f == nil {
		refuseURL(w, http.StatusForbidden, "AccessDeniedException", "Forbidden")
		return
	}
	if u.CORS != nil && u.share(w, r) {
		return
	}
	c := f.control.Load()
	if !u.lets(r, c.policies[qualifier]) || c.resolve(qualifier) == nil {
		refuseURL(w, http.StatusForbidden, "AccessDeniedException",
			"Forbidden. For troubleshooting Function URL authorization issues, see: https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html")
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxSyncPayload))
	if err != nil {
		refuseURL(w, http.StatusRequestEntityTooLarge, "RequestEntityTooLargeException", "Request must be smaller than "+strconv.Itoa(maxSyncPayload)+" bytes")
		return
	}
	event := []byte(compactJSON(s.urlEvent(r, id, host, requestID, body)))
	ctx := wire.WithCaller(r.Context(), wire.Caller{
		Account: f.space.Account, Region: f.space.Region, Partition: f.space.Partition, RequestID: requestID,
	})
	done, err := s.Invoke(ctx, Invocation{Function: f.name, Qualifier: qualifier, Payload: event})
	var refused *wire.Error
	switch {
	case errors.As(err, &refused):
		refuseURL(w, refused.HTTPStatus(), refused.Code, refused.Message)
	case err != nil || done.FunctionError != "":
		w.WriteHeader(http.StatusBadGateway)
		// The client is gone if this fails; nobody is left to be told.
		_, _ = io.WriteString(w, "Internal Server Error")
	case u.Mode == lambdaapi.InvokeModeResponseStream:
		w.Header().Set("Content-Type", "application/octet-stream")
		_, _ = w.Write(done.Payload)
	default:
		answerURL(w, done.Payload)
	}
}

// refuseURL answers as Lambda does in front of functions.
func refuseURL(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("X-Amzn-Errortype", code)
	w.WriteHeader(status)
	// The client is gone if this fails; nobody is left to be told.
	_, _ = io.WriteString(w, compactJSON(map[string]string{"Message": message}))
}

// lets says whether a request may reach the function: signed, where signatures
// are asked for, or allowed to everybody by the function's policy. Who signed is
// not checked, as nowhere in the local cloud.
func (u *urlConfig) lets(r *http.Request, p *policy) bool {
	if u.Auth == lambdaapi.FunctionUrlAuthTypeAwsIam {
		return r.Header.Get("Authorization") != "" || r.URL.Query().Has("X-Amz-Signature")
	}
	if p == nil {
		return false
	}
	return slices.ContainsFunc(p.Statements, func(st statement) bool {
		var given permission
		// What is kept was made of a permission.
		_ = json.Unmarshal([]byte(st.Text), &given)
		return given.Principal == "*" && (given.Action == "lambda:InvokeFunctionUrl" || given.Action == "lambda:*" || given.Action == "*")
	})
}

// share sets the headers by which browsers let pages of elsewhere read the
// answer; it answers the question before the request, and then says so.
func (u *urlConfig) share(w http.ResponseWriter, r *http.Request) (answered bool) {
	origin := r.Header.Get("Origin")
	if origin == "" || !slices.ContainsFunc(u.CORS.AllowOrigins, func(o string) bool { return o == "*" || o == origin }) {
		return false
	}
	h := w.Header()
	set := func(name string, values []string) {
		if len(values) > 0 {
			h.Set(name, strings.Join(values, ","))
		}
	}
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Vary", "Origin")
	if wire.Value(u.CORS.AllowCredentials) {
		h.Set("Access-Control-Allow-Credentials", "true")
	}
	set("Access-Control-Expose-Headers", u.CORS.ExposeHeaders)
	if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
		return false
	}
	set("Access-Control-Allow-Methods", u.CORS.AllowMethods)
	set("Access-Control-Allow-Headers", u.CORS.AllowHeaders)
	if u.CORS.MaxAge != nil {
		h.Set("Access-Control-Max-Age", strconv.Itoa(int(*u.CORS.MaxAge)))
	}
	w.WriteHeader(http.StatusOK)
	return true
}

// A urlEvent is what a function is given for a request; its members in AWS's
// order.
type urlEvent struct {
	Version         string            `json:"version"`
	RouteKey        string            `json:"routeKey"`
	RawPath         string            `json:"rawPath"`
	RawQuery        string            `json:"rawQueryString"`
	Cookies         []string          `json:"cookies,omitempty"`
	Headers         map[string]string `json:"headers"`
	Query           map[string]string `json:"queryStringParameters,omitempty"`
	Context         urlContext        `json:"requestContext"`
	Body            *string           `json:"body,omitempty"`
	IsBase64Encoded bool              `json:"isBase64Encoded"`
}

type urlContext struct {
	AccountID    string     `json:"accountId"`
	APIID        string     `json:"apiId"`
	DomainName   string     `json:"domainName"`
	DomainPrefix string     `json:"domainPrefix"`
	HTTP         urlRequest `json:"http"`
	RequestID    string     `json:"requestId"`
	RouteKey     string     `json:"routeKey"`
	Stage        string     `json:"stage"`
	Time         string     `json:"time"`
	TimeEpoch    int64      `json:"timeEpoch"`
}

type urlRequest struct {
	Method    string `json:"method"`
	Path      string `json:"path"`
	Protocol  string `json:"protocol"`
	SourceIP  string `json:"sourceIp"`
	UserAgent string `json:"userAgent"`
}

func (s *Service) urlEvent(r *http.Request, id, host, requestID string, body []byte) urlEvent {
	now := s.now()
	source, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		source = r.RemoteAddr
	}
	e := urlEvent{
		Version: "2.0", RouteKey: "$default", RawPath: r.URL.EscapedPath(), RawQuery: r.URL.RawQuery,
		Headers: map[string]string{
			"host": r.Host, "x-amzn-trace-id": s.random.Trace(s.clock.Now()),
			"x-forwarded-for": source, "x-forwarded-proto": "http",
		},
		Context: urlContext{
			AccountID: "anonymous", APIID: id, DomainName: host, DomainPrefix: id, RequestID: requestID,
			RouteKey: "$default", Stage: "$default", Time: now.UTC().Format("02/Jan/2006:15:04:05 -0700"), TimeEpoch: now.UnixMilli(),
			HTTP: urlRequest{Method: r.Method, Path: r.URL.EscapedPath(), Protocol: r.Proto, SourceIP: source, UserAgent: r.UserAgent()},
		},
	}
	if e.RawPath == "" {
		e.RawPath, e.Context.HTTP.Path = "/", "/"
	}
	for name, values := range r.Header {
		if name == "Cookie" {
			for _, value := range values {
				for cookie := range strings.SplitSeq(value, ";") {
					e.Cookies = append(e.Cookies, strings.TrimSpace(cookie))
				}
			}
			continue
		}
		e.Headers[strings.ToLower(name)] = strings.Join(values, ",")
	}
	if r.ContentLength > 0 {
		e.Headers["content-length"] = strconv.FormatInt(r.ContentLength, 10)
	}
	for name, values := range r.URL.Query() {
		if e.Query == nil {
			e.Query = map[string]string{}
		}
		e.Query[name] = strings.Join(values, ",")
	}
	if len(body) > 0 {
		e.IsBase64Encoded = !isText(r.Header.Get("Content-Type")) || !utf8.Valid(body)
		text := string(body)
		if e.IsBase64Encoded {
			text = base64.StdEncoding.EncodeToString(body)
		}
		e.Body = &text
	}
	return e
}

// isText says whether a body of a type is given to functions as it is.
func isText(contentType string) bool {
	kind, _, err := mime.ParseMediaType(contentType)
	return err == nil && (strings.HasPrefix(kind, "text/") ||
		slices.Contains([]string{"application/json", "application/javascript", "application/xml"}, kind))
}

// answerURL writes what a function answered: an object with a status code as the
// parts of an answer, anything else as its body, a text without its quotes.
func answerURL(w http.ResponseWriter, payload []byte) {
	var parts struct {
		StatusCode json.Number     `json:"statusCode"`
		Headers    map[string]any  `json:"headers"`
		Cookies    []string        `json:"cookies"`
		Body       json.RawMessage `json:"body"`
		Base64     bool            `json:"isBase64Encoded"`
	}
	status, body := http.StatusOK, payload
	if trimmed := bytes.TrimSpace(payload); len(trimmed) > 0 && trimmed[0] == '{' && json.Unmarshal(payload, &parts) == nil && parts.StatusCode != "" {
		code, err := strconv.Atoi(parts.StatusCode.String())
		if err != nil || code < 100 || code > 599 {
			w.WriteHeader(http.StatusBadGateway)
			_, _ = io.WriteString(w, "Internal Server Error") // as in serveURL
			return
		}
		if status, body = code, parts.Body; string(body) == "null" {
			body = nil
		}
		for _, name := range slices.Sorted(maps.Keys(parts.Headers)) {
			w.Header().Set(name, headerText(parts.Headers[name]))
		}
		for _, cookie := range parts.Cookies {
			w.Header().Add("Set-Cookie", cookie)
		}
	}
	if text := ""; bytes.HasPrefix(body, []byte{'"'}) && json.Unmarshal(body, &text) == nil {
		body = []byte(text)
	}
	if parts.Base64 {
		if raw, err := base64.StdEncoding.DecodeString(string(body)); err == nil {
			body = raw
		}
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	// The client is gone if this fails; nobody is left to be told.
	_, _ = w.Write(body)
}

// headerText is a header's value as functions may write it: also as a number or
// a bool.
func headerText(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	return compactJSON(v)
}
