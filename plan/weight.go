package plan

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"
)

// percent is one percent of the traffic.
const percent Weight = Full / 100

// ParseWeight reads a weight as people write it: 10%, 12.5% or 1250bp (basis
// points). It has to be between 0 and 100% and a whole number of basis points;
// a number without a unit is an error, because 1 may mean everything or nothing.
func ParseWeight(s string) (Weight, error) {
	text := strings.TrimSpace(s)
	bad := fmt.Errorf("weight %q is not like 10%%, 12.5%% or 1250bp", s)
	var number string
	scale := int64(1)
	switch {
	case strings.HasSuffix(text, "%"):
		number, scale = strings.TrimSuffix(text, "%"), int64(percent)
	case strings.HasSuffix(text, "bp"):
		number = strings.TrimSuffix(text, "bp")
	default:
		if _, err := strconv.ParseFloat(text, 64); err == nil {
			return 0, fmt.Errorf("weight %s has no unit: write %s%% or, in basis points, %sbp", text, text, text)
		}
		return 0, bad
	}
	number = strings.TrimSpace(number)
	if !isDecimal(number) {
		return 0, bad
	}
	r, ok := new(big.Rat).SetString(number)
	if !ok {
		return 0, bad
	}
	r.Mul(r, big.NewRat(scale, 1))
	if r.Sign() < 0 || r.Cmp(big.NewRat(int64(Full), 1)) > 0 {
		return 0, fmt.Errorf("weight %s is not between 0 and 100%%", text)
	}
	if !r.IsInt() {
		return 0, fmt.Errorf("weight %s is finer than a basis point (0.01%%)", text)
	}
	return Weight(r.Num().Int64()), nil
}

// isDecimal says whether s is digits with at most one point and an optional
// sign, and short enough to be meant: no exponent, no fraction, no hexadecimal.
func isDecimal(s string) bool {
	body := strings.TrimPrefix(s, "-")
	return body != "" && body != "." && len(body) <= 20 &&
		strings.Trim(body, "0123456789.") == "" && strings.Count(body, ".") <= 1
}

// String writes the weight in percent, as ParseWeight reads it: 12.5%.
func (w Weight) String() string {
	return strconv.FormatFloat(float64(w)/float64(percent), 'f', -1, 64) + "%"
}

// WholePercent says whether the weight can be given to a Step Functions alias,
// which takes whole percent only.
func (w Weight) WholePercent() bool { return w%percent == 0 }

// Apportion divides all of the traffic into n parts that are as equal as whole
// units allow and add up to Full exactly: the largest remainders get the extra
// units, the first ones first. It returns the running totals, so that the last
// one is Full. n is between 1 and Full/unit.
func Apportion(n int, unit Weight) []Weight {
	units := int(Full / unit)
	totals := make([]Weight, n)
	var sum Weight
	for i := range totals {
		part := units / n
		if i < units%n {
			part++
		}
		sum += Weight(part) * unit
		totals[i] = sum
	}
	return totals
}
