package evidence

import (
	"encoding/json"
	"fmt"
	"slices"
)

// A stretch is stored as a list of numbers, because an intake has hundreds of them
// and is saved at every look: its number, flags, and for each side requests,
// failed, timed, and slower by threshold. What is 0 at the end of a side's numbers
// is left away.
const (
	finalCanary = 1 << iota
	finalStable
	accepted
)

// MarshalJSON writes a stretch as lists of numbers.
func (s Stretch) MarshalJSON() ([]byte, error) {
	flags := 0
	for i, set := range []bool{s.Final[Canary], s.Final[Stable], s.Accepted} {
		if set {
			flags |= 1 << i
		}
	}
	return json.Marshal([3][]int{{s.Number, flags}, s.Counts[Canary].numbers(), s.Counts[Stable].numbers()})
}

func (o Outcomes) numbers() []int {
	n := append([]int{o.Requests, o.Failed, o.Timed}, o.Slower...)
	for len(n) > 0 && n[len(n)-1] == 0 {
		n = n[:len(n)-1]
	}
	return n
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (s *Stretch) UnmarshalJSON(text []byte) error {
	var lists [3][]int
	if err := json.Unmarshal(text, &lists); err != nil {
		return fmt.Errorf("stretch: %w", err)
	}
	if len(lists[0]) != 2 {
		return fmt.Errorf("stretch: %s has no number and flags", text)
	}
	flags := lists[0][1]
	*s = Stretch{
		Number: lists[0][0],
		Final:  [2]bool{flags&finalCanary != 0, flags&finalStable != 0}, Accepted: flags&accepted != 0,
	}
	for side := range s.Counts {
		n := lists[side+1]
		at := func(i int) int {
			if i < len(n) {
				return n[i]
			}
			return 0
		}
		s.Counts[side] = Outcomes{Requests: at(0), Failed: at(1), Timed: at(2)}
		if len(n) > 3 {
			s.Counts[side].Slower = slices.Clone(n[3:])
		}
	}
	return nil
}
