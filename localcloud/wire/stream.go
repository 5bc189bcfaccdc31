package wire

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// A Stream is the payload of an operation that is too long to be kept in memory.
// The input's is valid until the operation returns; its Read fails with an *Error
// that the operation should return. An output's is read and closed by the server.
type Stream struct {
	io.ReadCloser
	// Length is in bytes; -1 when the sender did not tell it.
	Length int64
	// Trailer has the headers that followed the payload, once Read returned
	// io.EOF; before that, the names that were announced, without values.
	Trailer http.Header

	// collected is the whole payload where it had to be read beforehand.
	collected []byte
}

// NewStream returns a stream of b.
func NewStream(b []byte) *Stream {
	return &Stream{ReadCloser: io.NopCloser(bytes.NewReader(b)), Length: int64(len(b)), Trailer: http.Header{}, collected: b}
}

// collect reads an output's stream into memory, for a caller that wants a value.
func (s *Stream) collect(limit int64) *Error {
	defer s.Close()
	b, err := io.ReadAll(&bounded{in: s.ReadCloser, left: limit})
	if err != nil {
		return payloadError(err)
	}
	s.collected = b
	return nil
}

// payload returns the body of a request to a restXml service, without the
// framing that signers put around it, and checked against what was signed.
func payload(r *http.Request, limit int64) *Stream {
	s := &Stream{Length: r.ContentLength, Trailer: http.Header{}}
	for name := range strings.SplitSeq(headerValue(r, "X-Amz-Trailer"), ",") {
		if name = strings.TrimSpace(name); name != "" {
			s.Trailer[http.CanonicalHeaderKey(name)] = nil
		}
	}
	in := io.Reader(http.NoBody)
	if r.Body != nil {
		in = r.Body
	}
	signed := headerValue(r, "X-Amz-Content-Sha256")
	switch {
	case strings.HasPrefix(signed, "STREAMING-") || isChunked(headerValue(r, "Content-Encoding")):
		s.Length = -1
		if n, err := strconv.ParseInt(headerValue(r, "X-Amz-Decoded-Content-Length"), 10, 64); err == nil && n >= 0 {
			s.Length = n
		}
		in = &chunks{in: bufio.NewReader(in), want: s.Length, trailer: s.Trailer}
	case len(signed) == hex.EncodedLen(sha256.Size):
		in = &hashed{in: in, want: signed, hash: sha256.New()}
	}
	s.ReadCloser = payloadReader{&bounded{in: in, left: limit}}
	return s
}

// isChunked says whether a content encoding is, last, AWS's own.
func isChunked(encoding string) bool {
	for part := range strings.SplitSeq(encoding, ",") {
		if strings.TrimSpace(part) == "aws-chunked" {
			return true
		}
	}
	return false
}

// withoutChunked returns a content encoding as it is apart from the framing.
func withoutChunked(encoding string) string {
	var kept []string
	for part := range strings.SplitSeq(encoding, ",") {
		if part = strings.TrimSpace(part); part != "" && part != "aws-chunked" {
			kept = append(kept, part)
		}
	}
	return strings.Join(kept, ",")
}

// A payloadReader fails with an *Error.
type payloadReader struct{ in io.Reader }

func (p payloadReader) Read(b []byte) (int, error) {
	n, err := p.in.Read(b)
	if err == nil || err == io.EOF { //nolint:errorlint // the end itself; a chunk that breaks off has an error around it
		return n, err
	}
	return n, payloadError(err)
}

// Close does nothing: the server closes the request's body.
func (p payloadReader) Close() error { return nil }

// payloadError words what went wrong with a payload in S3's way.
func payloadError(err error) *Error {
	if e, ok := asWireError(err); ok {
		return e
	}
	if errors.Is(err, errTooLarge) {
		return &Error{Code: "EntityTooLarge", Message: "Your proposed upload exceeds the maximum allowed size", Status: http.StatusBadRequest}
	}
	return &Error{Code: "IncompleteBody", Message: "You did not provide the number of bytes specified by the Content-Length HTTP header: " + err.Error(), Status: http.StatusBadRequest}
}

// hashed checks at the end what the sender signed.
type hashed struct {
	in   io.Reader
	want string
	hash hash.Hash
}

func (h *hashed) Read(b []byte) (int, error) {
	n, err := h.in.Read(b)
	h.hash.Write(b[:n])
	if err == io.EOF && !strings.EqualFold(hex.EncodeToString(h.hash.Sum(nil)), h.want) {
		return n, &Error{
			Code:    "XAmzContentSHA256Mismatch",
			Message: "The provided 'x-amz-content-sha256' header does not match what was computed.",
			Status:  http.StatusBadRequest,
		}
	}
	return n, err
}

// chunks takes the content encoding aws-chunked off: each chunk is its length in
// hexadecimal, perhaps with a signature after a semicolon, and its bytes; after
// the empty chunk come trailers.
//
// Source: Amazon S3 API Reference, "Signature calculations: transferring payload
// in multiple chunks". The signatures are not verified: any credentials are good.
type chunks struct {
	in      *bufio.Reader
	want    int64 // bytes in all; -1 if not known
	got     int64
	left    int64 // bytes of the chunk that is being read
	begun   bool
	done    bool
	trailer http.Header
}

func (c *chunks) Read(b []byte) (int, error) {
	for c.left == 0 {
		if c.done {
			return 0, io.EOF
		}
		if err := c.next(); err != nil {
			return 0, err
		}
	}
	if int64(len(b)) > c.left {
		b = b[:c.left]
	}
	n, err := c.in.Read(b)
	c.left -= int64(n)
	c.got += int64(n)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// next reads up to the bytes of the next chunk, or to the end.
func (c *chunks) next() error {
	if c.begun {
		if line, err := c.line(); err != nil || line != "" {
			return errors.Join(errChunk, err)
		}
	}
	c.begun = true
	line, err := c.line()
	if err != nil {
		return errors.Join(errChunk, err)
	}
	size, _, _ := strings.Cut(line, ";")
	if c.left, err = strconv.ParseInt(strings.TrimSpace(size), 16, 64); err != nil || c.left < 0 {
		c.left = 0
		return errChunk
	}
	if c.left > 0 {
		return nil
	}
	c.done = true
	for {
		line, err := c.line()
		if errors.Is(err, io.EOF) || err == nil && line == "" {
			break
		}
		if err != nil {
			return errors.Join(errChunk, err)
		}
		if name, value, ok := strings.Cut(line, ":"); ok {
			c.trailer.Set(strings.TrimSpace(name), strings.TrimSpace(value))
		}
	}
	if c.want >= 0 && c.got != c.want {
		return errors.New("the payload is not as long as x-amz-decoded-content-length says")
	}
	return nil
}

var errChunk = errors.New("the chunks of the payload are malformed")

// line reads a line, which is never longer than a header may be.
func (c *chunks) line() (string, error) {
	line, err := c.in.ReadSlice('\n')
	if err != nil {
		if err == io.EOF && len(line) > 0 {
			err = io.ErrUnexpectedEOF
		}
		return "", err
	}
	return strings.TrimRight(string(line), "\r\n"), nil
}
