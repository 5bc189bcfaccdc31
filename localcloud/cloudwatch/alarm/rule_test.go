package alarm

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
)

func TestRulesFollowTheirTruthTables(t *testing.T) {
	// a, b and c take all combinations of the three states.
	values := []Value{OK, Alarm, InsufficientData}
	tests := []struct {
		rule string
		want func(a, b, c Value) bool
	}{
		{"TRUE", func(a, b, c Value) bool { return true }},
		{"NOT TRUE", func(a, b, c Value) bool { return false }},
		{"ALARM(a)", func(a, b, c Value) bool { return a == Alarm }},
		{`OK("b")`, func(a, b, c Value) bool { return b == OK }},
		{"INSUFFICIENT_DATA( c )", func(a, b, c Value) bool { return c == InsufficientData }},
		{"ALARM(a) OR ALARM(b) AND ALARM(c)", func(a, b, c Value) bool { return a == Alarm || b == Alarm && c == Alarm }},
		{"(ALARM(a) OR ALARM(b)) AND ALARM(c)", func(a, b, c Value) bool { return (a == Alarm || b == Alarm) && c == Alarm }},
		{"NOT ALARM(a) AND NOT NOT OK(b)", func(a, b, c Value) bool { return a != Alarm && b == OK }},
		{"NOT (ALARM(a) OR FALSE)", func(a, b, c Value) bool { return a != Alarm }},
		{"AT_LEAST(2, ALARM, (a, b, c))", func(a, b, c Value) bool { return hits(Alarm, a, b, c) >= 2 }},
		{"AT_LEAST(50%, OK, (a, b, c))", func(a, b, c Value) bool { return hits(OK, a, b, c) >= 2 }},
		{`AT_LEAST(1, NOT OK, ("a", b))`, func(a, b, c Value) bool { return hits(OK, a, b) < 2 }},
	}
	for _, tt := range tests {
		r, err := ParseRule(tt.rule)
		if err != nil {
			t.Errorf("%s: %v", tt.rule, err)
			continue
		}
		for _, a := range values {
			for _, b := range values {
				for _, c := range values {
					states := map[string]Value{"a": a, "b": b, "c": c}
					if got, want := r.Eval(func(ref string) Value { return states[ref] }), tt.want(a, b, c); got != want {
						t.Errorf("%s with %v: got %v, want %v", tt.rule, states, got, want)
					}
				}
			}
		}
	}
}

func hits(v Value, of ...Value) int {
	n := 0
	for _, o := range of {
		if o == v {
			n++
		}
	}
	return n
}

func TestReferencesMayBeQuotedOrBare(t *testing.T) {
	r, err := ParseRule(`ALARM("a name, (odd) \"quoted\"") OR OK(arn:aws:cloudwatch:eu-west-1:123456789012:alarm:x-y) OR ALARM(plain)OR ALARM(plain)`)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{`a name, (odd) "quoted"`, "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:x-y", "plain"}
	if got := r.Refs(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestRuleErrorsTellThePlace(t *testing.T) {
	for rule, offset := range map[string]int{
		"":                               0,
		"ALARM":                          5,
		"ALARM()":                        6,
		"ALARM(a":                        7,
		"ALARM(a b)":                     8,
		"ALARM(a) AND":                   12,
		"ALARM(a) XOR OK(b)":             9,
		"alarm(a)":                       0,
		"(TRUE":                          5,
		"TRUE)":                          4,
		`OK("a`:                          3,
		"AT_LEAST(0, OK, (a))":           9,
		"AT_LEAST(3, OK, (a, b))":        9,
		"AT_LEAST(1, FINE, (a))":         12,
		"AT_LEAST(101%, OK, (a))":        9,
		"TRUE AND " + "NOT ALARM(,)":     19,
		strings.Repeat("(", 10241) + ")": 0,
	} {
		_, err := ParseRule(rule)
		var re *RuleError
		if !errors.As(err, &re) {
			t.Errorf("%.40q: got %v, want a RuleError", rule, err)
			continue
		}
		if re.Offset != offset {
			t.Errorf("%.40q: the error points at %d, want %d (%v)", rule, re.Offset, offset, re)
		}
	}
}

// randomRule returns a rule and what it means.
func randomRule(r *rand.Rand, depth int) (string, func(map[string]Value) bool) {
	if depth == 0 || r.IntN(4) == 0 {
		name := string(rune('a' + r.IntN(4)))
		v := []Value{OK, Alarm, InsufficientData}[r.IntN(3)]
		return fmt.Sprintf("%s(%s)", v, name), func(s map[string]Value) bool { return s[name] == v }
	}
	left, l := randomRule(r, depth-1)
	right, m := randomRule(r, depth-1)
	switch r.IntN(3) {
	case 0:
		return "(" + left + ") AND (" + right + ")", func(s map[string]Value) bool { return l(s) && m(s) }
	case 1:
		return "(" + left + ") OR (" + right + ")", func(s map[string]Value) bool { return l(s) || m(s) }
	default:
		return "NOT (" + left + ")", func(s map[string]Value) bool { return !l(s) }
	}
}

func TestRandomRulesMeanWhatTheySay(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 3))
		text, want := randomRule(r, 4)
		rule, err := ParseRule(text)
		if err != nil {
			t.Fatalf("seed %d: %s: %v", seed, text, err)
		}
		for range 10 {
			states := map[string]Value{}
			for _, name := range []string{"a", "b", "c", "d"} {
				states[name] = []Value{OK, Alarm, InsufficientData}[r.IntN(3)]
			}
			if got := rule.Eval(func(ref string) Value { return states[ref] }); got != want(states) {
				t.Errorf("seed %d: %s with %v: got %v", seed, text, states, got)
			}
		}
	}
}

func TestCyclesAreFound(t *testing.T) {
	graph := map[string][]string{"a": {"b", "x"}, "b": {"c", "d"}, "c": {"x"}, "d": {"a"}, "e": {"a"}}
	children := func(name string) []string { return graph[name] }
	if got, want := Cycle("a", children), []string{"a", "b", "d", "a"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := Cycle("e", children); got != nil {
		t.Errorf("e is in no cycle, got %v", got)
	}
	graph["s"] = []string{"s"}
	if got, want := Cycle("s", children), []string{"s", "s"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func FuzzParseRule(f *testing.F) {
	for _, seed := range []string{`ALARM("a") AND NOT (OK(b) OR TRUE)`, "AT_LEAST(50%, NOT ALARM, (a, b))", `ALARM("\`, "((((", "NOT"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		rule, err := ParseRule(text)
		if err != nil {
			var re *RuleError
			if !errors.As(err, &re) || re.Offset < 0 || re.Offset > len(text) {
				t.Fatalf("error %v points outside of %q", err, text)
			}
			return
		}
		rule.Eval(func(string) Value { return Alarm })
		for _, ref := range rule.Refs() {
			if ref == "" {
				t.Fatalf("%q refers to an alarm without a name", text)
			}
		}
	})
}
