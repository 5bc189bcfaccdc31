package conformance

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"
)

// A unifier compares answers with recordings. Tokens of the recorder are
// variables, each bound to one value for the whole case.
type unifier struct {
	bound    map[string]string
	anything map[string]bool // whole texts that match any value: bare tokens
	sorted   map[string]bool // members whose lists the recorder sorted
	sortAll  bool            // the recorder sorted lists that it does not name
	// outputsParsed says that the recorder parsed lists that are texts, not only objects.
	outputsParsed bool
	replace       []replacement  // what the recorder replaced, done to the answer
	regexps       []regexpRule   // likewise, by pattern
	token         *regexp.Regexp // <…>
	recorded      time.Time      // when; what AWS added to its answers later may be there
}

// addedLater has members that AWS's answers have since some month: recordings
// from before do not show them, all recordings from after do.
var addedLater = map[string]time.Time{
	"encryptionConfiguration": time.Date(2024, 7, 1, 0, 0, 0, 0, time.UTC),
	"LoggingConfig":           time.Date(2023, 11, 16, 0, 0, 0, 0, time.UTC),
	"RedriveCount":            time.Date(2023, 11, 15, 0, 0, 0, 0, time.UTC),
	"RedriveStatus":           time.Date(2023, 11, 15, 0, 0, 0, 0, time.UTC),
	"RedriveStatusReason":     time.Date(2023, 11, 15, 0, 0, 0, 0, time.UTC),
	"redriveCount":            time.Date(2023, 11, 15, 0, 0, 0, 0, time.UTC),
	"redriveStatus":           time.Date(2023, 11, 15, 0, 0, 0, 0, time.UTC),
	"redriveStatusReason":     time.Date(2023, 11, 15, 0, 0, 0, 0, time.UTC),
}

type replacement struct{ value, token string }

type regexpRule struct {
	pattern *regexp.Regexp
	token   string
}

var (
	tokenPattern = regexp.MustCompile(`<[A-Za-z][A-Za-z0-9_:\- ]*>|111111111111`)
	isoPattern   = regexp.MustCompile(`\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:?\d{2})?`)
	anyTime      = []string{"datetime", "timestamp", "date", "time"}
	// ownName are headers whose values the recorder replaced by their names.
	ownName = []string{"X-Amzn-Trace-Id", "x-amz-crc32", "x-amzn-RequestId", "RequestId"}
)

func newUnifier(c Case, a *answers) *unifier {
	u := &unifier{
		bound:    map[string]string{"<partition>": "aws", "<region>": Region, "111111111111": Account},
		anything: map[string]bool{},
		sorted:   map[string]bool{},
		token:    tokenPattern,
	}
	if at, err := time.Parse("02-01-2006, 15:04:05", c.Recorded); err == nil {
		u.recorded = at
	}
	for _, r := range c.Normalised {
		switch r.Kind {
		case "value":
			// A value that is not known (yet) cannot stand in an answer either.
			if v, err := a.resolveText(r.Value); err == nil && text(v) != "" {
				u.replace = append(u.replace, replacement{text(v), r.Token})
			} else if strings.Contains(r.Value, "|jsonpath,") { // found by a search that is not ours
				u.anything[r.Token] = true
			}
		case "regex":
			if p, err := regexp.Compile(r.Pattern); err == nil {
				u.regexps = append(u.regexps, regexpRule{p, r.Token})
			}
		case "key", "jsonpath":
			if !r.Numbered && r.Token != "" {
				u.anything[r.Token] = true
				u.anything["<"+strings.Trim(r.Token, "<>")+">"] = true
			}
		case "sorted_list":
			u.sorted[r.Key] = true
		case "function":
			if r.Name == "_convert_output_to_json" {
				u.outputsParsed = true
			} else {
				u.sortAll = true
			}
		}
	}
	return u
}

// linkedToRunStart is when AWS began to link a MapStateExited event of a distributed
// Map to MapRunStarted: recordings until August 2024 link it to MapRunSucceeded,
// those since November do not.
var linkedToRunStart = time.Date(2024, 10, 1, 0, 0, 0, 0, time.UTC)

// relinked returns a recorded history as AWS links it today.
func (u *unifier) relinked(events []any) []any {
	if u.recorded.IsZero() || u.recorded.After(linkedToRunStart) {
		return events
	}
	byID := map[string]map[string]any{}
	var changed []any
	for i, e := range events {
		event, ok := e.(map[string]any)
		if !ok || event["previousEventId"] == nil {
			continue
		}
		byID[text(event["id"])] = event
		previous := byID[text(event["previousEventId"])]
		if event["type"] != "MapStateExited" || previous["type"] != "MapRunSucceeded" {
			continue
		}
		if changed == nil {
			changed = slices.Clone(events)
		}
		event = maps.Clone(event)
		event["previousEventId"] = previous["previousEventId"]
		changed[i] = event
	}
	if changed == nil {
		return events
	}
	return changed
}

func (u *unifier) clone() *unifier {
	c := *u
	c.bound = make(map[string]string, len(u.bound))
	for k, v := range u.bound {
		c.bound[k] = v
	}
	return &c
}

// unify compares and returns the first difference, with its path, or "".
func (u *unifier) unify(path, member string, want, got any) string {
	if s, ok := want.(string); ok && (slices.Contains(anyTime, s) || slices.Contains(ownName, s) || u.anything[s]) && got != nil {
		return ""
	}
	if member == "Content-Length" && sameButForADate(want, got) {
		return ""
	}
	switch want := want.(type) {
	case map[string]any:
		object, ok := got.(map[string]any)
		if !ok {
			if s, isText := got.(string); isText && strings.HasPrefix(s, "{") {
				dec := json.NewDecoder(strings.NewReader(s))
				dec.UseNumber()
				ok = dec.Decode(&object) == nil
			}
		}
		if !ok {
			return fmt.Sprintf("%s: want an object, got %s", path, short(got))
		}
		return u.unifyObjects(path, want, object)
	case []any:
		want = u.relinked(want)
		list, ok := got.([]any)
		if s, isText := got.(string); isText && u.outputsParsed && strings.HasPrefix(s, "[") {
			dec := json.NewDecoder(strings.NewReader(s))
			dec.UseNumber()
			ok = dec.Decode(&list) == nil
		}
		if !ok {
			return fmt.Sprintf("%s: want a list, got %s", path, short(got))
		}
		if len(list) != len(want) {
			return fmt.Sprintf("%s: want %d elements, got %d: %s", path, len(want), len(list), short(got))
		}
		if u.sorted[member] || u.sortAll {
			return u.unifyAnyOrder(path, want, list)
		}
		for i := range want {
			if d := u.unify(fmt.Sprintf("%s[%d]", path, i), member, want[i], list[i]); d != "" {
				return d
			}
		}
		return ""
	case string:
		s, ok := got.(string)
		if !ok {
			if n, isNumber := got.(json.Number); isNumber && u.token.MatchString(want) {
				s, ok = n.String(), true
			}
		}
		if !ok {
			return fmt.Sprintf("%s: want %q, got %s", path, want, short(got))
		}
		if !u.unifyText(want, s) {
			return fmt.Sprintf("%s: want %q, got %q", path, want, s)
		}
		return ""
	case json.Number:
		n, ok := got.(json.Number)
		if !ok {
			return fmt.Sprintf("%s: want %s, got %s", path, want, short(got))
		}
		a, errA := want.Float64()
		b, errB := n.Float64()
		if errA != nil || errB != nil || a != b && math.Abs(a-b) > 1e-9*math.Max(math.Abs(a), math.Abs(b)) {
			return fmt.Sprintf("%s: want %s, got %s", path, want, n)
		}
		return ""
	default:
		if want != got {
			return fmt.Sprintf("%s: want %v, got %s", path, want, short(got))
		}
		return ""
	}
}

// sameButForADate compares the lengths of answers: AWS prints a date with as many
// digits as it needs, three of them after the point.
func sameButForADate(want, got any) bool {
	a, isText := want.(string)
	b, isTextToo := got.(string)
	m, errA := strconv.Atoi(a)
	n, errB := strconv.Atoi(b)
	return isText && isTextToo && errA == nil && errB == nil && max(m-n, n-m) <= 3
}

func (u *unifier) unifyObjects(path string, want, got map[string]any) string {
	names := make([]string, 0, len(want))
	for k := range want {
		names = append(names, k)
	}
	sort.Strings(names)
	for _, k := range names {
		g, ok := got[k]
		if !ok {
			return fmt.Sprintf("%s.%s: missing; got %s", path, k, short(got))
		}
		if d := u.unify(path+"."+k, k, want[k], g); d != "" {
			return d
		}
	}
	for k, g := range got {
		if since, late := addedLater[k]; late && u.recorded.Before(since) {
			continue
		}
		if _, ok := want[k]; !ok {
			return fmt.Sprintf("%s.%s: not in the recording; got %s", path, k, short(g))
		}
	}
	return ""
}

// unifyAnyOrder pairs each wanted element with an element not paired yet.
func (u *unifier) unifyAnyOrder(path string, want, got []any) string {
	used := make([]bool, len(got))
	for i, w := range want {
		found := false
		for j, g := range got {
			if used[j] {
				continue
			}
			try := u.clone()
			if try.unify("", "", w, g) == "" {
				u.bound = try.bound
				used[j], found = true, true
				break
			}
		}
		if !found {
			return fmt.Sprintf("%s[%d]: nothing in the answer is like %s", path, i, short(w))
		}
	}
	return ""
}

// unifyText compares texts: what the recorder replaced is replaced in the
// answer too, and the tokens that are left are variables.
func (u *unifier) unifyText(want, got string) bool {
	if want == got {
		return true
	}
	for _, r := range u.regexps {
		got = r.pattern.ReplaceAllString(got, r.token)
	}
	replaced := got
	for _, r := range u.replace {
		replaced = strings.ReplaceAll(replaced, r.value, r.token)
	}
	if want == replaced {
		return true
	}
	if strings.Contains(want, "date") {
		got, replaced = isoPattern.ReplaceAllString(got, "date"), isoPattern.ReplaceAllString(replaced, "date")
	}
	// A preset may have replaced part of a value before the whole could be.
	return u.match(want, replaced) || got != replaced && u.match(want, got)
}

func (u *unifier) match(want, got string) bool {
	var pattern strings.Builder
	pattern.WriteString(`(?s)\A`)
	var free []string
	last := 0
	for _, span := range u.token.FindAllStringIndex(want, -1) {
		pattern.WriteString(regexp.QuoteMeta(want[last:span[0]]))
		token := want[span[0]:span[1]]
		last = span[1]
		if v, ok := u.bound[token]; ok {
			// The answer shows the bound value, or the token itself where a
			// replacement put it.
			pattern.WriteString("(?:" + regexp.QuoteMeta(v) + "|" + regexp.QuoteMeta(token) + ")")
			continue
		}
		free = append(free, token)
		pattern.WriteString("(.+?)")
	}
	pattern.WriteString(regexp.QuoteMeta(want[last:]) + `\z`)
	if len(free) == 0 && last == 0 {
		return want == got
	}
	re, err := regexp.Compile(pattern.String())
	if err != nil {
		return false
	}
	m := re.FindStringSubmatch(got)
	if m == nil {
		return false
	}
	for i, token := range free {
		value := m[i+1]
		if value == token || !bindsOnce(token) {
			continue
		}
		if v, ok := u.bound[token]; ok && v != value {
			return false
		}
		u.bound[token] = value
	}
	return true
}

// bindsOnce says whether a token stands for one value in the whole case: the
// numbered ones do.
func bindsOnce(token string) bool {
	inner := strings.Trim(token, "<>")
	_, number, ok := strings.Cut(inner, ":")
	return ok && strings.Trim(number, "0123456789") == "" || strings.HasSuffix(inner, "idx")
}

func short(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	if len(b) > 300 {
		return string(b[:300]) + "…"
	}
	return string(b)
}
