package intrinsic

import (
	"fmt"
	"strings"

	"github.com/crossfade-dev/crossfade/asl/jsonpath"
	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

// MaxNesting is how many calls may stand inside each other.
const MaxNesting = 10

// A SyntaxError says where and why a text is not a call.
type SyntaxError struct {
	Call   string
	Offset int // in bytes, from 0
	Reason string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("intrinsic call %q: offset %d: %s", e.Call, e.Offset, e.Reason)
}

// Compile reads a call such as States.Array($.a, 'b', 3). The names of the
// functions and the number of their arguments are checked. The error is a
// *SyntaxError.
func Compile(text string) (*Call, error) {
	c := compiler{text: text}
	call, err := c.call(1)
	if err != nil {
		return nil, err
	}
	c.blanks()
	if c.pos < len(text) {
		return nil, c.fail("expected the end after ')'")
	}
	return call, nil
}

// compiler reads one call. pos is the offset of what comes next.
type compiler struct {
	text string
	pos  int
}

func (c *compiler) fail(format string, args ...any) error {
	return &SyntaxError{Call: c.text, Offset: c.pos, Reason: fmt.Sprintf(format, args...)}
}

// peek returns the next byte, 0 at the end.
func (c *compiler) peek() byte {
	if c.pos < len(c.text) {
		return c.text[c.pos]
	}
	return 0
}

func (c *compiler) blanks() {
	for c.pos < len(c.text) && strings.IndexByte(" \t\r\n", c.text[c.pos]) >= 0 {
		c.pos++
	}
}

// word returns the letters, digits, dots and signs that come next.
func (c *compiler) word() string {
	start := c.pos
	for c.pos < len(c.text) && strings.IndexByte("(), \t\r\n'$", c.text[c.pos]) < 0 {
		c.pos++
	}
	return c.text[start:c.pos]
}

// call reads a call that is nested depth deep.
func (c *compiler) call(depth int) (*Call, error) {
	start := c.pos
	name := c.word()
	f, ok := functions[name]
	if !ok {
		c.pos = start
		return nil, c.fail("there is no function %q", name)
	}
	if depth > MaxNesting {
		return nil, c.fail("calls are nested more than %d deep", MaxNesting)
	}
	if c.peek() != '(' {
		return nil, c.fail("expected '('")
	}
	c.pos++
	call := &Call{function: f}
	for c.blanks(); c.peek() != ')'; c.blanks() {
		if len(call.args) > 0 {
			if c.peek() != ',' {
				return nil, c.fail("expected ',' or ')'")
			}
			c.pos++
			c.blanks()
		}
		a, err := c.argument(depth)
		if err != nil {
			return nil, err
		}
		call.args = append(call.args, a)
	}
	if n := len(call.args); n < f.least || (f.most >= 0 && n > f.most) {
		return nil, c.fail("%s does not take %d arguments", name, n)
	}
	c.pos++
	call.text = c.text[start:c.pos]
	return call, nil
}

func (c *compiler) argument(depth int) (argument, error) {
	switch c.peek() {
	case '\'':
		return c.quoted()
	case '$':
		return c.path()
	}
	start := c.pos
	if IsCall(c.text[c.pos:]) {
		call, err := c.call(depth + 1)
		return argument{call: call}, err
	}
	word := c.word()
	v, err := jsonvalue.Parse(word)
	if k := v.Kind(); err != nil || k == jsonvalue.KindString || k == jsonvalue.KindArray || k == jsonvalue.KindObject {
		c.pos = start
		return argument{}, c.fail("expected a path, a text in single quotes, a number, true, false, null or a call")
	}
	return argument{literal: v}, nil
}

// quoted reads a text in single quotes. A backslash may stand only before a
// quote, a brace or a backslash.
func (c *compiler) quoted() (argument, error) {
	c.pos++
	start := c.pos
	var content strings.Builder
	for c.pos < len(c.text) {
		b := c.text[c.pos]
		switch b {
		case '\'':
			a := argument{literal: jsonvalue.String(content.String()), template: c.text[start:c.pos]}
			c.pos++
			return a, nil
		case '\\':
			c.pos++
			if !escapable(c.peek()) {
				return argument{}, c.fail(`a backslash must come before ', {, } or \`)
			}
			b = c.peek()
		}
		content.WriteByte(b)
		c.pos++
	}
	return argument{}, c.fail("expected a closing quote")
}

func escapable(b byte) bool { return b == '\'' || b == '{' || b == '}' || b == '\\' }

// path reads a path, which ends at the first blank, comma or parenthesis that
// is not inside of brackets, parentheses or quotes.
func (c *compiler) path() (argument, error) {
	start := c.pos
	depth := 0
	for quote := byte(0); c.pos < len(c.text); c.pos++ {
		b := c.text[c.pos]
		switch {
		case quote != 0:
			switch b {
			case '\\':
				c.pos++
			case quote:
				quote = 0
			}
			continue
		case b == '\'' || b == '"':
			quote = b
			continue
		case b == '[' || b == '(':
			depth++
			continue
		case depth > 0 && (b == ']' || b == ')'):
			depth--
			continue
		}
		if depth == 0 && strings.IndexByte(", )\t\r\n", b) >= 0 {
			break
		}
	}
	c.pos = min(c.pos, len(c.text))
	p, err := jsonpath.Compile(c.text[start:c.pos])
	if err != nil {
		c.pos = start
		return argument{}, c.fail("%v", err)
	}
	return argument{path: p}, nil
}
