package s3

import (
	"errors"

	"github.com/crossfade-dev/crossfade/localcloud/journal"
)

// restore reads the journal, and removes what a crash left behind: records whose
// bucket or upload is gone, and blobs that no record has.
func (s *Service) restore(f *folder) error {
	var orphans []journal.Record
	orphan := func(kind, key string) { orphans = append(orphans, journal.Deletion(kind, key)) }
	err := errors.Join(
		load(s, recordBucket, func(_ string, b *bucket) {
			b.objects = map[string]*object{}
			s.buckets[b.Name] = b
		}),
		load(s, recordObject, func(key string, o *object) {
			b := s.buckets[o.Bucket]
			if b == nil {
				orphan(recordObject, key)
				return
			}
			b.objects[o.Key] = o
			s.retainLocked(o.Blobs)
		}),
		load(s, recordUpload, func(key string, u *upload) {
			if s.buckets[u.Bucket] == nil {
				orphan(recordUpload, key)
				return
			}
			u.parts = map[int32]*part{}
			s.uploads[u.ID] = u
		}),
		load(s, recordPart, func(key string, p *part) {
			u := s.uploads[p.Upload]
			if u == nil {
				orphan(recordPart, key)
				return
			}
			u.parts[p.Number] = p
			s.retainLocked([]blob{p.Blob})
		}),
	)
	if err != nil {
		return err
	}
	if len(orphans) > 0 {
		if err := s.save(orphans...); err != nil {
			return err
		}
	}
	return f.each(func(id string) {
		if s.refs[id] == 0 {
			f.remove(id)
		}
	})
}

// load reads the records of one kind.
func load[T any](s *Service, kind string, take func(key string, value *T)) error {
	return s.journal.Load(kind, journal.FromJSON(func(key string, value *T) error {
		take(key, value)
		return nil
	}))
}
