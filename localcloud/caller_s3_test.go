package localcloud_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"

	"github.com/crossfade-dev/crossfade/internal/conformance"
)

// s3 makes the calls that recorded cases make of S3. Its answers are headers and
// streams, which are no tree, so each operation is spelled out.
func (c *caller) s3(ctx context.Context, operation string, params map[string]any) (conformance.Answer, error) {
	client := s3.NewFromConfig(c.cloud.AWSConfig(), func(o *s3.Options) { o.UsePathStyle = true })
	name := func(key string) *string {
		text, _ := params[key].(string)
		return aws.String(text)
	}
	answer := conformance.Answer{Status: 200, Headers: map[string]any{}, Response: map[string]any{}}
	var err error
	switch operation {
	case "CreateBucket":
		_, err = client.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: name("Bucket")})
	case "PutObject":
		_, err = client.PutObject(ctx, &s3.PutObjectInput{Bucket: name("Bucket"), Key: name("Key"), Body: bytes.NewReader(bodyOf(params["Body"])),
			ContentType: aws.String("binary/octet-stream")}) // other than Go's, the recorder's SDK sends none
	case "UploadFileobj":
		if params["Key"] == nil {
			return answer, errors.New("what was uploaded could not be known")
		}
		parts, _ := params["Fileobj"].([]any)
		var body []byte
		for _, part := range parts { // a file is recorded as its lines
			body = append(body, bodyOf(part)...)
		}
		_, err = client.PutObject(ctx, &s3.PutObjectInput{Bucket: name("Bucket"), Key: name("Key"), Body: bytes.NewReader(body)})
	case "ListObjectsV2":
		var out *s3.ListObjectsV2Output
		if out, err = client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: name("Bucket")}); err == nil {
			contents := []any{}
			for _, o := range out.Contents {
				contents = append(contents, map[string]any{"Key": aws.ToString(o.Key)})
			}
			answer.Response["Contents"] = contents
		}
	case "GetObject":
		var out *s3.GetObjectOutput
		if out, err = client.GetObject(ctx, &s3.GetObjectInput{Bucket: name("Bucket"), Key: name("Key"), ChecksumMode: types.ChecksumModeEnabled}); err == nil {
			answer.Response, err = objectMembers(out)
		}
	default:
		return answer, fmt.Errorf("no call of %s", operation)
	}
	var api smithy.APIError
	if errors.As(err, &api) {
		answer.Error = &conformance.Error{Code: api.ErrorCode(), Message: api.ErrorMessage()}
		return answer, nil
	}
	return answer, err
}

// bodyOf returns the bytes of an object. A case's bytes come as base64, its texts
// as they are.
func bodyOf(v any) []byte {
	text, _ := v.(string)
	if b, err := base64.StdEncoding.DecodeString(text); err == nil {
		return b
	}
	return []byte(text)
}

// objectMembers returns the members of an object that answers were recorded with.
func objectMembers(out *s3.GetObjectOutput) (map[string]any, error) {
	defer out.Body.Close()
	body, err := io.ReadAll(out.Body)
	if err != nil {
		return nil, err
	}
	members := map[string]any{
		"AcceptRanges": aws.ToString(out.AcceptRanges), "Body": string(body),
		"ContentLength": json.Number(fmt.Sprint(aws.ToInt64(out.ContentLength))), "ContentType": aws.ToString(out.ContentType),
		"ETag": aws.ToString(out.ETag), "LastModified": aws.ToTime(out.LastModified).Format("2006-01-02T15:04:05Z"),
		"Metadata": map[string]any{}, "ServerSideEncryption": string(out.ServerSideEncryption),
		"ChecksumType": string(out.ChecksumType),
	}
	if out.ChecksumCRC32 != nil {
		members["ChecksumCRC32"] = *out.ChecksumCRC32
	}
	return members, nil
}
