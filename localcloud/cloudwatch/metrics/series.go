package metrics

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// A bucket is what happened in one second, or in one of the coarser steps.
type bucket struct {
	start      int64 // Unix seconds
	count, sum float64
	min, max   float64
	values     []weighted // sorted by value; nil while all are equal to min
	opaque     bool       // holds a Set whose values are not known
}

// weighted is a value and how often it occurred.
type weighted struct{ value, count float64 }

// maxValues is how many different values a bucket tells apart.
const maxValues = 256

// add puts n measurements of v into the bucket.
func (b *bucket) add(v, n float64) {
	if b.count == 0 {
		b.min, b.max = v, v
	}
	if b.values == nil && (v != b.min || v != b.max) && !b.opaque {
		b.values = append(make([]weighted, 0, 4), weighted{b.min, b.count})
	}
	b.count += n
	b.sum += v * n
	b.min, b.max = min(b.min, v), max(b.max, v)
	if b.values != nil {
		b.values = insert(b.values, v, n)
	}
}

// insert adds a value to a sorted list.
func insert(values []weighted, v, n float64) []weighted {
	i, found := slices.BinarySearchFunc(values, v, func(w weighted, v float64) int { return cmp.Compare(w.value, v) })
	if found {
		values[i].count += n
		return values
	}
	values = slices.Insert(values, i, weighted{v, n})
	if len(values) > maxValues {
		values = compress(values, maxValues/2)
	}
	return values
}

// addSet puts a summary into the bucket. With one measurement, or with all of
// them equal, their values are known after all.
func (b *bucket) addSet(s *Set) {
	if s.Count == 1 || s.Min == s.Max {
		b.add(s.Min, s.Count)
		return
	}
	b.merge(&bucket{count: s.Count, sum: s.Sum, min: s.Min, max: s.Max, opaque: true})
}

// merge adds another bucket to this one.
func (b *bucket) merge(o *bucket) {
	if o.count == 0 {
		return
	}
	if b.count == 0 {
		start := b.start
		*b = *o
		b.start = start
		b.values = slices.Clone(o.values)
		return
	}
	b.opaque = b.opaque || o.opaque
	switch {
	case b.opaque:
		b.values = nil
	case b.values == nil && o.values == nil && b.min == o.min:
	default:
		merged := slices.Grow(b.known(), len(o.values)+1)
		for _, w := range o.known() {
			merged = insert(merged, w.value, w.count)
		}
		b.values = merged
	}
	b.count += o.count
	b.sum += o.sum
	b.min, b.max = min(b.min, o.min), max(b.max, o.max)
}

// known returns the values of a bucket that is not opaque.
func (b *bucket) known() []weighted {
	if b.values == nil && b.count > 0 {
		return []weighted{{b.min, b.count}}
	}
	return b.values
}

// compress merges neighbouring values until at most most are left, with the
// smallest relative width that does it. The first and the last value stay apart,
// so that the tails of a distribution are kept. There must be more than most.
func compress(values []weighted, most int) []weighted {
	out := make([]weighted, 0, most)
	for width := 0.01; ; width *= 2 {
		out = append(out[:0], values[0])
		edge := math.Inf(-1) // of the group that the last of out stands for
		for _, w := range values[1 : len(values)-1] {
			if w.value <= edge || math.IsInf(width, 1) && len(out) > 1 {
				last := &out[len(out)-1]
				last.count += w.count
				last.value += (w.value - last.value) * w.count / last.count
				continue
			}
			if len(out) == most-1 {
				break
			}
			out = append(out, w)
			edge = w.value + math.Abs(w.value)*width
		}
		if grouped := len(out) < most-1 || values[len(values)-2].value <= edge; grouped {
			return append(out, values[len(values)-1])
		}
	}
}

// The steps of buckets, finest first, and for how long each is kept.
var steps = [...]struct{ width, keep int64 }{
	{1, 15 * 60}, // three hours for metrics of high resolution
	{60, 15 * 24 * 3600},
	{300, 63 * 24 * 3600},
	{3600, 455 * 24 * 3600},
}

const keepSeconds = 3 * 3600 // of high resolution

// A series is the measurements of one metric in one unit.
type series struct {
	unit           string
	highResolution bool
	newest         int64                // the newest second that was written
	buckets        [len(steps)][]bucket // by step, each sorted by start
}

func (s *series) keep(step int) int64 {
	if step == 0 && s.highResolution {
		return keepSeconds
	}
	return steps[step].keep
}

// add puts a datum into the bucket of its second, or of a coarser step when it
// is that old.
func (s *series) add(at int64, d *Datum) {
	if at > s.newest {
		s.newest = at
		if first := s.buckets[0]; len(first) > 0 && first[0].start < at-s.keep(0)-60 {
			s.age()
		}
	}
	step := 0
	for at < s.newest-s.keep(step) {
		if step++; step == len(steps) {
			return
		}
	}
	b := bucketAt(&s.buckets[step], at-mod(at, steps[step].width))
	if d.Set != nil {
		b.addSet(d.Set)
		return
	}
	n := d.Count
	if n == 0 {
		n = 1
	}
	b.add(d.Value, n)
}

// bucketAt returns the bucket that starts at start; it is nearly always the
// last one or a new one after it.
func bucketAt(buckets *[]bucket, start int64) *bucket {
	all := *buckets
	n := len(all)
	if n > 0 && all[n-1].start == start {
		return &all[n-1]
	}
	if n == 0 || all[n-1].start < start {
		*buckets = append(all, bucket{start: start})
		return &(*buckets)[n]
	}
	i, found := slices.BinarySearchFunc(all, start, func(b bucket, start int64) int { return cmp.Compare(b.start, start) })
	if !found {
		*buckets = slices.Insert(all, i, bucket{start: start})
	}
	return &(*buckets)[i]
}

// age moves buckets that have had their time into the next step. It runs once
// per minute of new data, so that a step is moved in whole buckets of the next.
func (s *series) age() {
	for step := range steps {
		all := s.buckets[step]
		width := int64(60)
		if step+1 < len(steps) {
			width = steps[step+1].width
		}
		limit := s.newest - s.keep(step)
		limit -= mod(limit, width)
		n := 0
		for n < len(all) && all[n].start < limit {
			if step+1 < len(steps) {
				bucketAt(&s.buckets[step+1], all[n].start-mod(all[n].start, width)).merge(&all[n])
			}
			n++
		}
		s.buckets[step] = slices.Delete(all, 0, n)
	}
}

// mod is the remainder that is never negative.
func mod(a, b int64) int64 { return ((a % b) + b) % b }

// A reader gathers the periods of a query.
type reader struct {
	from, to, period int64
	values           bool
	found            []Period // sorted by start
}

// read adds what the series has within the reader's bounds. Buckets wider than
// the period are left out: CloudWatch no longer knows such detail either. The
// coarsest step is the oldest, so that periods mostly come in order.
func (s *series) read(r *reader) {
	for step := len(steps) - 1; step >= 0; step-- {
		if steps[step].width > r.period {
			continue
		}
		all := s.buckets[step]
		i, _ := slices.BinarySearchFunc(all, r.from, func(b bucket, from int64) int { return cmp.Compare(b.start, from) })
		for ; i < len(all) && all[i].start < r.to+r.period; i++ {
			r.add(&all[i], s.unit)
		}
	}
}

func (r *reader) add(b *bucket, unit string) {
	start := b.start - mod(b.start-r.from, r.period)
	if start >= r.to {
		return
	}
	p := r.at(start, unit)
	p.Count += b.count
	p.Sum += b.sum
	p.Min, p.Max = min(p.Min, b.min), max(p.Max, b.max)
	p.opaque = p.opaque || b.opaque
	switch {
	case !r.values || p.opaque:
	case b.values == nil:
		p.values = append(p.values, weighted{b.min, b.count})
	default:
		p.values = append(p.values, b.values...)
	}
}

// at returns the period that starts at start, which is nearly always the last.
func (r *reader) at(start int64, unit string) *Period {
	at := time.Unix(start, 0).UTC()
	n := len(r.found)
	if n > 0 && r.found[n-1].Start.Equal(at) {
		return &r.found[n-1]
	}
	i, found := n, false
	if n > 0 && r.found[n-1].Start.After(at) {
		i, found = slices.BinarySearchFunc(r.found, at, func(p Period, at time.Time) int { return p.Start.Compare(at) })
	}
	if !found {
		r.found = slices.Insert(r.found, i, Period{Start: at, Min: math.Inf(1), Max: math.Inf(-1), Unit: unit})
	}
	return &r.found[i]
}

// periods returns what was found, oldest first.
func (r *reader) periods() []Period {
	for i := range r.found {
		slices.SortFunc(r.found[i].values, func(a, b weighted) int { return cmp.Compare(a.value, b.value) })
	}
	return r.found
}
