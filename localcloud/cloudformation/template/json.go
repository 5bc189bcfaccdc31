package template

import (
	"strings"
	"unicode/utf8"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

// A jsonReader reads a JSON text into a value and the places of its parts. What
// is between the brackets it leaves to package jsonvalue, literal by literal.
type jsonReader struct {
	text      string
	offset    int
	line      int
	lineStart int // offset of the line's first byte
	// seen is an offset in the line whose column is known, so that a text without
	// line breaks is not counted again and again.
	seen, seenColumn int
}

func readJSON(text string) (*source, error) {
	r := &jsonReader{text: text, line: 1, seenColumn: 1}
	r.blanks()
	var s source
	var err error
	if s.body, err = r.value(&s.places, 0); err != nil {
		return nil, err
	}
	if r.blanks(); r.offset < len(r.text) {
		return nil, r.malformed()
	}
	return &s, nil
}

func (r *jsonReader) position() (line, column int) {
	if r.seen < r.lineStart {
		r.seen, r.seenColumn = r.lineStart, 1
	}
	if end := min(r.offset, len(r.text)); end > r.seen {
		r.seenColumn += utf8.RuneCountInString(r.text[r.seen:end])
		r.seen = end
	}
	return r.line, r.seenColumn
}

func (r *jsonReader) fail(format string, args ...any) error {
	e := wrong(format, args...)
	e.Line, e.Column = r.position()
	return e
}

func (r *jsonReader) malformed() error {
	line, column := r.position()
	e := wrong("Template format error: JSON not well-formed. (line %d, column %d)", line, column)
	e.Line, e.Column, e.notJSON = line, column, true
	return e
}

func (r *jsonReader) blanks() {
	for ; r.offset < len(r.text); r.offset++ {
		switch r.text[r.offset] {
		case '\n':
			r.line++
			r.lineStart = r.offset + 1
		case ' ', '\t', '\r':
		default:
			return
		}
	}
}

func (r *jsonReader) peek() byte {
	if r.offset < len(r.text) {
		return r.text[r.offset]
	}
	return 0
}

// skip reads c, which must be next, and the blanks behind it.
func (r *jsonReader) skip(c byte) error {
	if r.peek() != c {
		return r.malformed()
	}
	r.offset++
	r.blanks()
	return nil
}

func (r *jsonReader) value(p *place, depth int) (jsonvalue.Value, error) {
	line, column := r.position()
	p.line, p.column = int32(line), int32(column)
	if depth > maxDepth {
		return jsonvalue.Value{}, r.fail("%s", tooDeep)
	}
	switch r.peek() {
	case '{':
		return r.object(p, depth)
	case '[':
		return r.array(p, depth)
	case '"':
		return r.str()
	}
	end := r.offset
	for end < len(r.text) && strings.IndexByte(" \t\r\n,]}", r.text[end]) < 0 {
		end++
	}
	v, err := jsonvalue.Parse(r.text[r.offset:end])
	if err != nil {
		return jsonvalue.Value{}, r.malformed()
	}
	r.offset = end
	return v, nil
}

func (r *jsonReader) str() (jsonvalue.Value, error) {
	end := r.offset + 1
	for end < len(r.text) && r.text[end] != '"' && r.text[end] != '\n' {
		if r.text[end] == '\\' {
			end++
		}
		end++
	}
	if end >= len(r.text) || r.text[end] != '"' {
		return jsonvalue.Value{}, r.malformed()
	}
	v, err := jsonvalue.Parse(r.text[r.offset : end+1])
	if err != nil {
		return jsonvalue.Value{}, r.malformed()
	}
	r.offset = end + 1
	return v, nil
}

func (r *jsonReader) object(p *place, depth int) (jsonvalue.Value, error) {
	var b jsonvalue.ObjectBuilder
	if err := r.skip('{'); err != nil {
		return jsonvalue.Value{}, err
	}
	for r.peek() != '}' {
		if b.Len() > 0 {
			if err := r.skip(','); err != nil {
				return jsonvalue.Value{}, err
			}
		}
		if r.peek() != '"' {
			return jsonvalue.Value{}, r.malformed()
		}
		line, column := r.position()
		key, err := r.str()
		if err != nil {
			return jsonvalue.Value{}, err
		}
		if _, repeated := b.Get(key.Str()); repeated {
			e := wrong("Template format error: JSON not well-formed. The key %q is repeated (line %d, column %d)", key.Str(), line, column)
			e.Line, e.Column = line, column
			return jsonvalue.Value{}, e
		}
		r.blanks()
		if err := r.skip(':'); err != nil {
			return jsonvalue.Value{}, err
		}
		var child place
		v, err := r.value(&child, depth+1)
		if err != nil {
			return jsonvalue.Value{}, err
		}
		child.line, child.column = int32(line), int32(column)
		p.children = append(p.children, child)
		b.Set(key.Str(), v)
		r.blanks()
	}
	r.offset++
	return b.Value(), nil
}

func (r *jsonReader) array(p *place, depth int) (jsonvalue.Value, error) {
	var b jsonvalue.ArrayBuilder
	if err := r.skip('['); err != nil {
		return jsonvalue.Value{}, err
	}
	for r.peek() != ']' {
		if b.Len() > 0 {
			if err := r.skip(','); err != nil {
				return jsonvalue.Value{}, err
			}
		}
		p.children = append(p.children, place{})
		v, err := r.value(&p.children[len(p.children)-1], depth+1)
		if err != nil {
			return jsonvalue.Value{}, err
		}
		b.Append(v)
		r.blanks()
	}
	r.offset++
	return b.Value(), nil
}
