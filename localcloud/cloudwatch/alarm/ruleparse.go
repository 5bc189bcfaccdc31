package alarm

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// MaxRuleLength is how long a rule may be, in characters.
const MaxRuleLength = 10240

// A RuleError says what is wrong with a rule, and where.
type RuleError struct {
	Offset int // in bytes from the start of the rule
	Text   string
}

// Error returns the text with the place, counted from 1.
func (e *RuleError) Error() string {
	return fmt.Sprintf("rule, character %d: %s", e.Offset+1, e.Text)
}

// ParseRule reads the rule of a composite alarm. The error is a *RuleError.
//
// A reference is a name or an ARN. It stands in double quotes when it has
// blanks, parentheses or commas; a backslash takes the next character as it is.
func ParseRule(text string) (Rule, error) {
	p := &ruleParser{text: text}
	if len(text) > MaxRuleLength {
		return Rule{}, p.errorf("the rule is longer than %d characters", MaxRuleLength)
	}
	root, err := p.or()
	if err != nil {
		return Rule{}, err
	}
	p.blanks()
	if p.at < len(text) {
		return Rule{}, p.errorf("unexpected %q after the end of the expression", p.rest(12))
	}
	return Rule{root: root, refs: p.refs}, nil
}

// ruleParser goes down by recursion: or, and, not, operand.
type ruleParser struct {
	text string
	at   int
	refs []string
}

func (p *ruleParser) errorf(format string, args ...any) error {
	return &RuleError{Offset: p.at, Text: fmt.Sprintf(format, args...)}
}

// rest returns at most n bytes of what is still to be read.
func (p *ruleParser) rest(n int) string { return p.text[p.at:min(p.at+n, len(p.text))] }

func (p *ruleParser) blanks() {
	for p.at < len(p.text) && strings.IndexByte(" \t\r\n", p.text[p.at]) >= 0 {
		p.at++
	}
}

// word returns the upper-case word that is next, without taking it.
func (p *ruleParser) word() string {
	p.blanks()
	end := p.at
	for end < len(p.text) && (p.text[end] >= 'A' && p.text[end] <= 'Z' || p.text[end] == '_') {
		end++
	}
	return p.text[p.at:end]
}

// take takes the byte c if it is next.
func (p *ruleParser) take(c byte) bool {
	p.blanks()
	if p.at < len(p.text) && p.text[p.at] == c {
		p.at++
		return true
	}
	return false
}

func (p *ruleParser) expect(c byte) error {
	if p.take(c) {
		return nil
	}
	if p.at == len(p.text) {
		return p.errorf("the rule ends where %q was expected", c)
	}
	return p.errorf("found %q where %q was expected", p.rest(1), c)
}

func (p *ruleParser) or() (node, error) {
	left, err := p.and()
	for err == nil && p.word() == "OR" {
		p.at += len("OR")
		var right node
		right, err = p.and()
		left = or{left, right}
	}
	return left, err
}

func (p *ruleParser) and() (node, error) {
	left, err := p.not()
	for err == nil && p.word() == "AND" {
		p.at += len("AND")
		var right node
		right, err = p.not()
		left = and{left, right}
	}
	return left, err
}

func (p *ruleParser) not() (node, error) {
	negations := 0
	for p.word() == "NOT" {
		p.at += len("NOT")
		negations++
	}
	n, err := p.operand()
	if negations%2 == 1 {
		n = not{n}
	}
	return n, err
}

func (p *ruleParser) operand() (node, error) {
	if p.take('(') {
		n, err := p.or()
		if err != nil {
			return nil, err
		}
		return n, p.expect(')')
	}
	word := p.word()
	switch word {
	case "TRUE", "FALSE":
		p.at += len(word)
		return constant(word == "TRUE"), nil
	case string(OK), string(Alarm), string(InsufficientData):
		p.at += len(word)
		if err := p.expect('('); err != nil {
			return nil, err
		}
		ref, err := p.ref()
		if err != nil {
			return nil, err
		}
		return in{ref, Value(word)}, p.expect(')')
	case "AT_LEAST":
		p.at += len(word)
		return p.atLeast()
	}
	if p.at == len(p.text) {
		return nil, p.errorf("the rule ends where an expression was expected")
	}
	return nil, p.errorf("found %q where ALARM, OK, INSUFFICIENT_DATA, AT_LEAST, NOT, TRUE, FALSE or a parenthesis was expected", p.rest(12))
}

// atLeast reads what follows AT_LEAST: (2, ALARM, (a, b, c)); the number may be
// a percentage and the state may be negated.
func (p *ruleParser) atLeast() (node, error) {
	if err := p.expect('('); err != nil {
		return nil, err
	}
	p.blanks()
	start := p.at
	for p.at < len(p.text) && p.text[p.at] >= '0' && p.text[p.at] <= '9' {
		p.at++
	}
	n := atLeast{}
	var err error
	if n.count, err = strconv.Atoi(p.text[start:p.at]); err != nil || n.count < 1 {
		p.at = start
		return nil, p.errorf("found %q where a number above 0 was expected", p.rest(12))
	}
	n.percent = p.take('%')
	if n.percent && n.count > 100 {
		p.at = start
		return nil, p.errorf("%d%% is more than all", n.count)
	}
	if err := p.expect(','); err != nil {
		return nil, err
	}
	for p.word() == "NOT" {
		p.at += len("NOT")
		n.negated = !n.negated
	}
	switch word := p.word(); Value(word) {
	case OK, Alarm, InsufficientData:
		n.value = Value(word)
		p.at += len(word)
	default:
		return nil, p.errorf("found %q where ALARM, OK or INSUFFICIENT_DATA was expected", p.rest(12))
	}
	if err := p.expect(','); err != nil {
		return nil, err
	}
	if err := p.expect('('); err != nil {
		return nil, err
	}
	for {
		ref, err := p.ref()
		if err != nil {
			return nil, err
		}
		n.refs = append(n.refs, ref)
		if !p.take(',') {
			break
		}
	}
	if err := p.expect(')'); err != nil {
		return nil, err
	}
	if !n.percent && n.count > len(n.refs) {
		p.at = start
		return nil, p.errorf("%d are asked for, but only %d alarms are named", n.count, len(n.refs))
	}
	return n, p.expect(')')
}

// ref reads a name or an ARN.
func (p *ruleParser) ref() (string, error) {
	p.blanks()
	start := p.at
	var name strings.Builder
	if p.take('"') {
		for p.at < len(p.text) && p.text[p.at] != '"' {
			if p.text[p.at] == '\\' && p.at+1 < len(p.text) {
				p.at++
			}
			name.WriteByte(p.text[p.at])
			p.at++
		}
		if p.at == len(p.text) {
			p.at = start
			return "", p.errorf("the quoted alarm name has no end")
		}
		p.at++
	} else {
		for p.at < len(p.text) && strings.IndexByte(" \t\r\n(),\"", p.text[p.at]) < 0 {
			name.WriteByte(p.text[p.at])
			p.at++
		}
	}
	if name.Len() == 0 {
		p.at = start
		return "", p.errorf("the name of an alarm is missing")
	}
	if !slices.Contains(p.refs, name.String()) {
		p.refs = append(p.refs, name.String())
	}
	return name.String(), nil
}
