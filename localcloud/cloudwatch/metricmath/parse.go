package metricmath

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// An Expr is a parsed expression.
type Expr struct {
	root node
	refs []string
	all  bool
}

// Refs returns the ids of the queries that the expression refers to. all says
// that it refers to every metric, by METRICS().
func (x *Expr) Refs() (ids []string, all bool) { return slices.Clone(x.refs), x.all }

// A node is a part of an expression; at is its place in the text.
type node interface{ at() int }

type pos int

func (p pos) at() int { return int(p) }

type (
	number struct {
		pos
		value float64
	}
	text struct {
		pos
		value string
	}
	ref struct {
		pos
		id string
	}
	list struct {
		pos
		items []node
	}
	unary struct { // -x
		pos
		x node
	}
	binary struct {
		pos
		op          string
		left, right node
	}
	call struct {
		pos
		name string
		args []node
	}
)

// maxDepth bounds how deep an expression nests.
const maxDepth = 100

// Parse reads an expression. The error is an *Error.
func Parse(expression string) (*Expr, error) {
	p := &parser{text: expression, expr: &Expr{}}
	root, err := p.binary(0)
	if err != nil {
		return nil, err
	}
	p.blanks()
	if p.pos < len(p.text) {
		return nil, p.errorf("unexpected %q", p.rest())
	}
	p.expr.root = root
	return p.expr, nil
}

type parser struct {
	text  string
	pos   int
	depth int
	expr  *Expr
}

func (p *parser) errorf(format string, args ...any) error {
	return &Error{Offset: p.pos, Text: fmt.Sprintf(format, args...)}
}

// rest returns a little of what is still to be read.
func (p *parser) rest() string { return p.text[p.pos:min(p.pos+12, len(p.text))] }

func (p *parser) blanks() {
	for p.pos < len(p.text) && strings.IndexByte(" \t\r\n", p.text[p.pos]) >= 0 {
		p.pos++
	}
}

// operators by rising precedence; longer spellings first.
var operators = [][]string{
	{"||", "OR"},
	{"&&", "AND"},
	{"==", "!=", "<=", ">=", "<", ">"},
	{"+", "-"},
	{"*", "/"},
}

// operator takes an operator of a level if one is next.
func (p *parser) operator(level int) (op string, ok bool) {
	p.blanks()
	for _, op := range operators[level] {
		if !strings.HasPrefix(p.text[p.pos:], op) {
			continue
		}
		end := p.pos + len(op)
		if isLetter(op[0]) && end < len(p.text) && (isLetter(p.text[end]) || isDigit(p.text[end])) {
			continue // ORDERS is a name
		}
		p.pos = end
		return op, true
	}
	return "", false
}

// binary reads what the operators from a level up join, from the left.
func (p *parser) binary(level int) (node, error) {
	if level == len(operators) {
		return p.unary()
	}
	left, err := p.binary(level + 1)
	for err == nil {
		start := p.pos
		op, ok := p.operator(level)
		if !ok {
			break
		}
		var right node
		right, err = p.binary(level + 1)
		left = binary{pos(start), op, left, right}
	}
	return left, err
}

func (p *parser) unary() (node, error) {
	p.blanks()
	if p.depth++; p.depth > maxDepth {
		return nil, p.errorf("the expression nests too deep")
	}
	defer func() { p.depth-- }()
	if p.pos < len(p.text) && p.text[p.pos] == '-' {
		start := p.pos
		p.pos++
		x, err := p.unary()
		return unary{pos(start), x}, err
	}
	return p.power()
}

// power reads a^b, which joins from the right and closer than a minus.
func (p *parser) power() (node, error) {
	left, err := p.operand()
	if err != nil {
		return nil, err
	}
	p.blanks()
	if p.pos < len(p.text) && p.text[p.pos] == '^' {
		start := p.pos
		p.pos++
		right, err := p.unary()
		return binary{pos(start), "^", left, right}, err
	}
	return left, nil
}

func (p *parser) operand() (node, error) {
	p.blanks()
	start := p.pos
	if start == len(p.text) {
		return nil, p.errorf("the expression ends where a value was expected")
	}
	switch c := p.text[start]; {
	case c == '(':
		p.pos++
		x, err := p.binary(0)
		if err != nil {
			return nil, err
		}
		return x, p.expect(')')
	case c == '[':
		p.pos++
		items, err := p.items(']')
		return list{pos(start), items}, err
	case c == '"' || c == '\'':
		end := strings.IndexByte(p.text[start+1:], c)
		if end < 0 {
			return nil, p.errorf("the text has no end")
		}
		p.pos = start + 1 + end + 1
		return text{pos(start), p.text[start+1 : start+1+end]}, nil
	case isDigit(c) || c == '.':
		for p.pos < len(p.text) && (isDigit(p.text[p.pos]) || p.text[p.pos] == '.') {
			p.pos++
		}
		if rest := p.text[p.pos:]; len(rest) > 1 && (rest[0] == 'e' || rest[0] == 'E') &&
			(isDigit(rest[1]) || len(rest) > 2 && (rest[1] == '-' || rest[1] == '+') && isDigit(rest[2])) {
			p.pos += 2
			for p.pos < len(p.text) && isDigit(p.text[p.pos]) {
				p.pos++
			}
		}
		v, err := strconv.ParseFloat(p.text[start:p.pos], 64)
		if err != nil {
			p.pos = start
			return nil, p.errorf("%q is not a number", p.rest())
		}
		return number{pos(start), v}, nil
	case isLetter(c):
		for p.pos < len(p.text) && (isLetter(p.text[p.pos]) || isDigit(p.text[p.pos])) {
			p.pos++
		}
		return p.named(start, p.text[start:p.pos])
	}
	return nil, p.errorf("found %q where a value was expected", p.rest())
}

// named reads what begins with a name: a function, a constant or an id.
func (p *parser) named(start int, name string) (node, error) {
	p.blanks()
	if p.pos < len(p.text) && p.text[p.pos] == '(' {
		f, ok := functions[name]
		if !ok {
			p.pos = start
			return nil, p.errorf("there is no function %s", name)
		}
		p.pos++
		args, err := p.items(')')
		if err != nil {
			return nil, err
		}
		if len(args) < f.least || len(args) > f.most {
			p.pos = start
			return nil, p.errorf("%s takes %s, not %d", name, f.arity(), len(args))
		}
		p.expr.all = p.expr.all || name == "METRICS"
		return call{pos(start), name, args}, nil
	}
	if constants[name] {
		return text{pos(start), name}, nil
	}
	if name[0] < 'a' || name[0] > 'z' {
		p.pos = start
		return nil, p.errorf("%s is neither a function nor an id, which begins with a lower-case letter", name)
	}
	if !slices.Contains(p.expr.refs, name) {
		p.expr.refs = append(p.expr.refs, name)
	}
	return ref{pos(start), name}, nil
}

// constants are words that functions take bare.
var constants = map[string]bool{
	"REPEAT": true, "LINEAR": true, "ASC": true, "DESC": true,
	"AVG": true, "SUM": true, "MIN": true, "MAX": true, "STDDEV": true,
}

// items reads a list up to end.
func (p *parser) items(end byte) ([]node, error) {
	p.blanks()
	if p.pos < len(p.text) && p.text[p.pos] == end {
		p.pos++
		return nil, nil
	}
	var items []node
	for {
		x, err := p.binary(0)
		if err != nil {
			return nil, err
		}
		items = append(items, x)
		p.blanks()
		if p.pos < len(p.text) && p.text[p.pos] == ',' {
			p.pos++
			continue
		}
		return items, p.expect(end)
	}
}

func (p *parser) expect(c byte) error {
	p.blanks()
	if p.pos < len(p.text) && p.text[p.pos] == c {
		p.pos++
		return nil
	}
	if p.pos == len(p.text) {
		return p.errorf("the expression ends where %q was expected", c)
	}
	return p.errorf("found %q where %q was expected", p.rest(), c)
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' }
