package localcloud

import (
	"bytes"
	"context"
	"io"

	"github.com/crossfade-dev/crossfade/localcloud/s3"
	"github.com/crossfade-dev/crossfade/localcloud/sfn"
)

// objectReader reads the buckets of the local S3, for code and templates.
type objectReader struct{ s3 *s3.Service }

// Get opens an object. An empty version means the present one.
func (o objectReader) Get(ctx context.Context, bucket, key, version string) (io.ReadCloser, error) {
	item, err := o.s3.Open(ctx, bucket, key, version)
	if err != nil {
		return nil, err
	}
	return item.Body, nil
}

// stateObjects lets distributed Maps also write the buckets, and list them.
type stateObjects struct{ objectReader }

// Put writes an object.
func (o stateObjects) Put(ctx context.Context, bucket, key, contentType string, body []byte) error {
	_, err := o.s3.Put(ctx, bucket, key, contentType, bytes.NewReader(body))
	return err
}

// List calls yield for each object whose key begins with prefix, until yield
// returns false.
func (o stateObjects) List(ctx context.Context, bucket, prefix string, yield func(sfn.ObjectInfo) bool) error {
	return o.s3.List(ctx, bucket, prefix, func(e s3.Entry) bool { return yield(sfn.ObjectInfo(e)) })
}
