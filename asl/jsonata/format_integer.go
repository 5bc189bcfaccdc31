package jsonata

import (
	"math"
	"slices"
	"strconv"
	"strings"
)

// integerStyle is how a picture writes whole numbers.
type integerStyle uint8

const (
	styleDecimal integerStyle = iota
	styleLetters
	styleRoman
	styleWords
	styleSequence // anything else, which is not supported
)

type letterCase uint8

const (
	lowerCase letterCase = iota
	upperCase
	titleCase
)

// An integerPicture is a parsed picture of $formatInteger.
//
// Source: XPath and XQuery Functions and Operators 3.1, section 4.6.
type integerPicture struct {
	style      integerStyle
	letters    letterCase
	ordinal    bool
	zero       rune // the zero of the family of digits
	mandatory  int
	optional   int
	separators []separator // from the right
	regular    int         // the distance of separators that repeat
	source     string
	parseWidth int // exactly so many digits, where another number follows at once
}

type separator struct {
	position int // digits to its right
	text     rune
}

// zeros are the zeros of the families of decimal digits.
var zeros = []rune{
	0x30, 0x0660, 0x06F0, 0x07C0, 0x0966, 0x09E6, 0x0A66, 0x0AE6, 0x0B66, 0x0BE6, 0x0C66, 0x0CE6, 0x0D66, 0x0DE6,
	0x0E50, 0x0ED0, 0x0F20, 0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80, 0x1A90, 0x1B50, 0x1BB0, 0x1C40,
	0x1C50, 0xA620, 0xA8D0, 0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0, 0xFF10,
}

func parseIntegerPicture(picture string) (*integerPicture, error) {
	p := &integerPicture{source: picture}
	primary := picture
	if i := strings.LastIndexByte(picture, ';'); i >= 0 {
		primary = picture[:i]
		p.ordinal = strings.HasPrefix(picture[i+1:], "o")
	}
	switch primary {
	case "A":
		p.style, p.letters = styleLetters, upperCase
	case "a":
		p.style = styleLetters
	case "I":
		p.style, p.letters = styleRoman, upperCase
	case "i":
		p.style = styleRoman
	case "W":
		p.style, p.letters = styleWords, upperCase
	case "Ww":
		p.style, p.letters = styleWords, titleCase
	case "w":
		p.style = styleWords
	default:
		return p, p.parseDigits(primary)
	}
	return p, nil
}

// parseDigits reads a pattern such as #,##0 from the right.
func (p *integerPicture) parseDigits(primary string) error {
	runes := []rune(primary)
	place := 0
	for _, r := range slices.Backward(runes) {
		i := slices.IndexFunc(zeros, func(zero rune) bool { return r >= zero && r <= zero+9 })
		switch {
		case i >= 0:
			if p.zero != 0 && p.zero != zeros[i] {
				return fault("D3131", -1, "", value{})
			}
			p.zero = zeros[i]
			p.mandatory++
			place++
		case r == '#':
			p.optional++
			place++
		default:
			p.separators = append(p.separators, separator{place, r})
		}
	}
	if p.mandatory == 0 {
		p.style = styleSequence
		return nil
	}
	positions := make([]int, len(p.separators))
	same := true
	for i, s := range p.separators {
		positions[i] = s.position
		same = same && s.text == p.separators[0].text && s.position > 0
	}
	if same {
		p.regular = interval(positions)
	}
	return nil
}

func fnFormatInteger(_ *callContext, args []value) (value, error) {
	if !args[0].defined() {
		return value{}, nil
	}
	if err := required(args, 1); err != nil {
		return value{}, err
	}
	p, err := parseIntegerPicture(args[1].str)
	if err != nil {
		return value{}, err
	}
	s, err := p.format(math.Floor(args[0].num))
	return text(s), err
}

func fnParseInteger(_ *callContext, args []value) (value, error) {
	if !args[0].defined() {
		return value{}, nil
	}
	if err := required(args, 1); err != nil {
		return value{}, err
	}
	p, err := parseIntegerPicture(args[1].str)
	if err != nil {
		return value{}, err
	}
	n, ok, err := p.parse(args[0].str)
	if err != nil || !ok {
		return value{}, err
	}
	return number(n), nil
}

func (p *integerPicture) format(n float64) (string, error) {
	sign := ""
	if n < 0 {
		sign, n = "-", -n
	}
	switch p.style {
	case styleLetters:
		return sign + inCase(letters(n), p.letters), nil
	case styleRoman:
		if n > maxRoman {
			return "", fault("U1001", -1, "", value{}, "the number is too large to be written in Roman numerals")
		}
		return sign + inCase(roman(n), p.letters), nil
	case styleWords:
		return sign + inCase(words(n, p.ordinal), p.letters), nil
	case styleDecimal:
		return sign + p.formatDigits(n), nil
	default:
		return "", fault("D3130", -1, "", text(p.source))
	}
}

// inCase changes the case of a text that is written like This One.
func inCase(s string, c letterCase) string {
	switch c {
	case lowerCase:
		return strings.ToLower(s)
	case upperCase:
		return strings.ToUpper(s)
	default:
		return s
	}
}

func (p *integerPicture) formatDigits(n float64) string {
	digits := strconv.FormatFloat(n, 'f', 0, 64)
	digits = strings.Repeat("0", max(p.mandatory-len(digits), 0)) + digits
	var b strings.Builder
	for i, d := range digits {
		right := len(digits) - i
		if i > 0 && p.regular > 0 && right%p.regular == 0 {
			b.WriteRune(p.separators[0].text)
		} else if p.regular == 0 {
			for _, s := range slices.Backward(p.separators) {
				if s.position == right && i > 0 {
					b.WriteRune(s.text)
				}
			}
		}
		b.WriteRune(p.zero + d - '0')
	}
	if p.ordinal {
		b.WriteString(ordinalSuffix(digits))
	}
	return b.String()
}

func ordinalSuffix(digits string) string {
	n := len(digits)
	if n > 1 && digits[n-2] == '1' {
		return "th"
	}
	switch digits[n-1] {
	case '1':
		return "st"
	case '2':
		return "nd"
	case '3':
		return "rd"
	default:
		return "th"
	}
}

// letters counts A to Z, AA, AB and so on.
func letters(n float64) string {
	var reversed []byte
	for n >= 1 && len(reversed) < 300 {
		d := math.Mod(n-1, 26)
		reversed = append(reversed, 'A'+byte(d))
		n = math.Floor((n - 1) / 26)
	}
	slices.Reverse(reversed)
	return string(reversed)
}

var romanNumerals = []struct {
	value float64
	text  string
}{
	{1000, "M"}, {900, "CM"}, {500, "D"}, {400, "CD"}, {100, "C"}, {90, "XC"}, {50, "L"}, {40, "XL"},
	{10, "X"}, {9, "IX"}, {5, "V"}, {4, "IV"}, {1, "I"},
}

// maxRoman bounds the length of a Roman number: there is no sign above M.
const maxRoman = 1_000_000

func roman(n float64) string {
	var b strings.Builder
	for _, numeral := range romanNumerals {
		for ; n >= numeral.value; n -= numeral.value {
			b.WriteString(numeral.text)
		}
	}
	return b.String()
}

var (
	smallWords = strings.Fields("Zero One Two Three Four Five Six Seven Eight Nine Ten Eleven Twelve Thirteen Fourteen Fifteen Sixteen Seventeen Eighteen Nineteen")
	ordinals   = strings.Fields("Zeroth First Second Third Fourth Fifth Sixth Seventh Eighth Ninth Tenth Eleventh Twelfth Thirteenth Fourteenth Fifteenth Sixteenth Seventeenth Eighteenth Nineteenth")
	tenWords   = strings.Fields("Twenty Thirty Forty Fifty Sixty Seventy Eighty Ninety")
	magnitudes = strings.Fields("Thousand Million Billion Trillion")
)

// words writes a number in English.
func words(n float64, ordinal bool) string { return wordsAfter(n, false, ordinal) }

// wordsAfter is words for what may follow larger units.
func wordsAfter(n float64, follows, ordinal bool) string {
	and, comma := "", ""
	if follows {
		and, comma = " and ", ", "
	}
	rest := func(unit string, remainder float64) string {
		switch {
		case remainder > 0:
			return unit + wordsAfter(remainder, true, ordinal)
		case ordinal:
			return unit + "th"
		default:
			return unit
		}
	}
	switch {
	case n < 20 && ordinal:
		return and + ordinals[int(n)]
	case n < 20:
		return and + smallWords[int(n)]
	case n < 100:
		tens := tenWords[int(n)/10-2]
		if unit := int(n) % 10; unit > 0 {
			return and + tens + "-" + wordsAfter(float64(unit), false, ordinal)
		}
		if ordinal {
			tens = strings.TrimSuffix(tens, "y") + "ieth"
		}
		return and + tens
	case n < 1000:
		return comma + rest(smallWords[int(n)/100]+" Hundred", math.Mod(n, 100))
	}
	magnitude := min(int(math.Floor(math.Log10(n)/3)), len(magnitudes))
	factor := math.Pow10(3 * magnitude)
	mantissa := math.Floor(n / factor)
	if mantissa < 1 { // the logarithm was rounded up
		magnitude--
		factor = math.Pow10(3 * magnitude)
		mantissa = math.Floor(n / factor)
	}
	return comma + rest(wordsAfter(mantissa, false, false)+" "+magnitudes[magnitude-1], n-mantissa*factor)
}

// parse reads a number that the picture would write. It is false where the text
// is no such number.
func (p *integerPicture) parse(s string) (float64, bool, error) {
	switch p.style {
	case styleLetters:
		n := 0.0
		for _, r := range strings.ToUpper(s) {
			if r < 'A' || r > 'Z' {
				return 0, false, nil
			}
			n = n*26 + float64(r-'A'+1)
		}
		return n, true, nil
	case styleRoman:
		n, ok := parseRoman(strings.ToUpper(s))
		return n, ok, nil
	case styleWords:
		n, ok := parseWords(strings.ToLower(s))
		return n, ok, nil
	case styleDecimal:
		if p.ordinal && len(s) > 2 {
			s = s[:len(s)-2]
		}
		digits := strings.Map(func(r rune) rune {
			for _, sep := range p.separators {
				if r == sep.text {
					return -1
				}
			}
			if r >= p.zero && r <= p.zero+9 {
				return r - p.zero + '0'
			}
			return r
		}, s)
		n, ok := leadingInteger(digits)
		return n, ok, nil
	default:
		return 0, false, fault("D3130", -1, "", text(p.source))
	}
}

// leadingInteger reads the whole number that s starts with.
func leadingInteger(s string) (float64, bool) {
	s = strings.TrimSpace(s)
	end := 0
	if end < len(s) && (s[end] == '-' || s[end] == '+') {
		end++
	}
	from := end
	for end < len(s) && s[end] >= '0' && s[end] <= '9' {
		end++
	}
	if end == from {
		return 0, false
	}
	n, _ := strconv.ParseFloat(s[:end], 64)
	return n, true
}

func parseRoman(s string) (float64, bool) {
	values := map[rune]float64{'M': 1000, 'D': 500, 'C': 100, 'L': 50, 'X': 10, 'V': 5, 'I': 1}
	total, largest := 0.0, 1.0
	for _, r := range slices.Backward([]rune(s)) {
		n, ok := values[r]
		if !ok {
			return 0, false
		}
		if n < largest {
			total -= n
		} else {
			largest = n
			total += n
		}
	}
	return total, true
}

// parseWords reads a number in English, in lower case.
func parseWords(s string) (float64, bool) {
	segments := []float64{0}
	for _, word := range strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || r == ',' || r == '-' || r == '\t' || r == '\n' }) {
		if word == "and" {
			continue
		}
		n, ok := wordValue(word)
		if !ok {
			return 0, false
		}
		top := segments[len(segments)-1]
		switch {
		case n >= 100:
			segments[len(segments)-1] = top * n
		case top >= 1000:
			segments = append(segments, n)
		default:
			segments[len(segments)-1] = top + n
		}
	}
	total := 0.0
	for _, n := range segments {
		total += n
	}
	return total, true
}

func wordValue(word string) (float64, bool) {
	same := func(other string) bool { return strings.EqualFold(word, other) }
	if i := slices.IndexFunc(smallWords, same); i >= 0 {
		return float64(i), true
	}
	if i := slices.IndexFunc(ordinals, same); i >= 0 {
		return float64(i), true
	}
	if i := slices.IndexFunc(tenWords, func(ten string) bool { return same(ten) || same(strings.TrimSuffix(ten, "y")+"ieth") }); i >= 0 {
		return float64(20 + 10*i), true
	}
	if same("hundred") || same("hundredth") {
		return 100, true
	}
	if i := slices.IndexFunc(magnitudes, func(m string) bool { return same(m) || same(m+"th") }); i >= 0 {
		return math.Pow10(3 * (i + 1)), true
	}
	return 0, false
}
