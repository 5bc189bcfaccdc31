package wire

import (
	"regexp"
	"strings"
	"sync"
)

var matchers sync.Map // pattern → func(string) bool

// matcher returns a function that says whether the whole of a string matches a
// pattern of a service model. The patterns are Java's; what Go's expressions
// lack is rewritten, and looking ahead or behind at the ends of the pattern,
// which is all that the models do of it, is done by separate expressions. A
// pattern that is still not understood matches everything: refusing what AWS
// accepts would be worse than the reverse.
func matcher(pattern string) func(string) bool {
	if m, ok := matchers.Load(pattern); ok {
		return m.(func(string) bool)
	}
	m := compileMatcher(pattern)
	if m == nil {
		m = func(string) bool { return true }
	}
	matchers.Store(pattern, m)
	return m
}

// compileMatcher returns nil if the pattern is not understood.
func compileMatcher(pattern string) func(string) bool {
	text := unwrapGroup(pattern)
	var conditions []func(string) bool
	for {
		rest := strings.TrimPrefix(text, "^")
		negative := strings.HasPrefix(rest, "(?!")
		if !negative && !strings.HasPrefix(rest, "(?=") {
			break
		}
		end := groupEnd(rest)
		if end < 0 {
			return nil
		}
		// An assertion at the start looks at a prefix of the text.
		re, err := regexp.Compile("^(?:" + javaToGo(rest[3:end]) + ")")
		if err != nil {
			return nil
		}
		conditions = append(conditions, func(s string) bool { return re.MatchString(s) != negative })
		text = rest[end+1:]
	}
	if i := strings.LastIndex(text, "(?<!"); i >= 0 && groupEnd(text[i:]) == len(text)-i-1 {
		// An assertion at the end looks at a suffix of the text.
		re, err := regexp.Compile("(?:" + javaToGo(text[i+4:len(text)-1]) + ")$")
		if err != nil {
			return nil
		}
		conditions = append(conditions, func(s string) bool { return !re.MatchString(s) })
		text = text[:i]
	}
	whole, err := regexp.Compile(`\A(?:` + javaToGo(text) + `)\z`)
	if err != nil {
		return nil
	}
	if len(conditions) == 0 {
		return whole.MatchString
	}
	return func(s string) bool {
		for _, c := range conditions {
			if !c(s) {
				return false
			}
		}
		return whole.MatchString(s)
	}
}

// unwrapGroup removes parentheses around a whole pattern that begins with an
// assertion: ((?!a)b) and (^(?!a))b are (?!a)b.
func unwrapGroup(p string) string {
	for strings.HasPrefix(p, "((?") || strings.HasPrefix(p, "(^(?") {
		end := groupEnd(p)
		if end < 0 {
			return p
		}
		p = p[1:end] + p[end+1:]
	}
	return p
}

// groupEnd returns the index of the parenthesis that closes the one which p
// begins with, or -1.
func groupEnd(p string) int {
	depth, class := 0, false
	for i := 0; i < len(p); i++ {
		switch c := p[i]; {
		case c == '\\':
			i++
		case class:
			class = c != ']'
		case c == '[':
			class = true
		case c == '(':
			depth++
		case c == ')':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

// javaToGo rewrites escapes of Java's expressions that Go spells otherwise.
func javaToGo(p string) string {
	var b strings.Builder
	class := false
	for i := 0; i < len(p); i++ {
		c := p[i]
		switch {
		case c == '\\' && i+1 < len(p):
			i++
			switch {
			case p[i] == 'u' && i+4 < len(p):
				hex := p[i+1 : i+5]
				i += 4
				// The models write \u10000 and \u10FFFF for characters beyond
				// four digits.
				if hex == "1000" && i+1 < len(p) && p[i+1] == '0' {
					hex, i = "10000", i+1
				} else if hex == "10FF" && strings.HasPrefix(p[i+1:], "FF") {
					hex, i = "10FFFF", i+2
				}
				// Go's strings hold no halves of surrogate pairs.
				switch strings.ToUpper(hex) {
				case "D800":
					hex = "D7FF"
				case "DFFF":
					hex = "E000"
				}
				b.WriteString(`\x{` + hex + `}`)
			case p[i] == 'p' && strings.HasPrefix(p[i:], "p{ASCII}"):
				i += len("p{ASCII}") - 1
				if class {
					b.WriteString(`\x00-\x7F`)
				} else {
					b.WriteString(`[\x00-\x7F]`)
				}
			default:
				b.WriteByte('\\')
				b.WriteByte(p[i])
			}
		case c == '[' && class:
			b.WriteString(`\[`)
		case c == '[':
			class = true
			b.WriteByte(c)
			if i+1 < len(p) && p[i+1] == '^' {
				i++
				b.WriteByte('^')
			}
		case c == ']':
			class = false
			b.WriteByte(c)
		case c == '-' && class && i > 0 && i+1 < len(p) && hyphenIsLiteral(p, i):
			// Java takes the hyphen in [a-z-_] for itself, Go refuses it.
			b.WriteString(`\-`)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// hyphenIsLiteral says whether the hyphen at p[i], in a class, follows a range
// or an escape such as \w and so cannot begin a range itself.
func hyphenIsLiteral(p string, i int) bool {
	if i >= 2 && p[i-2] == '\\' && strings.IndexByte("wdsWDS", p[i-1]) >= 0 {
		return true
	}
	return i >= 3 && p[i-2] == '-' && p[i-3] != '[' && p[i-3] != '\\'
}
