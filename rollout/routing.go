package rollout

import (
	"github.com/crossfade-dev/crossfade/plan"
)

// Share returns how much of the traffic a version gets.
func (r Routing) Share(version string) plan.Weight {
	var share plan.Weight
	if version == r.Stable {
		share += plan.Full
		if r.Canary != "" {
			share -= r.Weight
		}
	}
	if version == r.Canary && r.Canary != "" {
		share += r.Weight
	}
	return share
}

// Same says whether two routings send the same traffic to the same versions,
// however they are written.
func (r Routing) Same(o Routing) bool {
	return r.Share(r.Stable) == o.Share(r.Stable) && r.Share(o.Stable) == o.Share(o.Stable) &&
		r.Share(r.Canary) == o.Share(r.Canary) && r.Share(o.Canary) == o.Share(o.Canary)
}

// at returns the routing that gives the target's canary a weight.
func (t TargetStatus) at(w plan.Weight) Routing {
	if w == 0 || t.Canary == t.Stable {
		return Routing{Stable: t.Stable}
	}
	return Routing{Stable: t.Stable, Canary: t.Canary, Weight: w}
}

// ours says whether a routing is between the target's two versions only.
func (t TargetStatus) ours(r Routing) bool {
	return t.share(r)+t.stableShare(r) == plan.Full
}

func (t TargetStatus) share(r Routing) plan.Weight {
	if t.Canary == t.Stable {
		return 0
	}
	return r.Share(t.Canary)
}

func (t TargetStatus) stableShare(r Routing) plan.Weight { return r.Share(t.Stable) }

// oriented writes a routing in the rollout's terms: services do not say which of
// two versions is the new one.
func (t TargetStatus) oriented(r Routing) Routing {
	if t.Stable != "" && t.ours(r) {
		return t.at(t.share(r))
	}
	if r.Canary != "" && r.Weight == 0 {
		return Routing{Stable: r.Stable}
	}
	return r
}
