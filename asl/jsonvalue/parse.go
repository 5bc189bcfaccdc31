package jsonvalue

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxDepth is how deeply arrays and objects may be nested in a parsed text.
const MaxDepth = 1000

// A SyntaxError says why a text is not JSON, in the words that AWS shows for a
// definition or an input that does not parse.
type SyntaxError struct {
	Offset int    // in bytes, from 0
	Line   int    // from 1
	Column int    // from 1, in characters: where reading stopped
	Token  string // the word that was not understood, if it was a word
	Reason string // the message, without the place
}

// Error returns the reason alone: callers put the place where they want it.
func (e *SyntaxError) Error() string { return e.Reason }

// Parse reads one JSON text as RFC 8259 defines it, and nothing looser. Blanks
// may surround it. Of a repeated key the last value counts. The error is a
// *SyntaxError.
//
// The value shares memory with text.
func Parse(text string) (Value, error) {
	p := parser{text: text}
	p.skipBlanks()
	if p.pos == len(text) {
		return Value{}, p.fail("Unexpected end-of-input: no content")
	}
	v, err := p.value(0)
	if err != nil {
		return Value{}, err
	}
	p.skipBlanks()
	if p.pos < len(text) {
		return Value{}, p.unexpected("was expecting end of input after the value")
	}
	return v, nil
}

// ParseBytes is Parse for a text in bytes, which the value does not keep.
func ParseBytes(text []byte) (Value, error) { return Parse(string(text)) }

type parser struct {
	text     string
	pos      int
	elements []Value  // of the arrays that are open, innermost last
	members  []Member // of the objects that are open
}

const (
	expectedValue = "was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')"
	validValue    = "expected a valid value (JSON String, Number, Array, Object or token 'null', 'true' or 'false')"
)

func (p *parser) skipBlanks() {
	for p.pos < len(p.text) {
		switch p.text[p.pos] {
		case ' ', '\t', '\n', '\r':
			p.pos++
		default:
			return
		}
	}
}

// value reads the value that starts at pos, where there is a character.
func (p *parser) value(depth int) (Value, error) {
	switch c := p.text[p.pos]; c {
	case '{':
		return p.object(depth + 1)
	case '[':
		return p.array(depth + 1)
	case '"':
		s, size, err := p.quoted("a string value")
		if err != nil {
			return Value{}, err
		}
		return Value{kind: KindString, size: size, text: s}, nil
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		return p.number()
	case 't':
		return p.word(trueValue)
	case 'f':
		return p.word(falseValue)
	case 'n':
		return p.word(null)
	default:
		if r, _ := utf8.DecodeRuneInString(p.text[p.pos:]); isWordStart(r) {
			return p.word(Value{})
		}
		return Value{}, p.unexpected(validValue)
	}
}

// word reads one of the three words of JSON, want, or says that what stands
// there is none of them.
func (p *parser) word(want Value) (Value, error) {
	rest := p.text[p.pos:]
	end := 0
	for i, r := range rest {
		if !isWordPart(r) {
			break
		}
		end = i + utf8.RuneLen(r)
		if r == utf8.RuneError {
			end = i + 1
		}
	}
	if end = min(end, len(rest)); want.IsDefined() && rest[:end] == want.text {
		p.pos += end
		return want, nil
	}
	p.pos += end
	err := p.fail(fmt.Sprintf("Unrecognized token '%s': %s", validUTF8(rest[:end]), expectedValue))
	err.Token = validUTF8(rest[:end])
	return Value{}, err
}

func isWordStart(r rune) bool {
	return r == '_' || r == '$' || (unicode.IsLetter(r) && r != utf8.RuneError)
}

func isWordPart(r rune) bool { return isWordStart(r) || unicode.IsDigit(r) }

func (p *parser) array(depth int) (Value, error) {
	if depth > MaxDepth {
		return Value{}, p.tooDeep()
	}
	open := p.pos
	p.pos++
	base := len(p.elements)
	p.skipBlanks()
	if p.pos < len(p.text) && p.text[p.pos] == ']' {
		p.pos++
		return newArray(nil), nil
	}
	for {
		p.skipBlanks()
		if p.pos == len(p.text) {
			return Value{}, p.unclosed("Array", open)
		}
		v, err := p.value(depth)
		if err != nil {
			return Value{}, err
		}
		p.elements = append(p.elements, v)
		p.skipBlanks()
		if p.pos == len(p.text) {
			return Value{}, p.unclosed("Array", open)
		}
		switch p.text[p.pos] {
		case ',':
			p.pos++
		case ']':
			p.pos++
			elements := slices.Clone(p.elements[base:])
			p.elements = p.elements[:base]
			return newArray(elements), nil
		default:
			return Value{}, p.unexpected("was expecting comma to separate Array entries")
		}
	}
}

func (p *parser) object(depth int) (Value, error) {
	if depth > MaxDepth {
		return Value{}, p.tooDeep()
	}
	open := p.pos
	p.pos++
	base := len(p.members)
	size := uint32(2)
	p.skipBlanks()
	if p.pos < len(p.text) && p.text[p.pos] == '}' {
		p.pos++
		return newObject(nil), nil
	}
	for {
		p.skipBlanks()
		if p.pos == len(p.text) {
			return Value{}, p.unclosed("Object", open)
		}
		if p.text[p.pos] != '"' {
			return Value{}, p.unexpected("was expecting double-quote to start field name")
		}
		key, keySize, err := p.quoted("a field name")
		if err != nil {
			return Value{}, err
		}
		p.skipBlanks()
		if p.pos == len(p.text) {
			return Value{}, p.unclosed("Object", open)
		}
		if p.text[p.pos] != ':' {
			return Value{}, p.unexpected("was expecting a colon to separate field name and value")
		}
		p.pos++
		p.skipBlanks()
		if p.pos == len(p.text) {
			return Value{}, p.unclosed("Object", open)
		}
		v, err := p.value(depth)
		if err != nil {
			return Value{}, err
		}
		p.members = append(p.members, Member{key, v})
		size = addSize(addSize(size, keySize), addSize(v.size, 2)) // a colon, and a comma or brace
		p.skipBlanks()
		if p.pos == len(p.text) {
			return Value{}, p.unclosed("Object", open)
		}
		switch p.text[p.pos] {
		case ',':
			p.pos++
		case '}':
			p.pos++
			members := slices.Clone(p.members[base:])
			p.members = p.members[:base]
			if distinct := withoutRepeats(members); len(distinct) < len(members) {
				return newObject(distinct), nil
			}
			return Value{kind: KindObject, size: size - 1, node: &node{members: members}}, nil
		default:
			return Value{}, p.unexpected("was expecting comma to separate Object entries")
		}
	}
}

// withoutRepeats returns members with each key once. It changes nothing, and
// allocates nothing, in the common case.
func withoutRepeats(members []Member) []Member {
	repeated := false
	if len(members) < indexedFrom {
		for i := range members {
			for j := range i {
				repeated = repeated || members[i].Key == members[j].Key
			}
		}
	} else {
		seen := make(map[string]struct{}, len(members))
		for i := range members {
			seen[members[i].Key] = struct{}{}
		}
		repeated = len(seen) < len(members)
	}
	if !repeated {
		return members
	}
	var b ObjectBuilder
	for _, m := range members {
		b.set(m.Key, m.Value)
	}
	return b.members
}

// quoted reads the string that starts at pos; what is for messages. It returns
// the content and the size of its JSON text.
func (p *parser) quoted(what string) (string, uint32, error) {
	start := p.pos + 1
	ascii := true
	for i := start; i < len(p.text); i++ {
		switch c := p.text[i]; {
		case c == '"':
			p.pos = i + 1
			s := p.text[start:i]
			if !ascii && !utf8.ValidString(s) {
				s = validUTF8(s)
			}
			return s, clampSize(len(s) + 2), nil
		case c == '\\':
			return p.escaped(start, i, what)
		case c < ' ':
			p.pos = i
			return "", 0, p.controlCharacter(what)
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	p.pos = len(p.text)
	return "", 0, p.fail("Unexpected end-of-input: was expecting closing quote for " + what)
}

// escaped reads on from the first backslash at i in a string that began at
// start.
func (p *parser) escaped(start, i int, what string) (string, uint32, error) {
	var b strings.Builder
	b.WriteString(validUTF8(p.text[start:i]))
	for i < len(p.text) {
		switch c := p.text[i]; {
		case c == '"':
			p.pos = i + 1
			s := b.String()
			return s, textSize(s), nil
		case c < ' ':
			p.pos = i
			return "", 0, p.controlCharacter(what)
		case c == '\\':
			if i+1 >= len(p.text) {
				p.pos = len(p.text)
				return "", 0, p.fail("Unexpected end-of-input in character escape sequence")
			}
			if p.text[i+1] != 'u' {
				plain := unescape(p.text[i+1])
				if plain == 0 {
					p.pos = i + 1
					return "", 0, p.fail("Unrecognized character escape " + p.describe())
				}
				b.WriteByte(plain)
				i += 2
				continue
			}
			r, ok := p.hex4(i + 2)
			if !ok {
				return "", 0, p.badHex(i + 2)
			}
			i += 6
			if isHigh(r) && strings.HasPrefix(p.text[i:], `\u`) {
				if low, ok := p.hex4(i + 2); ok && isLow(low) {
					r = joined(r, low)
					i += 6
				}
			}
			if isHigh(r) || isLow(r) {
				b.Write(appendSurrogate(nil, r))
			} else {
				b.WriteRune(r)
			}
		default:
			end := i + 1
			for end < len(p.text) && p.text[end] >= ' ' && p.text[end] != '"' && p.text[end] != '\\' {
				end++
			}
			b.WriteString(validUTF8(p.text[i:end]))
			i = end
		}
	}
	p.pos = len(p.text)
	return "", 0, p.fail("Unexpected end-of-input: was expecting closing quote for " + what)
}

// unescape returns the character that backslash c stands for, 0 for none.
func unescape(c byte) byte {
	switch c {
	case '"', '\\', '/':
		return c
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	}
	return 0
}

func (p *parser) hex4(at int) (rune, bool) {
	if at+4 > len(p.text) {
		return 0, false
	}
	var r rune
	for i := at; i < at+4; i++ {
		d := hexDigit(p.text[i])
		if d < 0 {
			return 0, false
		}
		r = r<<4 | rune(d)
	}
	return r, true
}

func hexDigit(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

func (p *parser) badHex(at int) error {
	p.pos = at
	for p.pos < len(p.text) && hexDigit(p.text[p.pos]) >= 0 {
		p.pos++
	}
	if p.pos == len(p.text) {
		return p.fail("Unexpected end-of-input in character escape sequence")
	}
	return p.unexpected("expected a hex-digit for character escape sequence")
}

// number reads the number that starts at pos.
func (p *parser) number() (Value, error) {
	start := p.pos
	end, ok := scanNumber(p.text, start)
	p.pos = end
	if !ok {
		if end == len(p.text) {
			return Value{}, p.fail("Unexpected end-of-input in numeric value")
		}
		if c := p.text[end]; c >= '0' && c <= '9' {
			return Value{}, p.fail("Invalid numeric value: Leading zeroes not allowed")
		}
		return Value{}, p.fail(fmt.Sprintf("Unexpected character (%s) in numeric value: expected a digit", p.describe()))
	}
	return numberOf(p.text[start:end]), nil
}

// scanNumber returns where the number that starts at i ends. Where it is not
// one, it returns the place of the first character that does not fit, and
// false.
func scanNumber(s string, i int) (end int, ok bool) {
	digits := func() bool {
		from := i
		for i < len(s) && s[i] >= '0' && s[i] <= '9' {
			i++
		}
		return i > from
	}
	if i < len(s) && s[i] == '-' {
		i++
	}
	if i < len(s) && s[i] == '0' {
		i++
		if i < len(s) && s[i] >= '0' && s[i] <= '9' {
			return i, false
		}
	} else if !digits() {
		return i, false
	}
	if i < len(s) && s[i] == '.' {
		i++
		if !digits() {
			return i, false
		}
	}
	if i < len(s) && (s[i] == 'e' || s[i] == 'E') {
		i++
		if i < len(s) && (s[i] == '+' || s[i] == '-') {
			i++
		}
		if !digits() {
			return i, false
		}
	}
	return i, true
}

// fail returns an error at pos.
func (p *parser) fail(reason string) *SyntaxError {
	line, column := p.place(p.pos)
	return &SyntaxError{Offset: p.pos, Line: line, Column: column, Reason: reason}
}

// place returns the line and column of an offset, both from 1.
func (p *parser) place(offset int) (line, column int) {
	before := p.text[:offset]
	line = strings.Count(before, "\n") + 1
	before = before[strings.LastIndexByte(before, '\n')+1:]
	return line, utf8.RuneCountInString(before) + 1
}

func (p *parser) unexpected(why string) *SyntaxError {
	return p.fail(fmt.Sprintf("Unexpected character (%s): %s", p.describe(), why))
}

func (p *parser) unclosed(what string, open int) *SyntaxError {
	line, column := p.place(open)
	return p.fail(fmt.Sprintf("Unexpected end-of-input: expected close marker for %s (start marker at line: %d, column: %d)", what, line, column))
}

func (p *parser) tooDeep() *SyntaxError {
	return p.fail(fmt.Sprintf("Document nesting depth exceeds the maximum allowed (%d)", MaxDepth))
}

func (p *parser) controlCharacter(what string) *SyntaxError {
	return p.fail(fmt.Sprintf("Illegal unquoted character (%s): has to be escaped using backslash to be included in %s", p.describe(), what))
}

// describe names the character at pos with its code.
func (p *parser) describe() string {
	r, _ := utf8.DecodeRuneInString(p.text[p.pos:])
	switch {
	case r < ' ':
		return fmt.Sprintf("(CTRL-CHAR, code %d)", r)
	case r > 255:
		return fmt.Sprintf("'%c' (code %d / 0x%x)", r, r, r)
	default:
		return fmt.Sprintf("'%c' (code %d)", r, r)
	}
}
