package s3_test

import (
	"crypto/md5"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/crossfade-dev/crossfade/localcloud/s3"
)

func TestAnObjectComesBackAsItWasPut(t *testing.T) {
	w := newWorld(t, s3.Config{})
	w.must(w.client.PutObject(w.ctx, &awss3.PutObjectInput{
		Bucket: aws.String("pantry"), Key: aws.String("jam/plum"), Body: strings.NewReader("plums and sugar"),
		ContentType: aws.String("text/jam"), CacheControl: aws.String("no-store"), Metadata: map[string]string{"shelf": "3"},
	}))
	out, err := w.client.GetObject(w.ctx, &awss3.GetObjectInput{Bucket: aws.String("pantry"), Key: aws.String("jam/plum")})
	if err != nil {
		t.Fatal(err)
	}
	if got := w.get("jam/plum"); got != "plums and sugar" {
		t.Errorf("got %q, want the bytes that were put", got)
	}
	got := fmt.Sprintln(*out.ContentType, *out.CacheControl, out.Metadata, *out.ContentLength, *out.ETag, out.LastModified.Equal(start))
	if want := fmt.Sprintf("text/jam no-store map[shelf:3] 15 %q true\n", fmt.Sprintf("%x", md5.Sum([]byte("plums and sugar")))); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestChecksumsAreVerifiedKeptAndShown(t *testing.T) {
	// The check values of the algorithms for the text "123456789", in base64.
	for algorithm, want := range map[types.ChecksumAlgorithm]string{
		types.ChecksumAlgorithmCrc32:     "y/Q5Jg==",
		types.ChecksumAlgorithmCrc32c:    "4waSgw==",
		types.ChecksumAlgorithmCrc64nvme: "rosUhgp5mIg=",
		types.ChecksumAlgorithmSha1:      "98O8HYCOBHMq32eZZczDTKeuNEE=",
		types.ChecksumAlgorithmSha256:    "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU=",
	} {
		t.Run(string(algorithm), func(t *testing.T) {
			w := newWorld(t, s3.Config{})
			w.must(w.client.PutObject(w.ctx, &awss3.PutObjectInput{
				Bucket: aws.String("pantry"), Key: aws.String("digits"), Body: strings.NewReader("123456789"), ChecksumAlgorithm: algorithm,
			}))
			out, err := w.client.HeadObject(w.ctx, &awss3.HeadObjectInput{Bucket: aws.String("pantry"), Key: aws.String("digits"), ChecksumMode: types.ChecksumModeEnabled})
			if err != nil {
				t.Fatal(err)
			}
			all := aws.ToString(out.ChecksumCRC32) + aws.ToString(out.ChecksumCRC32C) + aws.ToString(out.ChecksumCRC64NVME) + aws.ToString(out.ChecksumSHA1) + aws.ToString(out.ChecksumSHA256)
			if all != want || out.ChecksumType != types.ChecksumTypeFullObject {
				t.Errorf("got %s %s, want %s FULL_OBJECT", all, out.ChecksumType, want)
			}
			name := "x-amz-checksum-" + strings.ToLower(string(algorithm))
			if r, body := w.send("PUT", "/pantry/digits", []byte("12345678"), name, want); r.StatusCode != 400 || !strings.Contains(body, "<Code>BadDigest</Code>") {
				t.Errorf("a wrong checksum: got %d %s, want 400 BadDigest", r.StatusCode, body)
			}
			if got := w.get("digits"); got != "123456789" {
				t.Errorf("after a refused upload: got %q, want the old bytes", got)
			}
		})
	}
}

func TestFramedPayloadsAreUnframed(t *testing.T) {
	w := newWorld(t, s3.Config{})
	trailer := []string{"X-Amz-Content-Sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "Content-Encoding", "aws-chunked",
		"X-Amz-Trailer", "x-amz-checksum-crc32", "X-Amz-Decoded-Content-Length", "9"}
	signed := []string{"X-Amz-Content-Sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "Content-Encoding", "gzip,aws-chunked", "X-Amz-Decoded-Content-Length", "9"}
	cases := []struct {
		name, body string
		header     []string
		status     int
		code       string
	}{
		{"a trailer", "4\r\n1234\r\n5\r\n56789\r\n0\r\nx-amz-checksum-crc32:y/Q5Jg==\r\n\r\n", trailer, 200, ""},
		{"a wrong trailer", "9\r\n123456789\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n", trailer, 400, "BadDigest"},
		{"signed chunks", "9;chunk-signature=00\r\n123456789\r\n0;chunk-signature=11\r\n\r\n", signed, 200, ""},
		{"too few bytes", "4\r\n1234\r\n0\r\n\r\n", signed, 400, "IncompleteBody"},
		{"an end in the middle", "9\r\n1234", signed, 400, "IncompleteBody"},
		{"no chunks", "123456789", signed, 400, "IncompleteBody"},
		{"another hash than signed", "123456789", []string{"X-Amz-Content-Sha256", strings.Repeat("0", 64)}, 400, "XAmzContentSHA256Mismatch"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r, body := w.send("PUT", "/pantry/framed", []byte(c.body), c.header...)
			if r.StatusCode != c.status || !strings.Contains(body, c.code) {
				t.Fatalf("got %d %s, want %d %s", r.StatusCode, body, c.status, c.code)
			}
			if c.status != 200 {
				return
			}
			r, body = w.send("GET", "/pantry/framed", nil)
			if encoding := r.Header.Get("Content-Encoding"); body != "123456789" || strings.Contains(encoding, "chunked") {
				t.Errorf("got %q with the encoding %q, want the bytes without the framing", body, encoding)
			}
		})
	}
}

func TestReadersGetRangesAndConditionsHold(t *testing.T) {
	w := newWorld(t, s3.Config{})
	w.put("digits", "0123456789")
	etag := `"781e5e245d69b566979b86e28d23f2c7"`
	later := start.Add(1e9).Format(http.TimeFormat)
	for _, c := range []struct {
		header       []string
		status       int
		body, ranges string
	}{
		{[]string{"Range", "bytes=2-4"}, 206, "234", "bytes 2-4/10"},
		{[]string{"Range", "bytes=7-"}, 206, "789", "bytes 7-9/10"},
		{[]string{"Range", "bytes=-3"}, 206, "789", "bytes 7-9/10"},
		{[]string{"Range", "bytes=0-100"}, 206, "0123456789", "bytes 0-9/10"},
		{[]string{"Range", "bytes=10-"}, 416, "InvalidRange", ""},
		{[]string{"Range", "lines=1-2"}, 200, "0123456789", ""},
		{[]string{"If-None-Match", etag}, 304, "", ""},
		{[]string{"If-None-Match", `"other"`}, 200, "0123456789", ""},
		{[]string{"If-Match", `"other"`}, 412, "PreconditionFailed", ""},
		{[]string{"If-Modified-Since", later}, 304, "", ""},
		{[]string{"If-Modified-Since", later, "If-None-Match", `"other"`}, 200, "0123456789", ""},
		{[]string{"If-Unmodified-Since", start.Add(-1e9).Format(http.TimeFormat)}, 412, "PreconditionFailed", ""},
	} {
		r, body := w.send("GET", "/pantry/digits", nil, c.header...)
		if r.StatusCode != c.status || !strings.Contains(body, c.body) || r.Header.Get("Content-Range") != c.ranges {
			t.Errorf("%v: got %d %q %q, want %d %q %q", c.header, r.StatusCode, body, r.Header.Get("Content-Range"), c.status, c.body, c.ranges)
		}
	}
	for _, c := range []struct {
		header []string
		status int
	}{
		{[]string{"If-None-Match", "*"}, 412},
		{[]string{"If-Match", `"other"`}, 412},
		{[]string{"If-Match", etag}, 200},
	} {
		if r, body := w.send("PUT", "/pantry/digits", []byte("0123456789"), c.header...); r.StatusCode != c.status {
			t.Errorf("put with %v: got %d %s, want %d", c.header, r.StatusCode, body, c.status)
		}
	}
}

func TestWhatIsNotThereIsRefusedInS3sWords(t *testing.T) {
	w := newWorld(t, s3.Config{})
	for _, c := range []struct{ method, url, code string }{
		{"GET", "/pantry/none", "NoSuchKey"},
		{"GET", "/cellar/none", "NoSuchBucket"},
		{"GET", "/pantry?acl", "NotImplemented"},
		{"PUT", "/pantry/key?tagging", "NotImplemented"},
		{"PATCH", "/pantry", "MethodNotAllowed"},
		{"PUT", "/Pantry", "InvalidBucketName"},
		{"POST", "/pantry?delete", "MissingRequestBodyError"},
		{"GET", "/pantry/key?uploadId=none", "NoSuchUpload"},
		{"PUT", "/pantry/key?uploadId=none&partNumber=0", "InvalidArgument"},
		{"GET", "/pantry?max-keys=many", "InvalidArgument"},
	} {
		r, body := w.send(c.method, c.url, nil)
		if !strings.Contains(body, "<Error><Code>"+c.code+"</Code>") || !strings.Contains(body, "<RequestId>"+r.Header.Get("X-Amz-Request-Id")+"</RequestId>") {
			t.Errorf("%s %s: got %d %s, want %s with the request's id", c.method, c.url, r.StatusCode, body, c.code)
		}
	}
	if r, body := w.send("HEAD", "/pantry/none", nil); r.StatusCode != 404 || body != "" {
		t.Errorf("HEAD: got %d %q, want 404 without a body", r.StatusCode, body)
	}
}

func TestABucketMayBeInTheHost(t *testing.T) {
	w := newWorld(t, s3.Config{})
	w.put("a/b", "x")
	for _, host := range []string{"pantry.localhost:4566", "pantry.s3.eu-west-1.amazonaws.com"} {
		if r, body := w.send("GET", "/a/b", nil, "Host", host); body != "x" {
			t.Errorf("%s: got %d %q, want the object", host, r.StatusCode, body)
		}
	}
	if _, body := w.send("GET", "/pantry/a/b", nil, "Host", "127.0.0.1:4566"); body != "x" {
		t.Errorf("an address as host: got %q, want the object", body)
	}
}

func TestAnObjectInUseStaysUntilItIsRead(t *testing.T) {
	w := newWorld(t, s3.Config{})
	w.put("jam", "old")
	item, err := w.service.Open(w.ctx, "pantry", "jam", "")
	if err != nil {
		t.Fatal(err)
	}
	w.put("jam", "new")
	b := make([]byte, 10)
	n, _ := item.Body.Read(b)
	if got := string(b[:n]); got != "old" {
		t.Errorf("got %q, want what the object was when it was opened", got)
	}
	if err := item.Body.Close(); err != nil {
		t.Error(err)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	w := newWorld(t, s3.Config{MaxMemory: 100})
	w.put("a", strings.Repeat("x", 60))
	_, err := w.client.PutObject(w.ctx, &awss3.PutObjectInput{Bucket: aws.String("pantry"), Key: aws.String("b"), Body: strings.NewReader(strings.Repeat("x", 60))})
	if got := codeOf(err); got != "EntityTooLarge" {
		t.Errorf("got %s, want EntityTooLarge", got)
	}
	w.must(w.client.DeleteObject(w.ctx, &awss3.DeleteObjectInput{Bucket: aws.String("pantry"), Key: aws.String("a")}))
	w.put("b", strings.Repeat("x", 60))
}

func TestACopyTakesBytesAndTraits(t *testing.T) {
	w := newWorld(t, s3.Config{})
	w.must(w.client.PutObject(w.ctx, &awss3.PutObjectInput{
		Bucket: aws.String("pantry"), Key: aws.String("a b"), Body: strings.NewReader("x"), Metadata: map[string]string{"shelf": "3"},
	}))
	copyOf := func(to string, directive types.MetadataDirective) string {
		_, err := w.client.CopyObject(w.ctx, &awss3.CopyObjectInput{
			Bucket: aws.String("pantry"), Key: &to, CopySource: aws.String("pantry/a%20b"), MetadataDirective: directive, Metadata: map[string]string{"shelf": "4"},
		})
		return codeOf(err)
	}
	for _, c := range []struct {
		to        string
		directive types.MetadataDirective
		want      string
	}{
		{"same", types.MetadataDirectiveCopy, "OK"}, {"other", types.MetadataDirectiveReplace, "OK"},
		{"a b", types.MetadataDirectiveCopy, "InvalidRequest"}, {"a b", types.MetadataDirectiveReplace, "OK"},
	} {
		if got := copyOf(c.to, c.directive); got != c.want {
			t.Errorf("copy to %q, %s: got %s, want %s", c.to, c.directive, got, c.want)
		}
	}
	for key, shelf := range map[string]string{"same": "3", "other": "4", "a b": "4"} {
		out, err := w.client.HeadObject(w.ctx, &awss3.HeadObjectInput{Bucket: aws.String("pantry"), Key: &key})
		if err != nil || out.Metadata["shelf"] != shelf {
			t.Errorf("%s: got %v, %v; want the shelf %s", key, out, err, shelf)
		}
	}
	w.must(w.client.DeleteObject(w.ctx, &awss3.DeleteObjectInput{Bucket: aws.String("pantry"), Key: aws.String("a b")}))
	if got := w.get("same"); got != "x" {
		t.Errorf("after the source is gone: got %q, want x", got)
	}
}
