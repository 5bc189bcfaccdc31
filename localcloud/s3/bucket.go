package s3

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/crossfade-dev/crossfade/localcloud/journal"
	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/s3api"
)

// bucketAt returns a bucket. owner, if there is one, is the account that the
// caller expects it to belong to. s.mu is held.
func (s *Service) bucketAt(name string, owner *string) (*bucket, error) {
	b := s.buckets[name]
	switch {
	case b == nil:
		return nil, noSuchBucket(name)
	case owner != nil && *owner != b.Account:
		return nil, refused(http.StatusForbidden, "AccessDenied", "Access Denied")
	default:
		return b, nil
	}
}

// hasBucket returns the error of bucketAt.
func (s *Service) hasBucket(name string, owner *string) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	_, err := s.bucketAt(name, owner)
	return err
}

func (s *Service) createBucket(ctx context.Context, in *s3api.CreateBucketRequest) (*s3api.CreateBucketOutput, error) {
	if !validBucketName(in.Bucket) {
		return nil, refused(http.StatusBadRequest, "InvalidBucketName", "The specified bucket is not valid.").With("BucketName", in.Bucket)
	}
	if in.ObjectLockEnabledForBucket != nil && *in.ObjectLockEnabledForBucket {
		return nil, notHere("lock objects")
	}
	caller := wire.CallerFrom(ctx)
	b := &bucket{Name: in.Bucket, Region: caller.Region, Account: caller.Account, Created: s.now(), objects: map[string]*object{}}
	if c := in.CreateBucketConfiguration; c != nil && c.LocationConstraint != nil && *c.LocationConstraint != "" {
		b.Region = *c.LocationConstraint
	}
	s.topology.Lock()
	defer s.topology.Unlock()
	s.mu.RLock()
	old := s.buckets[in.Bucket]
	s.mu.RUnlock()
	out := &s3api.CreateBucketOutput{Location: new("/" + in.Bucket)}
	switch {
	case old != nil && old.Account != caller.Account:
		return nil, s3api.NewBucketAlreadyExists("The requested bucket name is not available. The bucket namespace is shared by all users of the system. Please select a different name and try again.").
			With("BucketName", in.Bucket)
	case old != nil && old.Region == "us-east-1" && b.Region == old.Region:
		return out, nil // only there is it no error
	case old != nil:
		return nil, s3api.NewBucketAlreadyOwnedByYou("Your previous request to create the named bucket succeeded and you already own it.").
			With("BucketName", in.Bucket)
	}
	if err := s.save(journal.JSON(recordBucket, b.Name, b)); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.buckets[b.Name] = b
	return out, nil
}

func (s *Service) deleteBucket(_ context.Context, in *s3api.DeleteBucketRequest) (*wire.Nothing, error) {
	open, err := s.dropBucket(in.Bucket, in.ExpectedBucketOwner)
	if err != nil {
		return nil, err
	}
	for _, u := range open {
		if err := s.endUpload(u); err != nil && !wire.IsCode(err, "NoSuchUpload") {
			return nil, err
		}
	}
	return nil, nil
}

// dropBucket ends a bucket, and returns the uploads to it that are under way.
func (s *Service) dropBucket(name string, owner *string) ([]*upload, error) {
	s.topology.Lock()
	defer s.topology.Unlock()
	s.mu.RLock()
	b, err := s.bucketAt(name, owner)
	var open []*upload
	for _, u := range s.uploads {
		if u.Bucket == name {
			open = append(open, u)
		}
	}
	s.mu.RUnlock()
	if err != nil {
		return nil, err
	}
	if len(b.objects) > 0 { // nothing comes or goes while topology is held
		return nil, refused(http.StatusConflict, "BucketNotEmpty", "The bucket you tried to delete is not empty").With("BucketName", name)
	}
	// The bucket's record goes first: without it what is left of the uploads is
	// nobody's, also after a crash.
	if err := s.save(journal.Deletion(recordBucket, name)); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.buckets, name)
	return open, nil
}

func (s *Service) headBucket(_ context.Context, in *s3api.HeadBucketRequest) (*s3api.HeadBucketOutput, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	b, err := s.bucketAt(in.Bucket, in.ExpectedBucketOwner)
	if err != nil {
		return nil, err
	}
	return &s3api.HeadBucketOutput{BucketRegion: &b.Region, AccessPointAlias: new(false)}, nil
}

func (s *Service) getBucketLocation(_ context.Context, in *s3api.GetBucketLocationRequest) (*s3api.GetBucketLocationOutput, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	b, err := s.bucketAt(in.Bucket, in.ExpectedBucketOwner)
	if err != nil {
		return nil, err
	}
	if b.Region == "us-east-1" {
		return &s3api.GetBucketLocationOutput{}, nil // as it was before there were others
	}
	return &s3api.GetBucketLocationOutput{LocationConstraint: &b.Region}, nil
}

func (s *Service) getBucketVersioning(_ context.Context, in *s3api.GetBucketVersioningRequest) (*s3api.GetBucketVersioningOutput, error) {
	return nil, s.hasBucket(in.Bucket, in.ExpectedBucketOwner)
}

func (s *Service) listBuckets(ctx context.Context, in *s3api.ListBucketsRequest) (*s3api.ListBucketsOutput, error) {
	account := wire.CallerFrom(ctx).Account
	s.mu.RLock()
	defer s.mu.RUnlock()
	var mine []*bucket
	for _, b := range s.buckets {
		if b.Account == account && strings.HasPrefix(b.Name, wire.Value(in.Prefix)) && (in.BucketRegion == nil || *in.BucketRegion == b.Region) &&
			b.Name > wire.Value(in.ContinuationToken) {
			mine = append(mine, b)
		}
	}
	slices.SortFunc(mine, func(a, b *bucket) int { return strings.Compare(a.Name, b.Name) })
	out := &s3api.ListBucketsOutput{Buckets: []s3api.Bucket{}, Owner: ownerOf(ctx), Prefix: in.Prefix}
	for i, b := range mine {
		if in.MaxBuckets != nil && i == int(*in.MaxBuckets) {
			out.ContinuationToken = new(mine[i-1].Name)
			break
		}
		shown := s3api.Bucket{Name: &b.Name, CreationDate: &b.Created}
		if in.MaxBuckets != nil || in.Prefix != nil || in.BucketRegion != nil || in.ContinuationToken != nil {
			shown.BucketRegion = &b.Region // shown only to those who ask in pages
		}
		out.Buckets = append(out.Buckets, shown)
	}
	return out, nil
}

// retain counts another user of a blob.
func (s *Service) retain(blobs ...blob) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.retainLocked(blobs)
}

func (s *Service) retainLocked(blobs []blob) {
	for _, b := range blobs {
		s.refs[b.ID]++
	}
}

// release gives blobs back; the store forgets those that nobody uses.
func (s *Service) release(blobs ...blob) {
	var unused []string
	s.mu.Lock()
	for _, b := range blobs {
		if s.refs[b.ID]--; s.refs[b.ID] == 0 {
			delete(s.refs, b.ID)
			unused = append(unused, b.ID)
		}
	}
	s.mu.Unlock()
	for _, id := range unused {
		s.store.remove(id)
	}
}

// endUpload ends an upload and lets go of its parts. more is committed together
// with the end.
func (s *Service) endUpload(u *upload, more ...journal.Record) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.ended {
		return noSuchUpload(u.ID)
	}
	return s.endUploadLocked(u, more...)
}

// endUploadLocked is endUpload while u.mu is held and the upload is open.
func (s *Service) endUploadLocked(u *upload, more ...journal.Record) error {
	records := append(more, journal.Deletion(recordUpload, u.ID))
	var blobs []blob
	for _, p := range u.parts {
		records = append(records, journal.Deletion(recordPart, partID(u.ID, p.Number)))
		blobs = append(blobs, p.Blob)
	}
	if err := s.save(records...); err != nil {
		return err
	}
	u.ended = true
	s.mu.Lock()
	delete(s.uploads, u.ID)
	s.mu.Unlock()
	s.release(blobs...)
	return nil
}
