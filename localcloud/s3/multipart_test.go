package s3_test

import (
	"bytes"
	"crypto/md5"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/crossfade-dev/crossfade/localcloud/s3"
)

// parts are those of an object: two of the least size, and a small last one.
var parts = [][]byte{bytes.Repeat([]byte("a"), 5<<20), bytes.Repeat([]byte("b"), 5<<20), []byte("tail")}

// begin begins an upload of the key "big" and returns its id.
func (w *world) begin(algorithm types.ChecksumAlgorithm, kind types.ChecksumType) *string {
	w.t.Helper()
	out, err := w.client.CreateMultipartUpload(w.ctx, &awss3.CreateMultipartUploadInput{
		Bucket: aws.String("pantry"), Key: aws.String("big"), ChecksumAlgorithm: algorithm, ChecksumType: kind,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return out.UploadId
}

// upload sends one part and returns how the end of the upload names it.
func (w *world) upload(id *string, number int32, b []byte, algorithm types.ChecksumAlgorithm) types.CompletedPart {
	out, err := w.client.UploadPart(w.ctx, &awss3.UploadPartInput{
		Bucket: aws.String("pantry"), Key: aws.String("big"), UploadId: id, PartNumber: &number, Body: bytes.NewReader(b), ChecksumAlgorithm: algorithm,
	})
	if err != nil {
		w.t.Error(err)
		return types.CompletedPart{}
	}
	return types.CompletedPart{
		PartNumber: &number, ETag: out.ETag, ChecksumCRC32: out.ChecksumCRC32, ChecksumCRC32C: out.ChecksumCRC32C,
		ChecksumCRC64NVME: out.ChecksumCRC64NVME, ChecksumSHA1: out.ChecksumSHA1, ChecksumSHA256: out.ChecksumSHA256,
	}
}

func (w *world) complete(id *string, list ...types.CompletedPart) (*awss3.CompleteMultipartUploadOutput, error) {
	return w.client.CompleteMultipartUpload(w.ctx, &awss3.CompleteMultipartUploadInput{
		Bucket: aws.String("pantry"), Key: aws.String("big"), UploadId: id, MultipartUpload: &types.CompletedMultipartUpload{Parts: list},
	})
}

func TestPartsThatComeOutOfOrderMakeOneObject(t *testing.T) {
	whole := bytes.Join(parts, nil)
	for _, c := range []struct {
		algorithm types.ChecksumAlgorithm
		kind      types.ChecksumType
	}{
		{types.ChecksumAlgorithmCrc32, types.ChecksumTypeFullObject},
		{types.ChecksumAlgorithmCrc32c, types.ChecksumTypeFullObject},
		{types.ChecksumAlgorithmCrc64nvme, ""},
		{types.ChecksumAlgorithmCrc32, types.ChecksumTypeComposite},
		{types.ChecksumAlgorithmSha256, ""},
	} {
		t.Run(fmt.Sprint(c.algorithm, c.kind), func(t *testing.T) {
			w := newWorld(t, s3.Config{})
			id := w.begin(c.algorithm, c.kind)
			done := make([]types.CompletedPart, len(parts))
			var group sync.WaitGroup
			for i := len(parts) - 1; i >= 0; i-- {
				group.Go(func() { done[i] = w.upload(id, int32(i+1), parts[i], c.algorithm) })
			}
			group.Wait()
			out, err := w.complete(id, done...)
			if err != nil {
				t.Fatal(err)
			}
			var digests []byte
			for _, p := range parts {
				sum := md5.Sum(p)
				digests = append(digests, sum[:]...)
			}
			if want := fmt.Sprintf(`"%x-3"`, md5.Sum(digests)); *out.ETag != want {
				t.Errorf("got the tag %s, want %s", *out.ETag, want)
			}
			if got := w.get("big"); got != string(whole) {
				t.Errorf("got %d bytes, want the %d of all parts in order", len(got), len(whole))
			}
			if out.ChecksumType != types.ChecksumTypeFullObject {
				return
			}
			one, err := w.client.PutObject(w.ctx, &awss3.PutObjectInput{
				Bucket: aws.String("pantry"), Key: aws.String("one"), Body: bytes.NewReader(whole), ChecksumAlgorithm: c.algorithm,
			})
			if err != nil {
				t.Fatal(err)
			}
			got := [3]string{aws.ToString(out.ChecksumCRC32), aws.ToString(out.ChecksumCRC32C), aws.ToString(out.ChecksumCRC64NVME)}
			want := [3]string{aws.ToString(one.ChecksumCRC32), aws.ToString(one.ChecksumCRC32C), aws.ToString(one.ChecksumCRC64NVME)}
			if got != want {
				t.Errorf("got the checksum %v, want that of the same bytes put at once: %v", got, want)
			}
		})
	}
}

func TestARangeMayCrossParts(t *testing.T) {
	w := newWorld(t, s3.Config{})
	id := w.begin("", "")
	w.must(w.complete(id, w.upload(id, 1, parts[0], ""), w.upload(id, 2, parts[1], "")))
	if r, body := w.send("GET", "/pantry/big", nil, "Range", fmt.Sprintf("bytes=%d-%d", 5<<20-2, 5<<20+1)); body != "aabb" {
		t.Errorf("got %d %q, want aabb", r.StatusCode, body)
	}
	r, _ := w.send("HEAD", "/pantry/big?partNumber=2", nil)
	if got := r.Header.Get("Content-Range") + " " + r.Header.Get("X-Amz-Mp-Parts-Count"); got != "bytes 5242880-10485759/10485760 2" {
		t.Errorf("a part: got %q, want its range and how many there are", got)
	}
}

func TestAnUploadIsHeldToItsRules(t *testing.T) {
	w := newWorld(t, s3.Config{})
	id := w.begin("", "")
	one, two := w.upload(id, 1, parts[0], ""), w.upload(id, 2, parts[2], "")
	three := w.upload(id, 3, parts[2], "")
	wrong := one
	wrong.ETag = aws.String(`"other"`)
	for _, c := range []struct {
		want string
		list []types.CompletedPart
	}{
		{"InvalidPart", []types.CompletedPart{wrong}},
		{"InvalidPart", []types.CompletedPart{one, {PartNumber: aws.Int32(7), ETag: one.ETag}}},
		{"InvalidPartOrder", []types.CompletedPart{two, one}},
		{"EntityTooSmall", []types.CompletedPart{one, two, three}},
		{"MalformedXML", nil},
		{"OK", []types.CompletedPart{one, three}},
		{"NoSuchUpload", []types.CompletedPart{one}},
	} {
		if _, err := w.complete(id, c.list...); codeOf(err) != c.want {
			t.Errorf("complete with %d parts: got %v, want %s", len(c.list), err, c.want)
		}
	}
}

func TestAnAbortedUploadLeavesNothing(t *testing.T) {
	w := newWorld(t, s3.Config{MaxMemory: 6 << 20})
	for range 3 { // the parts of all of them together have no room
		id := w.begin("", "")
		w.upload(id, 1, parts[0], "")
		w.upload(id, 1, parts[2], "")
		w.must(w.client.AbortMultipartUpload(w.ctx, &awss3.AbortMultipartUploadInput{Bucket: aws.String("pantry"), Key: aws.String("big"), UploadId: id}))
	}
	out, err := w.client.ListMultipartUploads(w.ctx, &awss3.ListMultipartUploadsInput{Bucket: aws.String("pantry")})
	if err != nil || len(out.Uploads) != 0 {
		t.Errorf("got %v, %v; want no uploads", out, err)
	}
	if got := w.get("big"); got != "NoSuchKey" {
		t.Errorf("got %.20q, want NoSuchKey", got)
	}
}

func TestUploadsAndPartsAreListed(t *testing.T) {
	w := newWorld(t, s3.Config{})
	id := w.begin("", "")
	for n := int32(5); n > 0; n-- {
		w.upload(id, n, []byte(strings.Repeat("x", int(n))), "")
	}
	pages := awss3.NewListPartsPaginator(w.client, &awss3.ListPartsInput{Bucket: aws.String("pantry"), Key: aws.String("big"), UploadId: id, MaxParts: aws.Int32(2)})
	var got []string
	for pages.HasMorePages() {
		page, err := pages.NextPage(w.ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range page.Parts {
			got = append(got, fmt.Sprint(*p.PartNumber, ":", *p.Size))
		}
		got = append(got, "|")
	}
	if want := "1:1 2:2 | 3:3 4:4 | 5:5 |"; strings.Join(got, " ") != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
