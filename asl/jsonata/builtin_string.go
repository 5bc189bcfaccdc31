package jsonata

import (
	"encoding/base64"
	"math"
	"strings"
	"unicode/utf8"
)

func fnString(c *callContext, args []value) (value, error) {
	v := unwrapped(args[0])
	if !v.defined() {
		return value{}, nil
	}
	s, err := c.print(v, args[1].isTrue())
	return text(s), err
}

// characters returns s as code points. Half of a surrogate pair is one as well,
// in the form that jsonvalue keeps it in.
func characters(s string) []string {
	out := make([]string, 0, len(s))
	for i := 0; i < len(s); {
		n := characterLen(s[i:])
		out = append(out, s[i:i+n])
		i += n
	}
	return out
}

func characterLen(s string) int {
	r, n := utf8.DecodeRuneInString(s)
	if r == utf8.RuneError && n == 1 && len(s) >= 3 && s[0] == 0xED {
		return 3
	}
	return n
}

// countCharacters returns how many code points s has.
func countCharacters(s string) int {
	n := 0
	for i := 0; i < len(s); n++ {
		i += characterLen(s[i:])
	}
	return n
}

func fnSubstring(c *callContext, args []value) (value, error) {
	if !args[0].defined() {
		return value{}, nil
	}
	if err := c.allocBytes(16 * len(args[0].str)); err != nil {
		return value{}, err
	}
	chars := characters(args[0].str)
	n := float64(len(chars))
	if !args[1].defined() && args[2].defined() {
		return text(""), nil // as the reference does
	}
	start, end := args[1].num, n
	if n+start < 0 {
		start = 0
	}
	if args[2].defined() {
		if args[2].num <= 0 {
			return text(""), nil
		}
		end = start + args[2].num
		if start < 0 {
			end = n + start + args[2].num
		}
	}
	from, to := sliceIndex(start, n), sliceIndex(end, n)
	if from >= to {
		return text(""), nil
	}
	return text(strings.Join(chars[from:to], "")), nil
}

// sliceIndex cuts off the fraction of an index, counts it from the end of n if
// it is negative, and moves it into the range.
func sliceIndex(index, n float64) int {
	index = math.Trunc(index)
	if index < 0 {
		index += n
	}
	return int(max(0, min(index, n)))
}

func fnSubstringBefore(_ *callContext, args []value) (value, error) {
	if !args[0].defined() || !args[1].defined() {
		return args[0], nil
	}
	before, _, _ := strings.Cut(args[0].str, args[1].str)
	return text(before), nil
}

func fnSubstringAfter(_ *callContext, args []value) (value, error) {
	if !args[0].defined() || !args[1].defined() {
		return args[0], nil
	}
	if _, after, ok := strings.Cut(args[0].str, args[1].str); ok {
		return text(after), nil
	}
	return args[0], nil
}

func fnLowercase(c *callContext, args []value) (value, error) {
	if !args[0].defined() {
		return value{}, nil
	}
	return text(strings.ToLower(args[0].str)), c.allocBytes(len(args[0].str))
}

// upperSpecial holds the letters whose upper case has several letters.
var upperSpecial = strings.NewReplacer("ß", "SS", "ŉ", "ʼN", "ǰ", "J̌", "ﬀ", "FF", "ﬁ", "FI", "ﬂ", "FL", "ﬃ", "FFI", "ﬄ", "FFL", "ﬅ", "ST", "ﬆ", "ST")

func fnUppercase(c *callContext, args []value) (value, error) {
	if !args[0].defined() {
		return value{}, nil
	}
	return text(strings.ToUpper(upperSpecial.Replace(args[0].str))), c.allocBytes(len(args[0].str))
}

func fnLength(_ *callContext, args []value) (value, error) {
	if !args[0].defined() {
		return value{}, nil
	}
	return number(float64(countCharacters(args[0].str))), nil
}

func fnTrim(c *callContext, args []value) (value, error) {
	if !args[0].defined() {
		return value{}, nil
	}
	words := strings.FieldsFunc(args[0].str, func(r rune) bool { return r == ' ' || r == '\t' || r == '\n' || r == '\r' })
	return text(strings.Join(words, " ")), c.allocBytes(len(args[0].str))
}

func fnPad(c *callContext, args []value) (value, error) {
	if !args[0].defined() {
		return value{}, nil
	}
	filler := args[2].str
	if filler == "" {
		filler = " "
	}
	missing := math.Abs(args[1].num) - float64(countCharacters(args[0].str))
	if !(missing > 0) {
		return args[0], nil
	}
	if missing > float64(c.memory) {
		return value{}, c.allocBytes(math.MaxInt)
	}
	n := int(missing)
	chars := characters(filler)
	if err := c.allocBytes(n * (1 + len(filler)/len(chars))); err != nil {
		return value{}, err
	}
	var b strings.Builder
	for i := range n {
		b.WriteString(chars[i%len(chars)])
	}
	if args[1].num > 0 {
		return text(args[0].str + b.String()), nil
	}
	return text(b.String() + args[0].str), nil
}

func fnJoin(c *callContext, args []value) (value, error) {
	if !args[0].defined() {
		return value{}, nil
	}
	items := args[0].items()
	parts := make([]string, len(items))
	size := len(args[1].str) * len(items)
	for i, x := range items {
		parts[i] = x.str
		size += len(x.str)
	}
	if err := c.allocBytes(size); err != nil {
		return value{}, err
	}
	return text(strings.Join(parts, args[1].str)), nil
}

// fnBase64Encode encodes the low bytes of the UTF-16 units, as the reference
// does.
func fnBase64Encode(c *callContext, args []value) (value, error) {
	if !args[0].defined() {
		return value{}, nil
	}
	raw := make([]byte, 0, len(args[0].str))
	for _, r := range args[0].str {
		if r >= 0x10000 {
			r -= 0x10000
			raw = append(raw, byte(0xD800+r>>10))
			r = 0xDC00 + r&0x3FF
		}
		raw = append(raw, byte(r))
	}
	return text(base64.StdEncoding.EncodeToString(raw)), c.allocBytes(2 * len(raw))
}

func fnBase64Decode(c *callContext, args []value) (value, error) {
	if !args[0].defined() {
		return value{}, nil
	}
	// Lenient as the reference is: both alphabets, no need for padding, and
	// whatever is not Base64 is skipped.
	clean := strings.Map(func(r rune) rune {
		switch {
		case r == '-':
			return '+'
		case r == '_':
			return '/'
		case r == '+' || r == '/' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z':
			return r
		default:
			return -1
		}
	}, strings.TrimRight(args[0].str, "="))
	if len(clean)%4 == 1 {
		clean = clean[:len(clean)-1]
	}
	raw, err := base64.RawStdEncoding.DecodeString(clean)
	if err != nil {
		return value{}, fault("D3201", -1, "base64decode", args[0], "the argument is not Base64")
	}
	var b strings.Builder
	for _, x := range raw {
		b.WriteRune(rune(x))
	}
	return text(b.String()), c.allocBytes(2 * len(raw))
}

const (
	urlMark     = "-_.!~*'()"
	urlReserved = ";/?:@&=+$,#"
)

func fnEncodeURLComponent(c *callContext, args []value) (value, error) {
	return c.encodeURL("encodeUrlComponent", args[0], urlMark)
}

func fnEncodeURL(c *callContext, args []value) (value, error) {
	return c.encodeURL("encodeUrl", args[0], urlMark+urlReserved)
}

func (c *callContext) encodeURL(name string, v value, keep string) (value, error) {
	if !v.defined() {
		return value{}, nil
	}
	if !utf8.ValidString(v.str) { // half of a surrogate pair
		return value{}, fault("D3140", -1, name, v)
	}
	var b strings.Builder
	for i := range len(v.str) {
		x := v.str[i]
		if isWordByte(x) || strings.IndexByte(keep, x) >= 0 {
			b.WriteByte(x)
			continue
		}
		const digits = "0123456789ABCDEF"
		b.Write([]byte{'%', digits[x>>4], digits[x&15]})
	}
	return text(b.String()), c.allocBytes(b.Len())
}

func fnDecodeURLComponent(c *callContext, args []value) (value, error) {
	return c.decodeURL("decodeUrlComponent", args[0], "")
}

func fnDecodeURL(c *callContext, args []value) (value, error) {
	return c.decodeURL("decodeUrl", args[0], urlReserved)
}

// decodeURL decodes %XX, except where it stands for one of the characters to
// keep encoded.
func (c *callContext) decodeURL(name string, v value, keep string) (value, error) {
	if !v.defined() {
		return value{}, nil
	}
	s := v.str
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			out = append(out, s[i])
			continue
		}
		if i+2 >= len(s) {
			return value{}, fault("D3140", -1, name, v)
		}
		high, low := hexDigit(s[i+1]), hexDigit(s[i+2])
		if high < 0 || low < 0 {
			return value{}, fault("D3140", -1, name, v)
		}
		x := byte(high<<4 | low)
		if x < utf8.RuneSelf && strings.IndexByte(keep, x) >= 0 {
			out = append(out, s[i:i+3]...)
		} else {
			out = append(out, x)
		}
		i += 2
	}
	if !utf8.Valid(out) {
		return value{}, fault("D3140", -1, name, v)
	}
	return text(string(out)), c.allocBytes(len(out))
}

func hexDigit(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	default:
		return -1
	}
}
