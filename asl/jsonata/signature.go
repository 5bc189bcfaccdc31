package jsonata

import (
	"regexp"
	"strconv"
	"strings"
)

// A signature says what arguments a function takes, in the notation of the
// JSONata documentation: <s-nn?:s> takes a string, by default the context, a
// number and perhaps another one, and returns a string.
type signature struct {
	params []param
	match  *regexp.Regexp // over one letter for each argument, one group for each parameter
}

type param struct {
	kind      string // the letter, or the letters of a choice in parentheses
	subtype   string // of the elements of an array
	pattern   string
	array     bool
	fromInput bool // the context stands in for a missing argument
	accepts   *regexp.Regexp
}

// parseSignature reads a signature with its angle brackets. Its errors have no
// place yet.
func parseSignature(source string) (*signature, *Error) {
	s := &signature{}
	body := strings.TrimSuffix(strings.TrimPrefix(source, "<"), ">")
scan:
	for i := 0; i < len(body); i++ {
		switch c := body[i]; c {
		case ':':
			break scan // what follows is the type of the result
		case 's', 'n', 'b', 'l', 'o':
			s.params = append(s.params, param{kind: string(c), pattern: "[" + string(c) + "m]"})
		case 'a':
			s.params = append(s.params, param{kind: "a", pattern: "[asnblfom]", array: true})
		case 'f':
			s.params = append(s.params, param{kind: "f", pattern: "f"})
		case 'j':
			s.params = append(s.params, param{kind: "j", pattern: "[asnblom]"})
		case 'x':
			s.params = append(s.params, param{kind: "x", pattern: "[asnblfom]"})
		case '(':
			end := strings.IndexByte(body[i:], ')')
			if end < 0 {
				break scan
			}
			choice := body[i+1 : i+end]
			if strings.ContainsRune(choice, '<') {
				return nil, syntax("S0402", -1, choice)
			}
			kinds := strings.Map(func(r rune) rune {
				if strings.ContainsRune("snbloafjx", r) {
					return r
				}
				return -1
			}, choice)
			if strings.ContainsAny(kinds, "jx") {
				kinds = "asnblfo"
			}
			s.params = append(s.params, param{kind: "(" + choice + ")", pattern: "[" + kinds + "m]"})
			i += end
		case '<':
			if len(s.params) == 0 {
				break scan
			}
			p := &s.params[len(s.params)-1]
			if p.kind != "a" && p.kind != "f" {
				return nil, syntax("S0401", -1, p.kind)
			}
			end := closing(body, i)
			if end < 0 {
				break scan
			}
			p.subtype = body[i+1 : end]
			i = end
		case '-':
			if len(s.params) > 0 {
				p := &s.params[len(s.params)-1]
				p.fromInput = true
				p.accepts = regexp.MustCompile("^" + p.pattern + "$")
				p.pattern += "?"
			}
		case '?', '+':
			if len(s.params) > 0 {
				s.params[len(s.params)-1].pattern += string(c)
			}
		}
	}
	var pattern strings.Builder
	pattern.WriteByte('^')
	for _, p := range s.params {
		pattern.WriteString("(" + p.pattern + ")")
	}
	pattern.WriteByte('$')
	match, err := regexp.Compile(pattern.String())
	if err != nil { // two modifiers on one parameter
		return nil, syntax("S0401", -1, source)
	}
	s.match = match
	return s, nil
}

// closing returns the place of the bracket that closes the one at open.
func closing(s string, open int) int {
	depth := 0
	for i := open; i < len(s); i++ {
		switch s[i] {
		case '<':
			depth++
		case '>':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

func mustSignature(source string) *signature {
	s, err := parseSignature(source)
	if err != nil {
		panic(err)
	}
	return s
}

// letter returns the letter of a value's type.
func letter(v value) byte {
	return [...]byte{
		undefinedKind: 'm', nullKind: 'l', boolKind: 'b', numberKind: 'n', stringKind: 's',
		arrayKind: 'a', objectKind: 'o', functionKind: 'f',
	}[v.kind]
}

// apply checks args and returns them as the function wants them: the context
// filled in, and single values made arrays.
func (s *signature) apply(args []value, input value) ([]value, error) {
	letters := make([]byte, len(args))
	for i, a := range args {
		letters[i] = letter(a)
	}
	groups := s.match.FindSubmatchIndex(letters)
	if groups == nil {
		return nil, s.mismatch(args, letters)
	}
	out := make([]value, 0, len(s.params))
	next := 0
	for i, p := range s.params {
		from, to := groups[2*i+2], groups[2*i+3]
		if from == to {
			var arg value
			if p.fromInput {
				arg = unwrapped(input)
				if !p.accepts.Match([]byte{letter(arg)}) {
					return nil, fault("T0411", -1, "", value{}, strconv.Itoa(next+1))
				}
				out = append(out, arg)
				continue
			}
			if next < len(args) {
				arg = args[next]
			}
			out = append(out, arg)
			next++
			continue
		}
		for range to - from {
			// A parameter that was left out counts as one argument, so that
			// they may run out here.
			var arg value
			if next < len(args) {
				arg = args[next]
			}
			next++
			if p.array {
				var err error
				if arg, err = p.asArray(arg, next, letters[from:to]); err != nil {
					return nil, err
				}
			}
			out = append(out, arg)
		}
	}
	return out, nil
}

// asArray makes an array of one value, and checks the type of its elements.
func (p param) asArray(arg value, position int, letters []byte) (value, error) {
	if !arg.defined() {
		return arg, nil
	}
	fits := true
	if p.subtype != "" {
		if arg.kind != arrayKind {
			fits = string(letters) == p.subtype
		} else if l := arg.list(); l.len() > 0 {
			want := letter(l.at(0))
			fits = want == p.subtype[0]
			for i := 1; fits && i < l.len(); i++ {
				fits = letter(l.at(i)) == want
			}
		}
	}
	if !fits {
		return value{}, fault("T0412", -1, "", text(names[p.subtype[0]]), strconv.Itoa(position))
	}
	if arg.kind != arrayKind {
		return plain([]value{arg}), nil
	}
	return arg, nil
}

var names = map[byte]string{
	'a': "arrays", 'b': "booleans", 'f': "functions", 'n': "numbers", 'o': "objects", 's': "strings",
}

// mismatch names the first argument that does not fit.
func (s *signature) mismatch(args []value, letters []byte) error {
	bad := len(args)
	var prefix strings.Builder
	prefix.WriteByte('^')
	for _, p := range s.params {
		prefix.WriteString(p.pattern)
		re, err := regexp.Compile(prefix.String())
		if err != nil {
			break
		}
		m := re.Find(letters)
		if m == nil {
			break
		}
		bad = len(m) + 1
	}
	var v value
	if bad >= 1 && bad <= len(args) {
		v = args[bad-1]
	}
	return fault("T0410", -1, "", v, strconv.Itoa(max(bad, 1)))
}
