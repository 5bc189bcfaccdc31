package jsonata

import (
	"math"
	"regexp"
	"strconv"
	"strings"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

var (
	decimalNumber = regexp.MustCompile(`^-?[0-9]+(\.[0-9]+)?([Ee][-+]?[0-9]+)?$`)
	radixNumber   = regexp.MustCompile(`^0([xX][0-9A-Fa-f]+|[oO][0-7]+|[bB][01]+)$`)
)

func fnNumber(_ *callContext, args []value) (value, error) {
	v := args[0]
	switch v.kind {
	case undefinedKind:
		return value{}, nil
	case numberKind:
		return v, nil
	case boolKind:
		return number(v.num), nil
	}
	if decimalNumber.MatchString(v.str) {
		if f, err := strconv.ParseFloat(v.str, 64); err == nil {
			return number(f), nil
		}
	}
	if radixNumber.MatchString(v.str) {
		if n, err := strconv.ParseUint(v.str, 0, 64); err == nil {
			return number(float64(n)), nil
		}
	}
	return value{}, fault("D3030", -1, "number", v)
}

func onNumber(v value, f func(float64) float64) (value, error) {
	if !v.defined() {
		return value{}, nil
	}
	return number(f(v.num)), nil
}

func fnFloor(_ *callContext, args []value) (value, error) { return onNumber(args[0], math.Floor) }
func fnCeil(_ *callContext, args []value) (value, error)  { return onNumber(args[0], math.Ceil) }
func fnAbs(_ *callContext, args []value) (value, error)   { return onNumber(args[0], math.Abs) }

func fnRound(_ *callContext, args []value) (value, error) {
	return onNumber(args[0], func(f float64) float64 { return round(f, int(args[1].num)) })
}

// round rounds to so many decimal places, halves to even. The point is moved in
// the text of the number, so that 4.515 is a half at two places.
func round(f float64, places int) float64 {
	shifted := shift(f, places)
	rounded := math.Floor(shifted + 0.5)
	if math.Abs(rounded-shifted) == 0.5 && math.Abs(math.Mod(rounded, 2)) == 1 {
		rounded--
	}
	rounded = shift(rounded, -places)
	if rounded == 0 {
		return 0 // and not -0
	}
	return rounded
}

// shift multiplies f by ten to the power of places.
func shift(f float64, places int) float64 {
	if places == 0 || math.IsInf(f, 0) || math.IsNaN(f) {
		return f
	}
	mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(f, 'e', -1, 64), "e")
	n, _ := strconv.Atoi(exponent)
	shifted, _ := strconv.ParseFloat(mantissa+"e"+strconv.Itoa(n+max(min(places, 1000), -1000)), 64)
	return shifted
}

func fnSqrt(_ *callContext, args []value) (value, error) {
	if args[0].defined() && args[0].num < 0 {
		return value{}, fault("D3060", -1, "sqrt", args[0])
	}
	return onNumber(args[0], math.Sqrt)
}

func fnPower(_ *callContext, args []value) (value, error) {
	if !args[0].defined() {
		return value{}, nil
	}
	f := math.NaN()
	if args[1].defined() {
		f = math.Pow(args[0].num, args[1].num)
	}
	if math.IsInf(f, 0) || math.IsNaN(f) {
		return value{}, fault("D3061", -1, "power", args[0], jsonvalue.FormatFloat(args[1].num))
	}
	return number(f), nil
}

// draw returns a number that is uniform in [0, 1).
func (ev *evaluator) draw() float64 {
	if ev.env.Draw == nil {
		return 0
	}
	return ev.env.Draw()
}

func fnRandom(c *callContext, _ []value) (value, error) { return number(c.draw()), nil }

func fnFormatBase(_ *callContext, args []value) (value, error) {
	if !args[0].defined() {
		return value{}, nil
	}
	radix := 10.0
	if args[1].defined() {
		radix = round(args[1].num, 0)
	}
	if radix < 2 || radix > 36 {
		return value{}, fault("D3100", -1, "formatBase", args[1])
	}
	f := round(args[0].num, 0)
	if math.Abs(f) < 1<<63 {
		return text(strconv.FormatInt(int64(f), int(radix))), nil
	}
	return text(jsonvalue.FormatFloat(f)), nil
}
