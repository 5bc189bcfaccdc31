package evidence

import "slices"

// A Schedule remembers which shares of the traffic were asked for, to say which
// may have been in force at a time.
type Schedule struct {
	// Settle is how many seconds at most an order takes until it is in force
	// for every request.
	Settle float64 `json:"settle"`
	Orders []Order `json:"orders,omitempty"` // oldest first
}

// An Order asked for a share in [0, 1] of the traffic.
type Order struct {
	At    float64 `json:"at"` // seconds since the rollout started
	Share float64 `json:"share"`
	// Late is until when, at least, it was not seen to be followed; 0 when
	// nobody looks. Until then the share before it may be in force.
	Late float64 `json:"late,omitempty"`
}

// Ask notes that a share was asked for, no earlier than the ones before.
func (s *Schedule) Ask(at, share float64) {
	s.Orders = append(s.Orders, Order{At: at, Share: share})
}

// Delay notes that at a time the last order was not seen to be followed yet: it
// may have been lost, or an answer may be an old one.
func (s *Schedule) Delay(at float64) {
	if n := len(s.Orders); n > 0 {
		s.Orders[n-1].Late = max(s.Orders[n-1].Late, at)
	}
}

// Lose notes that nothing is known of the shares in [from, until).
func (s *Schedule) Lose(from, until float64) {
	keep := len(s.Orders)
	for keep > 0 && s.Orders[keep-1].At >= from {
		keep--
	}
	s.Orders = append(s.Orders[:keep:keep], Order{At: from, Share: 1, Late: until})
}

// Last is the share that was asked for last, 0 before the first order.
func (s Schedule) Last() float64 {
	if n := len(s.Orders); n > 0 {
		return s.Orders[n-1].Share
	}
	return 0
}

// LastAt is when a share was asked for last, 0 before the first order.
func (s Schedule) LastAt() float64 {
	if n := len(s.Orders); n > 0 {
		return s.Orders[n-1].At
	}
	return 0
}

// Range returns the smallest and the largest share that may have been in force at
// any time of [from, to). Before the first order it is 0.
func (s Schedule) Range(from, to float64) (low, high float64) {
	first := true
	include := func(share float64) {
		if first {
			low, high, first = share, share, false
			return
		}
		low, high = min(low, share), max(high, share)
	}
	for i := len(s.Orders) - 1; i >= 0; i-- {
		o := s.Orders[i]
		if o.At >= to {
			continue
		}
		include(o.Share)
		if max(o.At, o.Late)+s.Settle <= from {
			return low, high
		}
	}
	include(0)
	return low, high
}

// Forget drops orders that cannot have been in force at a time or later.
func (s *Schedule) Forget(before float64) {
	keep := 0
	for i := len(s.Orders) - 1; i > 0; i-- {
		if max(s.Orders[i].At, s.Orders[i].Late)+s.Settle <= before {
			keep = i
			break
		}
	}
	s.Orders = slices.Delete(s.Orders, 0, keep)
}

// A Side is one of the two versions.
type Side int

// The sides.
const (
	Canary Side = iota // the new version
	Stable             // the old one
)

// An Intake makes blocks of counts that come late, in any order and more than
// once. Time is divided into stretches of equal length, numbered from 0 at the
// start of the rollout; counts are of one side and one stretch.
//
// A stretch becomes a block once, when it is final for both sides. What is said
// about it later is a correction: it is counted and changes nothing, because a bet
// that could be placed again after the result would not be a bet.
type Intake struct {
	// Width is how long a stretch is, in seconds, above 0.
	Width float64 `json:"width"`
	// Memory is for how many stretches behind the newest accepted one late
	// counts are still waited for. What is older than that is dropped.
	Memory int `json:"memory"`
	// Stretches are those that are not settled, by number.
	Stretches []Stretch `json:"stretches,omitempty"`
	// Oldest is the number below which everything is settled: it was accepted,
	// or dropped.
	Oldest int `json:"oldest"`
	// Corrections is how often something was said about a stretch that was
	// settled, or that changed an accepted one. Dropped is how many stretches
	// were never final for both sides in time.
	Corrections int `json:"corrections,omitempty"`
	Dropped     int `json:"dropped,omitempty"`
}

// A Stretch is what is known about one stretch.
type Stretch struct {
	Number   int         `json:"number"`
	Counts   [2]Outcomes `json:"counts"` // by side
	Final    [2]bool     `json:"final"`
	Accepted bool        `json:"accepted,omitempty"`
}

// Report takes in counts of one side and stretch, which replace those reported
// before. They are final when no request of the stretch can still change them; see
// [Intake.Final]. A stretch without requests is final with zeros. It returns true
// for the first final counts of that side and stretch, and only for those.
func (n *Intake) Report(side Side, number int, counts Outcomes, final bool) (first bool) {
	if number < n.Oldest {
		n.Corrections++
		return false
	}
	i, found := slices.BinarySearchFunc(n.Stretches, number, func(s Stretch, number int) int { return s.Number - number })
	if !found {
		n.Stretches = slices.Insert(n.Stretches, i, Stretch{Number: number})
	}
	s := &n.Stretches[i]
	if s.Accepted {
		if !same(s.Counts[side], counts) {
			n.Corrections++
		}
		return false
	}
	first = final && !s.Final[side]
	s.Counts[side], s.Final[side] = counts, s.Final[side] || final
	return first
}

func same(a, b Outcomes) bool {
	if a.Requests != b.Requests || a.Failed != b.Failed || a.Timed != b.Timed {
		return false
	}
	for i := range max(len(a.Slower), len(b.Slower)) {
		if a.slower(i) != b.slower(i) {
			return false
		}
	}
	return true
}

// Final tells whether counts that were read at a time are final when the source
// may be late by delay, all in seconds: whether the stretch ended that long ago.
func (n *Intake) Final(number int, readAt, delay float64) bool {
	return readAt >= float64(number+1)*n.Width+delay
}

// Take appends the blocks that became final, oldest first, each once.
func (n *Intake) Take(blocks []Block, s Schedule) []Block {
	newest := n.Oldest
	for i := range n.Stretches {
		st := &n.Stretches[i]
		if !st.Accepted && st.Final[Canary] && st.Final[Stable] {
			st.Accepted = true
			at := float64(st.Number) * n.Width
			b := Block{At: at, Seconds: n.Width, Canary: st.Counts[Canary], Stable: st.Counts[Stable]}
			b.Low, b.High = s.Range(at, at+n.Width)
			blocks = append(blocks, b)
		}
		if st.Accepted {
			newest = max(newest, st.Number)
		}
	}
	n.settle(newest)
	return blocks
}

// settle forgets what nothing is waited for any more: the oldest stretches, as far
// as they are accepted or too old, given the newest accepted one.
func (n *Intake) settle(newest int) {
	below, settled := max(n.Oldest, newest-n.Memory), 0
	for _, s := range n.Stretches {
		if s.Number > below || s.Number == below && !s.Accepted {
			break
		}
		if !s.Accepted {
			n.Dropped++
		}
		below = max(below, s.Number+1)
		settled++
	}
	n.Stretches = slices.Delete(n.Stretches, 0, settled)
	n.Oldest = below
}

// Waiting tells whether counts are known, of one side at least, of a stretch that
// began before a time and is not accepted yet.
func (n *Intake) Waiting(before float64) bool {
	return slices.ContainsFunc(n.Stretches, func(s Stretch) bool {
		return !s.Accepted && float64(s.Number)*n.Width < before
	})
}

// Open sums what one side did in stretches that are not accepted yet, as far as
// it is known. It may be looked at to become careful, never to condemn.
func (n *Intake) Open(side Side) Outcomes {
	var sum Outcomes
	for _, s := range n.Stretches {
		if !s.Accepted {
			sum.Add(s.Counts[side])
		}
	}
	return sum
}
