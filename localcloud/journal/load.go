package journal

import (
	"context"
	"fmt"
	"hash/maphash"
	"math"
)

// About how much is read from the database at once: in a Load, and between two
// groups of commits by a compaction, which those must not feel.
const (
	loadBytes    = 1 << 20
	compactBytes = 256 << 10
)

// A fingerprint stands for a key; two keys share one with a chance of 2^-128.
type fingerprint [2]uint64

var seeds = [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}

func fingerprintOf(key []byte) fingerprint {
	return fingerprint{maphash.Bytes(seeds[0], key), maphash.Bytes(seeds[1], key)}
}

// A position is where an entry lies: the block, and its place in it.
type position struct {
	seq int64
	n   int
}

// A block is a row of the database.
type block struct {
	seq  int64
	data []byte
}

// Load calls yield with every record of a kind that was committed before the
// call and not deleted, in no order that can be relied on. yield must not keep
// value, and may commit. It stops at the first error of yield, and
// returns it with the name of the record.
func (j *Journal) Load(kind string, yield func(key string, value []byte) error) error {
	j.layout.RLock()
	defer j.layout.RUnlock()
	last := map[fingerprint]position{}
	end, err := j.scan(kind, math.MaxInt64, func(seq int64, n int, e entry) error {
		last[fingerprintOf(e.key)] = position{seq, n}
		return nil
	})
	if err != nil {
		return fmt.Errorf("journal: load %s: %w", kind, err)
	}
	var live int64
	_, err = j.scan(kind, end, func(seq int64, n int, e entry) error {
		if e.deleted || last[fingerprintOf(e.key)] != (position{seq, n}) {
			return nil
		}
		live += int64(len(e.raw))
		if err := yield(string(e.key), e.value); err != nil {
			return fmt.Errorf("%s: %w", e.key, err)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("journal: load %s: %w", kind, err)
	}
	return j.do(func() {
		if s := j.sizes[kind]; s != nil {
			s.live = live
		}
	})
}

// scan calls yield for every entry of a kind in the blocks up to end, oldest
// first, and returns the last block's number.
func (j *Journal) scan(kind string, end int64, yield func(seq int64, n int, e entry) error) (int64, error) {
	var from int64 = math.MinInt64
	for {
		var page []block
		var readErr error
		if err := j.do(func() { page, readErr = j.read(kind, from, end, loadBytes) }); err != nil {
			return from, err
		}
		if readErr != nil {
			return from, readErr
		}
		if len(page) == 0 {
			return from, nil
		}
		for _, b := range page {
			if err := eachEntry(b.data, func(n int, e entry) error { return yield(b.seq, n, e) }); err != nil {
				return from, err
			}
			from = b.seq
		}
	}
}

// read returns the next blocks of a kind after from, up to end: at least one
// if there is one, and about limit bytes of them. It runs in the writer's
// goroutine.
func (j *Journal) read(kind string, from, end int64, limit int) ([]block, error) {
	rows, err := j.conn.QueryContext(context.Background(),
		"SELECT seq, data FROM block WHERE kind = ? AND seq > ? AND seq <= ? ORDER BY seq", kind, from, end)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var page []block
	for bytes := 0; bytes < limit && rows.Next(); {
		var b block
		if err := rows.Scan(&b.seq, &b.data); err != nil {
			return nil, err
		}
		page = append(page, b)
		bytes += len(b.data)
	}
	return page, rows.Err()
}

// do runs f in the writer's goroutine and waits for it.
func (j *Journal) do(f func()) error {
	done := make(chan struct{})
	select {
	case j.jobs <- func() { f(); close(done) }:
		<-done
		return nil
	case <-j.closed:
		return ErrClosed
	}
}
