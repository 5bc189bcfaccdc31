package wire_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/s3api"
)

// shelfAPI is a service that shows what reached it: an object's answer has its
// request in the metadata.
func shelfAPI() wire.API {
	saw := func(in ...string) *string { return new(strings.Join(in, "|")) }
	return wire.API{Service: &s3api.Service, MaxStream: 20, Rows: []wire.Row{
		wire.Op(s3api.PutObject, func(_ context.Context, in *s3api.PutObjectRequest) (*s3api.PutObjectOutput, error) {
			b, err := io.ReadAll(in.Body)
			if err != nil {
				return nil, err
			}
			encoding := ""
			if in.ContentEncoding != nil {
				encoding = *in.ContentEncoding
			}
			return &s3api.PutObjectOutput{ETag: saw(in.Bucket, in.Key, string(b), in.Metadata["color"], encoding, in.Body.Trailer.Get("X-Amz-Checksum-Crc32"))}, nil
		}),
		wire.Op(s3api.UploadPart, func(_ context.Context, in *s3api.UploadPartRequest) (*s3api.UploadPartOutput, error) {
			return &s3api.UploadPartOutput{ETag: saw("part", in.UploadId)}, nil
		}),
		wire.Op(s3api.CopyObject, func(_ context.Context, in *s3api.CopyObjectRequest) (*s3api.CopyObjectOutput, error) {
			at := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
			return &s3api.CopyObjectOutput{CopyObjectResult: &s3api.CopyObjectResult{ETag: saw("copy", in.CopySource), LastModified: &at}}, nil
		}),
		wire.Op(s3api.GetObject, func(_ context.Context, in *s3api.GetObjectRequest) (*s3api.GetObjectOutput, error) {
			out := &s3api.GetObjectOutput{
				Body: wire.NewStream([]byte("0123456789")), ContentLength: new(int64(10)), Metadata: map[string]string{"color": "red"},
			}
			switch in.Key {
			case "part":
				out.ContentRange = new("bytes 0-9/20")
			case "broken":
				out.Body.ReadCloser = io.NopCloser(io.MultiReader(strings.NewReader("01234"), failing{}))
			}
			return out, nil
		}),
		wire.Op(s3api.DeleteObjects, func(_ context.Context, in *s3api.DeleteObjectsRequest) (*s3api.DeleteObjectsOutput, error) {
			out := &s3api.DeleteObjectsOutput{}
			for _, o := range in.Delete.Objects {
				out.Deleted = append(out.Deleted, s3api.DeletedObject{Key: &o.Key})
			}
			return out, nil
		}),
		wire.Op(s3api.GetBucketLocation, func(context.Context, *s3api.GetBucketLocationRequest) (*s3api.GetBucketLocationOutput, error) {
			return &s3api.GetBucketLocationOutput{LocationConstraint: new("eu-west-1")}, nil
		}),
		wire.Op(s3api.ListObjects, func(_ context.Context, in *s3api.ListObjectsRequest) (*s3api.ListObjectsOutput, error) {
			return nil, s3api.NewNoSuchBucket("no "+in.Bucket).With("BucketName", in.Bucket)
		}),
	}}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("the disk is gone") }

func TestRestXMLFindsOperationsAndSpeaksS3(t *testing.T) {
	s := wire.NewServer(wire.Config{NewID: func() string { return fixedID }}, shelfAPI())
	const head, space = `<?xml version="1.0" encoding="UTF-8"?>` + "\n", ` xmlns="http://s3.amazonaws.com/doc/2006-03-01/"`
	const ids = "<RequestId>1111111122224333</RequestId><HostId>MTExMTExMTEtMjIyMi00MzMzLTg0NDQtNTU1NTU1NTU1NTU1MTExMTExMTEtMjIyMi00MzMzLTg0NDQtNTU1NTU1NTU1NTU1</HostId></Error>"
	auth := map[string]string{"Authorization": "AWS4-HMAC-SHA256 Credential=AK/20260304/us-east-1/s3/aws4_request, Signature=0"}
	header := func(more ...string) map[string]string { return with(auth, more...) }
	for _, c := range []struct {
		name   string
		ask    ask
		status int
		etag   string
		body   string
	}{
		{"a key is kept as it is", ask{method: "PUT", url: "/b/x//y%2Fz/", header: header("x-amz-meta-Color", "red"), body: "jam"}, 200, "b|x//y/z/|jam|red||", ""},
		{"framing goes", ask{method: "PUT", url: "/b/k?x-id=PutObject", body: "3\r\njam\r\n0\r\nx-amz-checksum-crc32: AA==\r\n\r\n",
			header: header("Content-Encoding", "gzip, aws-chunked", "X-Amz-Decoded-Content-Length", "3")}, 200, "b|k|jam||gzip|AA==", ""},
		{"a part", ask{method: "PUT", url: "/b/k?partNumber=1&uploadId=u", header: auth, body: "jam"}, 200, "part|u", ""},
		{"a copy", ask{method: "PUT", url: "/b/k", header: header("x-amz-copy-source", "/b/other")}, 200, "",
			head + "<CopyObjectResult" + space + "><ETag>copy|/b/other</ETag><LastModified>2026-03-04T05:06:07.000Z</LastModified></CopyObjectResult>"},
		{"a document in and out", ask{method: "POST", url: "/b?delete", header: auth, body: `<Delete xmlns="x"><Object><Key>a&amp;b</Key></Object><Object><Key> c </Key></Object></Delete>`}, 200, "",
			head + "<DeleteResult" + space + "><Deleted><Key>a&amp;b</Key></Deleted><Deleted><Key> c </Key></Deleted></DeleteResult>"},
		{"one member is the document", ask{method: "GET", url: "/b?location", header: auth}, 200, "", head + "<LocationConstraint" + space + ">eu-west-1</LocationConstraint>"},
		{"a stream", ask{method: "GET", url: "/b/k", header: auth}, 200, "", "0123456789"},
		{"some of a stream", ask{method: "GET", url: "/b/part", header: auth}, 206, "", "0123456789"},
		{"without a signature", ask{method: "GET", url: "/b/k"}, 200, "", "0123456789"},
		{"an error with a member", ask{method: "GET", url: "/b/", header: auth}, 404, "",
			head + "<Error><Code>NoSuchBucket</Code><Message>no b</Message><BucketName>b</BucketName><Resource>/b/</Resource>" + ids},
		{"a part of a bucket that is not here", ask{method: "PUT", url: "/b?policy", header: auth}, 501, "",
			head + "<Error><Code>NotImplemented</Code><Message>The local cloud does not implement the part &quot;policy&quot; of buckets and objects.</Message><Resource>/b</Resource>" + ids},
		{"an operation that is not here", ask{method: "DELETE", url: "/b", header: auth}, 501, "",
			head + "<Error><Code>NotImplemented</Code><Message>The local cloud does not implement DeleteBucket of S3.</Message><Resource>/b</Resource>" + ids},
		{"no XML", ask{method: "POST", url: "/b?delete", header: auth, body: "<Delete>"}, 400, "",
			head + "<Error><Code>MalformedXML</Code><Message>The XML you provided was not well-formed or did not validate against our published schema</Message><Resource>/b</Resource>" + ids},
		{"too long", ask{method: "PUT", url: "/b/k", header: auth, body: strings.Repeat("x", 21)}, 400, "",
			head + "<Error><Code>EntityTooLarge</Code><Message>Your proposed upload exceeds the maximum allowed size</Message><Resource>/b/k</Resource>" + ids},
		{"another value than the model has", ask{method: "PUT", url: "/b/k", header: header("x-amz-storage-class", "SHELF")}, 400, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := send(t, s, c.ask)
			if got.status != c.status || got.header.Get("ETag") != c.etag || c.body != "" && got.body != c.body {
				t.Errorf("got %d %q\n%s\nwant %d %q\n%s", got.status, got.header.Get("ETag"), got.body, c.status, c.etag, c.body)
			}
			if got.header.Get("X-Amz-Request-Id") != "1111111122224333" || got.status >= 400 && got.header.Get("Content-Type") != "application/xml" {
				t.Errorf("got the headers %v, want S3's request id and, of errors, XML", got.header)
			}
		})
	}
}

func TestAStreamThatBreaksOffIsNoAnswer(t *testing.T) {
	s := wire.NewServer(wire.Config{}, shelfAPI())
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://any.host/b/broken", nil)
	if err != nil {
		t.Fatal(err)
	}
	out, err := s.Client().Do(r)
	if err == nil {
		_ = out.Body.Close()
		t.Errorf("got status %d, want an error, since half of the bytes are missing", out.StatusCode)
	}
}

func TestATaskGetsAStreamAsText(t *testing.T) {
	s := wire.NewServer(wire.Config{}, shelfAPI())
	got, err := s.Call(t.Context(), "s3", "getObject", []byte(`{"Bucket":"b","Key":"k"}`))
	if want := `{"Body":"0123456789","ContentLength":10,"Metadata":{"color":"red"}}`; err != nil || string(got) != want {
		t.Errorf("got %s, %v; want %s", got, err, want)
	}
	got, err = s.Call(t.Context(), "s3", "putObject", []byte(`{"Bucket":"b","Key":"k","Body":{"n":1}}`))
	if want := `{"ETag":"b|k|{\"n\":1}|||"}`; err != nil || string(got) != want {
		t.Errorf("got %s, %v; want %s", got, err, want)
	}
}
