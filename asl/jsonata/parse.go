package jsonata

import (
	"strings"
)

const (
	maxText    = 256 << 10 // bytes of an expression: what a state may hold of data
	maxNesting = 500       // parts of an expression inside each other
)

// power is how strongly each operator binds what stands on its left.
var power = map[string]int{
	".": 75, "[": 80, "{": 70, "(": 80, "@": 80, "#": 80,
	"*": 60, "/": 60, "%": 60,
	"+": 50, "-": 50, "&": 50,
	"=": 40, "!=": 40, "<": 40, "<=": 40, ">": 40, ">=": 40, "~>": 40, "^": 40, "in": 40,
	"and": 30, "or": 25, "?": 20, ":=": 10,
}

// parser reads an expression by operator precedence. current is the token that
// comes next.
type parser struct {
	scanner
	current token
	depth   int
	open    []string // what closes the brackets that are open
}

// parse returns the tree of an expression as it was written. resolve makes of
// it what can be evaluated.
func parse(source string) (*node, error) {
	if len(source) > maxText {
		return nil, syntax("U1001", 0, "", "the expression is too long")
	}
	p := &parser{scanner: scanner{text: source}}
	if err := p.advance(true); err != nil {
		return nil, err
	}
	n, err := p.expression(0)
	if err != nil {
		return nil, err
	}
	if p.current.kind != tokenEnd {
		return nil, syntax("S0201", p.current.pos, p.current.text)
	}
	return n, nil
}

// advance moves to the next token; operand tells whether an operand may come.
func (p *parser) advance(operand bool) (err error) {
	p.current, err = p.next(operand)
	return err
}

func (p *parser) at(operator string) bool {
	return p.current.kind == tokenOperator && p.current.text == operator
}

// expect passes over an operator that must come now.
func (p *parser) expect(operator string, operand bool) error {
	if !p.at(operator) {
		code := "S0202"
		if p.current.kind == tokenEnd {
			code = "S0203"
		} else if t := p.current.text; p.current.kind == tokenOperator && (t == "!" || t == "~") {
			code = "S0204"
		}
		return syntax(code, p.current.pos, p.current.text, operator)
	}
	return p.advance(operand)
}

// list reads what stands between brackets, after the first: nothing, or items
// with commas between them. Then it passes over the closing bracket.
func (p *parser) list(closing string, item func() error) error {
	p.open = append(p.open, closing)
	defer func() { p.open = p.open[:len(p.open)-1] }()
	if !p.at(closing) {
		for {
			if err := item(); err != nil {
				return err
			}
			if !p.at(",") {
				break
			}
			if err := p.advance(true); err != nil {
				return err
			}
		}
	}
	return p.expect(closing, false)
}

// enclosed reads one expression and the bracket that closes it.
func (p *parser) enclosed(closing string) (*node, error) {
	p.open = append(p.open, closing)
	defer func() { p.open = p.open[:len(p.open)-1] }()
	n, err := p.expression(0)
	if err != nil {
		return nil, err
	}
	return n, p.expect(closing, false)
}

// expression reads until an operator that binds no stronger than least.
func (p *parser) expression(least int) (*node, error) {
	if p.depth++; p.depth > maxNesting {
		return nil, syntax("U1001", p.current.pos, "", "the expression is nested too deeply")
	}
	defer func() { p.depth-- }()
	left, err := p.operand()
	if err != nil {
		return nil, err
	}
	for p.current.kind == tokenOperator && least < power[p.current.text] {
		t := p.current
		if err := p.advance(true); err != nil {
			return nil, err
		}
		if left, err = p.operator(t, left); err != nil {
			return nil, err
		}
	}
	if t := p.current.text; p.current.kind == tokenOperator && (t == "!" || t == "~") {
		return nil, syntax("S0204", p.current.pos, t)
	}
	return left, nil
}

// operand reads what can stand at the start of an expression.
func (p *parser) operand() (*node, error) {
	t := p.current
	n := &node{pos: t.pos, text: t.text}
	switch t.kind {
	case tokenEnd:
		if n := len(p.open); n > 0 {
			return nil, syntax("S0203", t.pos, t.text, p.open[n-1])
		}
		return nil, syntax("S0207", t.pos, t.text)
	case tokenString:
		n.kind = nodeString
	case tokenNumber:
		n.kind, n.num = nodeNumber, t.num
	case tokenName:
		n.kind = nodeName
	case tokenVariable:
		n.kind = nodeVariable
	case tokenConstant:
		n.kind, n.constant = nodeConstant, t.constant
	case tokenRegex:
		n.kind = nodeRegex
		re, err := compileRegex(t.text, t.flags)
		if err != nil {
			return nil, syntax("S0303", t.pos, t.text, err.Error())
		}
		n.regex = re
	case tokenOperator:
		switch t.text {
		case "and", "or", "in":
			n.kind = nodeName
		case "*":
			n.kind = nodeWildcard
		case "**":
			n.kind = nodeDescendants
		case "%":
			n.kind = nodeParent
		case "-", "(", "[", "{", "|":
			// The reference takes a slash here for the operator.
			if err := p.advance(false); err != nil {
				return nil, err
			}
			return p.prefixed(n)
		case "!", "~":
			return nil, syntax("S0204", t.pos, t.text)
		default:
			return nil, syntax("S0211", t.pos, t.text)
		}
	}
	return n, p.advance(false)
}

// prefixed reads on after an operator that starts an operand.
func (p *parser) prefixed(n *node) (*node, error) {
	var err error
	switch n.text {
	case "-":
		n.kind = nodeNegate
		n.left, err = p.expression(70)
		return n, err
	case "(":
		n.kind = nodeBlock
		p.open = append(p.open, ")")
		defer func() { p.open = p.open[:len(p.open)-1] }()
		for !p.at(")") {
			statement, err := p.expression(0)
			if err != nil {
				return nil, err
			}
			n.items = append(n.items, statement)
			if !p.at(";") {
				break
			}
			if err := p.advance(true); err != nil {
				return nil, err
			}
		}
		return n, p.expect(")", false)
	case "[":
		n.kind = nodeArray
		return n, p.list("]", func() error {
			item, err := p.element()
			n.items = append(n.items, item)
			return err
		})
	case "{":
		return n, p.object(n)
	default: // "|"
		n.kind = nodeTransform
		p.open = append(p.open, "|")
		defer func() { p.open = p.open[:len(p.open)-1] }()
		if n.left, err = p.expression(0); err != nil {
			return nil, err
		}
		if err = p.expect("|", true); err != nil {
			return nil, err
		}
		if n.right, err = p.expression(0); err != nil {
			return nil, err
		}
		if p.at(",") {
			if err = p.advance(true); err != nil {
				return nil, err
			}
			if n.third, err = p.expression(0); err != nil {
				return nil, err
			}
		}
		return n, p.expect("|", false)
	}
}

// element reads one element of an array constructor, or a range.
func (p *parser) element() (*node, error) {
	item, err := p.expression(0)
	if err != nil || !p.at("..") {
		return item, err
	}
	n := &node{kind: nodeBinary, pos: p.current.pos, text: "..", left: item}
	if err := p.advance(true); err != nil {
		return nil, err
	}
	n.right, err = p.expression(0)
	return n, err
}

// object reads the pairs of an object constructor, after its brace.
func (p *parser) object(n *node) error {
	n.kind = nodeObject
	return p.list("}", func() error {
		key, err := p.expression(0)
		if err != nil {
			return err
		}
		if err := p.expect(":", true); err != nil {
			return err
		}
		v, err := p.expression(0)
		n.pairs = append(n.pairs, pair{key, v})
		return err
	})
}

// operator reads on after an operator that has left on its left.
func (p *parser) operator(t token, left *node) (*node, error) {
	n := &node{kind: nodeBinary, pos: t.pos, text: t.text, left: left}
	var err error
	switch t.text {
	case "(":
		return p.call(n)
	case "[":
		if p.at("]") { // [] keeps the array
			step := left
			for step.kind == nodeFilter {
				step = step.left
			}
			step.keepArray = true
			return left, p.expect("]", false)
		}
		n.kind = nodeFilter
		n.right, err = p.enclosed("]")
		return n, err
	case "{":
		n.kind = nodeGroup
		n.right = &node{pos: t.pos, text: t.text}
		return n, p.object(n.right)
	case "^":
		n.kind = nodeOrder
		return n, p.order(n)
	case "?":
		n.kind = nodeCondition
		if n.right, err = p.expression(0); err != nil {
			return nil, err
		}
		if p.at(":") {
			if err = p.advance(true); err != nil {
				return nil, err
			}
			n.third, err = p.expression(0)
		}
		return n, err
	case ":=":
		if left.kind != nodeVariable {
			return nil, syntax("S0212", left.pos, left.text)
		}
		n.kind = nodeBind
		n.right, err = p.expression(power[":="] - 1)
		return n, err
	case "@", "#":
		n.kind = nodeFocus
		if t.text == "#" {
			n.kind = nodeIndex
		}
		if n.right, err = p.expression(power[t.text]); err != nil {
			return nil, err
		}
		if n.right.kind != nodeVariable {
			return nil, syntax("S0214", n.right.pos, t.text)
		}
		return n, nil
	case ".":
		n.kind = nodeDot
	case "~>":
		n.kind = nodeApply
	}
	n.right, err = p.expression(power[t.text])
	return n, err
}

// order reads the criteria of ^( ).
func (p *parser) order(n *node) error {
	if err := p.expect("(", true); err != nil {
		return err
	}
	if p.at(")") {
		return syntax("S0211", p.current.pos, ")")
	}
	return p.list(")", func() error {
		var criterion term
		if p.at("<") || p.at(">") {
			criterion.descending = p.at(">")
			if err := p.advance(true); err != nil {
				return err
			}
		}
		by, err := p.expression(0)
		criterion.by = by
		n.terms = append(n.terms, criterion)
		return err
	})
}

// call reads the arguments of a call, or the definition of a function.
func (p *parser) call(n *node) (*node, error) {
	n.kind = nodeCall
	err := p.list(")", func() error {
		if p.at("?") {
			n.kind = nodePartial
			n.items = append(n.items, &node{kind: nodePlaceholder, pos: p.current.pos})
			return p.advance(false)
		}
		arg, err := p.expression(0)
		n.items = append(n.items, arg)
		return err
	})
	if err != nil {
		return nil, err
	}
	if name := n.left; name.kind == nodeName && (name.text == "function" || name.text == "λ") {
		return n, p.lambda(n)
	}
	return n, nil
}

// lambda reads the signature and the body of a function.
func (p *parser) lambda(n *node) error {
	n.kind, n.left = nodeLambda, nil
	for _, parameter := range n.items {
		if parameter.kind != nodeVariable {
			return syntax("S0208", parameter.pos, parameter.text)
		}
	}
	if p.at("<") {
		start := p.current.pos
		var b strings.Builder
		for depth := 0; ; {
			if p.at("<") {
				depth++
			} else if p.at(">") {
				depth--
			}
			if p.current.kind == tokenEnd || p.at("{") || depth == 0 {
				break
			}
			b.WriteString(p.current.text)
			if err := p.advance(false); err != nil {
				return err
			}
		}
		if err := p.expect(">", false); err != nil {
			return err
		}
		signature, err := parseSignature(b.String() + ">")
		if err != nil {
			err.Position = start
			return err
		}
		n.signature = signature
	}
	if err := p.expect("{", true); err != nil {
		return err
	}
	body, err := p.enclosed("}")
	n.body = body
	return err
}
