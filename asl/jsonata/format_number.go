package jsonata

import (
	"math"
	"slices"
	"strconv"
	"strings"
)

// numberFormat holds the characters that a picture of $formatNumber is made of.
//
// Source: XPath and XQuery Functions and Operators 3.1, section 4.7.
type numberFormat struct {
	decimal, grouping, exponent, minus, percent, perMille, zero, digit, pattern string
	infinity, nan                                                               string
}

func newNumberFormat(options value) numberFormat {
	f := numberFormat{
		decimal: ".", grouping: ",", exponent: "e", minus: "-", percent: "%", perMille: "‰",
		zero: "0", digit: "#", pattern: ";", infinity: "Infinity", nan: "NaN",
	}
	if options.kind != objectKind {
		return f
	}
	for name, field := range map[string]*string{
		"decimal-separator": &f.decimal, "grouping-separator": &f.grouping, "exponent-separator": &f.exponent,
		"minus-sign": &f.minus, "percent": &f.percent, "per-mille": &f.perMille, "zero-digit": &f.zero,
		"digit": &f.digit, "pattern-separator": &f.pattern, "infinity": &f.infinity, "NaN": &f.nan,
	} {
		if v := options.dict().get(name); v.kind == stringKind && v.str != "" {
			*field = v.str
		}
	}
	return f
}

// isDigit reports whether c is one of the ten digits.
func (f *numberFormat) isDigit(c string) bool {
	zero, r := []rune(f.zero)[0], []rune(c)[0]
	return r >= zero && r <= zero+9
}

func (f *numberFormat) isActive(c string) bool {
	return f.isDigit(c) || c == f.decimal || c == f.exponent || c == f.grouping || c == f.digit
}

// subPicture is the format for positive or for negative numbers.
type subPicture struct {
	prefix, suffix     string
	whole              []string // the characters of the sub-picture
	active             []string
	mantissa, exponent []string
	hasExponent        bool
	integer, fraction  []string

	groups         []int // digits to the right of each separator
	regular        int   // the distance of separators that repeat
	fractionGroups []int // digits to the left of each separator
	leastInteger   int
	leastFraction  int
	mostFraction   int
	leastExponent  int
	scale          int // digits before the point where there is an exponent
}

func fnFormatNumber(_ *callContext, args []value) (value, error) {
	if !args[0].defined() {
		return value{}, nil
	}
	if err := required(args, 1); err != nil {
		return value{}, err
	}
	f := newNumberFormat(args[2])
	pictures := strings.Split(args[1].str, f.pattern)
	if len(pictures) > 2 {
		return value{}, fault("D3080", -1, "formatNumber", value{})
	}
	subs := make([]subPicture, len(pictures))
	for i, picture := range pictures {
		subs[i] = f.split(picture)
		if code := f.check(&subs[i]); code != "" {
			return value{}, fault(code, -1, "formatNumber", value{})
		}
		f.analyse(&subs[i])
	}
	if len(subs) == 1 {
		negative := subs[0]
		negative.prefix = f.minus + negative.prefix
		subs = append(subs, negative)
	}
	n := args[0].num
	p := subs[0]
	if n < 0 {
		p = subs[1]
	}
	switch {
	case math.IsNaN(n):
		return text(p.prefix + f.nan + p.suffix), nil
	case math.IsInf(n, 0):
		return text(p.prefix + f.infinity + p.suffix), nil
	}
	return text(p.prefix + f.format(&p, n) + p.suffix), nil
}

// split cuts a sub-picture into its parts.
func (f *numberFormat) split(picture string) subPicture {
	p := subPicture{whole: characters(picture)}
	isStart := func(c string) bool { return f.isActive(c) && c != f.exponent }
	from := slices.IndexFunc(p.whole, isStart)
	if from < 0 {
		from = len(p.whole)
	}
	to := len(p.whole)
	for to > from && !isStart(p.whole[to-1]) {
		to--
	}
	p.prefix, p.suffix = strings.Join(p.whole[:from], ""), strings.Join(p.whole[to:], "")
	p.active = p.whole[from:to]
	p.mantissa = p.active
	if i := slices.Index(p.active, f.exponent); i >= 0 {
		p.mantissa, p.exponent, p.hasExponent = p.active[:i], p.active[i+1:], true
	}
	p.integer = p.mantissa
	if i := slices.Index(p.mantissa, f.decimal); i >= 0 {
		p.integer, p.fraction = p.mantissa[:i], p.mantissa[i+1:]
	}
	return p
}

func count(list []string, holds func(string) bool) int {
	n := 0
	for _, c := range list {
		if holds(c) {
			n++
		}
	}
	return n
}

func (f *numberFormat) isAnyDigit(c string) bool { return c == f.digit || f.isDigit(c) }

// check returns the code of the rule that a sub-picture breaks, or "".
func (f *numberFormat) check(p *subPicture) string {
	occurs := func(s string) int { return count(p.whole, func(c string) bool { return c == s }) }
	notDigit := func(c string) bool { return !f.isDigit(c) }
	passive := func(c string) bool { return !f.isActive(c) }
	switch {
	case occurs(f.decimal) > 1:
		return "D3081"
	case occurs(f.percent) > 1:
		return "D3082"
	case occurs(f.perMille) > 1:
		return "D3083"
	case occurs(f.percent) > 0 && occurs(f.perMille) > 0:
		return "D3084"
	case !slices.ContainsFunc(p.mantissa, f.isAnyDigit):
		return "D3085"
	case slices.ContainsFunc(p.active, passive):
		return "D3086"
	}
	point := slices.Index(p.whole, f.decimal)
	if point >= 0 {
		if point > 0 && p.whole[point-1] == f.grouping || point+1 < len(p.whole) && p.whole[point+1] == f.grouping {
			return "D3087"
		}
	} else if n := len(p.integer); n > 0 && p.integer[n-1] == f.grouping {
		return "D3088"
	}
	for i := 1; i < len(p.whole); i++ {
		if p.whole[i] == f.grouping && p.whole[i-1] == f.grouping {
			return "D3089"
		}
	}
	if i := slices.Index(p.integer, f.digit); i >= 0 && slices.ContainsFunc(p.integer[:i], f.isDigit) {
		return "D3090"
	}
	for i := len(p.fraction) - 1; i >= 0; i-- {
		if p.fraction[i] == f.digit {
			if slices.ContainsFunc(p.fraction[i:], f.isDigit) {
				return "D3091"
			}
			break
		}
	}
	if p.hasExponent {
		if len(p.exponent) > 0 && occurs(f.percent)+occurs(f.perMille) > 0 {
			return "D3092"
		}
		if len(p.exponent) == 0 || slices.ContainsFunc(p.exponent, notDigit) {
			return "D3093"
		}
	}
	return ""
}

// analyse reads the sizes and the places of separators from a sub-picture.
func (f *numberFormat) analyse(p *subPicture) {
	for i, c := range p.integer {
		if c == f.grouping {
			p.groups = append(p.groups, count(p.integer[i:], f.isAnyDigit))
		}
	}
	p.regular = interval(p.groups)
	for i, c := range p.fraction {
		if c == f.grouping {
			p.fractionGroups = append(p.fractionGroups, count(p.fraction[:i], f.isAnyDigit))
		}
	}
	p.leastInteger = count(p.integer, f.isDigit)
	p.scale = p.leastInteger
	p.leastFraction = count(p.fraction, f.isDigit)
	p.mostFraction = count(p.fraction, f.isAnyDigit)
	if p.leastInteger == 0 && p.mostFraction == 0 {
		if p.hasExponent {
			p.leastFraction, p.mostFraction = 1, 1
		} else {
			p.leastInteger = 1
		}
	}
	if p.hasExponent && p.leastInteger == 0 && slices.Contains(p.integer, f.digit) {
		p.leastInteger = 1
	}
	if p.leastInteger == 0 && p.leastFraction == 0 {
		p.leastFraction = 1
	}
	p.leastExponent = count(p.exponent, f.isDigit)
}

// interval returns the distance at which positions repeat without a gap, 0 if
// they do not.
func interval(positions []int) int {
	if len(positions) == 0 {
		return 0
	}
	divisor := 0
	for _, p := range positions {
		for a, b := divisor, p; ; a, b = b, a%b {
			if b == 0 {
				divisor = a
				break
			}
		}
	}
	for i := range positions {
		if !slices.Contains(positions, (i+1)*divisor) {
			return 0
		}
	}
	return divisor
}

// format writes the number without prefix and suffix.
func (f *numberFormat) format(p *subPicture, n float64) string {
	n = math.Abs(n)
	if slices.Contains(p.whole, f.percent) {
		n *= 100
	} else if slices.Contains(p.whole, f.perMille) {
		n *= 1000
	}
	exponent := 0
	if p.leastExponent > 0 && n != 0 && !math.IsInf(n, 0) {
		most, least := math.Pow10(p.scale), math.Pow10(p.scale-1)
		for ; n < least; exponent-- {
			n *= 10
		}
		for ; n > most; exponent++ {
			n /= 10
		}
	}
	whole, fraction, _ := strings.Cut(strconv.FormatFloat(round(n, p.mostFraction), 'f', p.mostFraction, 64), ".")
	whole = strings.TrimLeft(whole, "0")
	fraction = strings.TrimRight(fraction, "0")
	whole = strings.Repeat("0", max(p.leastInteger-len(whole), 0)) + whole
	fraction += strings.Repeat("0", max(p.leastFraction-len(fraction), 0))

	var b strings.Builder
	for i, d := range whole {
		right := len(whole) - i
		if i > 0 && (p.regular > 0 && right%p.regular == 0 || p.regular == 0 && slices.Contains(p.groups, right)) {
			b.WriteString(f.grouping)
		}
		b.WriteString(f.localDigit(d))
	}
	if fraction != "" {
		b.WriteString(f.decimal)
		for i, d := range fraction {
			if i > 0 && slices.Contains(p.fractionGroups, i) {
				b.WriteString(f.grouping)
			}
			b.WriteString(f.localDigit(d))
		}
	}
	if p.hasExponent {
		b.WriteString(f.exponent)
		if exponent < 0 {
			b.WriteString(f.minus)
		}
		digits := strconv.Itoa(max(exponent, -exponent))
		for _, d := range strings.Repeat("0", max(p.leastExponent-len(digits), 0)) + digits {
			b.WriteString(f.localDigit(d))
		}
	}
	return b.String()
}

// localDigit returns one of the digits 0 to 9 in the format's family.
func (f *numberFormat) localDigit(d rune) string { return string([]rune(f.zero)[0] + d - '0') }
