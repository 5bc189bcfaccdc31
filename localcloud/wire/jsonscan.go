package wire

import (
	"unicode/utf16"
	"unicode/utf8"
)

// number reads the text of a number.
func (d *jsonDecoder) number() ([]byte, *Error) {
	start := d.pos
	digits := func() bool {
		from := d.pos
		for d.pos < len(d.data) && d.data[d.pos] >= '0' && d.data[d.pos] <= '9' {
			d.pos++
		}
		return d.pos > from
	}
	at := func(c byte) bool { return d.pos < len(d.data) && d.data[d.pos] == c }
	if at('-') {
		d.pos++
	}
	if at('0') {
		d.pos++
	} else if !digits() {
		return nil, badJSON()
	}
	if at('.') {
		d.pos++
		if !digits() {
			return nil, badJSON()
		}
	}
	if at('e') || at('E') {
		d.pos++
		if at('+') || at('-') {
			d.pos++
		}
		if !digits() {
			return nil, badJSON()
		}
	}
	return d.data[start:d.pos], nil
}

// skip reads over one value, whatever it is.
func (d *jsonDecoder) skip() *Error {
	switch c := d.peek(); {
	case c == '{':
		return d.each(func([]byte) *Error { return d.skip() })
	case c == '[':
		if err := d.enter(); err != nil {
			return err
		}
		if d.peek() == ']' {
			d.leave()
			return nil
		}
		for {
			if err := d.skip(); err != nil {
				return err
			}
			switch d.peek() {
			case ',':
				d.pos++
			case ']':
				d.leave()
				return nil
			default:
				return badJSON()
			}
		}
	case c == '"':
		_, err := d.str()
		return err
	case c == 't' && d.word("true"), c == 'f' && d.word("false"), c == 'n' && d.word("null"):
		return nil
	case isNumberStart(c):
		_, err := d.number()
		return err
	default:
		return badJSON()
	}
}

// str reads a string. The result is valid until the next call.
func (d *jsonDecoder) str() ([]byte, *Error) {
	d.pos++
	start := d.pos
	for i := start; i < len(d.data); i++ {
		switch c := d.data[i]; {
		case c == '"':
			d.pos = i + 1
			return d.data[start:i], nil
		case c == '\\' || c >= utf8.RuneSelf:
			return d.slowString(start, i)
		case c < ' ':
			return nil, badJSON()
		}
	}
	return nil, badJSON()
}

// slowString reads a string that has escapes or is not ASCII from i on.
func (d *jsonDecoder) slowString(start, i int) ([]byte, *Error) {
	b := append(d.scratch[:0], d.data[start:i]...)
	defer func() { d.scratch = b }()
	for i < len(d.data) {
		switch c := d.data[i]; {
		case c == '"':
			d.pos = i + 1
			return b, nil
		case c < ' ':
			return nil, badJSON()
		case c == '\\':
			if i+1 >= len(d.data) {
				return nil, badJSON()
			}
			i += 2
			switch e := d.data[i-1]; e {
			case '"', '\\', '/':
				b = append(b, e)
			case 'b':
				b = append(b, '\b')
			case 'f':
				b = append(b, '\f')
			case 'n':
				b = append(b, '\n')
			case 'r':
				b = append(b, '\r')
			case 't':
				b = append(b, '\t')
			case 'u':
				r, ok := d.hex4(i)
				if !ok {
					return nil, badJSON()
				}
				i += 4
				if utf16.IsSurrogate(r) {
					low, ok := rune(0), false
					if i+1 < len(d.data) && d.data[i] == '\\' && d.data[i+1] == 'u' {
						low, ok = d.hex4(i + 2)
					}
					if pair := utf16.DecodeRune(r, low); ok && pair != utf8.RuneError {
						r = pair
						i += 6
					} else {
						r = utf8.RuneError
					}
				}
				b = utf8.AppendRune(b, r)
			default:
				return nil, badJSON()
			}
		case c < utf8.RuneSelf:
			b = append(b, c)
			i++
		default:
			r, n := utf8.DecodeRune(d.data[i:])
			b = utf8.AppendRune(b, r)
			i += n
		}
	}
	return nil, badJSON()
}

func (d *jsonDecoder) hex4(i int) (rune, bool) {
	if i+4 > len(d.data) {
		return 0, false
	}
	var r rune
	for _, c := range d.data[i : i+4] {
		switch {
		case c >= '0' && c <= '9':
			r = r<<4 | rune(c-'0')
		case c >= 'a' && c <= 'f':
			r = r<<4 | rune(c-'a'+10)
		case c >= 'A' && c <= 'F':
			r = r<<4 | rune(c-'A'+10)
		default:
			return 0, false
		}
	}
	return r, true
}
