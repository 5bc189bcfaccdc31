package jsonata

import (
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/dlclark/regexp2/v2"
)

const (
	// matchTimeout bounds one match of a regular expression that needs
	// backtracking. It is measured in real time: nothing else can stop a match.
	matchTimeout = 50 * time.Millisecond
	// matchSteps is what such a match costs, whether it takes long or not, so
	// that there cannot be many of them.
	matchSteps = 5000
	// matchStack bounds the memory of such a match, in stack entries.
	matchStack = 1 << 20
)

// A regex is a regular expression of JavaScript. What RE2 can express runs on
// it, in time linear in the text; the rest (look-around, back-references) runs
// on a backtracking engine with a time-out.
type regex struct {
	linear       *regexp.Regexp
	backtracking *regexp2.Regexp
}

// A match is one match: byte offsets, and the groups. A group that took no part
// is empty.
type match struct {
	start, end int
	groups     []string
}

func compileRegex(pattern, flags string) (*regex, error) {
	prefix := ""
	if flags != "" {
		prefix = "(?" + flags + ")"
	}
	if translated, ok := toRE2(pattern, strings.Contains(flags, "m")); ok {
		if re, err := regexp.Compile(prefix + translated); err == nil {
			return &regex{linear: re}, nil
		}
	}
	options := regexp2.ECMAScript
	if strings.Contains(flags, "i") {
		options |= regexp2.IgnoreCase
	}
	if strings.Contains(flags, "m") {
		options |= regexp2.Multiline
	}
	re, err := regexp2.Compile(pattern, options, regexp2.OptionMaxBacktrackingStackSize(matchStack))
	if err != nil {
		return nil, err
	}
	re.MatchTimeout = matchTimeout
	return &regex{backtracking: re}, nil
}

const (
	jsSpace = `\t\n\v\f\r \x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}\x{feff}`
	jsLines = `\n\r\x{2028}\x{2029}`
)

// toRE2 rewrites a pattern of JavaScript for RE2. It is false where the pattern
// needs what RE2 lacks, or might mean something else there.
func toRE2(pattern string, multiline bool) (string, bool) {
	var b strings.Builder
	inClass := false
	for i := 0; i < len(pattern); i++ {
		c := pattern[i]
		switch {
		case c == '\\':
			i++
			if i == len(pattern) {
				return "", false
			}
			escaped, ok := escapeRE2(pattern[i], inClass)
			if !ok {
				return "", false
			}
			b.WriteString(escaped)
		case inClass && c == ']':
			inClass = false
			b.WriteByte(c)
		case inClass && c == '[':
			b.WriteString(`\[`)
		case inClass:
			b.WriteByte(c)
		case c == '[':
			inClass = true
			b.WriteByte(c)
			if strings.HasPrefix(pattern[i+1:], "^") {
				b.WriteByte('^')
				i++
			}
			if strings.HasPrefix(pattern[i+1:], "]") { // [] and [^] are JavaScript's alone
				return "", false
			}
		case c == '.':
			b.WriteString("[^" + jsLines + "]")
		case c == '(' && strings.HasPrefix(pattern[i+1:], "?") && !strings.HasPrefix(pattern[i+1:], "?:"):
			return "", false
		case c == '$' && !multiline:
			b.WriteString(`\z`)
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), !inClass
}

// escapeRE2 rewrites what follows a backslash.
func escapeRE2(c byte, inClass bool) (string, bool) {
	switch {
	case c == 's' && inClass:
		return jsSpace, true
	case c == 's':
		return "[" + jsSpace + "]", true
	case c == 'S' && !inClass:
		return "[^" + jsSpace + "]", true
	case strings.IndexByte("dDwWtnrfv", c) >= 0:
		return `\` + string(c), true
	case (c == 'b' || c == 'B') && !inClass:
		return `\` + string(c), true
	case c < utf8.RuneSelf && !isWordByte(c):
		return regexp.QuoteMeta(string(c)), true
	case c == '-':
		return `\-`, true
	default:
		return "", false
	}
}

func isWordByte(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// find returns up to limit matches of r in s, all of them if limit is negative.
// The last one may be empty: JavaScript goes on forever there, and JSONata
// refuses it.
func (r *regex) find(ev *evaluator, s string, limit int) ([]match, error) {
	if err := ev.spend(1 + len(s)/16); err != nil {
		return nil, err
	}
	if r.linear != nil {
		return r.findLinear(s, limit), nil
	}
	var found []match
	m, err := r.nextBacktracking(ev, func() (*regexp2.Match, error) { return r.backtracking.FindStringMatch(s) })
	for m != nil && err == nil && len(found) != limit && (len(found) == 0 || found[len(found)-1].end < len(s)) {
		start, length := m.ByteRange()
		next := match{start: start, end: start + length}
		groups := m.Groups()
		for i := range groups[1:] {
			next.groups = append(next.groups, groups[i+1].String())
		}
		found = append(found, next)
		if length == 0 {
			break
		}
		m, err = r.nextBacktracking(ev, func() (*regexp2.Match, error) { return r.backtracking.FindNextMatch(m) })
	}
	return found, err
}

func (r *regex) nextBacktracking(ev *evaluator, find func() (*regexp2.Match, error)) (*regexp2.Match, error) {
	if err := ev.spend(matchSteps); err != nil {
		return nil, err
	}
	m, err := find()
	if err != nil {
		return nil, fault("U1001", -1, "", value{}, "a regular expression takes too long to match")
	}
	return m, nil
}

func (r *regex) findLinear(s string, limit int) []match {
	var found []match
	nullable := r.linear.MatchString("")
	end := 0
	for _, m := range r.linear.FindAllStringSubmatchIndex(s, limit) {
		if len(found) > 0 && (end == len(s) || nullable && m[0] > end) {
			break
		}
		next := match{start: m[0], end: m[1]}
		for i := 2; i < len(m); i += 2 {
			group := ""
			if m[i] >= 0 {
				group = s[m[i]:m[i+1]]
			}
			next.groups = append(next.groups, group)
		}
		found = append(found, next)
		if end = m[1]; m[0] == end {
			return found
		}
	}
	if len(found) > 0 && len(found) != limit && end < len(s) && nullable {
		// An empty match right after another one, which Go leaves out.
		found = append(found, match{start: end, end: end})
	}
	return found
}
