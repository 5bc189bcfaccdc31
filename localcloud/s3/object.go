package s3

import (
	"context"
	"errors"
	"hash/fnv"
	"net/http"
	"strings"
	"sync"

	"github.com/crossfade-dev/crossfade/localcloud/journal"
	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/s3api"
)

// maxKey is how many bytes a key may have; maxMetadata is the same for the names
// and values of an object's metadata together.
const (
	maxKey      = 1024
	maxMetadata = 2048
)

// encryption is what S3 says of every object nowadays.
var encryption = s3api.ServerSideEncryptionAes256

// order returns the lock that keeps changes to a key in order.
func (s *Service) order(bucket, key string) *sync.Mutex {
	h := fnv.New32a()
	h.Write([]byte(objectID(bucket, key)))
	return &s.keys[h.Sum32()%uint32(len(s.keys))]
}

// A guard decides whether an object may take the place of old, which is nil if
// there is none.
type guard func(old *object) error

// writeGuard returns the guard of the headers If-Match and If-None-Match.
func writeGuard(key string, match, noneMatch *string) guard {
	return func(old *object) error {
		switch {
		case match != nil && old == nil:
			return noSuchKey(key)
		case match != nil && !matches(*match, old.ETag):
			return preconditionFailed("If-Match")
		case noneMatch != nil && old != nil && matches(*noneMatch, old.ETag):
			return preconditionFailed("If-None-Match")
		default:
			return nil
		}
	}
}

// replace makes o the object of its key; it owns a reference to each of o's
// blobs, unless it fails. keep saves the record together with what else belongs to
// the change.
func (s *Service) replace(o *object, may guard, keep func(journal.Record) error) error {
	s.topology.RLock()
	defer s.topology.RUnlock()
	lock := s.order(o.Bucket, o.Key)
	lock.Lock()
	defer lock.Unlock()
	s.mu.RLock()
	b := s.buckets[o.Bucket]
	var old *object
	if b != nil {
		old = b.objects[o.Key]
	}
	s.mu.RUnlock()
	if b == nil {
		return noSuchBucket(o.Bucket)
	}
	if err := may(old); err != nil {
		return err
	}
	if err := keep(journal.JSON(recordObject, objectID(o.Bucket, o.Key), o)); err != nil {
		return err
	}
	s.mu.Lock()
	b.objects[o.Key] = o
	if old == nil {
		b.sorted = nil
	}
	s.mu.Unlock()
	if old != nil {
		s.release(old.Blobs...)
	}
	return nil
}

// keepAlone saves a record alone.
func (s *Service) keepAlone(r journal.Record) error { return s.save(r) }

// remove ends an object. What is not there need not go.
func (s *Service) remove(bucketName, key string, owner *string, may guard) error {
	s.topology.RLock()
	defer s.topology.RUnlock()
	lock := s.order(bucketName, key)
	lock.Lock()
	defer lock.Unlock()
	s.mu.RLock()
	b, err := s.bucketAt(bucketName, owner)
	var old *object
	if b != nil {
		old = b.objects[key]
	}
	s.mu.RUnlock()
	if err != nil {
		return err
	}
	if err := may(old); err != nil || old == nil {
		return err
	}
	if err := s.save(journal.Deletion(recordObject, objectID(bucketName, key))); err != nil {
		return err
	}
	s.mu.Lock()
	delete(b.objects, key)
	b.sorted = nil
	s.mu.Unlock()
	s.release(old.Blobs...)
	return nil
}

// checkKey returns the error of a key or metadata that S3 would not take.
func checkKey(key string, metadata map[string]string) error {
	if len(key) > maxKey {
		return refused(http.StatusBadRequest, "KeyTooLongError", "Your key is too long")
	}
	size := 0
	for k, v := range metadata {
		size += len(k) + len(v)
	}
	if size > maxMetadata {
		return refused(http.StatusBadRequest, "MetadataTooLarge", "Your metadata headers exceed the maximum allowed metadata size")
	}
	return nil
}

// defaultType is the content type of an object whose sender tells none.
const defaultType = "binary/octet-stream"

// normal returns traits with what S3 adds, and without what it does not show.
func (t traits) normal() traits {
	if t.ContentType == nil || *t.ContentType == "" {
		t.ContentType = new(defaultType)
	}
	if t.StorageClass != nil && *t.StorageClass == s3api.StorageClassStandard {
		t.StorageClass = nil
	}
	return t
}

func (s *Service) putObject(_ context.Context, in *s3api.PutObjectRequest) (*s3api.PutObjectOutput, error) {
	switch {
	case in.SSECustomerAlgorithm != nil:
		return nil, notHere("encrypt objects with keys of their senders")
	case in.ObjectLockMode != nil || in.ObjectLockLegalHoldStatus != nil:
		return nil, notHere("lock objects")
	case in.WriteOffsetBytes != nil:
		return nil, notHere("append to objects")
	}
	if err := s.hasBucket(in.Bucket, in.ExpectedBucketOwner); err != nil {
		return nil, err
	}
	if err := checkKey(in.Key, in.Metadata); err != nil {
		return nil, err
	}
	body := in.Body
	if body == nil {
		body = wire.NewStream(nil)
	}
	want, err := stated(sumsOf(in), in.ChecksumAlgorithm, body.Trailer)
	if err != nil {
		return nil, err
	}
	r, err := s.receive(body, body.Trailer, want, in.ContentMD5)
	if err != nil {
		return nil, err
	}
	o := &object{
		Bucket: in.Bucket, Key: in.Key, Blobs: []blob{r.blob}, Size: r.blob.Size,
		ETag: `"` + r.md5 + `"`, Modified: s.now(), Checksum: r.checksum,
		traits: traits{
			ContentType: in.ContentType, ContentEncoding: in.ContentEncoding, ContentLanguage: in.ContentLanguage,
			ContentDisposition: in.ContentDisposition, CacheControl: in.CacheControl, Expires: in.Expires,
			Redirect: in.WebsiteRedirectLocation, StorageClass: in.StorageClass, Metadata: in.Metadata, Tags: in.Tagging,
		}.normal(),
	}
	if err := s.replace(o, writeGuard(in.Key, in.IfMatch, in.IfNoneMatch), s.keepAlone); err != nil {
		s.release(r.blob)
		return nil, err
	}
	return told(&s3api.PutObjectOutput{ETag: &o.ETag, ServerSideEncryption: &encryption, ChecksumType: o.Checksum.kind()}, o.Checksum), nil
}

// currentVersion returns the error of a version that no object has here: those of
// buckets without versioning are all called "null".
func currentVersion(version *string) error {
	if version == nil || *version == "" || *version == "null" {
		return nil
	}
	return invalidArgument("versionId", *version, "Invalid version id specified")
}

func (s *Service) deleteObject(_ context.Context, in *s3api.DeleteObjectRequest) (*s3api.DeleteObjectOutput, error) {
	if err := currentVersion(in.VersionId); err != nil {
		return nil, err
	}
	return nil, s.remove(in.Bucket, in.Key, in.ExpectedBucketOwner, writeGuard(in.Key, in.IfMatch, nil))
}

// maxDeletes is how many keys one DeleteObjects may name.
const maxDeletes = 1000

func (s *Service) deleteObjects(_ context.Context, in *s3api.DeleteObjectsRequest) (*s3api.DeleteObjectsOutput, error) {
	if n := len(in.Delete.Objects); n == 0 || n > maxDeletes {
		return nil, refused(http.StatusBadRequest, "MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema")
	}
	if err := s.hasBucket(in.Bucket, in.ExpectedBucketOwner); err != nil {
		return nil, err
	}
	out := &s3api.DeleteObjectsOutput{}
	for _, o := range in.Delete.Objects {
		err := currentVersion(o.VersionId)
		if err == nil {
			err = s.remove(in.Bucket, o.Key, nil, writeGuard(o.Key, o.ETag, nil))
		}
		if e, ok := errors.AsType[*wire.Error](err); ok {
			out.Errors = append(out.Errors, s3api.Error{Key: &o.Key, VersionId: o.VersionId, Code: &e.Code, Message: &e.Message})
			continue
		}
		if err != nil {
			return nil, err
		}
		if in.Delete.Quiet == nil || !*in.Delete.Quiet {
			out.Deleted = append(out.Deleted, s3api.DeletedObject{Key: &o.Key, VersionId: o.VersionId})
		}
	}
	return out, nil
}

// matches says whether a header such as If-Match names the tag of an object.
func matches(header, etag string) bool {
	for one := range strings.SplitSeq(header, ",") {
		one = strings.TrimSpace(one)
		if one == "*" || strings.Trim(one, `"`) == strings.Trim(etag, `"`) {
			return true
		}
	}
	return false
}
