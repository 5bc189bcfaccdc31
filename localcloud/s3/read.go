package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/s3api"
)

// A span is some of an object's bytes, which begin at from; all says that they
// are all of them because nobody asked for less.
type span struct {
	from, size int64
	all        bool
}

// contentRange is the header that tells of a span.
func (p span) contentRange(size int64) *string {
	if p.all {
		return nil
	}
	return new(fmt.Sprintf("bytes %d-%d/%d", p.from, p.from+p.size-1, size))
}

// spanOf returns what the header Range asks for. A header that is not understood
// asks for everything, as HTTP has it.
func spanOf(header *string, size int64) (span, error) {
	whole := span{size: size, all: true}
	if header == nil {
		return whole, nil
	}
	text, ok := strings.CutPrefix(*header, "bytes=")
	first, last, dash := strings.Cut(strings.TrimSpace(text), "-")
	if !ok || !dash || strings.Contains(text, ",") {
		return whole, nil
	}
	unsatisfiable := refused(http.StatusRequestedRangeNotSatisfiable, "InvalidRange", "The requested range is not satisfiable").
		With("RangeRequested", *header).With("ActualObjectSize", size)
	if first == "" { // the last bytes
		n, ok := byteNumber(last)
		switch {
		case !ok:
			return whole, nil
		case n == 0 || size == 0:
			return span{}, unsatisfiable
		}
		n = min(n, size)
		return span{from: size - n, size: n}, nil
	}
	from, ok := byteNumber(first)
	if !ok {
		return whole, nil
	}
	to := size - 1
	if last != "" {
		if to, ok = byteNumber(last); !ok || to < from {
			return whole, nil
		}
		to = min(to, size-1)
	}
	if from >= size {
		return span{}, unsatisfiable
	}
	return span{from: from, size: to - from + 1}, nil
}

func byteNumber(text string) (n int64, ok bool) {
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil
}

// spanOfPart returns the bytes of a part of an object.
func (o *object) spanOfPart(number int32) (span, error) {
	if !o.Parts && number == 1 {
		return span{size: o.Size, all: o.Size == 0}, nil
	}
	if !o.Parts || number < 1 || int(number) > len(o.Blobs) {
		return span{}, refused(http.StatusRequestedRangeNotSatisfiable, "InvalidPartNumber", "The requested partnumber is not satisfiable")
	}
	p := span{size: o.Blobs[number-1].Size}
	for _, b := range o.Blobs[:number-1] {
		p.from += b.Size
	}
	return p, nil
}

// A condition is what must hold of an object for it to be read.
//
// Source: RFC 9110, section 13.2.2: the tags overrule the times.
type condition struct {
	match, noneMatch *string
	modified, not    *time.Time // since
}

func (c condition) check(o *object) error {
	switch {
	case c.match != nil && !matches(*c.match, o.ETag):
		return preconditionFailed("If-Match")
	case c.match == nil && c.not != nil && o.Modified.After(*c.not):
		return preconditionFailed("If-Unmodified-Since")
	case c.noneMatch != nil && matches(*c.noneMatch, o.ETag),
		c.noneMatch == nil && c.modified != nil && !o.Modified.After(*c.modified):
		return refused(http.StatusNotModified, "NotModified", "Not Modified")
	default:
		return nil
	}
}

// find returns the object of a key. Its blobs stay until they are released.
func (s *Service) find(bucketName, key string, owner *string) (*object, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.bucketAt(bucketName, owner)
	if err != nil {
		return nil, err
	}
	o := b.objects[key]
	if o == nil {
		return nil, noSuchKey(key)
	}
	s.retainLocked(o.Blobs)
	return o, nil
}

// A reader reads a span of an object. It holds the blobs that find retained.
type reader struct {
	service *Service
	held    []blob
	next    []blob // not opened yet
	skip    int64  // bytes to skip in the next blob
	left    int64
	open    io.ReadSeekCloser // nil between blobs
}

// newReader returns a reader that releases the object's blobs when it is closed.
func (s *Service) newReader(o *object, p span) *reader {
	r := &reader{service: s, held: o.Blobs, next: o.Blobs, skip: p.from, left: p.size}
	for len(r.next) > 0 && r.skip >= r.next[0].Size {
		r.skip -= r.next[0].Size
		r.next = r.next[1:]
	}
	return r
}

func (r *reader) Read(b []byte) (int, error) {
	for r.left > 0 {
		if r.open == nil {
			if len(r.next) == 0 {
				return 0, io.ErrUnexpectedEOF
			}
			in, err := r.service.store.open(r.next[0].ID)
			if err != nil {
				return 0, err
			}
			r.open, r.next = in, r.next[1:]
			if _, err := in.Seek(r.skip, io.SeekStart); err != nil {
				return 0, err
			}
			r.skip = 0
		}
		n, err := r.open.Read(b[:min(int64(len(b)), r.left)])
		r.left -= int64(n)
		if errors.Is(err, io.EOF) {
			err = r.open.Close()
			r.open = nil
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
	return 0, io.EOF
}

// Close ends reading, once.
func (r *reader) Close() error {
	var err error
	if r.open != nil {
		err = r.open.Close()
		r.open = nil
	}
	r.service.release(r.held...)
	r.held, r.left = nil, 0
	return err
}

// look finds an object and the bytes that a request wants of it. On success its
// blobs are retained.
func (s *Service) look(bucketName, key string, owner, version, byteRange *string, number *int32, c condition) (*object, span, error) {
	if err := currentVersion(version); err != nil {
		return nil, span{}, err
	}
	if byteRange != nil && number != nil {
		return nil, span{}, invalidRequest("Cannot specify both Range header and partNumber query parameter")
	}
	o, err := s.find(bucketName, key, owner)
	if err != nil {
		return nil, span{}, err
	}
	p := span{}
	err = c.check(o)
	if err == nil && number != nil {
		p, err = o.spanOfPart(*number)
	} else if err == nil {
		p, err = spanOf(byteRange, o.Size)
	}
	if err != nil {
		s.release(o.Blobs...)
		return nil, span{}, err
	}
	return o, p, nil
}

// shownChecksum is an object's checksum for a client that wants to compare it with
// the bytes that it gets, which must then be all of them.
func shownChecksum(o *object, p span, mode *string) checksum {
	if mode == nil || *mode != s3api.ChecksumModeEnabled || !p.all {
		return checksum{}
	}
	return o.Checksum
}

// partsCount is told to those who ask for a part.
func (o *object) partsCount(number *int32) *int32 {
	if number == nil || !o.Parts {
		return nil
	}
	return new(int32(len(o.Blobs)))
}

// shownMetadata is never nil: integrations of state machines show an empty object.
func (o *object) shownMetadata() map[string]string {
	if o.Metadata == nil {
		return map[string]string{}
	}
	return o.Metadata
}

func (s *Service) getObject(_ context.Context, in *s3api.GetObjectRequest) (*s3api.GetObjectOutput, error) {
	o, p, err := s.look(in.Bucket, in.Key, in.ExpectedBucketOwner, in.VersionId, in.Range, in.PartNumber,
		condition{in.IfMatch, in.IfNoneMatch, in.IfModifiedSince, in.IfUnmodifiedSince})
	if err != nil {
		return nil, err
	}
	c := shownChecksum(o, p, in.ChecksumMode)
	out := told(&s3api.GetObjectOutput{
		Body:         &wire.Stream{ReadCloser: s.newReader(o, p), Length: p.size},
		AcceptRanges: new("bytes"), LastModified: &o.Modified, ContentLength: &p.size, ContentRange: p.contentRange(o.Size),
		ETag: &o.ETag, ServerSideEncryption: &encryption, Metadata: o.shownMetadata(), PartsCount: o.partsCount(in.PartNumber),
		ContentType: o.ContentType, ContentEncoding: o.ContentEncoding, ContentLanguage: o.ContentLanguage,
		ContentDisposition: o.ContentDisposition, CacheControl: o.CacheControl, Expires: o.Expires,
		WebsiteRedirectLocation: o.Redirect, StorageClass: o.StorageClass, TagCount: o.tagCount(), ChecksumType: c.kind(),
	}, c)
	for _, override := range []struct {
		field **string
		by    *string
	}{
		{&out.ContentType, in.ResponseContentType}, {&out.ContentEncoding, in.ResponseContentEncoding},
		{&out.ContentLanguage, in.ResponseContentLanguage}, {&out.ContentDisposition, in.ResponseContentDisposition},
		{&out.CacheControl, in.ResponseCacheControl},
	} {
		if override.by != nil {
			*override.field = override.by
		}
	}
	if in.ResponseExpires != nil {
		out.Expires = new(in.ResponseExpires.UTC().Format(http.TimeFormat))
	}
	return out, nil
}

func (s *Service) headObject(_ context.Context, in *s3api.HeadObjectRequest) (*s3api.HeadObjectOutput, error) {
	o, p, err := s.look(in.Bucket, in.Key, in.ExpectedBucketOwner, in.VersionId, in.Range, in.PartNumber,
		condition{in.IfMatch, in.IfNoneMatch, in.IfModifiedSince, in.IfUnmodifiedSince})
	if err != nil {
		return nil, err
	}
	defer s.release(o.Blobs...)
	c := shownChecksum(o, p, in.ChecksumMode)
	return told(&s3api.HeadObjectOutput{
		AcceptRanges: new("bytes"), LastModified: &o.Modified, ContentLength: &p.size, ContentRange: p.contentRange(o.Size),
		ETag: &o.ETag, ServerSideEncryption: &encryption, Metadata: o.shownMetadata(), PartsCount: o.partsCount(in.PartNumber),
		ContentType: o.ContentType, ContentEncoding: o.ContentEncoding, ContentLanguage: o.ContentLanguage,
		ContentDisposition: o.ContentDisposition, CacheControl: o.CacheControl, Expires: o.Expires,
		WebsiteRedirectLocation: o.Redirect, StorageClass: o.StorageClass, TagCount: o.tagCount(), ChecksumType: c.kind(),
	}, c), nil
}

// tagCount is how many tags an object has; nil for none.
func (o *object) tagCount() *int32 {
	if wire.Value(o.Tags) == "" {
		return nil
	}
	return new(int32(strings.Count(*o.Tags, "&") + 1))
}
