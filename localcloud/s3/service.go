// Package s3 is the local S3: buckets and objects, as clients need them to upload
// code, templates and data and to read results.
//
// An object's bytes are a file below the service's folder or, without a folder, in
// memory up to a limit; what is known of it is a record of the journal, which is
// committed after the bytes are safe and before the answer. So an object that was
// acknowledged survives a crash, and bytes without a record are removed at the next
// start. Objects never change: a new one takes the place of the old one, while who
// reads the old one reads on.
//
// Objects are not versioned, not encrypted and not protected: an operation that
// would need more is answered with NotImplemented.
package s3

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync"
	"time"

	"github.com/crossfade-dev/crossfade/internal/clock"
	"github.com/crossfade-dev/crossfade/localcloud/journal"
	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/s3api"
)

// A Journal keeps records for good; package journal has one on disk.
type Journal interface {
	// Commit keeps all records or none. It returns nil once they are safe.
	Commit(records ...journal.Record) error
	// Load calls yield with every record of a kind, in no order.
	Load(kind string, yield func(key string, value []byte) error) error
}

// Config says what a Service is made of. Clock is required.
type Config struct {
	Clock clock.Clock
	// Dir is the folder of the objects' bytes, and Journal has what else is known
	// of them: both, or neither for a service in memory.
	Dir     string
	Journal Journal
	// MaxMemory is how many bytes all objects of a service in memory may have
	// together; 0 means 1 GiB.
	MaxMemory int64
	// MaxObject is how many bytes one upload, of an object or of a part, may have;
	// 0 means 5 GiB, as S3 has it.
	MaxObject int64
	// NewID returns a fresh name for an upload; nil means a random one.
	NewID func() string
}

// A Service is a local S3. It is safe for concurrent use.
type Service struct {
	clock     clock.Clock
	journal   Journal // nil in memory
	store     store
	maxObject int64
	newID     func() string

	// topology is held for writing while a bucket comes or goes, and for reading
	// while something in one is saved.
	topology sync.RWMutex
	// keys keep the order of changes to one key the same in memory and in the
	// journal.
	keys [64]sync.Mutex

	mu      sync.RWMutex
	buckets map[string]*bucket
	uploads map[string]*upload
	refs    map[string]int // how many objects, parts and readers use a blob
}

// New returns a service with what its journal remembers.
func New(config Config) (*Service, error) {
	s := &Service{
		clock: config.Clock, journal: config.Journal, maxObject: config.MaxObject, newID: config.NewID,
		buckets: map[string]*bucket{}, uploads: map[string]*upload{}, refs: map[string]int{},
	}
	if s.newID == nil {
		s.newID = rand.Text
	}
	if config.Dir == "" {
		limit := config.MaxMemory
		if limit == 0 {
			limit = 1 << 30
		}
		s.store = newMemory(limit)
		return s, nil
	}
	folder, err := openFolder(config.Dir)
	if err != nil {
		return nil, fmt.Errorf("s3: %w", err)
	}
	s.store = folder
	if err := s.restore(folder); err != nil {
		return nil, fmt.Errorf("s3: %w", err)
	}
	return s, nil
}

// API returns the operations that the service carries out.
func (s *Service) API() wire.API {
	return wire.API{
		Service:   &s3api.Service,
		MaxBody:   8 << 20, // ten thousand parts, or a thousand keys, as XML
		MaxStream: s.maxObject,
		Rows: []wire.Row{
			wire.Op(s3api.AbortMultipartUpload, s.abortMultipartUpload),
			wire.Op(s3api.CompleteMultipartUpload, s.completeMultipartUpload),
			wire.Op(s3api.CopyObject, s.copyObject),
			wire.Op(s3api.CreateBucket, s.createBucket),
			wire.Op(s3api.CreateMultipartUpload, s.createMultipartUpload),
			wire.Op(s3api.DeleteBucket, s.deleteBucket),
			wire.Op(s3api.DeleteObject, s.deleteObject),
			wire.Op(s3api.DeleteObjects, s.deleteObjects),
			wire.Op(s3api.GetBucketLocation, s.getBucketLocation),
			wire.Op(s3api.GetBucketVersioning, s.getBucketVersioning),
			wire.Op(s3api.GetObject, s.getObject),
			wire.Op(s3api.HeadBucket, s.headBucket),
			wire.Op(s3api.HeadObject, s.headObject),
			wire.Op(s3api.ListBuckets, s.listBuckets),
			wire.Op(s3api.ListMultipartUploads, s.listMultipartUploads),
			wire.Op(s3api.ListObjects, s.listObjects),
			wire.Op(s3api.ListObjectsV2, s.listObjectsV2),
			wire.Op(s3api.ListParts, s.listParts),
			wire.Op(s3api.PutObject, s.putObject),
			wire.Op(s3api.UploadPart, s.uploadPart),
			wire.Op(s3api.UploadPartCopy, s.uploadPartCopy),
		},
	}
}

// now is the time as S3 keeps it: whole seconds.
func (s *Service) now() time.Time { return s.clock.Now().UTC().Truncate(time.Second) }

// save commits records, if there is a journal.
func (s *Service) save(records ...journal.Record) error {
	if s.journal == nil {
		return nil
	}
	return s.journal.Commit(records...)
}

// ownerOf is how an account is shown as an owner: by a canonical id, which AWS
// does not derive from the account's number either.
func ownerOf(ctx context.Context) *s3api.Owner {
	return &s3api.Owner{ID: new(canonicalID(wire.CallerFrom(ctx).Account))}
}
