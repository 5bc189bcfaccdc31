package journal

import (
	"context"
	"math"
)

// A compaction rewrites the blocks of one kind without the entries that were
// overruled. It goes through them twice, a page at a time: first to learn which
// entry of each key is the last, then, oldest block first, to merge the live
// entries of neighbouring blocks into one. Each merge is a transaction of its
// own and keeps the order of the entries, so it may stop anywhere.
type compaction struct {
	kind   string
	last   map[fingerprint]position
	end    int64 // the last block that takes part, once counting is done
	from   int64 // the last block that was looked at
	counts bool  // whether the first pass is done
	live   int64
}

// compactSome does the next page of the compaction under way.
func (j *Journal) compactSome() {
	if !j.layout.TryLock() {
		j.work = nil // a Load is under way; the next commit that is due starts anew
		return
	}
	defer j.layout.Unlock()
	w := j.work
	if w.last == nil {
		w.last, w.from, w.end = map[fingerprint]position{}, math.MinInt64, math.MaxInt64
	}
	page, err := j.read(w.kind, w.from, w.end, compactBytes)
	switch {
	case err != nil:
		j.giveUp(w)
	case !w.counts && len(page) > 0:
		for _, b := range page {
			if err := eachEntry(b.data, func(n int, e entry) error {
				w.last[fingerprintOf(e.key)] = position{b.seq, n}
				return nil
			}); err != nil {
				j.giveUp(w)
				return
			}
			w.from = b.seq
		}
	case !w.counts:
		w.counts, w.end, w.from = true, w.from, math.MinInt64
	case len(page) > 0:
		if err := j.merge(w, page); err != nil {
			j.giveUp(w)
		}
	default:
		j.sizes[w.kind].live = w.live
		j.work = nil
	}
}

// giveUp ends a compaction that cannot go on, such as on a full disk. The log
// is longer than it could be and otherwise sound, so nobody needs to know. The
// live size is set so that the next try comes only after the log has doubled.
func (j *Journal) giveUp(w *compaction) {
	if s := j.sizes[w.kind]; s != nil {
		s.live = s.total
	}
	j.work = nil
}

// merge replaces a page of blocks by one block, in the last one's place, with
// the entries that are still the last of their key. A deletion goes too: what it
// deleted lay before it, and is gone by now.
func (j *Journal) merge(w *compaction, page []block) error {
	merged := []byte{blockFormat}
	var before int64
	for _, b := range page {
		before += int64(len(b.data))
		if err := eachEntry(b.data, func(n int, e entry) error {
			if !e.deleted && w.last[fingerprintOf(e.key)] == (position{b.seq, n}) {
				merged = append(merged, e.raw...)
			}
			return nil
		}); err != nil {
			return err
		}
	}
	first, last := page[0].seq, page[len(page)-1].seq
	w.from = last
	w.live += int64(len(merged))
	if int64(len(merged)) == before {
		return nil
	}
	ctx := context.Background()
	tx, err := j.conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, "DELETE FROM block WHERE kind = ? AND seq >= ? AND seq <= ?", w.kind, first, last)
	if err == nil && len(merged) > 1 {
		_, err = tx.ExecContext(ctx, "INSERT INTO block (seq, kind, data) VALUES (?, ?, ?)", last, w.kind, merged)
	}
	if err == nil {
		err = tx.Commit()
	}
	if err != nil {
		_ = tx.Rollback() // the first error is the one that counts
		return err
	}
	j.sizes[w.kind].total -= before - int64(len(merged))
	return nil
}
