package jsonata

import (
	"math"
	"strconv"
	"strings"
)

// regexFunction makes the function that a regular expression is: for a text, it
// returns the first match, with a function next for the one after it.
func regexFunction(re *regex) *function {
	return &function{arity: 1, regex: re, signature: regexSignature, native: func(c *callContext, args []value) (value, error) {
		if !args[0].defined() {
			return value{}, nil
		}
		found, err := re.find(c.evaluator, args[0].str, -1)
		if err != nil {
			return value{}, err
		}
		return c.matchObject(args[0].str, found)
	}}
}

var regexSignature = mustSignature("<s?:o>")

// matchObject returns the first match as an object, nothing if there is none.
func (c *callContext) matchObject(s string, found []match) (value, error) {
	if len(found) == 0 {
		return value{}, nil
	}
	m := found[0]
	if err := c.alloc(8 + len(m.groups)); err != nil {
		return value{}, err
	}
	groups := make([]value, len(m.groups))
	for i, g := range m.groups {
		groups[i] = text(g)
	}
	d := newDict()
	d.set("match", text(s[m.start:m.end]))
	d.set("start", number(float64(unitsBefore(s, m.start))))
	d.set("end", number(float64(unitsBefore(s, m.end))))
	d.set("groups", plain(groups))
	d.set("next", funcOf(&function{native: func(c *callContext, _ []value) (value, error) {
		if err := checkEmpty(s, found[:min(2, len(found))]); err != nil {
			return value{}, err
		}
		return c.matchObject(s, found[1:])
	}}))
	return objectOf(d), nil
}

// checkEmpty refuses matches of nothing. Only the first may be that, and only
// where no other can follow: at the end of the text.
func checkEmpty(s string, found []match) error {
	for i, m := range found {
		if m.start == m.end && (i > 0 || m.end < len(s)) {
			return fault("D1004", -1, "", value{})
		}
	}
	return nil
}

// unitsBefore returns how many UTF-16 units stand before a byte of s, which is
// how JavaScript counts places.
func unitsBefore(s string, offset int) int {
	n := 0
	for _, r := range s[:offset] {
		n++
		if r >= 0x10000 {
			n++
		}
	}
	return n
}

// byteAt returns the offset of a place counted in UTF-16 units.
func byteAt(s string, units float64) int {
	n := 0.0
	for i, r := range s {
		if n >= units {
			return i
		}
		n++
		if r >= 0x10000 {
			n++
		}
	}
	return len(s)
}

// found returns the matches of a matcher in s: of a regular expression, or of a
// function that answers as one. At most limit, all if it is negative.
func (c *callContext) found(matcher value, s string, limit int) ([]match, error) {
	if limit == 0 {
		return nil, nil
	}
	if re := matcher.function().regex; re != nil {
		matches, err := re.find(c.evaluator, s, limit+min(max(limit, 0), 1)) // the one after the last may be empty
		if err == nil {
			err = checkEmpty(s, matches)
		}
		if limit > 0 && len(matches) > limit {
			matches = matches[:limit]
		}
		return matches, err
	}
	var matches []match
	next, args := matcher, []value{text(s)}
	for len(matches) != limit {
		v, err := c.nested(next, args)
		if err != nil {
			return nil, err
		}
		if !v.defined() {
			break
		}
		m, following, ok := readMatch(v, s)
		if !ok {
			return nil, fault("T1010", -1, "", value{})
		}
		matches = append(matches, m)
		if err := c.alloc(2); err != nil {
			return nil, err
		}
		next, args = following, nil
	}
	return matches, nil
}

// readMatch reads the object that a matcher returns.
func readMatch(v value, s string) (m match, next value, ok bool) {
	if v.kind != objectKind {
		return match{}, value{}, false
	}
	d := v.dict()
	start, end, groups := d.get("start"), d.get("end"), d.get("groups")
	next = d.get("next")
	if (start.kind != numberKind && end.kind != numberKind) && groups.kind != arrayKind && next.kind != functionKind {
		return match{}, value{}, false
	}
	if next.kind != functionKind {
		return match{}, value{}, false
	}
	m.start, m.end = byteAt(s, start.num), byteAt(s, end.num)
	m.end = max(m.start, m.end)
	for _, g := range groups.items() {
		m.groups = append(m.groups, g.str)
	}
	return m, next, true
}

// required refuses a call that lacks one of its arguments. A signature cannot
// say so: to it, what is undefined fits everywhere.
func required(args []value, places ...int) error {
	for _, i := range places {
		if !args[i].defined() {
			return fault("T0410", -1, "", value{}, strconv.Itoa(i+1))
		}
	}
	return nil
}

// limitArg reads the optional limit of a function: -1 for none.
func limitArg(v value, code string) (int, error) {
	if !v.defined() {
		return -1, nil
	}
	if v.num < 0 {
		return 0, fault(code, -1, "", v)
	}
	return int(min(math.Ceil(v.num), math.MaxInt32)), nil
}

func fnMatch(c *callContext, args []value) (value, error) {
	if !args[0].defined() {
		return value{}, nil
	}
	limit, err := limitArg(args[2], "D3040")
	if err != nil || limit == 0 {
		return value{}, err
	}
	s := args[0].str
	found, err := c.found(args[1], s, limit)
	if err != nil {
		return value{}, err
	}
	results := make([]value, 0, len(found))
	for _, m := range found {
		groups := make([]value, len(m.groups))
		for i, g := range m.groups {
			groups[i] = text(g)
		}
		d := newDict()
		d.set("match", text(s[m.start:m.end]))
		d.set("index", number(float64(unitsBefore(s, m.start))))
		d.set("groups", plain(groups))
		results = append(results, objectOf(d))
		if err := c.alloc(6 + len(groups)); err != nil {
			return value{}, err
		}
	}
	return sequenceOf(results), nil
}

func fnContains(c *callContext, args []value) (value, error) {
	if !args[0].defined() {
		return value{}, nil
	}
	if err := required(args, 1); err != nil {
		return value{}, err
	}
	if args[1].kind == functionKind {
		if re := args[1].function().regex; re != nil {
			found, err := re.find(c.evaluator, args[0].str, 1)
			return boolean(len(found) > 0), err
		}
		found, err := c.found(args[1], args[0].str, 1)
		return boolean(len(found) > 0), err
	}
	return boolean(strings.Contains(args[0].str, args[1].str)), nil
}

func fnSplit(c *callContext, args []value) (value, error) {
	if !args[0].defined() {
		return value{}, nil
	}
	if err := required(args, 1); err != nil {
		return value{}, err
	}
	limit, err := limitArg(args[2], "D3020")
	if err != nil {
		return value{}, err
	}
	s := args[0].str
	var parts []string
	switch {
	case args[1].kind == functionKind:
		found, err := c.found(args[1], s, limit)
		if err != nil {
			return value{}, err
		}
		start := 0
		for _, m := range found {
			parts = append(parts, s[start:max(start, m.start)])
			start = max(start, m.end)
		}
		if limit < 0 || len(parts) < limit {
			parts = append(parts, s[start:])
		}
	case args[1].str == "":
		parts = characters(s)
	default:
		parts = strings.Split(s, args[1].str)
	}
	if limit >= 0 && len(parts) > limit {
		parts = parts[:limit]
	}
	if err := c.alloc(len(parts)); err != nil {
		return value{}, err
	}
	items := make([]value, len(parts))
	for i, part := range parts {
		items[i] = text(part)
	}
	return plain(items), nil
}

func fnReplace(c *callContext, args []value) (value, error) {
	if !args[0].defined() {
		return value{}, nil
	}
	if err := required(args, 1, 2); err != nil {
		return value{}, err
	}
	s, pattern, replacement := args[0].str, args[1], args[2]
	if pattern.kind == stringKind && pattern.str == "" {
		return value{}, fault("D3010", -1, "replace", value{})
	}
	limit, err := limitArg(args[3], "D3011")
	if err != nil {
		return value{}, err
	}
	if pattern.kind == stringKind {
		if replacement.kind == functionKind {
			return value{}, fault("D3012", -1, "replace", value{})
		}
		if err := c.allocBytes(len(s) + strings.Count(s, pattern.str)*len(replacement.str)); err != nil {
			return value{}, err
		}
		return text(strings.Replace(s, pattern.str, replacement.str, limit)), nil
	}
	found, err := c.found(pattern, s, limit)
	if err != nil {
		return value{}, err
	}
	var b strings.Builder
	position := 0
	for _, m := range found {
		m.start = max(m.start, position)
		m.end = max(m.start, m.end)
		b.WriteString(s[position:m.start])
		before := b.Len()
		if replacement.kind == functionKind {
			object, err := c.matchObject(s, []match{m})
			if err != nil {
				return value{}, err
			}
			v, err := c.nested(replacement, []value{object})
			if err != nil {
				return value{}, err
			}
			if v.kind != stringKind {
				return value{}, fault("D3012", -1, "replace", v)
			}
			b.WriteString(v.str)
		} else {
			substitute(&b, replacement.str, s[m.start:m.end], m.groups)
		}
		position = m.end
		if err := c.allocBytes(b.Len() - before + 1); err != nil {
			return value{}, err
		}
	}
	b.WriteString(s[position:])
	return text(b.String()), c.allocBytes(len(s))
}

// substitute writes a replacement: $0 is the whole match, $1 and so on are its
// groups, $$ is a dollar sign.
func substitute(b *strings.Builder, replacement, matched string, groups []string) {
	for {
		i := strings.IndexByte(replacement, '$')
		if i < 0 {
			b.WriteString(replacement)
			return
		}
		b.WriteString(replacement[:i])
		replacement = replacement[i+1:]
		switch {
		case strings.HasPrefix(replacement, "$"):
			b.WriteByte('$')
			replacement = replacement[1:]
		case strings.HasPrefix(replacement, "0"):
			b.WriteString(matched)
			replacement = replacement[1:]
		default:
			n, digits := groupNumber(replacement, len(groups))
			if digits == 0 {
				b.WriteByte('$')
			} else if n >= 1 && n <= len(groups) {
				b.WriteString(groups[n-1])
			}
			replacement = replacement[digits:]
		}
	}
}

// groupNumber reads the number of a group: no more digits than the number of
// groups has, and one less where that would be a group too many.
func groupNumber(s string, groups int) (n, digits int) {
	most := len(strconv.Itoa(max(groups, 1)))
	for digits < most && digits < len(s) && s[digits] >= '0' && s[digits] <= '9' {
		digits++
	}
	if digits == 0 {
		return 0, 0
	}
	n, _ = strconv.Atoi(s[:digits])
	if digits > 1 && n > groups {
		digits--
		n, _ = strconv.Atoi(s[:digits])
	}
	return n, digits
}
