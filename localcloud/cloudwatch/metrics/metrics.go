// Package metrics stores CloudWatch's time series in memory: values by account,
// region, namespace, name and exact dimensions, with statistics made on reading.
//
// A measurement goes into the bucket of its second. A bucket keeps count, sum,
// minimum, maximum and how often each value occurred, so that any statistic can
// be made from any period later. Two bounds keep memory small: a bucket with
// very many different values merges neighbouring ones (the smallest relative
// error that fits, never of sum, minimum or maximum), and seconds become minutes,
// minutes five minutes, five minutes hours as they age. Nothing survives the
// process.
//
// Unlike CloudWatch, the store keeps seconds also of measurements of standard
// resolution, as long as they are fresh: who asks for a period of ten seconds
// sees ten seconds.
package metrics

import (
	"cmp"
	"errors"
	"hash/maphash"
	"slices"
	"sync"
	"time"
)

// A Scope is the account and region that own a metric.
type Scope struct{ Account, Region string }

// A Dimension is one name and value of a metric's identity.
type Dimension struct{ Name, Value string }

// A Metric is the identity of a metric. The order of dimensions means nothing.
type Metric struct {
	Namespace, Name string
	Dimensions      []Dimension
}

// Compare orders metrics by namespace, name and dimensions, which must be
// sorted, as those that the store returns are.
func (m Metric) Compare(o Metric) int {
	return cmp.Or(cmp.Compare(m.Namespace, o.Namespace), cmp.Compare(m.Name, o.Name), slices.CompareFunc(m.Dimensions, o.Dimensions, compareDimensions))
}

func compareDimensions(a, b Dimension) int {
	return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Value, b.Value))
}

// A Datum is one measurement, or several of the same value.
type Datum struct {
	Name       string
	Dimensions []Dimension
	// Unit is one of CloudWatch's; empty means None.
	Unit string
	// Time is when it was measured; zero means now.
	Time  time.Time
	Value float64
	// Count is how often Value occurred; zero means once.
	Count float64
	// Set, when not nil, replaces Value and Count by a summary whose single
	// values are not known.
	Set *Set
	// HighResolution keeps the seconds for three hours instead of 15 minutes.
	HighResolution bool
}

// A Set summarises measurements whose single values are not known.
type Set struct{ Count, Sum, Min, Max float64 }

// Options bound a store.
type Options struct {
	// MaxMetrics is how many metrics are kept; when there are more, those that
	// were written least recently are forgotten. Zero means 200,000.
	MaxMetrics int
}

// A Store keeps time series. It is safe for concurrent use.
type Store struct {
	seed   maphash.Seed
	perMap int
	shards [shardCount]shard
}

const (
	shardCount        = 64
	defaultMaxMetrics = 200_000
)

type shard struct {
	mu      sync.RWMutex
	entries map[uint64]*entry // by hash; entries with the same hash are chained
	count   int
}

// New returns an empty store.
func New(o Options) *Store {
	if o.MaxMetrics == 0 {
		o.MaxMetrics = defaultMaxMetrics
	}
	s := &Store{seed: maphash.MakeSeed(), perMap: max(1, o.MaxMetrics/shardCount)}
	for i := range s.shards {
		s.shards[i].entries = map[uint64]*entry{}
	}
	return s
}

// An entry is one metric.
type entry struct {
	scope  Scope
	metric Metric // dimensions sorted
	hash   uint64
	chain  *entry

	mu     sync.Mutex
	series []series // one per unit; nearly always one
}

// Put adds measurements to metrics of a namespace. Measurements older than the
// longest retention are dropped.
func (s *Store) Put(scope Scope, namespace string, data []Datum, now time.Time) {
	base := s.hashScope(scope, namespace)
	nowSecond := now.Unix()
	for i := range data {
		d := &data[i]
		at := nowSecond
		if !d.Time.IsZero() {
			at = d.Time.Unix()
		}
		e := s.entry(scope, namespace, d, base)
		e.mu.Lock()
		e.unit(d.Unit, d.HighResolution).add(at, d)
		e.mu.Unlock()
	}
}

// hashScope begins the hash of a metric.
func (s *Store) hashScope(scope Scope, namespace string) uint64 {
	return mix(mix(maphash.String(s.seed, scope.Account), maphash.String(s.seed, scope.Region)), maphash.String(s.seed, namespace))
}

// hashMetric ends it. Dimensions are added up, so that their order is lost.
func (s *Store) hashMetric(base uint64, name string, dimensions []Dimension) uint64 {
	h := mix(base, maphash.String(s.seed, name))
	var sum uint64
	for i := range dimensions {
		sum += mix(maphash.String(s.seed, dimensions[i].Name), maphash.String(s.seed, dimensions[i].Value))
	}
	return mix(h, sum)
}

// mix joins two hashes; the order matters.
func mix(a, b uint64) uint64 {
	a = (a ^ (b + 0x9e3779b97f4a7c15 + a<<6 + a>>2)) * 0xff51afd7ed558ccd
	return a ^ a>>32
}

// entry returns the metric that d belongs to, and makes it if need be.
func (s *Store) entry(scope Scope, namespace string, d *Datum, base uint64) *entry {
	h := s.hashMetric(base, d.Name, d.Dimensions)
	sh := &s.shards[h%shardCount]
	sh.mu.RLock()
	e := sh.find(h, scope, namespace, d.Name, d.Dimensions)
	sh.mu.RUnlock()
	if e != nil {
		return e
	}
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if e := sh.find(h, scope, namespace, d.Name, d.Dimensions); e != nil {
		return e
	}
	if sh.count >= s.perMap {
		sh.forget(s.perMap - s.perMap/8)
	}
	dimensions := slices.Clone(d.Dimensions)
	slices.SortFunc(dimensions, compareDimensions)
	e = &entry{scope: scope, metric: Metric{namespace, d.Name, dimensions}, hash: h, chain: sh.entries[h]}
	sh.entries[h] = e
	sh.count++
	return e
}

func (sh *shard) find(h uint64, scope Scope, namespace, name string, dimensions []Dimension) *entry {
	for e := sh.entries[h]; e != nil; e = e.chain {
		if e.metric.Name == name && e.metric.Namespace == namespace && e.scope == scope && sameDimensions(e.metric.Dimensions, dimensions) {
			return e
		}
	}
	return nil
}

// sameDimensions says whether two sets of dimensions are equal. There are few,
// and a metric has a name only once.
func sameDimensions(a, b []Dimension) bool {
	if len(a) != len(b) {
		return false
	}
	for _, d := range b {
		if !slices.Contains(a, d) {
			return false
		}
	}
	return true
}

// forget keeps the n metrics that were written last. The caller holds sh.mu.
func (sh *shard) forget(n int) {
	type used struct {
		e    *entry
		last int64
	}
	var all []used
	for _, first := range sh.entries {
		for e := first; e != nil; e = e.chain {
			all = append(all, used{e, e.last()})
		}
	}
	slices.SortFunc(all, func(a, b used) int { return cmp.Compare(b.last, a.last) })
	clear(sh.entries)
	sh.count = 0
	for _, u := range all[:min(n, len(all))] {
		u.e.chain = sh.entries[u.e.hash]
		sh.entries[u.e.hash] = u.e
		sh.count++
	}
}

// last returns the newest second that the metric has data of.
func (e *entry) last() int64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	var last int64
	for i := range e.series {
		last = max(last, e.series[i].newest)
	}
	return last
}

// unit returns the series of a unit. The caller holds e.mu.
func (e *entry) unit(unit string, highResolution bool) *series {
	if unit == "" {
		unit = noUnit
	}
	for i := range e.series {
		if e.series[i].unit == unit {
			e.series[i].highResolution = e.series[i].highResolution || highResolution
			return &e.series[i]
		}
	}
	e.series = append(e.series, series{unit: unit, highResolution: highResolution})
	return &e.series[len(e.series)-1]
}

const noUnit = "None"

// lookup returns the metric, or nil.
func (s *Store) lookup(scope Scope, m Metric) *entry {
	h := s.hashMetric(s.hashScope(scope, m.Namespace), m.Name, m.Dimensions)
	sh := &s.shards[h%shardCount]
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	return sh.find(h, scope, m.Namespace, m.Name, m.Dimensions)
}

// List returns the metrics of a scope that accept takes, sorted, dimensions
// sorted too. last is when the metric was written last. accept must not call the
// store.
func (s *Store) List(scope Scope, accept func(m Metric, last time.Time) bool) []Metric {
	var out []Metric
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.RLock()
		for _, first := range sh.entries {
			for e := first; e != nil; e = e.chain {
				if e.scope == scope && accept(e.metric, time.Unix(e.last(), 0)) {
					out = append(out, e.metric)
				}
			}
		}
		sh.mu.RUnlock()
	}
	slices.SortFunc(out, Metric.Compare)
	return out
}

// A Query asks for the periods of one metric.
type Query struct {
	Metric Metric
	// Unit picks the measurements of one unit; empty takes all together.
	Unit string
	// From and To bound the periods: the first begins at From, the last one
	// before To. Fractions of seconds are cut off.
	From, To time.Time
	// Period is in whole seconds.
	Period time.Duration
	// Values says that statistics which need the single values are wanted.
	Values bool
}

// ErrPeriod says that a query has no usable period.
var ErrPeriod = errors.New("metrics: the period is not a whole number of seconds above zero")

// Read returns the periods that have data, oldest first. A metric that is not
// there has none.
func (s *Store) Read(scope Scope, q Query) ([]Period, error) {
	period := int64(q.Period / time.Second)
	if period < 1 || q.Period%time.Second != 0 {
		return nil, ErrPeriod
	}
	e := s.lookup(scope, q.Metric)
	if e == nil {
		return nil, nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	r := reader{from: q.From.Unix(), to: q.To.Unix(), period: period, values: q.Values}
	for i := range e.series {
		if q.Unit == "" || q.Unit == e.series[i].unit {
			e.series[i].read(&r)
		}
	}
	return r.periods(), nil
}

// Units returns the units in which a metric was measured.
func (s *Store) Units(scope Scope, m Metric) []string {
	e := s.lookup(scope, m)
	if e == nil {
		return nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	units := make([]string, len(e.series))
	for i := range e.series {
		units[i] = e.series[i].unit
	}
	return units
}
