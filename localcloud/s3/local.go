package s3

import (
	"context"
	"io"
	"time"

	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/s3api"
)

// An Item is an object as other services of the local cloud see it.
type Item struct {
	// Body is read and closed by whoever opened it.
	Body io.ReadCloser
	// Size is in bytes. ETag has its quotes.
	Size int64
	ETag string
}

// An Entry is what List tells of an object.
type Entry struct {
	Key, ETag    string // the tag has its quotes
	Size         int64  // in bytes
	Modified     time.Time
	StorageClass string
}

// Open opens an object. version may be empty. The error is a *wire.Error, such as
// NoSuchBucket or NoSuchKey, for what S3 would refuse.
func (s *Service) Open(_ context.Context, bucket, key, version string) (Item, error) {
	o, p, err := s.look(bucket, key, nil, &version, nil, nil, condition{})
	if err != nil {
		return Item{}, err
	}
	return Item{Body: s.newReader(o, p), Size: o.Size, ETag: o.ETag}, nil
}

// List calls yield for the objects whose keys have a prefix, in the order of the
// keys, until it returns false.
func (s *Service) List(_ context.Context, bucket, prefix string, yield func(Entry) bool) error {
	after := ""
	for {
		l, err := s.list(bucket, nil, prefix, "", after, maxPage)
		if err != nil {
			return err
		}
		for _, e := range l.entries {
			o := e.object
			if !yield(Entry{Key: o.Key, ETag: o.ETag, Size: o.Size, Modified: o.Modified, StorageClass: o.class()}) {
				return nil
			}
		}
		if !l.truncated {
			return nil
		}
		after = l.last()
	}
}

// Put makes body the object of a key, and returns its tag. contentType may be
// empty. The error is a *wire.Error for what S3 would refuse.
func (s *Service) Put(ctx context.Context, bucket, key, contentType string, body io.Reader) (etag string, err error) {
	in := &s3api.PutObjectRequest{Bucket: bucket, Key: key, Body: &wire.Stream{ReadCloser: io.NopCloser(body), Length: -1}}
	if contentType != "" {
		in.ContentType = &contentType
	}
	out, err := s.putObject(ctx, in)
	if err != nil {
		return "", err
	}
	return *out.ETag, nil
}
