package evidence

// A Meter makes blocks of counts that only grow: how many requests of each version
// had an outcome since the rollout started. Its zero value is the beginning.
//
// It is for sources that count outcomes when they happen. A request was routed
// earlier than it ended, so a block is given the range of shares that were in force
// when its requests may have begun. Where the shares change this costs power, never
// the guarantee, as long as both versions take about equally long; a source that
// counts by when requests began, with an [Intake], costs none.
type Meter struct {
	At     float64  `json:"at"` // seconds since the start until when blocks were made
	Canary Outcomes `json:"canary"`
	Stable Outcomes `json:"stable"`
	// Corrections is how often a count had become smaller. What was bet stays
	// bet; the difference is made up for by what comes.
	Corrections int `json:"corrections,omitempty"`
}

// Read takes in the counts of both versions, complete until the same time at, in
// seconds. longest is how many seconds a request takes at most. It returns what is
// new since the last reading; ok is false when nothing can be: the time is not
// later, or a count has become smaller.
func (m *Meter) Read(at float64, canary, stable Outcomes, s Schedule, longest float64) (b Block, ok bool) {
	if at <= m.At {
		return Block{}, false
	}
	newCanary, fine := canary.minus(m.Canary)
	newStable, fineToo := stable.minus(m.Stable)
	if !fine || !fineToo {
		m.Corrections++
		return Block{}, false
	}
	b = Block{At: m.At, Seconds: at - m.At, Canary: newCanary, Stable: newStable}
	b.Low, b.High = s.Range(m.At-longest, at)
	m.At, m.Canary, m.Stable = at, canary, stable
	return b, true
}

// minus is the difference to an earlier count; ok is false if any became smaller.
func (o Outcomes) minus(p Outcomes) (d Outcomes, ok bool) {
	d = Outcomes{Requests: o.Requests - p.Requests, Failed: o.Failed - p.Failed, Timed: o.Timed - p.Timed}
	ok = d.Requests >= 0 && d.Failed >= 0 && d.Failed <= d.Requests && d.Timed >= 0
	if n := max(len(o.Slower), len(p.Slower)); n > 0 {
		d.Slower = make([]int, n)
		copy(d.Slower, o.Slower)
		for i, s := range p.Slower {
			d.Slower[i] -= s
		}
		above := d.Timed
		for _, s := range d.Slower {
			ok = ok && s >= 0 && s <= above
			above = s
		}
	}
	return d, ok
}
