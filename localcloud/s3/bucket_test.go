package s3_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/crossfade-dev/crossfade/localcloud/s3"
)

// list returns all pages of a bucket: keys, groups, and a bar after each page.
func (w *world) list(in *awss3.ListObjectsV2Input) string {
	w.t.Helper()
	in.Bucket = aws.String("pantry")
	var got []string
	pages := awss3.NewListObjectsV2Paginator(w.client, in)
	for pages.HasMorePages() {
		page, err := pages.NextPage(w.ctx)
		if err != nil {
			w.t.Fatal(err)
		}
		for _, o := range page.Contents {
			got = append(got, *o.Key)
		}
		for _, g := range page.CommonPrefixes {
			got = append(got, *g.Prefix)
		}
		got = append(got, "|")
	}
	return strings.Join(got, " ")
}

func TestObjectsAreListedInPagesAndGroups(t *testing.T) {
	w := newWorld(t, s3.Config{})
	for _, key := range []string{"b", "a/2", "a/1", "a/x/1", "c", "a//1", "d/1"} {
		w.put(key, "x")
	}
	for _, c := range []struct {
		in   awss3.ListObjectsV2Input
		want string
	}{
		{awss3.ListObjectsV2Input{}, "a//1 a/1 a/2 a/x/1 b c d/1 |"},
		{awss3.ListObjectsV2Input{MaxKeys: aws.Int32(3)}, "a//1 a/1 a/2 | a/x/1 b c | d/1 |"},
		{awss3.ListObjectsV2Input{Delimiter: aws.String("/")}, "b c a/ d/ |"},
		{awss3.ListObjectsV2Input{Delimiter: aws.String("/"), MaxKeys: aws.Int32(1)}, "a/ | b | c | d/ |"},
		{awss3.ListObjectsV2Input{Prefix: aws.String("a/"), Delimiter: aws.String("/")}, "a/1 a/2 a// a/x/ |"},
		{awss3.ListObjectsV2Input{StartAfter: aws.String("a/2")}, "a/x/1 b c d/1 |"},
		{awss3.ListObjectsV2Input{StartAfter: aws.String("a/2"), Delimiter: aws.String("/")}, "b c a/ d/ |"},
		{awss3.ListObjectsV2Input{Prefix: aws.String("none")}, "|"},
	} {
		if got := w.list(&c.in); got != c.want {
			t.Errorf("%+v: got %s, want %s", c.in, got, c.want)
		}
	}
	out, err := w.client.ListObjects(w.ctx, &awss3.ListObjectsInput{Bucket: aws.String("pantry"), Delimiter: aws.String("/"), MaxKeys: aws.Int32(2), Marker: aws.String("a/")})
	if err != nil || len(out.Contents) != 2 || *out.NextMarker != "c" {
		t.Errorf("the first version of the list, after a group: got %v, %v; want b and c", out, err)
	}
}

func TestAnyKeyIsListedWhenItIsEncoded(t *testing.T) {
	w := newWorld(t, s3.Config{})
	w.put("a b+c/é\x01", "x")
	_, body := w.send("GET", "/pantry?list-type=2&encoding-type=url", nil)
	if !strings.Contains(body, "<Key>a%20b%2Bc/%C3%A9%01</Key>") {
		t.Errorf("got %s, want the key escaped", body)
	}
}

func TestABucketMustBeEmptyToGo(t *testing.T) {
	w := newWorld(t, s3.Config{})
	for _, key := range []string{"a", "b"} {
		w.put(key, "x")
	}
	drop := func() string {
		_, err := w.client.DeleteBucket(w.ctx, &awss3.DeleteBucketInput{Bucket: aws.String("pantry")})
		return codeOf(err)
	}
	if got := drop(); got != "BucketNotEmpty" {
		t.Errorf("got %s, want BucketNotEmpty", got)
	}
	out, err := w.client.DeleteObjects(w.ctx, &awss3.DeleteObjectsInput{Bucket: aws.String("pantry"), Delete: &types.Delete{
		Objects: []types.ObjectIdentifier{{Key: aws.String("a")}, {Key: aws.String("b")}, {Key: aws.String("none")}},
	}})
	if err != nil || len(out.Deleted) != 3 {
		t.Errorf("got %v, %v; want all three deleted, also what was not there", out, err)
	}
	w.begin("", "") // an upload that is under way does not keep a bucket
	if got := drop(); got != "OK" {
		t.Errorf("got %s, want OK", got)
	}
	if got := w.get("a"); got != "NoSuchBucket" {
		t.Errorf("got %s, want NoSuchBucket", got)
	}
}

func TestABucketKnowsItsRegionAndOwner(t *testing.T) {
	w := newWorld(t, s3.Config{})
	w.must(w.client.CreateBucket(w.ctx, &awss3.CreateBucketInput{Bucket: aws.String("cellar"), CreateBucketConfiguration: &types.CreateBucketConfiguration{LocationConstraint: "eu-west-1"}}))
	for name, want := range map[string]string{"pantry": "", "cellar": "eu-west-1"} {
		out, err := w.client.GetBucketLocation(w.ctx, &awss3.GetBucketLocationInput{Bucket: &name})
		if err != nil || string(out.LocationConstraint) != want {
			t.Errorf("%s: got %v, %v; want the region %q", name, out, err, want)
		}
	}
	for _, c := range []struct{ account, bucket, want string }{
		{"111122223333", "pantry", ""}, {"111122223333", "cellar", "BucketAlreadyOwnedByYou"}, {"444455556666", "cellar", "BucketAlreadyExists"},
	} {
		_, body := w.send("PUT", "/"+c.bucket, []byte(`<CreateBucketConfiguration><LocationConstraint/></CreateBucketConfiguration>`),
			"Authorization", "AWS4-HMAC-SHA256 Credential="+c.account+"/20260304/us-east-1/s3/aws4_request, Signature=0")
		if !strings.Contains(body, c.want) || c.want == "" && body != "" {
			t.Errorf("%s creates %s again: got %q, want %s", c.account, c.bucket, body, c.want)
		}
	}
	_, err := w.client.HeadObject(w.ctx, &awss3.HeadObjectInput{Bucket: aws.String("pantry"), Key: aws.String("a"), ExpectedBucketOwner: aws.String("444455556666")})
	if got := codeOf(err); got != "Forbidden" {
		t.Errorf("another owner than expected: got %s, want Forbidden", got)
	}
}

func TestWhatWasAcknowledgedSurvivesARestart(t *testing.T) {
	dir := t.TempDir()
	config, closeJournal := onDisk(t, dir)
	w := newWorld(t, config)
	w.put("jam", "old")
	w.put("jam", "new")
	w.put("gone", "x")
	w.must(w.client.DeleteObject(w.ctx, &awss3.DeleteObjectInput{Bucket: aws.String("pantry"), Key: aws.String("gone")}))
	id := w.begin("", "")
	first := w.upload(id, 1, parts[0], "")
	closeJournal() // the service itself is never closed: it may die at any time

	// What a crash may leave: half an upload, and bytes without a record.
	for _, name := range []string{"incoming/1234", "ZZ/ZZORPHAN"} {
		path := filepath.Join(config.Dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	config, _ = onDisk(t, dir)
	w.open(config)
	if got := w.get("jam") + " " + w.get("gone"); got != "new NoSuchKey" {
		t.Errorf("got %s, want new NoSuchKey", got)
	}
	w.must(w.complete(id, first, w.upload(id, 2, parts[2], "")))
	if got, want := w.get("big"), string(parts[0])+"tail"; got != want {
		t.Errorf("got %d bytes, want the %d of both parts", len(got), len(want))
	}
	var files []string
	err := filepath.WalkDir(config.Dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			files = append(files, path)
		}
		return err
	})
	if err != nil || len(files) != 3 {
		t.Errorf("got the files %v, %v; want one for each of jam and the two parts", files, err)
	}
}

func TestRequestsAtOnceSeeWholeObjects(t *testing.T) {
	config, _ := onDisk(t, t.TempDir())
	w := newWorld(t, config)
	w.put("k", "00000000")
	done := make(chan string)
	for i := range 4 {
		go func() {
			for range 8 {
				if _, err := w.service.Put(w.ctx, "pantry", "k", "", strings.NewReader(strings.Repeat(fmt.Sprint(i), 8))); err != nil {
					done <- err.Error()
					return
				}
				item, err := w.service.Open(w.ctx, "pantry", "k", "")
				if err != nil {
					done <- err.Error()
					return
				}
				b, err := io.ReadAll(item.Body)
				if err = errors.Join(err, item.Body.Close()); err != nil || string(b) != strings.Repeat(string(b[:1]), 8) {
					done <- fmt.Sprint(string(b), err)
					return
				}
			}
			done <- ""
		}()
	}
	for range 4 {
		if got := <-done; got != "" {
			t.Errorf("got %q, want eight times one digit", got)
		}
	}
}
