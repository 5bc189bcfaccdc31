package jsonvalue

import (
	"strings"
	"unicode/utf8"
)

// AppendJSON appends v's compact JSON text to dst: no blanks, keys in order,
// numbers as they were written. Undefined appends nothing.
func (v Value) AppendJSON(dst []byte) []byte {
	switch v.kind {
	case KindUndefined:
		return dst
	case KindString:
		return AppendQuoted(dst, v.text)
	case KindArray:
		dst = append(dst, '[')
		if v.node != nil {
			for i := range v.node.elements {
				if i > 0 {
					dst = append(dst, ',')
				}
				dst = v.node.elements[i].AppendJSON(dst)
			}
		}
		return append(dst, ']')
	case KindObject:
		dst = append(dst, '{')
		if v.node != nil {
			for i := range v.node.members {
				if i > 0 {
					dst = append(dst, ',')
				}
				m := &v.node.members[i]
				dst = AppendQuoted(dst, m.Key)
				dst = append(dst, ':')
				dst = m.Value.AppendJSON(dst)
			}
		}
		return append(dst, '}')
	default: // null, a boolean or a number is its own text
		return append(dst, v.text...)
	}
}

// String returns v's compact JSON text, "" for Undefined. To get the content of
// a string, use Str.
func (v Value) String() string {
	switch v.kind {
	case KindNull, KindBool, KindNumber:
		return v.text
	}
	return string(v.AppendJSON(make([]byte, 0, v.size)))
}

// MarshalJSON returns v's compact JSON text, "null" for Undefined.
func (v Value) MarshalJSON() ([]byte, error) {
	v = v.orNull()
	return v.AppendJSON(make([]byte, 0, v.size)), nil
}

// UnmarshalJSON sets v to what text says. The error is a *SyntaxError.
func (v *Value) UnmarshalJSON(text []byte) error {
	parsed, err := ParseBytes(text)
	if err != nil {
		return err
	}
	*v = parsed
	return nil
}

const hexDigits = "0123456789abcdef"

// AppendQuoted appends s as a JSON string. Only what must be escaped is. s is
// UTF-8, or what Str returned.
func AppendQuoted(dst []byte, s string) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' {
			if c != surrogateLead || !isSurrogate(s[i:]) {
				i++
				continue
			}
			dst = append(dst, s[start:i]...)
			r := surrogateOf(s[i:])
			dst = append(dst, '\\', 'u', hexDigits[r>>12&15], hexDigits[r>>8&15], hexDigits[r>>4&15], hexDigits[r&15])
			i += 3
			start = i
			continue
		}
		dst = append(dst, s[start:i]...)
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\b':
			dst = append(dst, '\\', 'b')
		case '\f':
			dst = append(dst, '\\', 'f')
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
		i++
		start = i
	}
	dst = append(dst, s[start:]...)
	return append(dst, '"')
}

// textSize returns the number of bytes that AppendQuoted writes for s.
func textSize(s string) uint32 {
	extra := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c >= ' ' && c != '"' && c != '\\':
			if c == surrogateLead && isSurrogate(s[i:]) {
				extra += 3 // three bytes are written as six
			}
		case c == '"', c == '\\', c == '\b', c == '\f', c == '\n', c == '\r', c == '\t':
			extra++
		default:
			extra += 5
		}
	}
	return clampSize(len(s) + extra + 2)
}

// A surrogate half that stands alone has no UTF-8 form. It is kept in the three
// bytes that the UTF-8 scheme would give it, so that no information is lost.
const surrogateLead = 0xED

func isSurrogate(s string) bool {
	return len(s) >= 3 && s[0] == surrogateLead && s[1] >= 0xA0 && s[1] <= 0xBF && s[2] >= 0x80 && s[2] <= 0xBF
}

func surrogateOf(s string) rune {
	return 0xD000 | rune(s[1]&0x3F)<<6 | rune(s[2]&0x3F)
}

func appendSurrogate(dst []byte, r rune) []byte {
	return append(dst, surrogateLead, 0x80|byte(r>>6&0x3F), 0x80|byte(r&0x3F))
}

const (
	highSurrogate = 0xD800
	lowSurrogate  = 0xDC00
	surrogateEnd  = 0xE000
	supplementary = 0x10000
)

func isHigh(r rune) bool { return r >= highSurrogate && r < lowSurrogate }
func isLow(r rune) bool  { return r >= lowSurrogate && r < surrogateEnd }

func joined(high, low rune) rune {
	return (high-highSurrogate)<<10 + (low - lowSurrogate) + supplementary
}

// wellFormed returns s as String keeps it, with the size of its JSON text.
func wellFormed(s string) (string, uint32) {
	if utf8.ValidString(s) {
		return s, textSize(s)
	}
	clean := make([]byte, 0, len(s))
	for i := 0; i < len(s); {
		if isSurrogate(s[i:]) {
			r := surrogateOf(s[i:])
			i += 3
			if isHigh(r) && isSurrogate(s[i:]) && isLow(surrogateOf(s[i:])) {
				clean = utf8.AppendRune(clean, joined(r, surrogateOf(s[i:])))
				i += 3
				continue
			}
			clean = appendSurrogate(clean, r)
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		clean = utf8.AppendRune(clean, r)
		i += n
	}
	s = string(clean)
	return s, textSize(s)
}

// cleanKey returns key as an object keeps it.
func cleanKey(key string) string {
	if utf8.ValidString(key) {
		return key
	}
	key, _ = wellFormed(key)
	return key
}

// validUTF8 replaces what is not UTF-8 in the text of a document.
func validUTF8(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }
