package jsonata

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

type tokenKind uint8

const (
	tokenEnd tokenKind = iota
	tokenOperator
	tokenString
	tokenNumber
	tokenName
	tokenVariable
	tokenConstant
	tokenRegex
)

type token struct {
	kind     tokenKind
	pos      int
	text     string
	num      float64
	constant value
	flags    string // of a regular expression
}

// scanner cuts an expression into tokens.
type scanner struct {
	text string
	pos  int
}

const blanks = " \t\n\r\v"

var doubleOperators = []string{"..", ":=", "!=", ">=", "<=", "**", "~>"}

const singleOperators = ".[]{}(),@#;:?+-*/%|=<>^&!~"

// next returns the next token. Where an operand is expected, a slash starts a
// regular expression.
func (s *scanner) next(operand bool) (token, error) {
	if err := s.skip(); err != nil {
		return token{}, err
	}
	start := s.pos
	if start == len(s.text) {
		return token{kind: tokenEnd, pos: start, text: "(end)"}, nil
	}
	rest := s.text[start:]
	if operand && rest[0] == '/' {
		return s.regex()
	}
	for _, op := range doubleOperators {
		if strings.HasPrefix(rest, op) {
			s.pos += 2
			return token{kind: tokenOperator, pos: start, text: op}, nil
		}
	}
	switch c := rest[0]; {
	case strings.IndexByte(singleOperators, c) >= 0:
		s.pos++
		return token{kind: tokenOperator, pos: start, text: rest[:1]}, nil
	case c == '"' || c == '\'':
		return s.quoted(c)
	case c == '`':
		end := strings.IndexByte(rest[1:], '`')
		if end < 0 {
			return token{}, syntax("S0105", start, rest)
		}
		s.pos += end + 2
		return token{kind: tokenName, pos: start, text: rest[1 : end+1]}, nil
	case c >= '0' && c <= '9':
		return s.number()
	}
	return s.word(), nil
}

// skip passes over blanks and comments.
func (s *scanner) skip() error {
	for s.pos < len(s.text) {
		switch {
		case strings.IndexByte(blanks, s.text[s.pos]) >= 0:
			s.pos++
		case strings.HasPrefix(s.text[s.pos:], "/*"):
			end := strings.Index(s.text[s.pos+2:], "*/")
			if end < 0 {
				return syntax("S0106", s.pos, "/*")
			}
			s.pos += end + 4
		default:
			return nil
		}
	}
	return nil
}

func (s *scanner) word() token {
	start := s.pos
	for s.pos < len(s.text) && strings.IndexByte(blanks+singleOperators, s.text[s.pos]) < 0 {
		s.pos++
	}
	word := s.text[start:s.pos]
	if word[0] == '$' {
		return token{kind: tokenVariable, pos: start, text: word[1:]}
	}
	t := token{kind: tokenConstant, pos: start, text: word}
	switch word {
	case "or", "in", "and":
		t.kind = tokenOperator
	case "true":
		t.constant = boolean(true)
	case "false":
		t.constant = boolean(false)
	case "null":
		t.constant = null()
	default:
		t.kind = tokenName
	}
	return t
}

func (s *scanner) number() (token, error) {
	start, i := s.pos, s.pos
	digits := func() bool {
		from := i
		for i < len(s.text) && s.text[i] >= '0' && s.text[i] <= '9' {
			i++
		}
		return i > from
	}
	if s.text[i] == '0' {
		i++
	} else {
		digits()
	}
	end := i
	if i < len(s.text) && s.text[i] == '.' {
		i++
		if digits() {
			end = i
		}
	}
	i = end
	if i < len(s.text) && (s.text[i] == 'e' || s.text[i] == 'E') {
		i++
		if i < len(s.text) && (s.text[i] == '+' || s.text[i] == '-') {
			i++
		}
		if digits() {
			end = i
		}
	}
	s.pos = end
	word := s.text[start:end]
	f, _ := strconv.ParseFloat(word, 64)
	if math.IsInf(f, 0) {
		return token{}, syntax("S0102", start, word)
	}
	return token{kind: tokenNumber, pos: start, text: word, num: f}, nil
}

func (s *scanner) quoted(quote byte) (token, error) {
	start := s.pos
	s.pos++
	var b strings.Builder
	for s.pos < len(s.text) {
		c := s.text[s.pos]
		switch c {
		case quote:
			s.pos++
			// jsonvalue joins the halves of surrogate pairs.
			return token{kind: tokenString, pos: start, text: jsonvalue.String(b.String()).Str()}, nil
		case '\\':
			s.pos++
			if err := s.escape(&b); err != nil {
				return token{}, err
			}
		default:
			b.WriteByte(c)
			s.pos++
		}
	}
	return token{}, syntax("S0101", start, s.text[start:])
}

// escape reads what follows a backslash in a string.
func (s *scanner) escape(b *strings.Builder) error {
	if s.pos == len(s.text) {
		return syntax("S0103", s.pos, "")
	}
	c := s.text[s.pos]
	if i := strings.IndexByte(`"\/bfnrt`, c); i >= 0 {
		b.WriteByte("\"\\/\b\f\n\r\t"[i])
		s.pos++
		return nil
	}
	if c != 'u' {
		_, n := utf8.DecodeRuneInString(s.text[s.pos:])
		return syntax("S0103", s.pos, s.text[s.pos:s.pos+n])
	}
	end := min(s.pos+5, len(s.text))
	n, err := strconv.ParseUint(s.text[s.pos+1:end], 16, 16)
	if err != nil || end-s.pos != 5 {
		return syntax("S0104", s.pos, s.text[s.pos:end])
	}
	s.pos = end
	writeUnit(b, rune(n))
	return nil
}

// writeUnit writes one UTF-16 unit. Half of a surrogate pair is written in the
// form that jsonvalue keeps.
func writeUnit(b *strings.Builder, r rune) {
	if r >= 0xD800 && r < 0xE000 {
		b.Write([]byte{0xED, 0x80 | byte(r>>6&0x3F), 0x80 | byte(r&0x3F)})
		return
	}
	b.WriteRune(r)
}

// regex reads /pattern/flags. A slash inside brackets of any kind does not end
// it.
func (s *scanner) regex() (token, error) {
	start := s.pos
	s.pos++
	depth := 0
	for ; s.pos < len(s.text); s.pos++ {
		c := s.text[s.pos]
		switch {
		case c == '\\':
			s.pos++
		case strings.IndexByte("([{", c) >= 0:
			depth++
		case strings.IndexByte(")]}", c) >= 0:
			depth--
		case c == '/' && depth == 0:
			pattern := s.text[start+1 : s.pos]
			if pattern == "" {
				return token{}, syntax("S0301", s.pos, "/")
			}
			s.pos++
			from := s.pos
			for s.pos < len(s.text) && (s.text[s.pos] == 'i' || s.text[s.pos] == 'm') {
				s.pos++
			}
			return token{kind: tokenRegex, pos: start, text: pattern, flags: s.text[from:s.pos]}, nil
		}
	}
	return token{}, syntax("S0302", start, "/")
}
