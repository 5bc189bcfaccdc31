package jsonpath

import (
	"regexp"
	"strings"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

// condition reads alternatives: a || b.
func (c *compiler) condition() (condition, error) {
	var parts anyOf
	for {
		part, err := c.conjunction()
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
		if c.blanks(); !c.take("||") {
			if len(parts) == 1 {
				return part, nil
			}
			return parts, nil
		}
	}
}

// conjunction reads a && b.
func (c *compiler) conjunction() (condition, error) {
	var parts allOf
	for {
		part, err := c.term()
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
		if c.blanks(); !c.take("&&") {
			if len(parts) == 1 {
				return part, nil
			}
			return parts, nil
		}
	}
}

// term reads a condition without && and || outside of parentheses.
func (c *compiler) term() (condition, error) {
	if err := c.nest(); err != nil {
		return nil, err
	}
	defer func() { c.depth-- }()
	c.blanks()
	switch {
	case c.take("!"):
		of, err := c.term()
		return not{of}, err
	case c.take("("):
		inner, err := c.condition()
		if err != nil {
			return nil, err
		}
		if !c.take(")") {
			return nil, c.fail("expected ')'")
		}
		return inner, nil
	default:
		return c.comparison()
	}
}

func (c *compiler) comparison() (condition, error) {
	left, err := c.operand()
	if err != nil {
		return nil, err
	}
	c.blanks()
	operator := c.operator()
	if operator == "" {
		if left.path == nil {
			return nil, c.fail("expected an operator")
		}
		return exists{path: left.path, relative: left.relative}, nil
	}
	c.blanks()
	right, err := c.operand()
	if err != nil {
		return nil, err
	}
	return compare{operator: operator, left: left, right: right}, nil
}

// operator reads an operator and returns it in lower case, or "".
func (c *compiler) operator() string {
	for _, symbol := range []string{"===", "!==", "==", "!=", "<=", ">=", "=~", "<", ">"} {
		if c.take(symbol) {
			return symbol
		}
	}
	word := strings.ToLower(identifier(c.rest()))
	switch word {
	case "in", "nin", "contains", "subsetof", "all", "anyof", "noneof", "size", "empty":
		c.pos += len(word)
		return word
	}
	return ""
}

// operand reads a path, a literal or a pattern.
func (c *compiler) operand() (operand, error) {
	switch b := c.peek(); b {
	case '@', '$':
		c.pos++
		start := c.pos - 1
		p := &Path{}
		if err := c.steps(p); err != nil {
			return operand{}, err
		}
		p.text = c.text[start:c.pos]
		return operand{path: p, relative: b == '@'}, nil
	case '\'', '"':
		text, err := c.quoted(true)
		return operand{literal: jsonvalue.String(text)}, err
	case '/':
		return c.pattern()
	case '[', '{':
		return c.structure()
	}
	start := c.pos
	for c.pos < len(c.text) && strings.IndexByte(" \t\r\n)],=!<>&|", c.text[c.pos]) < 0 {
		c.pos++
	}
	literal, err := jsonvalue.Parse(c.text[start:c.pos])
	if err != nil {
		c.pos = start
		return operand{}, c.fail("expected a path or a value")
	}
	return operand{literal: literal}, nil
}

// pattern reads /re/flags.
func (c *compiler) pattern() (operand, error) {
	start := c.pos
	c.pos++
	for c.pos < len(c.text) && c.text[c.pos] != '/' {
		if c.text[c.pos] == '\\' {
			c.pos++
		}
		c.pos++
	}
	if c.pos >= len(c.text) {
		c.pos = start
		return operand{}, c.fail("expected a closing '/'")
	}
	source := strings.ReplaceAll(c.text[start+1:c.pos], `\/`, `/`)
	c.pos++
	flags := identifier(c.rest())
	c.pos += len(flags)
	kept := ""
	for _, f := range flags {
		switch f {
		case 'i', 's', 'm':
			kept += string(f)
		case 'd', 'u', 'U', 'x': // Java's; nothing that state data needs
		default:
			c.pos = start
			return operand{}, c.fail("unknown flag %q of a pattern", f)
		}
	}
	if kept != "" {
		kept = "(?" + kept + ")"
	}
	pattern, err := regexp.Compile(kept + `\A(?:` + source + `)\z`)
	if err != nil {
		c.pos = start
		return operand{}, c.fail("pattern: %v", err)
	}
	return operand{pattern: pattern}, nil
}

// structure reads a list or object literal: JSON, where single quotes may stand
// for double ones.
func (c *compiler) structure() (operand, error) {
	start := c.pos
	var json strings.Builder
	depth := 0
	for c.pos < len(c.text) {
		switch b := c.text[c.pos]; b {
		case '\'', '"':
			text, err := c.quoted(true)
			if err != nil {
				return operand{}, err
			}
			json.WriteString(jsonvalue.String(text).String())
			continue
		case '[', '{':
			depth++
		case ']', '}':
			depth--
		}
		json.WriteByte(c.text[c.pos])
		c.pos++
		if depth == 0 {
			break
		}
	}
	literal, err := jsonvalue.Parse(json.String())
	if err != nil {
		c.pos = start
		return operand{}, c.fail("expected a list or an object: %v", err)
	}
	return operand{literal: literal}, nil
}
