package s3

import (
	"context"
	"encoding/base64"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/s3api"
)

// maxPage is how many entries one answer lists.
const maxPage = 1000

// pageSize returns how many entries a request wants.
func pageSize(name string, wanted *int32) (int, error) {
	switch {
	case wanted == nil:
		return maxPage, nil
	case *wanted < 0:
		return 0, invalidArgument(name, strconv.Itoa(int(*wanted)), "Argument "+name+" must be an integer between 0 and 2147483647")
	default:
		return min(int(*wanted), maxPage), nil
	}
}

// An entry of a list is an object, or a group of those whose keys have the prefix
// in common up to a delimiter.
type entry struct {
	key    string // or the group's prefix
	object *object
}

// A listing is one page.
type listing struct {
	entries   []entry
	truncated bool
}

// list returns the entries after one, in the order of their bytes.
func (s *Service) list(bucketName string, owner *string, prefix, delimiter, after string, size int) (listing, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var l listing
	b, err := s.bucketAt(bucketName, owner)
	if err != nil || size == 0 {
		return l, err
	}
	keys := b.keysInOrder()
	i, _ := slices.BinarySearch(keys, max(prefix, after))
	for i < len(keys) && strings.HasPrefix(keys[i], prefix) {
		e := entry{key: keys[i], object: b.objects[keys[i]]}
		next := i + 1
		if rest := keys[i][len(prefix):]; delimiter != "" {
			if at := strings.Index(rest, delimiter); at >= 0 {
				e = entry{key: prefix + rest[:at+len(delimiter)]}
				next = i + firstWithout(keys[i:], e.key)
			}
		}
		i = next
		// What was listed last is not listed again: a key, or a group.
		if e.key == after && after != "" {
			continue
		}
		if len(l.entries) == size {
			l.truncated = true
			break
		}
		l.entries = append(l.entries, e)
	}
	return l, nil
}

// firstWithout returns where the keys with a prefix, which come first, end.
func firstWithout(keys []string, prefix string) int {
	lo, hi := 0, len(keys)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if strings.HasPrefix(keys[mid], prefix) {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}

// last returns the key of the last entry.
func (l listing) last() string { return l.entries[len(l.entries)-1].key }

// encoded returns how keys are written: as they are, or escaped as in URLs, since
// XML cannot hold every character.
func encoded(encoding *string) func(string) *string {
	return func(key string) *string {
		if encoding == nil {
			return &key
		}
		escaped := strings.ReplaceAll(url.QueryEscape(key), "%2F", "/")
		return new(strings.ReplaceAll(escaped, "+", "%20"))
	}
}

// shown returns the entries as S3's lists have them.
func (l listing) shown(write func(string) *string, owner *s3api.Owner) (objects []s3api.Object, groups []s3api.CommonPrefix) {
	for _, e := range l.entries {
		if e.object == nil {
			groups = append(groups, s3api.CommonPrefix{Prefix: write(e.key)})
			continue
		}
		o := e.object
		shown := s3api.Object{
			Key: write(o.Key), LastModified: &o.Modified, ETag: &o.ETag, Size: &o.Size, StorageClass: new(o.class()), Owner: owner,
		}
		if o.Checksum.Value != "" {
			shown.ChecksumAlgorithm, shown.ChecksumType = []string{o.Checksum.Algorithm}, &o.Checksum.Type
		}
		objects = append(objects, shown)
	}
	return objects, groups
}

func (s *Service) listObjects(ctx context.Context, in *s3api.ListObjectsRequest) (*s3api.ListObjectsOutput, error) {
	size, err := pageSize("max-keys", in.MaxKeys)
	if err != nil {
		return nil, err
	}
	l, err := s.list(in.Bucket, in.ExpectedBucketOwner, wire.Value(in.Prefix), wire.Value(in.Delimiter), wire.Value(in.Marker), size)
	if err != nil {
		return nil, err
	}
	write := encoded(in.EncodingType)
	out := &s3api.ListObjectsOutput{
		Name: &in.Bucket, Prefix: write(wire.Value(in.Prefix)), Marker: write(wire.Value(in.Marker)), MaxKeys: new(int32(size)),
		IsTruncated: &l.truncated, EncodingType: in.EncodingType,
	}
	out.Contents, out.CommonPrefixes = l.shown(write, ownerOf(ctx))
	if in.Delimiter != nil && *in.Delimiter != "" {
		out.Delimiter = write(*in.Delimiter)
		if l.truncated { // without groups the last key says as much
			out.NextMarker = write(l.last())
		}
	}
	return out, nil
}

func (s *Service) listObjectsV2(ctx context.Context, in *s3api.ListObjectsV2Request) (*s3api.ListObjectsV2Output, error) {
	size, err := pageSize("max-keys", in.MaxKeys)
	if err != nil {
		return nil, err
	}
	after := wire.Value(in.StartAfter)
	if in.ContinuationToken != nil {
		text, err := base64.URLEncoding.DecodeString(*in.ContinuationToken)
		if err != nil || len(text) == 0 {
			return nil, invalidArgument("continuation-token", *in.ContinuationToken, "The continuation token provided is incorrect")
		}
		after = string(text)
	}
	l, err := s.list(in.Bucket, in.ExpectedBucketOwner, wire.Value(in.Prefix), wire.Value(in.Delimiter), after, size)
	if err != nil {
		return nil, err
	}
	write := encoded(in.EncodingType)
	out := &s3api.ListObjectsV2Output{
		Name: &in.Bucket, Prefix: write(wire.Value(in.Prefix)), MaxKeys: new(int32(size)), KeyCount: new(int32(len(l.entries))),
		IsTruncated: &l.truncated, EncodingType: in.EncodingType, ContinuationToken: in.ContinuationToken,
	}
	if in.StartAfter != nil {
		out.StartAfter = write(*in.StartAfter)
	}
	if in.Delimiter != nil && *in.Delimiter != "" {
		out.Delimiter = write(*in.Delimiter)
	}
	var owner *s3api.Owner
	if in.FetchOwner != nil && *in.FetchOwner {
		owner = ownerOf(ctx)
	}
	out.Contents, out.CommonPrefixes = l.shown(write, owner)
	if l.truncated {
		out.NextContinuationToken = new(base64.URLEncoding.EncodeToString([]byte(l.last())))
	}
	return out, nil
}

func (s *Service) listMultipartUploads(ctx context.Context, in *s3api.ListMultipartUploadsRequest) (*s3api.ListMultipartUploadsOutput, error) {
	if wire.Value(in.Delimiter) != "" {
		return nil, notHere("list uploads in groups")
	}
	size, err := pageSize("max-uploads", in.MaxUploads)
	if err != nil {
		return nil, err
	}
	if err := s.hasBucket(in.Bucket, in.ExpectedBucketOwner); err != nil {
		return nil, err
	}
	afterKey, afterID := wire.Value(in.KeyMarker), wire.Value(in.UploadIdMarker)
	var found []*upload
	s.mu.RLock()
	for _, u := range s.uploads {
		later := u.Key > afterKey || afterID != "" && u.Key == afterKey && u.ID > afterID
		if u.Bucket == in.Bucket && strings.HasPrefix(u.Key, wire.Value(in.Prefix)) && later {
			found = append(found, u)
		}
	}
	s.mu.RUnlock()
	slices.SortFunc(found, func(a, b *upload) int {
		if c := strings.Compare(a.Key, b.Key); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	write := encoded(in.EncodingType)
	owner := ownerOf(ctx)
	out := &s3api.ListMultipartUploadsOutput{
		Bucket: &in.Bucket, Prefix: write(wire.Value(in.Prefix)), KeyMarker: write(afterKey), UploadIdMarker: &afterID,
		MaxUploads: new(int32(size)), IsTruncated: new(len(found) > size), EncodingType: in.EncodingType,
	}
	if len(found) > size {
		found = found[:size]
	}
	for _, u := range found {
		out.NextKeyMarker, out.NextUploadIdMarker = write(u.Key), &u.ID
		out.Uploads = append(out.Uploads, s3api.MultipartUpload{
			UploadId: &u.ID, Key: write(u.Key), Initiated: &u.Initiated, StorageClass: new(u.class()),
			Owner: owner, Initiator: &s3api.Initiator{ID: owner.ID}, ChecksumAlgorithm: &u.Algorithm, ChecksumType: u.checksumType(),
		})
	}
	return out, nil
}
