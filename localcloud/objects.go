package localcloud

import (
	"bytes"
	"context"
	"io"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
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

// asSent returns the parameters of a task as the SDK under Step Functions sends
// them: where a service wants JSON as text, a value becomes its text.
//
// Source: recorded.
func asSent(service, action string, params jsonvalue.Value) jsonvalue.Value {
	switch {
	case params.Kind() != jsonvalue.KindObject:
		return params
	case service == "s3" && action == "putObject":
		return objectAsSent(params)
	case service == "sfn":
		for _, member := range []string{"Input", "Output"} {
			if v, given := params.Get(member); given && v.Kind() != jsonvalue.KindString {
				params = params.With(member, jsonvalue.String(v.String()))
			}
		}
	}
	return params
}

// objectAsSent is asSent for an object of a bucket: it is JSON text also when it is
// a string, and comes with a type and with a checksum of another algorithm than
// S3's own.
func objectAsSent(params jsonvalue.Value) jsonvalue.Value {
	if body, _ := params.Get("Body"); body.Kind() == jsonvalue.KindString {
		params = params.With("Body", jsonvalue.String(body.String()))
	}
	for _, m := range []jsonvalue.Member{
		{Key: "ContentType", Value: jsonvalue.String("text/plain; charset=UTF-8")},
		{Key: "ChecksumAlgorithm", Value: jsonvalue.String("CRC32")},
	} {
		if _, given := params.Get(m.Key); !given {
			params = params.With(m.Key, m.Value)
		}
	}
	return params
}
