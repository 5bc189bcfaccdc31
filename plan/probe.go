package plan

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/crossfade-dev/crossfade/asl/jsonata"
	"github.com/crossfade-dev/crossfade/asl/jsonpath"
	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

// A VersionProbe tries the new version out before it gets any traffic: a function
// is invoked, a state machine executed, by the version's own ARN.
type VersionProbe struct {
	// Target names the target that is tried, as orders:prod; empty for all.
	Target string `json:"target,omitempty"`
	// Payload is the JSON text that the version gets.
	Payload string `json:"payload"`
	// Expect is a JSON text that says what it has to return, see
	// [VersionProbe.Expectation]; empty: anything but an error.
	Expect string `json:"expect,omitempty"`
	// Count is how many times it is tried, one after the other.
	Count int `json:"count"`
	// Latency is the longest that each may take; zero: as long as it likes.
	Latency time.Duration `json:"latency,omitempty"`
	// Timeout is how long all of them may take.
	Timeout time.Duration `json:"timeout"`
}

// Tries says whether the probe is for a target.
func (p VersionProbe) Tries(t Target) bool { return p.Target == "" || p.Target == t.String() }

// An Expectation says what a version has to return. It is made of a JSON text:
// a text in {% and %} is a JSONata expression of what was returned, which has to
// be true; a text that begins with $ is a JSONPath, which has to lead to something
// other than false or null; anything else has to be there: every key of an object
// with that value, everything else as it is.
type Expectation struct {
	text    string
	literal jsonvalue.Value
	path    *jsonpath.Path
	expr    *jsonata.Expr
}

// Expectation returns what the probe expects. The error is for a text that is
// none.
func (p VersionProbe) Expectation() (Expectation, error) {
	if p.Expect == "" {
		return Expectation{}, nil
	}
	v, err := jsonvalue.Parse(p.Expect)
	if err != nil {
		return Expectation{}, err
	}
	e := Expectation{text: p.Expect, literal: v}
	if v.Kind() != jsonvalue.KindString {
		return e, nil
	}
	text := strings.TrimSpace(v.Str())
	switch source, isExpr := strings.CutPrefix(text, "{%"); {
	case isExpr && strings.HasSuffix(source, "%}"):
		e.text = text
		e.expr, err = jsonata.Compile(strings.TrimSuffix(source, "%}"))
	case strings.HasPrefix(text, "$.") || strings.HasPrefix(text, "$["):
		e.text = text
		e.path, err = jsonpath.Compile(text)
	}
	return e, err
}

// String is the expectation as it was written.
func (e Expectation) String() string { return e.text }

// Limits of evaluating an expectation: a probe's answer has at most 6 MB.
const (
	expectSteps  = 1_000_000
	expectMemory = 64 << 20
)

// Met says whether what a version returned is as expected. The error is for what
// cannot be judged, such as an expression that fails.
func (e Expectation) Met(output string) (bool, error) {
	if e.text == "" {
		return true, nil
	}
	v, err := jsonvalue.Parse(output)
	if err != nil {
		return false, errors.New("it returned no JSON")
	}
	switch {
	case e.expr != nil:
		got, err := e.expr.Eval(jsonata.Env{Data: v, Limits: jsonata.Limits{Steps: expectSteps, Memory: expectMemory}})
		return err == nil && got.IsTrue(), err
	case e.path != nil:
		got, err := e.path.Get(v)
		if jsonpath.IsNotFound(err) {
			return false, nil
		}
		return err == nil && got.IsDefined() && got.Kind() != jsonvalue.KindNull && (got.Kind() != jsonvalue.KindBool || got.IsTrue()), err
	default:
		return includes(v, e.literal), nil
	}
}

// includes says whether got has everything that want has.
func includes(got, want jsonvalue.Value) bool {
	if want.Kind() != jsonvalue.KindObject || got.Kind() != jsonvalue.KindObject {
		return jsonvalue.Equal(got, want)
	}
	for key, w := range want.Members() {
		if g, ok := got.Get(key); !ok || !includes(g, w) {
			return false
		}
	}
	return true
}

var probeShape = object{keys: []key{
	{"target", text{want: "a target like orders:prod"}, false, "The target that is tried. Default: all of them."},
	{"payload", jsonValue{}, false, "What the version gets. Default: {}."},
	{"expect", jsonValue{}, false, "What it has to return: \"{% JSONata %}\" that has to be true, a JSONPath like \"$.ok\" that has to be there, or a value that has to be there. Default: anything but an error."},
	{"count", integer{1, 1000}, false, "How many times it is tried. Default: 1."},
	{"latency", duration{}, false, "The longest that each may take."},
	{"timeout", duration{}, false, "How long all of them may take. Default: 5m."},
}}

func readProbe(f fields) *VersionProbe {
	return &VersionProbe{
		Target:  value[string](f, "target"),
		Payload: cmp.Or(string(value[jsonText](f, "payload")), "{}"),
		Expect:  string(value[jsonText](f, "expect")),
		Count:   valueOr(pointer[int](f, "count"), 1),
		Latency: span(f, "latency"),
		Timeout: valueOr(pointer[time.Duration](f, "timeout"), DefaultProbeTimeout),
	}
}

// ParseProbe reads a probe by itself, in YAML or JSON, as a plan file has it under
// checks. name is the file's name, for messages. The error is a [Problems].
func ParseProbe(name string, text []byte) (VersionProbe, error) {
	r := &reader{file: name, lines: map[string]int{}}
	root := r.document(text)
	if root == nil {
		return VersionProbe{}, r.problems
	}
	if root.Kind == yaml.MappingNode && len(root.Content) == 2 && root.Content[0].Value == "probe" {
		root = root.Content[1] // with the key that it has in a plan file
	}
	read, _ := probeShape.read(r, root, "")
	if len(r.problems) > 0 {
		return VersionProbe{}, r.problems
	}
	f, _ := read.(fields)
	return *readProbe(f), nil
}

// checkProbe notes what is wrong with a probe of a draft.
func (d draft) checkProbe(p VersionProbe) {
	if _, err := p.Expectation(); err != nil {
		d.problem("checks", fmt.Sprintf("the probe's expectation %s cannot be read: %v", p.Expect, err))
	}
	if p.Target != "" && !slices.ContainsFunc(d.targets, p.Tries) {
		names := make([]string, len(d.targets))
		for i, t := range d.targets {
			names[i] = t.String()
		}
		d.problem("checks", fmt.Sprintf("the probe is for %s, which is no target%s", p.Target, didYouMean(p.Target, names)))
	}
	if p.Timeout <= 0 {
		d.problem("checks", "the probe's timeout has to be longer than 0s")
	}
	if !json.Valid([]byte(p.Payload)) {
		d.problem("checks", "the probe's payload is not JSON")
	}
}

func probeNode(p VersionProbe) *yaml.Node {
	m := mapping()
	if p.Target != "" {
		add(m, "target", textNode(p.Target))
	}
	add(m, "payload", jsonNode(p.Payload))
	if p.Expect != "" {
		add(m, "expect", jsonNode(p.Expect))
	}
	add(m, "count", plainNode(fmt.Sprint(p.Count)))
	if p.Latency > 0 {
		add(m, "latency", plainNode(FormatDuration(p.Latency)))
	}
	if p.Timeout != DefaultProbeTimeout {
		add(m, "timeout", plainNode(FormatDuration(p.Timeout)))
	}
	return flow(m)
}
