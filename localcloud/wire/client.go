package wire

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strconv"
)

// Client returns an HTTP client whose requests reach the server without a
// socket, whatever their host is: an aws.HTTPClient. Each runs on the goroutine
// that sends it.
func (s *Server) Client() *http.Client { return NewClient(s) }

// NewClient returns an HTTP client whose requests h answers, in memory.
func NewClient(h http.Handler) *http.Client {
	return &http.Client{Transport: memory{h}}
}

// memory is an http.RoundTripper that calls a handler.
type memory struct{ handler http.Handler }

// RoundTrip calls the handler with r, as a server would see it.
func (t memory) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx := r.Context()
	if err := ctx.Err(); err != nil {
		if r.Body != nil {
			_ = r.Body.Close()
		}
		return nil, err
	}
	in := new(http.Request)
	*in = *r
	in.Proto, in.ProtoMajor, in.ProtoMinor = "HTTP/1.1", 1, 1
	in.RequestURI = r.URL.RequestURI()
	in.RemoteAddr = "127.0.0.1:0"
	if in.Host == "" {
		in.Host = r.URL.Host
	}
	if in.Body == nil {
		in.Body = http.NoBody
	}
	defer func() { _ = in.Body.Close() }()
	if in.Header == nil {
		in.Header = http.Header{}
	}
	w := &memoryWriter{header: make(http.Header, 4)}
	if !t.serve(w, in) {
		return nil, io.ErrUnexpectedEOF
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if w.status == 0 {
		w.status = http.StatusOK
	}
	for name, values := range w.header {
		// What arrives over a socket has names in this form.
		if c := http.CanonicalHeaderKey(name); c != name {
			delete(w.header, name)
			w.header[c] = values
		}
	}
	return &http.Response{
		Status:        strconv.Itoa(w.status) + " " + http.StatusText(w.status),
		StatusCode:    w.status,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        w.header,
		Body:          io.NopCloser(bytes.NewReader(w.body)),
		ContentLength: int64(len(w.body)),
		Request:       r,
	}, nil
}

// serve calls the handler; it returns false if that gave up in the middle of its
// answer, as handlers of net/http do by panicking.
func (t memory) serve(w http.ResponseWriter, r *http.Request) (ok bool) {
	defer func() {
		if p := recover(); p != nil {
			if err, _ := p.(error); !errors.Is(err, http.ErrAbortHandler) {
				panic(p)
			}
			ok = false
		}
	}()
	t.handler.ServeHTTP(w, r)
	return true
}

// A memoryWriter keeps an answer.
type memoryWriter struct {
	header http.Header
	status int
	body   []byte
}

func (w *memoryWriter) Header() http.Header { return w.header }

func (w *memoryWriter) WriteHeader(status int) {
	if w.status == 0 && status >= 200 {
		w.status = status
	}
}

func (w *memoryWriter) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	w.body = append(w.body, p...)
	return len(p), nil
}
