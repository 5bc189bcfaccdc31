package plan

import (
	"bytes"
	"maps"
	"slices"
	"strconv"
	"time"

	"go.yaml.in/yaml/v3"
)

// Marshal writes a plan as a plan file. Parse of what it returns is the plan
// again. What has its default value is left away, except for the checks and the
// reactions, which a reader wants to see.
func Marshal(p Plan) []byte {
	file := mapping(
		"version", plainNode("1"),
		"name", textNode(p.Name),
		"targets", sequence(p.Targets, targetNode),
		"strategy", strategyNode(p),
		"checks", sequence(p.Checks, checkNode),
		"onUnhealthy", plainNode(string(p.OnUnhealthy)),
		"onUnknown", plainNode(string(p.OnUnknown)),
		"unknownFor", plainNode(FormatDuration(p.UnknownFor)),
		"onDrift", plainNode(string(p.OnDrift)),
	)
	if p.Alpha != DefaultAlpha {
		add(file, "alpha", plainNode(formatFloat(p.Alpha)))
	}
	if p.MinRequests != DefaultMinRequests {
		add(file, "minRequests", plainNode(strconv.Itoa(p.MinRequests)))
	}
	if p.OnSharedIncident != Hold {
		add(file, "onSharedIncident", plainNode(string(p.OnSharedIncident)))
	}
	if p.HoldBack != defaultHoldBack(p) {
		add(file, "holdBack", plainNode(p.HoldBack.String()))
	}
	if len(p.AcceptAlarms) > 0 {
		add(file, "acceptAlarms", sequence(p.AcceptAlarms, textNode))
	}
	if p.Keep != DefaultKeep {
		add(file, "keep", flow(mapping("verified", plainNode(strconv.Itoa(p.Keep.Verified)), "versions", plainNode(strconv.Itoa(p.Keep.Versions)))))
	}
	hooks := mapping()
	for _, m := range Moments {
		if h := p.Hooks.At(m); h != nil {
			add(hooks, string(m), hookNode(*h))
		}
	}
	if len(hooks.Content) > 0 {
		add(file, "hooks", hooks)
	}
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := e.Encode(file); err != nil {
		panic("plan: marshal: " + err.Error()) // nodes made here are well formed
	}
	return b.Bytes()
}

func targetNode(t Target) *yaml.Node {
	var m *yaml.Node
	kind := "stateMachine"
	if t.Kind == Lambda {
		kind = "lambda"
		m = mapping("function", textNode(t.Name), "alias", textNode(t.Alias))
	} else {
		m = mapping("name", textNode(t.Name), "alias", textNode(t.Alias))
	}
	for _, f := range []struct{ name, value string }{{"version", t.Version}, {"definition", t.Definition}, {"code", t.Code}, {"logs", t.Logs}} {
		if f.value != "" {
			add(m, f.name, textNode(f.value))
		}
	}
	return mapping(kind, flow(m))
}

// hookNode writes the short form where it says everything.
func hookNode(h Hook) *yaml.Node {
	if short, err := ParseHook(h.Name); err == nil && short == h {
		return textNode(h.Name)
	}
	m := mapping(string(h.Kind), textNode(h.Name))
	if h.Payload != "" {
		add(m, "payload", jsonNode(h.Payload))
	}
	if h.Async {
		add(m, "async", plainNode("true"))
	}
	if h.Timeout != DefaultHookTimeout {
		add(m, "timeout", plainNode(FormatDuration(h.Timeout)))
	}
	return flow(m)
}

// jsonNode makes a node of a JSON text, which is YAML too.
func jsonNode(text string) *yaml.Node {
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil || len(doc.Content) == 0 {
		panic("plan: payload is not JSON: " + text) // the reader or ParsePayload made it
	}
	return flow(doc.Content[0])
}

func strategyNode(p Plan) *yaml.Node {
	s := p.Strategy
	every := plainNode(FormatDuration(s.Every))
	m := mapping()
	soak := DefaultSoak
	switch {
	case isPreset(s):
		add(m, "named", plainNode(s.Preset))
		soak = 0
	case s.Preset != "":
		preference := mapping("type", plainNode(s.Preset))
		if s.Name != allAtOnceStrategy {
			add(preference, "percentage", plainNode(strconv.Itoa(int(s.Weight/percent))))
			add(preference, "interval", plainNode(strconv.Itoa(int(s.Every.Minutes()))))
		}
		add(m, "preference", flow(preference))
		soak = 0
	case s.Name == canaryStrategy:
		add(m, "canary", flow(mapping("weight", plainNode(s.Weight.String()), "for", every)))
	case s.Name == linearStrategy && s.Count > 0:
		add(m, "linear", flow(mapping("steps", plainNode(strconv.Itoa(s.Count)), "every", every)))
	case s.Name == linearStrategy:
		add(m, "linear", flow(mapping("step", plainNode(s.Weight.String()), "every", every)))
	case s.Name == exponentialStrategy:
		add(m, "exponential", flow(mapping("from", plainNode(s.Weight.String()), "factor", plainNode(formatFloat(s.Factor)), "every", every)))
	case s.Name == allAtOnceStrategy:
		add(m, "allAtOnce", flow(mapping()))
	case s.Name == adaptiveStrategy:
		add(m, "adaptive", adaptiveNode(*s.Adaptive, DefaultAdaptive(p.Targets)))
		soak = 0
	default:
		add(m, "steps", sequence(p.authored(), stepNode))
	}
	if p.Soak != soak {
		add(m, "soak", plainNode(FormatDuration(p.Soak)))
	}
	if p.Deadline != defaultDeadline(s, p.Steps, p.Hooks) {
		add(m, "deadline", plainNode(FormatDuration(p.Deadline)))
	}
	if p.Look != defaultLook(s, p.Steps, p.Soak) {
		add(m, "look", plainNode(FormatDuration(p.Look)))
	}
	if p.Settle != defaultSettle(p.Targets) {
		add(m, "settle", plainNode(FormatDuration(p.Settle)))
	}
	return m
}

// adaptiveNode writes what differs from the default.
func adaptiveNode(a, usual Adaptive) *yaml.Node {
	m := mapping()
	if a.Budget != usual.Budget {
		add(m, "budget", plainNode(formatFloat(a.Budget)))
	}
	for _, f := range []struct {
		name     string
		w, usual Weight
	}{{"smallest", a.Smallest, usual.Smallest}, {"top", a.Top, usual.Top}} {
		if f.w != f.usual {
			add(m, f.name, plainNode(f.w.String()))
		}
	}
	for _, f := range []struct {
		name     string
		d, usual time.Duration
	}{{"pace", a.Pace, usual.Pace}, {"patience", a.Patience, usual.Patience}, {"watch", a.Watch, usual.Watch}, {"atTop", a.AtTop, usual.AtTop}} {
		if f.d != f.usual {
			add(m, f.name, plainNode(FormatDuration(f.d)))
		}
	}
	return flow(m)
}

// authored are the steps that an author wrote: without the one that holds the old
// version back, which follows from HoldBack.
func (p Plan) authored() []Step {
	if p.HoldBack == 0 {
		return p.Steps
	}
	i := len(p.Steps) - 2
	return slices.Delete(slices.Clone(p.Steps), i, i+1)
}

// isPreset says whether a strategy was made by Preset, not by Preference.
func isPreset(s Strategy) bool {
	if s.Preset == "" {
		return false
	}
	_, err := Preset(s.Preset)
	return err == nil
}

func stepNode(s Step) *yaml.Node {
	m := mapping("weight", plainNode(s.Weight.String()))
	if s.For > 0 {
		add(m, "for", plainNode(FormatDuration(s.For)))
	}
	if s.Approval {
		add(m, "until", plainNode("approved"))
	}
	return flow(m)
}

func checkNode(c Check) *yaml.Node {
	m := mapping()
	if c.Name != checkName(c) {
		add(m, "name", textNode(c.Name))
	}
	switch {
	case c.Alarm != "":
		add(m, "alarm", textNode(c.Alarm))
		if c.Fine != "" {
			add(m, "fine", plainNode(string(c.Fine)))
		}
	case c.Rate != nil:
		rate := mapping(
			"outcomes", sequence(c.Rate.Outcomes, textNode),
			"max", plainNode(formatFloat(c.Rate.Max*100)+"%"),
			"minSamples", plainNode(strconv.Itoa(c.Rate.MinSamples)),
		)
		if c.Rate.UnlessShared {
			add(rate, "unlessShared", plainNode("true"))
		}
		add(m, "rate", flow(rate))
	case c.Metric != nil:
		add(m, "metric", metricNode(*c.Metric))
	case c.HTTP != nil:
		add(m, "http", flow(mapping("url", textNode(c.HTTP.URL), "expect", plainNode(strconv.Itoa(c.HTTP.Expect)))))
	case c.Probe != nil:
		add(m, "probe", probeNode(*c.Probe))
	case c.Compare != nil:
		usual := defaultComparison(c.Compare.Of).Compare
		add(m, "compare", plainNode(string(c.Compare.Of)))
		if c.Compare.Tolerance != usual.Tolerance {
			add(m, "tolerance", plainNode(formatFloat(c.Compare.Tolerance*100)+"%"))
		}
		if c.Compare.Weight != usual.Weight {
			add(m, "weight", plainNode(formatFloat(c.Compare.Weight)))
		}
		if c.Compare.OnlyCondemns {
			add(m, "onlyCondemns", plainNode("true"))
		}
	}
	return m
}

func metricNode(l MetricLimit) *yaml.Node {
	m := mapping("namespace", textNode(l.Namespace), "name", textNode(l.Metric))
	if len(l.Dimensions) > 0 {
		d := mapping()
		for _, name := range slices.Sorted(maps.Keys(l.Dimensions)) {
			add(d, name, textNode(l.Dimensions[name]))
		}
		add(m, "dimensions", flow(d))
	}
	add(m, "stat", textNode(l.Stat))
	add(m, "period", plainNode(FormatDuration(l.Period)))
	add(m, "limit", textNode(l.Op+" "+formatFloat(l.Limit)))
	if l.MinSamples > 0 {
		add(m, "minSamples", plainNode(strconv.Itoa(l.MinSamples)))
	}
	return m
}

// formatFloat writes a number with as many digits as it needs; what the
// conversion from percent adds in the fifteenth is not one of them.
func formatFloat(f float64) string {
	rounded, _ := strconv.ParseFloat(strconv.FormatFloat(f, 'g', 14, 64), 64)
	return strconv.FormatFloat(rounded, 'f', -1, 64)
}

// mapping makes a mapping node from names and nodes in turn.
func mapping(pairs ...any) *yaml.Node {
	m := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	for i := 0; i < len(pairs); i += 2 {
		add(m, pairs[i].(string), pairs[i+1].(*yaml.Node))
	}
	return m
}

func add(m *yaml.Node, name string, n *yaml.Node) {
	m.Content = append(m.Content, textNode(name), n)
}

// textNode makes a text, quoted where YAML would read something else.
func textNode(s string) *yaml.Node {
	n := &yaml.Node{}
	n.SetString(s)
	return n
}

// plainNode makes a scalar that stands as it is.
func plainNode(s string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Value: s} }

// flow writes a node on one line.
func flow(n *yaml.Node) *yaml.Node {
	n.Style = yaml.FlowStyle
	return n
}

func sequence[T any](values []T, node func(T) *yaml.Node) *yaml.Node {
	n := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
	for _, v := range values {
		n.Content = append(n.Content, node(v))
	}
	if len(values) == 0 {
		n.Style = yaml.FlowStyle
	}
	return n
}
