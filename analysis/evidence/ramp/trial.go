package ramp

import (
	"math"

	"github.com/crossfade-dev/crossfade/analysis/evidence"
)

// grownAfter is in how many seconds a share that has decided nothing for as long as
// the policy's Patience becomes e times as large.
const grownAfter = 60

// grown is what a share has become that has decided nothing since a time: what is
// not decided within the policy's patience needs more requests than it gives.
func (p *Policy) grown(share, since, now float64) float64 {
	return share * math.Exp(max(0, now-since-p.Patience)/grownAfter)
}

// doubt says which share is the largest while the new version has failed and the
// evidence of harm has not faded below Doubt. It is 1 while there is no doubt.
func (p *Policy) doubt(s *State, d Decision, now float64) float64 {
	if d.Evidence < p.Doubt || s.Health.Failed == 0 && d.Evidence < someEvidence {
		s.DoubtFrom = 0
		return 1
	}
	if s.DoubtFrom == 0 {
		s.DoubtFrom = now
	}
	return p.grown(max(p.Smallest, p.Compare.share(s.Rate)), s.DoubtFrom, now)
}

// trial says which share is the largest while the evidence of harm is Worry or
// above: a failure tells most about whose it is where it is rarest that the new
// version serves at all, and costs the same. It is 1 while there is no trial.
func (p *Policy) trial(s *State, d Decision, now float64) float64 {
	if d.Evidence < p.Worry {
		s.TrialFrom = 0
		return 1
	}
	if s.TrialFrom == 0 {
		s.TrialFrom = now
	}
	share := p.Trial.share(s.Rate)
	if d.Errors >= d.Times {
		share = max(share, p.sharp(s))
	}
	return min(p.Compare.share(s.Rate), p.grown(share, s.TrialFrom, now))
}

// sharp is the share at which a failure of the new version multiplies the bets, as
// they stand, by nearly what it does at the smallest one: all but Sharp. Those on
// many times as many failures want a small share, those on twice as many do not.
func (p *Policy) sharp(s *State) float64 {
	share, all := 0.0, 0.0
	for i, bet := range s.Bets {
		stake := bet.Prior * s.Errors.Placed[i]
		share += stake * p.Sharp / (bet.Ratio - 1)
		all += stake
	}
	if all == 0 {
		return 0
	}
	return share / all
}

// littleKnown is the excess of failures that has to be ruled out before a failure
// of the new version is nothing to stop for.
const littleKnown = 0.1

// failing tells whether more of the new version's requests than are usual have failed
// in stretches of which it is not known yet what the old version did, while little
// is known: what it means comes first. The bets on that stretch do not depend on
// what is asked for after it.
func (p *Policy) failing(s *State, d Decision) bool {
	open := s.Intake.Open(evidence.Canary)
	usual := s.Normal * float64(open.Requests)
	return d.Excluded > littleKnown && float64(open.Failed) > usual+2*math.Sqrt(usual)
}
