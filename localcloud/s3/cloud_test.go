package s3_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"

	"github.com/crossfade-dev/crossfade/internal/clock"
	"github.com/crossfade-dev/crossfade/localcloud/journal"
	"github.com/crossfade-dev/crossfade/localcloud/s3"
	"github.com/crossfade-dev/crossfade/localcloud/wire"
)

// A world is a local S3 with a client of the Go SDK and one bucket, "pantry".
type world struct {
	t       *testing.T
	ctx     context.Context
	clock   *clock.Virtual
	service *s3.Service
	server  *wire.Server
	client  *awss3.Client
}

var start = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

func newWorld(t *testing.T, config s3.Config) *world {
	t.Helper()
	w := &world{t: t, ctx: t.Context(), clock: clock.NewVirtual(start)}
	w.open(config)
	w.must(w.client.CreateBucket(w.ctx, &awss3.CreateBucketInput{Bucket: aws.String("pantry")}))
	return w
}

// open takes up a service, as after a restart when the world has had one.
func (w *world) open(config s3.Config) {
	w.t.Helper()
	config.Clock = w.clock
	service, err := s3.New(config)
	if err != nil {
		w.t.Fatal(err)
	}
	w.service = service
	w.server = wire.NewServer(wire.Config{}, service.API())
	w.client = awss3.New(awss3.Options{
		Region: "us-east-1", BaseEndpoint: aws.String("http://s3.test"), UsePathStyle: true, HTTPClient: w.server.Client(),
		Credentials: credentials.NewStaticCredentialsProvider("111122223333", "secret", ""), RetryMaxAttempts: 1,
	})
}

// onDisk returns a configuration over a directory. Its journal is closed at the
// end of the test, or by the returned function.
func onDisk(t *testing.T, dir string) (s3.Config, func()) {
	t.Helper()
	j, err := journal.Open(dir, journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	return s3.Config{Dir: dir + "/objects", Journal: j}, func() { _ = j.Close() }
}

// must takes the result of a call that cannot fail in this test.
func (w *world) must(_ any, err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) put(key, text string) {
	w.t.Helper()
	w.must(w.client.PutObject(w.ctx, &awss3.PutObjectInput{Bucket: aws.String("pantry"), Key: &key, Body: strings.NewReader(text)}))
}

// get returns the bytes of an object, or the code of the error.
func (w *world) get(key string) string {
	w.t.Helper()
	out, err := w.client.GetObject(w.ctx, &awss3.GetObjectInput{Bucket: aws.String("pantry"), Key: &key})
	if err != nil {
		return codeOf(err)
	}
	defer out.Body.Close()
	b, err := io.ReadAll(out.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return string(b)
}

// codeOf returns the code of an error that was answered, or "OK".
func codeOf(err error) string {
	var e smithy.APIError
	switch {
	case err == nil:
		return "OK"
	case errors.As(err, &e):
		return e.ErrorCode()
	default:
		return err.Error()
	}
}

// send makes a request without an SDK and returns the status and the body.
func (w *world) send(method, url string, body []byte, header ...string) (*http.Response, string) {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.ctx, method, "http://s3.test"+url, bytes.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AK/20260304/us-east-1/s3/aws4_request, Signature=0")
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			r.Host = header[i+1]
		}
		r.Header.Set(header[i], header[i+1])
	}
	out, err := w.server.Client().Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer out.Body.Close()
	b, err := io.ReadAll(out.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return out, string(b)
}
