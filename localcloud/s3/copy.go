package s3

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/s3api"
)

// A source is what a copy is made of.
type source struct {
	header    string // x-amz-copy-source
	owner     *string
	condition condition
}

// open finds the source. Its blobs are retained.
func (s *Service) open(from source) (*object, error) {
	text, version, _ := strings.Cut(from.header, "?versionId=")
	text, err := url.PathUnescape(text)
	if err != nil {
		return nil, invalidArgument("x-amz-copy-source", from.header, "Invalid copy source encoding.")
	}
	bucketName, key, ok := strings.Cut(strings.TrimPrefix(text, "/"), "/")
	if !ok || bucketName == "" || key == "" {
		return nil, invalidArgument("x-amz-copy-source", from.header, "Invalid copy source object key")
	}
	if err := currentVersion(&version); err != nil {
		return nil, err
	}
	o, err := s.find(bucketName, key, from.owner)
	if err != nil {
		return nil, err
	}
	if err := from.condition.check(o); err != nil {
		s.release(o.Blobs...)
		// A copy has no "not modified": what it asked for does not hold.
		if isNotModified(err) {
			return nil, preconditionFailed("x-amz-copy-source-If-None-Match")
		}
		return nil, err
	}
	return o, nil
}

func (s *Service) copyObject(_ context.Context, in *s3api.CopyObjectRequest) (*s3api.CopyObjectOutput, error) {
	if in.SSECustomerAlgorithm != nil {
		return nil, notHere("encrypt objects with keys of their senders")
	}
	if err := s.hasBucket(in.Bucket, in.ExpectedBucketOwner); err != nil {
		return nil, err
	}
	if err := checkKey(in.Key, in.Metadata); err != nil {
		return nil, err
	}
	from, err := s.open(source{in.CopySource, in.ExpectedSourceBucketOwner,
		condition{in.CopySourceIfMatch, in.CopySourceIfNoneMatch, in.CopySourceIfModifiedSince, in.CopySourceIfUnmodifiedSince}})
	if err != nil {
		return nil, err
	}
	replaces := in.MetadataDirective != nil && *in.MetadataDirective == s3api.MetadataDirectiveReplace
	o := *from
	o.Bucket, o.Key, o.Modified = in.Bucket, in.Key, s.now()
	if replaces {
		o.traits = traits{
			ContentType: in.ContentType, ContentEncoding: in.ContentEncoding, ContentLanguage: in.ContentLanguage,
			ContentDisposition: in.ContentDisposition, CacheControl: in.CacheControl, Expires: in.Expires,
			Metadata: in.Metadata, Tags: from.Tags,
		}
	}
	o.Redirect, o.StorageClass = in.WebsiteRedirectLocation, in.StorageClass
	if in.TaggingDirective != nil && *in.TaggingDirective == s3api.TaggingDirectiveReplace {
		o.Tags = in.Tagging
	}
	o.traits = o.normal()
	itself := from.Bucket == in.Bucket && from.Key == in.Key
	if itself && !replaces && in.StorageClass == nil && in.WebsiteRedirectLocation == nil && in.ServerSideEncryption == nil {
		s.release(from.Blobs...)
		return nil, invalidRequest("This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.")
	}
	if err := s.rewrite(&o, in.ChecksumAlgorithm); err != nil {
		return nil, err
	}
	if err := s.replace(&o, writeGuard(in.Key, in.IfMatch, in.IfNoneMatch), s.keepAlone); err != nil {
		s.release(o.Blobs...)
		return nil, err
	}
	return &s3api.CopyObjectOutput{ServerSideEncryption: &encryption, CopyObjectResult: told(&s3api.CopyObjectResult{
		ETag: &o.ETag, LastModified: &o.Modified, ChecksumType: o.Checksum.kind(),
	}, o.Checksum)}, nil
}

// rewrite gives a copy bytes of its own where its tag or checksum cannot stay that
// of the source: that of an object from parts tells of those parts. Else the copy
// shares the source's bytes. The references that the source's finder took become
// the copy's, or are released.
func (s *Service) rewrite(o *object, algorithm *string) error {
	want := checksum{Algorithm: o.Checksum.Algorithm, Type: s3api.ChecksumTypeFullObject}
	if algorithm != nil {
		want.Algorithm = *algorithm
	}
	if !o.Parts && want.Algorithm == o.Checksum.Algorithm {
		return nil
	}
	in := s.newReader(o, span{size: o.Size, all: true})
	defer in.Close()
	if newHash(want.Algorithm) == nil {
		return notHere("compute the checksum algorithm " + want.Algorithm)
	}
	r, err := s.receive(in, nil, want, nil)
	if err != nil {
		return err
	}
	o.Blobs, o.ETag, o.Checksum, o.Parts = []blob{r.blob}, `"`+r.md5+`"`, r.checksum, false
	return nil
}

func (s *Service) uploadPartCopy(_ context.Context, in *s3api.UploadPartCopyRequest) (*s3api.UploadPartCopyOutput, error) {
	u, err := s.uploadAt(in.Bucket, in.Key, in.UploadId, in.ExpectedBucketOwner)
	if err != nil {
		return nil, err
	}
	if err := checkPartNumber(in.PartNumber); err != nil {
		return nil, err
	}
	from, err := s.open(source{in.CopySource, in.ExpectedSourceBucketOwner,
		condition{in.CopySourceIfMatch, in.CopySourceIfNoneMatch, in.CopySourceIfModifiedSince, in.CopySourceIfUnmodifiedSince}})
	if err != nil {
		return nil, err
	}
	p, err := spanOf(in.CopySourceRange, from.Size)
	if err != nil {
		s.release(from.Blobs...)
		return nil, err
	}
	body := s.newReader(from, p)
	defer body.Close()
	r, err := s.receive(body, nil, checksum{Algorithm: u.Algorithm, Type: s3api.ChecksumTypeFullObject}, nil)
	if err != nil {
		return nil, err
	}
	made, err := s.addPart(u, in.PartNumber, r)
	if err != nil {
		return nil, err
	}
	return &s3api.UploadPartCopyOutput{ServerSideEncryption: &encryption, CopyPartResult: told(&s3api.CopyPartResult{
		ETag: &made.ETag, LastModified: &made.Modified,
	}, made.Checksum)}, nil
}

// isNotModified says whether err is the answer that nothing has changed.
func isNotModified(err error) bool {
	e, ok := errors.AsType[*wire.Error](err)
	return ok && e.Status == http.StatusNotModified
}
