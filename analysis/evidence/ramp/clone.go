package ramp

import "slices"

// Clone returns a copy that shares nothing that is ever written: bets are not.
func (s State) Clone() State {
	s.Intake.Stretches = slices.Clone(s.Intake.Stretches) // their counts are replaced as a whole
	s.Schedule.Orders = slices.Clone(s.Schedule.Orders)
	s.Errors.Placed = slices.Clone(s.Errors.Placed)
	s.Times.Placed = slices.Clone(s.Times.Placed)
	s.Failing.Statistics = slices.Clone(s.Failing.Statistics)
	for side := range s.Compared {
		s.Compared[side].Slower = slices.Clone(s.Compared[side].Slower)
	}
	s.Slowing.Statistics = slices.Clone(s.Slowing.Statistics)
	return s
}
