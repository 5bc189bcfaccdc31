package journal

import (
	"context"
	"fmt"
	"sync"
)

// A group is closed when it holds this much; more waits for the next one.
const (
	maxGroupRequests = 512
	maxGroupBytes    = 4 << 20
)

// A request is one Commit on its way, encoded by its caller.
type request struct {
	parts []part
	bytes int
	done  chan error
}

// A part is the records of one kind.
type part struct {
	kind    string
	entries []byte
}

var requestPool = sync.Pool{New: func() any { return &request{done: make(chan error, 1)} }}

// Commit keeps all records or none. When it returns nil they are on the disk and
// survive the death of the process and of the machine. It waits for the disk.
// The error wraps [ErrFull] when there is no space; what was committed before is
// untouched, and a later commit may succeed again.
func (j *Journal) Commit(records ...Record) error {
	if len(records) == 0 {
		return nil
	}
	r := requestPool.Get().(*request)
	defer requestPool.Put(r)
	r.encode(records)
	select {
	case <-j.closing:
		return ErrClosed
	default:
	}
	select {
	case j.requests <- r:
	case <-j.closing:
		return ErrClosed
	}
	select {
	case err := <-r.done:
		return err
	case <-j.closed:
		// The writer answers whatever it took before it ended.
		select {
		case err := <-r.done:
			return err
		default:
			return ErrClosed
		}
	}
}

// encode groups the records by kind, in order within each.
func (r *request) encode(records []Record) {
	for i := range r.parts {
		r.parts[i].entries = r.parts[i].entries[:0]
	}
	used := r.parts[:0]
	for _, record := range records {
		at := -1
		for i := range used {
			if used[i].kind == record.Kind {
				at = i
			}
		}
		if at < 0 {
			at = len(used)
			if at < cap(used) {
				used = used[:at+1]
				used[at].kind, used[at].entries = record.Kind, used[at].entries[:0]
			} else {
				used = append(used, part{kind: record.Kind})
			}
		}
		used[at].entries = appendEntry(used[at].entries, record)
	}
	r.parts = used
	r.bytes = 0
	for _, p := range used {
		r.bytes += len(p.entries)
	}
}

// write is the goroutine that owns the connection, until Close.
func (j *Journal) write() {
	defer close(j.closed)
	var group []*request
	for {
		group = group[:0]
		if j.work == nil {
			select {
			case r := <-j.requests:
				group = append(group, r)
			case job := <-j.jobs:
				job()
				continue
			case <-j.closing:
				j.drain()
				return
			}
		} else { // compaction is under way: go on with it between the groups
			select {
			case r := <-j.requests:
				group = append(group, r)
			case job := <-j.jobs:
				job()
				continue
			case <-j.closing:
				j.drain()
				return
			default:
				j.compactSome()
				continue
			}
		}
		j.commitGroup(j.gather(group))
		if j.work != nil {
			j.compactSome()
		}
	}
}

// gather adds what has arrived meanwhile to the group.
func (j *Journal) gather(group []*request) []*request {
	bytes := group[0].bytes
	for len(group) < maxGroupRequests && bytes < maxGroupBytes {
		select {
		case r := <-j.requests:
			group = append(group, r)
			bytes += r.bytes
		default:
			return group
		}
	}
	return group
}

// drain commits what was handed in before Close.
func (j *Journal) drain() {
	for {
		select {
		case r := <-j.requests:
			j.commitGroup(j.gather([]*request{r}))
		default:
			return
		}
	}
}

// commitGroup writes a group and answers everybody in it. When a group cannot be
// written each request is tried alone, so that one that is too large does not
// take its neighbours with it.
func (j *Journal) commitGroup(group []*request) {
	err := j.insert(group)
	if err != nil && len(group) > 1 {
		for _, r := range group {
			r.done <- j.insert([]*request{r})
		}
		return
	}
	for _, r := range group {
		r.done <- err
	}
}

// insert writes the requests in one transaction, one block per kind.
func (j *Journal) insert(group []*request) error {
	blocks := map[string][]byte{}
	var kinds []string
	for _, r := range group {
		for _, p := range r.parts {
			block, ok := blocks[p.kind]
			if !ok {
				kinds = append(kinds, p.kind)
				block = []byte{blockFormat}
			}
			blocks[p.kind] = append(block, p.entries...)
		}
	}
	ctx := context.Background() // a commit is not given up half-way
	tx, err := j.conn.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("journal: begin: %w", plainly(err))
	}
	for i, kind := range kinds {
		if _, err := tx.ExecContext(ctx, "INSERT INTO block (seq, kind, data) VALUES (?, ?, ?)", j.next+int64(i), kind, blocks[kind]); err != nil {
			_ = tx.Rollback() // SQLite may have rolled back already; the first error says why
			return fmt.Errorf("journal: write %s: %w", kind, plainly(err))
		}
	}
	if err := tx.Commit(); err != nil {
		_ = tx.Rollback() // as above
		return fmt.Errorf("journal: commit: %w", plainly(err))
	}
	j.next += int64(len(kinds))
	for _, kind := range kinds {
		s := j.sizes[kind]
		if s == nil {
			s = &size{}
			j.sizes[kind] = s
		}
		s.total += int64(len(blocks[kind]))
		if j.work == nil && s.total > 2*s.live+j.compactAbove {
			j.work = &compaction{kind: kind}
		}
	}
	return nil
}
