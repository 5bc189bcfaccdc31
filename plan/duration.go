package plan

import (
	"fmt"
	"math/big"
	"strings"
	"time"
)

// maxDuration is the longest that anything in a plan may take. A year is what a
// Step Functions execution may take.
const maxDuration = 366 * 24 * time.Hour

// durationUnits are the units of ParseDuration, the longest first.
var durationUnits = []struct {
	name string
	unit time.Duration
}{
	{"w", 7 * 24 * time.Hour},
	{"d", 24 * time.Hour},
	{"h", time.Hour},
	{"m", time.Minute},
	{"s", time.Second},
	{"ms", time.Millisecond},
}

// ParseDuration reads a duration as people write it: 90s, 5m, 1h30m, 1d, 500ms,
// 2w. It is not negative and at most 366 days; only 0 needs no unit.
func ParseDuration(s string) (time.Duration, error) {
	text := strings.TrimSpace(s)
	if text == "0" {
		return 0, nil
	}
	bad := fmt.Errorf("duration %q is not like 90s, 5m, 1h30m or 1d", s)
	if text == "" {
		return 0, bad
	}
	if isDecimal(text) {
		return 0, fmt.Errorf("duration %s has no unit: write %ss, %sm or %sh", text, text, text, text)
	}
	total := new(big.Rat)
	for rest := text; rest != ""; {
		digits := len(rest) - len(strings.TrimLeft(rest, "0123456789."))
		number := rest[:digits]
		rest = rest[digits:]
		letters := len(rest) - len(strings.TrimLeft(rest, "abcdefghijklmnopqrstuvwxyz"))
		name := rest[:letters]
		rest = rest[letters:]
		unit, ok := durationUnit(name)
		if !ok || !isDecimal(number) {
			return 0, bad
		}
		r, ok := new(big.Rat).SetString(number)
		if !ok {
			return 0, bad
		}
		total.Add(total, r.Mul(r, big.NewRat(int64(unit), 1)))
		if total.Cmp(big.NewRat(int64(maxDuration), 1)) > 0 {
			return 0, fmt.Errorf("duration %s is longer than 366 days", text)
		}
	}
	if !total.IsInt() {
		return 0, bad
	}
	return time.Duration(total.Num().Int64()), nil
}

func durationUnit(name string) (time.Duration, bool) {
	for _, u := range durationUnits {
		if u.name == name {
			return u.unit, true
		}
	}
	return 0, false
}

// FormatDuration writes a duration as ParseDuration reads it, without units that
// are zero: 1h30m, 5m, 0s. Durations of a plan are whole milliseconds; what is
// finer is cut off.
func FormatDuration(d time.Duration) string {
	if d < time.Millisecond {
		return "0s"
	}
	var b strings.Builder
	for _, u := range durationUnits[1:] { // weeks are read, not written
		if n := d / u.unit; n > 0 {
			fmt.Fprintf(&b, "%d%s", n, u.name)
			d -= n * u.unit
		}
	}
	return b.String()
}
