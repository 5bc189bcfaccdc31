package jsonata

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

var isoTimestamp = regexp.MustCompile(`^(\d{4})(?:-([01]\d))?(?:-([0-3]\d))?(?:T([0-2]\d):([0-5]\d)(?::([0-5]\d))?)?(?:\.(\d+))?(Z|[+-][0-2]\d:?[0-5]\d)?$`)

func fnToMillis(c *callContext, args []value) (value, error) {
	if !args[0].defined() {
		return value{}, nil
	}
	if !args[1].defined() {
		millis, ok := parseISO(args[0].str)
		if !ok {
			return value{}, fault("D3110", -1, "toMillis", args[0])
		}
		return number(millis), nil
	}
	picture, err := parseDatePicture(args[1].str)
	if err != nil {
		return value{}, err
	}
	millis, ok, err := picture.parse(args[0].str, c.env.Now.UTC())
	if err != nil || !ok {
		return value{}, err
	}
	return number(millis), nil
}

// parseISO reads an ISO 8601 time. What has no zone is in UTC.
func parseISO(s string) (float64, bool) {
	m := isoTimestamp.FindStringSubmatch(s)
	if m == nil {
		return 0, false
	}
	at := func(i, missing int) int {
		if m[i] == "" {
			return missing
		}
		n, _ := strconv.Atoi(m[i])
		return n
	}
	year, month, day := at(1, 0), at(2, 1), at(3, 1)
	t := time.Date(year, time.Month(month), day, at(4, 0), at(5, 0), at(6, 0), 0, time.UTC)
	if month < 1 || month > 12 || day < 1 || day > 31 || at(4, 0) > 24 || m[4] == "" && m[7] != "" {
		return 0, false
	}
	millis := float64(t.UnixMilli())
	if m[7] != "" {
		fraction, _ := strconv.ParseFloat("0."+m[7], 64)
		millis += math.Floor(fraction * 1000)
	}
	if zone := m[8]; zone != "" && zone != "Z" {
		digits := strings.ReplaceAll(zone[1:], ":", "")
		n, _ := strconv.Atoi(digits)
		offset := float64(n/100*60+n%100) * 60_000
		if zone[0] == '+' {
			offset = -offset
		}
		millis += offset
	}
	return millis, true
}

// dateNumbers are the values of the components that a text gave.
type dateNumbers map[byte]float64

// parse reads a text that the picture would write. It is false where the text
// does not fit the picture. Larger units that the picture lacks are those of
// now, smaller ones start at their beginning.
func (picture datePicture) parse(s string, now time.Time) (millis float64, ok bool, err error) {
	var pattern strings.Builder
	pattern.WriteString("(?i)^")
	for _, p := range picture {
		part, err := p.pattern()
		if err != nil {
			return 0, false, err
		}
		pattern.WriteString("(" + part + ")")
	}
	pattern.WriteString("$")
	re, compileErr := regexp.Compile(pattern.String())
	if compileErr != nil {
		return 0, false, fault("D3136", -1, "", value{})
	}
	m := re.FindStringSubmatch(s)
	if m == nil {
		return 0, false, nil
	}
	given := dateNumbers{}
	for i, p := range picture {
		if p.component == 0 || p.component == 'C' || p.component == 'E' {
			continue
		}
		n, ok, err := p.read(m[i+1])
		if err != nil {
			return 0, false, err
		}
		if !ok {
			return 0, false, nil
		}
		given[p.component] = n
	}
	if len(given) == 0 {
		return 0, false, nil
	}
	return given.assemble(now)
}

// only reports whether all components given that are among all are in set, and
// there are some.
func (d dateNumbers) only(all, set string) bool {
	some := false
	for i := range len(all) {
		if _, ok := d[all[i]]; ok {
			if strings.IndexByte(set, all[i]) < 0 {
				return false
			}
			some = true
		}
	}
	return some
}

// assemble makes a moment of the components.
func (d dateNumbers) assemble(now time.Time) (float64, bool, error) {
	const dates, times = "YXMxWwdD", "PHhmsf"
	order := "YMD"
	byWeek := false
	switch {
	case d.only(dates, "YMD"):
	case d.only(dates, "Yd"):
		order = "Yd"
	case d.only(dates, "Xxw"), d.only(dates, "XW"):
		byWeek = true
	}
	if !d.only(times, "Hmsf") && d.only(times, "Phmsf") {
		order += "Phmsf"
	} else {
		order += "Hmsf"
	}
	if byWeek {
		return 0, false, fault("D3136", -1, "", value{})
	}
	started, ended := false, false
	for i := range len(order) {
		component := order[i]
		_, ok := d[component]
		switch {
		case ok && ended:
			return 0, false, fault("D3136", -1, "", value{})
		case ok:
			started = true
		case started:
			d[component] = 0
			if strings.IndexByte("MDd", component) >= 0 {
				d[component] = 1
			}
			ended = true
		default:
			d[component] = fragment(now, component)
		}
	}
	month, day := d['M'], d['D']
	if strings.HasPrefix(order, "Yd") {
		month, day = 1, d['d']
	}
	hour := d['H']
	if strings.Contains(order, "P") {
		hour = math.Mod(d['h'], 12)
		if d['P'] == 1 {
			hour += 12
		}
	}
	for _, n := range []float64{d['Y'], month, day, hour, d['m'], d['s'], d['f']} {
		if math.Abs(n) > 1e6 {
			return 0, false, nil
		}
	}
	t := time.Date(int(d['Y']), time.Month(int(month)), int(day), int(hour), int(d['m']), int(d['s']), 0, time.UTC)
	millis := float64(t.UnixMilli()) + d['f']
	for _, zone := range []byte{'Z', 'z'} {
		if offset, ok := d[zone]; ok {
			return millis - offset*60_000, true, nil
		}
	}
	return millis, true, nil
}

// pattern returns the regular expression of what a part looks like.
func (p *datePart) pattern() (string, error) {
	switch {
	case p.component == 0:
		return regexp.QuoteMeta(p.literal), nil
	case p.component == 'Z' || p.component == 'z':
		if p.integer == nil {
			return "", fault("D3133", -1, "", text(string(p.component)))
		}
		pattern := "[-+][0-9]+"
		if p.component == 'z' {
			pattern = "GMT" + pattern
		}
		if len(p.integer.separators) > 0 {
			pattern += regexp.QuoteMeta(string(p.integer.separators[0].text)) + "[0-9]+"
		}
		if p.modifier == "t" {
			pattern += "|Z"
		}
		return pattern, nil
	case p.component == 'P':
		return "[AaPp][Mm]", nil
	case p.component == 'C' || p.component == 'E':
		return "ISO", nil
	case p.named:
		if strings.IndexByte("MxF", p.component) < 0 {
			return "", fault("D3133", -1, "", text(string(p.component)))
		}
		return "[a-zA-Z]+", nil
	}
	switch p.integer.style {
	case styleLetters:
		return "[a-zA-Z]+", nil
	case styleRoman:
		return "[MDCLXVImdclxvi]+", nil
	case styleWords:
		return "(?:(?:" + numberWords + ")(?:, |[- ])?)*(?:" + numberWords + ")", nil
	case styleSequence:
		return "", fault("D3130", -1, "", text(p.integer.source))
	}
	digit := "[0-9]"
	if zero := p.integer.zero; zero != '0' {
		digit = "[" + string(zero) + "-" + string(zero+9) + "]"
	}
	pattern := digit + "+"
	switch {
	case len(p.integer.separators) > 0:
		class := ""
		for _, s := range p.integer.separators {
			class += regexp.QuoteMeta(string(s.text))
		}
		pattern = "(?:" + digit + "|[" + class + "])+"
	case p.integer.parseWidth > 0:
		pattern = digit + "{" + strconv.Itoa(min(p.integer.parseWidth, 100)) + "}"
	}
	if p.integer.ordinal {
		pattern += "(?:th|st|nd|rd)"
	}
	return pattern, nil
}

// numberWords is the pattern of one word of a number in English.
var numberWords = func() string {
	all := []string{"and", "hundred", "hundredth"}
	all = append(append(all, smallWords...), ordinals...)
	for _, ten := range tenWords {
		all = append(all, ten, strings.TrimSuffix(ten, "y")+"ieth")
	}
	for _, magnitude := range magnitudes {
		all = append(all, magnitude, magnitude+"th")
	}
	return strings.Join(all, "|")
}()

// read returns the number that a text means.
func (p *datePart) read(s string) (float64, bool, error) {
	switch {
	case p.component == 'Z' || p.component == 'z':
		return p.readZone(s), true, nil
	case p.component == 'P':
		if strings.EqualFold(s, "pm") {
			return 1, true, nil
		}
		return 0, true, nil
	case p.named && p.component == 'F':
		for day := time.Sunday; day <= time.Saturday; day++ {
			if strings.EqualFold(p.cut(day.String()), s) {
				return fragmentOfWeekday(day), true, nil
			}
		}
		return 0, false, nil
	case p.named:
		for month := time.January; month <= time.December; month++ {
			if strings.EqualFold(p.cut(month.String()), s) {
				return float64(month), true, nil
			}
		}
		return 0, false, nil
	default:
		return p.integer.parse(s)
	}
}

func fragmentOfWeekday(day time.Weekday) float64 {
	if day == time.Sunday {
		return 7
	}
	return float64(day)
}

// cut shortens a name to the width of the part.
func (p *datePart) cut(name string) string {
	if p.maxWidth > 0 && len(name) > p.maxWidth {
		return name[:p.maxWidth]
	}
	return name
}

// readZone returns the minutes that a zone is ahead of UTC.
func (p *datePart) readZone(s string) float64 {
	s = strings.TrimPrefix(strings.ToUpper(s), "GMT")
	if s == "Z" {
		return 0
	}
	sign := 1.0
	if s[0] == '-' {
		sign = -1
	}
	s = s[1:]
	hours, minutes := s, ""
	if len(p.integer.separators) > 0 {
		hours, minutes, _ = strings.Cut(s, string(p.integer.separators[0].text))
	} else if len(s) > 2 {
		hours, minutes = s[:2], s[2:]
	}
	h, _ := strconv.Atoi(hours)
	m, _ := strconv.Atoi(minutes)
	return sign * float64(h*60+m)
}
