package jsonpath

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxText   = 64 << 10 // bytes of a path
	maxFilter = 40       // filters, parentheses and function arguments inside each other
)

// Compile reads a path that starts with "$", "$$" or "$name". The error is a
// *SyntaxError.
func Compile(text string) (*Path, error) {
	c := compiler{text: text}
	if len(text) > maxText {
		return nil, c.fail("the path is longer than %d bytes", maxText)
	}
	if !utf8.ValidString(text) {
		return nil, c.fail("the path is not UTF-8")
	}
	p := &Path{text: text}
	if !c.take("$") {
		return nil, c.fail("a path starts with $")
	}
	if c.take("$") {
		p.root = Context
	} else if name := identifier(c.rest()); name != "" {
		c.pos += len(name)
		p.root, p.variable = Variable, name
	}
	if err := c.steps(p); err != nil {
		return nil, err
	}
	if c.pos < len(text) {
		return nil, c.fail("expected '.' or '['")
	}
	return p, nil
}

// identifier returns the variable name that s starts with, or "".
func identifier(s string) string {
	for i, r := range s {
		if r != '_' && !unicode.IsLetter(r) && (i == 0 || !unicode.IsDigit(r)) || r == utf8.RuneError {
			return s[:i]
		}
	}
	return s
}

// compiler reads one path. pos is the offset of what comes next.
type compiler struct {
	text  string
	pos   int
	depth int
}

func (c *compiler) fail(format string, args ...any) error {
	return &SyntaxError{Path: c.text, Offset: c.pos, Reason: fmt.Sprintf(format, args...)}
}

func (c *compiler) rest() string { return c.text[c.pos:] }

// peek returns the next byte, 0 at the end.
func (c *compiler) peek() byte {
	if c.pos < len(c.text) {
		return c.text[c.pos]
	}
	return 0
}

func (c *compiler) take(s string) bool {
	if strings.HasPrefix(c.rest(), s) {
		c.pos += len(s)
		return true
	}
	return false
}

func (c *compiler) blanks() {
	for c.pos < len(c.text) && strings.IndexByte(" \t\r\n", c.text[c.pos]) >= 0 {
		c.pos++
	}
}

func (c *compiler) nest() error {
	if c.depth++; c.depth > maxFilter {
		return c.fail("nested more than %d deep", maxFilter)
	}
	return nil
}

// steps reads the steps after a root, until something that is no step.
func (c *compiler) steps(p *Path) error {
	for {
		switch c.peek() {
		case '.':
			c.pos++
			if c.take(".") {
				p.steps = append(p.steps, descend{})
			}
			if c.peek() == '[' {
				continue
			}
			s, err := c.dotted()
			if err != nil {
				return err
			}
			p.steps = append(p.steps, s)
		case '[':
			c.pos++
			c.blanks()
			s, err := c.bracketed()
			if err != nil {
				return err
			}
			c.blanks()
			if !c.take("]") {
				return c.fail("expected ']'")
			}
			p.steps = append(p.steps, s)
		default:
			return c.finish(p)
		}
	}
}

// finish checks what only the whole path shows.
func (c *compiler) finish(p *Path) error {
	for i, s := range p.steps {
		leaf := i == len(p.steps)-1
		switch s.(type) {
		case descend:
			if leaf {
				return c.fail("a path must not end with '..'")
			}
		case call:
			if !leaf {
				return c.fail("a function must be the last part of a path")
			}
		}
		if p.definite == i && s.definite(leaf) {
			p.definite++
		}
	}
	return nil
}

// dotted reads what follows a dot: a name, a wildcard or a function.
func (c *compiler) dotted() (step, error) {
	if c.take("*") {
		return wildcard{}, nil
	}
	if q := c.peek(); q == '\'' || q == '"' {
		name, err := c.quoted(false)
		return names{name}, err
	}
	start := c.pos
	for c.pos < len(c.text) && strings.IndexByte(".[]()=!<>&|, \t\r\n'\"", c.text[c.pos]) < 0 {
		c.pos++
	}
	name := c.text[start:c.pos]
	if name == "" {
		return nil, c.fail("expected a name")
	}
	if c.peek() != '(' {
		return names{name}, nil
	}
	if !functionNames[name] {
		c.pos = start
		return nil, c.fail("there is no function %s", name)
	}
	c.pos++
	args, err := c.arguments()
	return call{name: name, args: args}, err
}

// arguments reads the arguments of a function and the closing parenthesis.
func (c *compiler) arguments() ([]operand, error) {
	if err := c.nest(); err != nil {
		return nil, err
	}
	defer func() { c.depth-- }()
	var args []operand
	c.blanks()
	for !c.take(")") {
		if len(args) > 0 && !c.take(",") {
			return nil, c.fail("expected ',' or ')'")
		}
		c.blanks()
		arg, err := c.operand()
		if err != nil {
			return nil, err
		}
		args = append(args, arg)
		c.blanks()
	}
	return args, nil
}

// bracketed reads what stands between brackets.
func (c *compiler) bracketed() (step, error) {
	switch c.peek() {
	case '*':
		c.pos++
		return wildcard{}, nil
	case '\'', '"':
		return c.names()
	case '?':
		c.pos++
		c.blanks()
		if !c.take("(") {
			return nil, c.fail("expected '(' after '?'")
		}
		if err := c.nest(); err != nil {
			return nil, err
		}
		defer func() { c.depth-- }()
		test, err := c.condition()
		if err != nil {
			return nil, err
		}
		if !c.take(")") {
			return nil, c.fail("expected ')'")
		}
		return filter{test}, nil
	default:
		return c.numbers()
	}
}

func (c *compiler) names() (step, error) {
	var s names
	for {
		name, err := c.quoted(false)
		if err != nil {
			return nil, err
		}
		repeated := false
		for _, other := range s {
			repeated = repeated || other == name
		}
		if !repeated {
			s = append(s, name)
		}
		c.blanks()
		if !c.take(",") {
			return s, nil
		}
		c.blanks()
		if q := c.peek(); q != '\'' && q != '"' {
			return nil, c.fail("expected a quoted name")
		}
	}
}

// quoted reads a quoted text. A backslash quotes the quote and itself. In
// literals it starts the other escapes of JSON too; in names it otherwise
// stands for itself, as recorded.
func (c *compiler) quoted(literal bool) (string, error) {
	quote := c.peek()
	c.pos++
	var b strings.Builder
	for c.pos < len(c.text) {
		ch := c.text[c.pos]
		c.pos++
		switch {
		case ch == quote:
			return b.String(), nil
		case ch != '\\' || c.pos == len(c.text):
			b.WriteByte(ch)
		case c.text[c.pos] == quote || c.text[c.pos] == '\\':
			b.WriteByte(c.text[c.pos])
			c.pos++
		case literal:
			r, ok := c.escape()
			if !ok {
				return "", c.fail("unknown escape")
			}
			b.WriteRune(r)
		default:
			b.WriteByte('\\')
		}
	}
	return "", c.fail("expected a closing quote")
}

// escape reads what follows a backslash.
func (c *compiler) escape() (rune, bool) {
	ch := c.text[c.pos]
	c.pos++
	switch ch {
	case '"', '\'', '/':
		return rune(ch), true
	case 'b':
		return '\b', true
	case 'f':
		return '\f', true
	case 'n':
		return '\n', true
	case 'r':
		return '\r', true
	case 't':
		return '\t', true
	case 'u':
		if c.pos+4 <= len(c.text) {
			if n, err := strconv.ParseUint(c.text[c.pos:c.pos+4], 16, 16); err == nil {
				c.pos += 4
				return rune(n), true
			}
		}
	}
	return 0, false
}

// numbers reads indexes or a slice. The step of a slice is read and has no
// meaning.
func (c *compiler) numbers() (step, error) {
	start := c.pos
	first, hasFirst, err := c.number()
	if err != nil {
		return nil, err
	}
	if c.take(":") {
		s := slice{from: first, hasFrom: hasFirst}
		if s.to, s.hasTo, err = c.number(); err != nil {
			return nil, err
		}
		if c.take(":") {
			if _, _, err = c.number(); err != nil {
				return nil, err
			}
		}
		if !s.hasFrom && !s.hasTo {
			c.pos = start
			return nil, c.fail("a slice needs a bound")
		}
		return s, nil
	}
	if !hasFirst {
		return nil, c.fail("expected a quoted name, an index, '*' or '?'")
	}
	s := indexes{first}
	for c.take(",") {
		n, ok, err := c.number()
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, c.fail("expected an index")
		}
		s = append(s, n)
	}
	return s, nil
}

// number reads a whole number if one comes next, and the blanks around it.
func (c *compiler) number() (n int, ok bool, err error) {
	c.blanks()
	start := c.pos
	if c.peek() == '-' {
		c.pos++
	}
	for b := c.peek(); b >= '0' && b <= '9'; b = c.peek() {
		c.pos++
	}
	if c.pos == start {
		return 0, false, nil
	}
	n, err = strconv.Atoi(c.text[start:c.pos])
	if err != nil || n > 1<<31-1 || n < -1<<31 {
		c.pos = start
		return 0, false, c.fail("expected a whole number")
	}
	c.blanks()
	return n, true, nil
}
