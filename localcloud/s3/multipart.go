package s3

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/crossfade-dev/crossfade/localcloud/journal"
	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/s3api"
)

// Source: Amazon S3 User Guide, "Amazon S3 multipart upload limits".
const (
	maxParts = 10_000
	minPart  = 5 << 20 // bytes, of all parts but the last
)

func (s *Service) createMultipartUpload(ctx context.Context, in *s3api.CreateMultipartUploadRequest) (*s3api.CreateMultipartUploadOutput, error) {
	switch {
	case in.SSECustomerAlgorithm != nil:
		return nil, notHere("encrypt objects with keys of their senders")
	case in.ObjectLockMode != nil || in.ObjectLockLegalHoldStatus != nil:
		return nil, notHere("lock objects")
	}
	if err := checkKey(in.Key, in.Metadata); err != nil {
		return nil, err
	}
	u := &upload{
		ID: s.newID(), Bucket: in.Bucket, Key: in.Key, Initiated: s.now(), Account: wire.CallerFrom(ctx).Account, parts: map[int32]*part{},
		Algorithm: s3api.ChecksumAlgorithmCrc64nvme,
		traits: traits{
			ContentType: in.ContentType, ContentEncoding: in.ContentEncoding, ContentLanguage: in.ContentLanguage,
			ContentDisposition: in.ContentDisposition, CacheControl: in.CacheControl, Expires: in.Expires,
			Redirect: in.WebsiteRedirectLocation, StorageClass: in.StorageClass, Metadata: in.Metadata, Tags: in.Tagging,
		}.normal(),
	}
	if in.ChecksumAlgorithm != nil {
		u.Algorithm = *in.ChecksumAlgorithm
	}
	if newHash(u.Algorithm) == nil {
		return nil, notHere("check the checksum algorithm " + u.Algorithm)
	}
	u.Whole = u.Algorithm == s3api.ChecksumAlgorithmCrc64nvme
	if in.ChecksumType != nil {
		whole := *in.ChecksumType == s3api.ChecksumTypeFullObject
		if u.Whole && !whole || whole && polynomial(u.Algorithm) == 0 {
			return nil, invalidRequest("The " + *in.ChecksumType + " checksum type cannot be used with the " + strings.ToLower(u.Algorithm) + " checksum algorithm.")
		}
		u.Whole = whole
	}
	s.topology.RLock()
	defer s.topology.RUnlock()
	if err := s.hasBucket(in.Bucket, in.ExpectedBucketOwner); err != nil {
		return nil, err
	}
	if err := s.save(journal.JSON(recordUpload, u.ID, u)); err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.uploads[u.ID] = u
	s.mu.Unlock()
	out := &s3api.CreateMultipartUploadOutput{Bucket: &u.Bucket, Key: &u.Key, UploadId: &u.ID, ServerSideEncryption: &encryption}
	if in.ChecksumAlgorithm != nil {
		out.ChecksumAlgorithm, out.ChecksumType = &u.Algorithm, u.checksumType()
	}
	return out, nil
}

func (u *upload) checksumType() *string {
	if u.Whole {
		return new(s3api.ChecksumTypeFullObject)
	}
	return new(s3api.ChecksumTypeComposite)
}

// uploadAt finds an upload that is under way.
func (s *Service) uploadAt(bucketName, key, id string, owner *string) (*upload, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if _, err := s.bucketAt(bucketName, owner); err != nil {
		return nil, err
	}
	u := s.uploads[id]
	if u == nil || u.Bucket != bucketName || u.Key != key {
		return nil, noSuchUpload(id)
	}
	return u, nil
}

func checkPartNumber(n int32) error {
	if n < 1 || n > maxParts {
		return invalidArgument("partNumber", strconv.Itoa(int(n)), "Part number must be an integer between 1 and 10000, inclusive")
	}
	return nil
}

func (s *Service) uploadPart(_ context.Context, in *s3api.UploadPartRequest) (*s3api.UploadPartOutput, error) {
	if err := checkPartNumber(in.PartNumber); err != nil {
		return nil, err
	}
	u, err := s.uploadAt(in.Bucket, in.Key, in.UploadId, in.ExpectedBucketOwner)
	if err != nil {
		return nil, err
	}
	body := in.Body
	if body == nil {
		body = wire.NewStream(nil)
	}
	want, err := stated(sumsOf(in), &u.Algorithm, body.Trailer)
	if err != nil {
		return nil, err
	}
	r, err := s.receive(body, body.Trailer, want, in.ContentMD5)
	if err != nil {
		return nil, err
	}
	if want.Algorithm != u.Algorithm {
		// The part was checked by what its sender chose; the object needs the
		// upload's own.
		if r.checksum, err = s.checksumOf(r.blob, u.Algorithm); err != nil {
			s.release(r.blob)
			return nil, err
		}
	}
	p, err := s.addPart(u, in.PartNumber, r)
	if err != nil {
		return nil, err
	}
	return told(&s3api.UploadPartOutput{ETag: &p.ETag, ServerSideEncryption: &encryption}, p.Checksum), nil
}

// addPart enters a part, in place of one of the same number. It takes over what
// was received.
func (s *Service) addPart(u *upload, number int32, r received) (*part, error) {
	p := &part{Upload: u.ID, Number: number, Blob: r.blob, ETag: `"` + r.md5 + `"`, Modified: s.now(), Checksum: r.checksum}
	u.mu.Lock()
	defer u.mu.Unlock()
	err := error(noSuchUpload(u.ID))
	if !u.ended {
		err = s.save(journal.JSON(recordPart, partID(u.ID, number), p))
	}
	if err != nil {
		s.release(r.blob)
		return nil, err
	}
	if old := u.parts[number]; old != nil {
		s.release(old.Blob)
	}
	u.parts[number] = p
	return p, nil
}

func (s *Service) abortMultipartUpload(_ context.Context, in *s3api.AbortMultipartUploadRequest) (*s3api.AbortMultipartUploadOutput, error) {
	u, err := s.uploadAt(in.Bucket, in.Key, in.UploadId, in.ExpectedBucketOwner)
	if err != nil {
		return nil, err
	}
	return nil, s.endUpload(u)
}

func (s *Service) completeMultipartUpload(_ context.Context, in *s3api.CompleteMultipartUploadRequest) (*s3api.CompleteMultipartUploadOutput, error) {
	u, err := s.uploadAt(in.Bucket, in.Key, in.UploadId, in.ExpectedBucketOwner)
	if err != nil {
		return nil, err
	}
	if in.MultipartUpload == nil || len(in.MultipartUpload.Parts) == 0 {
		return nil, refused(http.StatusBadRequest, "MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema")
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.ended {
		return nil, noSuchUpload(u.ID)
	}
	parts, err := u.chosen(in.MultipartUpload.Parts)
	if err != nil {
		return nil, err
	}
	o := &object{Bucket: u.Bucket, Key: u.Key, Modified: s.now(), Parts: true, Checksum: joined(u.Algorithm, u.Whole, parts), traits: u.traits}
	digest := md5.New()
	for _, p := range parts {
		sum, _ := hex.DecodeString(strings.Trim(p.ETag, `"`)) // it was computed here
		digest.Write(sum)
		o.Blobs = append(o.Blobs, p.Blob)
		o.Size += p.Blob.Size
	}
	o.ETag = `"` + hex.EncodeToString(digest.Sum(nil)) + "-" + strconv.Itoa(len(parts)) + `"`
	if err := checkWhole(in, o); err != nil {
		return nil, err
	}
	s.retain(o.Blobs...)
	err = s.replace(o, writeGuard(in.Key, in.IfMatch, in.IfNoneMatch), func(r journal.Record) error { return s.endUploadLocked(u, r) })
	if err != nil {
		s.release(o.Blobs...)
		return nil, err
	}
	return told(&s3api.CompleteMultipartUploadOutput{
		Location: new("/" + o.Bucket + "/" + o.Key), Bucket: &o.Bucket, Key: &o.Key, ETag: &o.ETag,
		ServerSideEncryption: &encryption, ChecksumType: o.Checksum.kind(),
	}, o.Checksum), nil
}

// chosen returns the parts that an object is to be made of. u.mu is held.
func (u *upload) chosen(list []s3api.CompletedPart) ([]*part, error) {
	invalid := refused(http.StatusBadRequest, "InvalidPart", "One or more of the specified parts could not be found.  The part may not have been uploaded, or the specified entity tag may not match the part's entity tag.").
		With("UploadId", u.ID)
	parts := make([]*part, len(list))
	for i, c := range list {
		if c.PartNumber == nil || c.ETag == nil {
			return nil, refused(http.StatusBadRequest, "MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema")
		}
		if i > 0 && *c.PartNumber <= *list[i-1].PartNumber {
			return nil, refused(http.StatusBadRequest, "InvalidPartOrder", "The list of parts was not in ascending order. Parts must be ordered by part number.").With("UploadId", u.ID)
		}
		p := u.parts[*c.PartNumber]
		if p == nil || !matches(*c.ETag, p.ETag) {
			return nil, invalid.With("PartNumber", int64(*c.PartNumber)).With("ETag", *c.ETag)
		}
		if given, ok := sumsOf(&c)[p.Checksum.Algorithm]; ok && given != p.Checksum.Value {
			return nil, invalid.With("PartNumber", int64(*c.PartNumber)).With("ETag", *c.ETag)
		}
		parts[i] = p
	}
	for _, p := range parts[:len(parts)-1] {
		if p.Blob.Size < minPart {
			return nil, refused(http.StatusBadRequest, "EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size").
				With("ProposedSize", p.Blob.Size).With("MinSizeAllowed", int64(minPart)).With("PartNumber", int64(p.Number)).With("ETag", p.ETag)
		}
	}
	return parts, nil
}

// checkWhole compares what the sender says of the whole object with what it is.
func checkWhole(in *s3api.CompleteMultipartUploadRequest, o *object) error {
	if given, ok := sumsOf(in)[o.Checksum.Algorithm]; ok {
		// Of a composite checksum the sender may leave out the number of parts.
		value, _, _ := strings.Cut(o.Checksum.Value, "-")
		if given != o.Checksum.Value && given != value {
			return wrongChecksum(o.Checksum.Algorithm)
		}
	}
	if in.MpuObjectSize != nil && *in.MpuObjectSize != o.Size {
		return invalidRequest("The provided 'x-amz-mp-object-size' header value " + strconv.FormatInt(*in.MpuObjectSize, 10) +
			" does not match what was computed: " + strconv.FormatInt(o.Size, 10))
	}
	return nil
}

func (s *Service) listParts(ctx context.Context, in *s3api.ListPartsRequest) (*s3api.ListPartsOutput, error) {
	u, err := s.uploadAt(in.Bucket, in.Key, in.UploadId, in.ExpectedBucketOwner)
	if err != nil {
		return nil, err
	}
	size, err := pageSize("max-parts", in.MaxParts)
	if err != nil {
		return nil, err
	}
	after := wire.Value(in.PartNumberMarker)
	u.mu.Lock()
	var parts []*part
	for number, p := range u.parts {
		if number > after {
			parts = append(parts, p)
		}
	}
	u.mu.Unlock()
	slices.SortFunc(parts, func(a, b *part) int { return int(a.Number - b.Number) })
	owner := ownerOf(ctx)
	out := &s3api.ListPartsOutput{
		Bucket: &u.Bucket, Key: &u.Key, UploadId: &u.ID, PartNumberMarker: &after, MaxParts: new(int32(size)),
		IsTruncated: new(len(parts) > size), StorageClass: new(u.class()), Owner: owner, Initiator: &s3api.Initiator{ID: owner.ID},
		ChecksumAlgorithm: &u.Algorithm, ChecksumType: u.checksumType(),
	}
	if len(parts) > size {
		parts = parts[:size]
	}
	for _, p := range parts {
		out.NextPartNumberMarker = &p.Number
		out.Parts = append(out.Parts, *told(&s3api.Part{
			PartNumber: &p.Number, LastModified: &p.Modified, ETag: &p.ETag, Size: &p.Blob.Size,
		}, p.Checksum))
	}
	return out, nil
}

// class is the storage class that lists show.
func (t traits) class() string { return wire.ValueOr(t.StorageClass, s3api.StorageClassStandard) }
