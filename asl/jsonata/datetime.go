package jsonata

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// A datePicture is a parsed picture such as [Y0001]-[M01]-[D01].
//
// Source: XPath and XQuery Functions and Operators 3.1, section 9.8.
type datePicture []datePart

// A datePart is a text, or a component with how it is written.
type datePart struct {
	literal   string
	component byte // 0 for a literal
	named     bool // as a name, in the case of letters
	letters   letterCase
	modifier  string          // the second presentation modifier, such as t in [Z01:01t]
	integer   *integerPicture // for what is written as a number
	maxWidth  int             // 0 for any
	modulus   float64         // of a year written with fewer digits, 0 for none
}

// defaultPresentation is how a component is written when the picture does not
// say.
var defaultPresentation = map[byte]string{
	'Y': "1", 'M': "1", 'D': "1", 'd': "1", 'F': "n", 'W': "1", 'w': "1", 'X': "1", 'x': "1", 'H': "1", 'h': "1",
	'P': "n", 'm': "01", 's': "01", 'f': "1", 'Z': "01:01", 'z': "01:01", 'C': "n", 'E': "n",
}

func parseDatePicture(picture string) (datePicture, error) {
	var parts datePicture
	literal := func(s string) {
		if s != "" {
			parts = append(parts, datePart{literal: strings.ReplaceAll(s, "]]", "]")})
		}
	}
	start := 0
	for i := 0; i < len(picture); {
		if picture[i] != '[' {
			i++
			continue
		}
		if strings.HasPrefix(picture[i:], "[[") {
			literal(picture[start:i] + "[")
			i += 2
			start = i
			continue
		}
		literal(picture[start:i])
		end := strings.IndexByte(picture[i:], ']')
		if end < 0 {
			return nil, fault("D3135", -1, "", value{})
		}
		part, err := parseMarker(strings.Join(strings.Fields(picture[i+1:i+end]), ""))
		if err != nil {
			return nil, err
		}
		if n := len(parts); n > 0 && parts[n-1].integer != nil {
			// With no text between two numbers, the first has a fixed width.
			parts[n-1].integer.parseWidth = parts[n-1].integer.mandatory
		}
		parts = append(parts, part)
		i += end + 1
		start = i
	}
	literal(picture[start:])
	return parts, nil
}

// parseMarker reads what stands between brackets, without blanks.
func parseMarker(marker string) (datePart, error) {
	if marker == "" {
		return datePart{}, fault("D3132", -1, "", text(""))
	}
	p := datePart{component: marker[0]}
	presentation := marker[1:]
	minWidth := 0
	if i := strings.LastIndexByte(marker, ','); i > 0 {
		presentation = marker[1:i]
		least, most, _ := strings.Cut(marker[i+1:], "-")
		minWidth, p.maxWidth = width(least), width(most)
	}
	switch n := len(presentation); {
	case n == 0:
		byDefault, ok := defaultPresentation[p.component]
		if !ok {
			return datePart{}, fault("D3132", -1, "", text(marker[:1]))
		}
		presentation = byDefault
	case n > 1 && strings.IndexByte("atco", presentation[n-1]) >= 0:
		p.modifier = presentation[n-1:]
		presentation = presentation[:n-1]
	}
	if _, ok := defaultPresentation[p.component]; !ok {
		return datePart{}, fault("D3132", -1, "", text(marker[:1]))
	}
	switch {
	case presentation[0] == 'n':
		p.named, p.letters = true, lowerCase
		return p, nil
	case strings.HasPrefix(presentation, "Nn"):
		p.named, p.letters = true, titleCase
		return p, nil
	case presentation[0] == 'N':
		p.named, p.letters = true, upperCase
		return p, nil
	}
	isZone := p.component == 'Z' || p.component == 'z'
	if !isZone && strings.IndexByte("YMDdFWwXxHhmsf", p.component) < 0 {
		return p, nil
	}
	if p.modifier != "" && !isZone {
		presentation += ";" + p.modifier
	}
	var err error
	if p.integer, err = parseIntegerPicture(presentation); err != nil {
		return datePart{}, err
	}
	if isZone {
		return p, nil
	}
	p.integer.mandatory = max(p.integer.mandatory, minWidth)
	if p.component == 'Y' {
		digits := p.maxWidth
		if digits > 0 {
			p.integer.mandatory = digits
		} else if n := p.integer.mandatory + p.integer.optional; n >= 2 {
			digits = n
		}
		if digits > 0 {
			p.modulus = math.Pow10(digits)
		}
	}
	return p, nil
}

// width reads a bound of a width modifier, 0 for none. No date needs more
// than a hundred characters for a component.
func width(s string) int {
	n, _ := strconv.Atoi(s)
	return max(min(n, 100), 0)
}

const isoPicture = "[Y0001]-[M01]-[D01]T[H01]:[m01]:[s01].[f001][Z01:01t]"

// formatDate writes a moment as the picture says, in the zone that is so many
// hours and minutes away from UTC.
func formatDate(millis float64, picture, zone string) (string, error) {
	if picture == "" {
		picture = isoPicture
	}
	parts, err := parseDatePicture(picture)
	if err != nil {
		return "", err
	}
	hours, minutes := 0.0, 0.0
	if n, ok := leadingInteger(zone); ok {
		hours, minutes = math.Trunc(n/100), math.Mod(n, 100)
	}
	t, ok := moment(millis + (hours*60+minutes)*60_000)
	if !ok {
		return "", fault("D3201", -1, "fromMillis", number(millis), "The argument of the fromMillis function is out of range")
	}
	var b strings.Builder
	for _, p := range parts {
		if p.component == 0 {
			b.WriteString(p.literal)
			continue
		}
		s, err := p.format(t, hours, minutes)
		if err != nil {
			return "", err
		}
		b.WriteString(s)
	}
	return b.String(), nil
}

// moment returns the time of a number of milliseconds since 1970. It is false
// beyond what a date can be in JavaScript.
func moment(millis float64) (time.Time, bool) {
	if math.IsNaN(millis) || math.Abs(millis) > 8.64e15 {
		return time.Time{}, false
	}
	return time.UnixMilli(int64(math.Floor(millis))).UTC(), true
}

func (p *datePart) format(t time.Time, hours, minutes float64) (string, error) {
	switch p.component {
	case 'Z', 'z':
		return p.formatZone(hours, minutes)
	case 'P':
		s := "am"
		if t.Hour() >= 12 {
			s = "pm"
		}
		if p.named && p.letters == upperCase {
			s = strings.ToUpper(s)
		}
		return s, nil
	case 'C', 'E':
		return "ISO", nil
	}
	n := fragment(t, p.component)
	if p.named {
		var name string
		switch p.component {
		case 'M', 'x':
			name = time.Month(int(n)).String()
		case 'F':
			name = time.Weekday(int(n) % 7).String()
		default:
			return "", fault("D3133", -1, "", text(string(p.component)))
		}
		name = inCase(name, p.letters)
		if p.maxWidth > 0 && len(name) > p.maxWidth {
			name = name[:p.maxWidth]
		}
		return name, nil
	}
	if p.modulus > 0 {
		n = math.Mod(n, p.modulus)
	}
	return p.integer.format(n)
}

func (p *datePart) formatZone(hours, minutes float64) (string, error) {
	if p.integer == nil {
		return "", fault("D3133", -1, "", text(string(p.component)))
	}
	offset := hours*100 + minutes
	isUTC := offset == 0 && p.modifier == "t"
	sign := "+"
	if offset < 0 {
		sign, offset, hours, minutes = "-", -offset, -hours, -minutes
	}
	var s string
	var err error
	switch {
	case p.integer.regular > 0:
		s, err = p.integer.format(offset)
	case p.integer.mandatory == 1 || p.integer.mandatory == 2:
		s, err = p.integer.format(hours)
		if minutes != 0 {
			s += ":" + padded(int(minutes), 2)
		}
	case p.integer.mandatory == 3 || p.integer.mandatory == 4:
		s, err = p.integer.format(offset)
	default:
		err = fault("D3134", -1, "", value{})
	}
	if isUTC && err == nil {
		return "Z", nil
	}
	if p.component == 'z' {
		sign = "GMT" + sign
	}
	return sign + s, err
}

func padded(n, digits int) string {
	s := strconv.Itoa(n)
	return strings.Repeat("0", max(digits-len(s), 0)) + s
}

// fragment returns one component of a time as a number.
func fragment(t time.Time, component byte) float64 {
	switch component {
	case 'Y':
		return float64(t.Year())
	case 'M':
		return float64(t.Month())
	case 'D':
		return float64(t.Day())
	case 'd':
		return float64(t.YearDay())
	case 'F':
		if t.Weekday() == time.Sunday {
			return 7
		}
		return float64(t.Weekday())
	case 'W':
		_, week := t.ISOWeek()
		return float64(week)
	case 'X':
		year, _ := t.ISOWeek()
		return float64(year)
	case 'w', 'x':
		month, week := monthWeek(t)
		if component == 'x' {
			return float64(month)
		}
		return float64(week)
	case 'H':
		return float64(t.Hour())
	case 'h':
		if h := t.Hour() % 12; h != 0 {
			return float64(h)
		}
		return 12
	case 'P':
		return float64(t.Hour() / 12)
	case 'm':
		return float64(t.Minute())
	case 's':
		return float64(t.Second())
	case 'f':
		return float64(t.Nanosecond() / 1_000_000)
	default:
		return 0
	}
}

// monthWeek returns the month that the week of t belongs to, which is that of
// its Thursday, and the number of the week in that month.
func monthWeek(t time.Time) (time.Month, int) {
	thursday := t.AddDate(0, 0, 4-int(fragment(t, 'F')))
	return thursday.Month(), (thursday.Day()-1)/7 + 1
}

func fnNow(c *callContext, args []value) (value, error) {
	s, err := formatDate(c.millis(), args[0].str, args[1].str)
	return text(s), err
}

func fnMillis(c *callContext, _ []value) (value, error) { return number(c.millis()), nil }

// millis returns the time of the evaluation.
func (ev *evaluator) millis() float64 { return float64(ev.env.Now.UnixMilli()) }

func fnFromMillis(_ *callContext, args []value) (value, error) {
	if !args[0].defined() {
		return value{}, nil
	}
	s, err := formatDate(args[0].num, args[1].str, args[2].str)
	return text(s), err
}
