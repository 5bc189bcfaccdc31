package localcloud

import (
	"bytes"
	"context"
	"io"

	"github.com/crossfade-dev/crossfade/localcloud/s3"
	"github.com/crossfade-dev/crossfade/localcloud/sfn"
)

// stateObjects lets distributed Maps read and write the buckets of the local S3.
type stateObjects struct{ s3 *s3.Service }

func (o stateObjects) Get(ctx context.Context, bucket, key, version string) (io.ReadCloser, error) {
	item, err := o.s3.Open(ctx, bucket, key, version)
	if err != nil {
		return nil, err
	}
	return item.Body, nil
}

func (o stateObjects) Put(ctx context.Context, bucket, key, contentType string, body []byte) error {
	_, err := o.s3.Put(ctx, bucket, key, contentType, bytes.NewReader(body))
	return err
}

func (o stateObjects) List(ctx context.Context, bucket, prefix string, yield func(sfn.ObjectInfo) bool) error {
	return o.s3.List(ctx, bucket, prefix, func(e s3.Entry) bool { return yield(sfn.ObjectInfo(e)) })
}

// functionObjects lets functions be made of code in the buckets of the local S3.
type functionObjects struct{ s3 *s3.Service }

func (o functionObjects) Get(ctx context.Context, bucket, key, version string) (io.ReadCloser, error) {
	item, err := o.s3.Open(ctx, bucket, key, version)
	if err != nil {
		return nil, err
	}
	return item.Body, nil
}
