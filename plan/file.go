package plan

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// maxFile is the size of the largest plan file that is read.
const maxFile = 1 << 20

// fileShape is what a plan file looks like. Parse and Schema both follow it.
var fileShape = object{
	keys: []key{
		{"version", integer{1, 1}, true, "The version of this format: 1."},
		{"name", text{want: "a name", pattern: validName}, false, "How people call the rollout. Default: the first target's name."},
		{"targets", list{of: targetShape, nonEmpty: true}, true, "The aliases that move together, in lock step."},
		{"strategy", strategyShape, true, "How the traffic moves."},
		{"checks", list{of: checkShape}, false, "What has to hold while traffic moves. Left away: a limit on bad outcomes of the new version; with adaptive, errors and durations of both versions are compared. An empty list: nothing is judged."},
		{"acceptAlarms", texts("an alarm's name"), false, "Alarms that may already fire at the start; only a new transition to ALARM counts for them."},
		{"onUnhealthy", text{want: "a reaction", words: reactions}, false, "What to do at the first proof of harm. Default: rollback."},
		{"onUnknown", text{want: "a reaction", words: reactions}, false, "What to do when there was no verdict for unknownFor; until then the rollout holds. Default: hold, until the deadline."},
		{"unknownFor", duration{}, false, "How long to wait for a verdict. Default: 15m."},
		{"alpha", real{0, 0.5}, false, "The chance, at most, that a comparison ever takes back a release that is no worse, however often one looks. Default: 0.01."},
		{"minRequests", integer{1, 1_000_000_000}, false, "How many outcomes of the new version it takes before a comparison is Healthy; without traffic nothing is promoted. Default: 30."},
		{"onSharedIncident", text{want: "a reaction", words: []string{string(Hold), string(RollBack)}}, false, "What to do while both versions fail more than the old one did before: that is nobody's proof. Default: hold, until it is over."},
		{"holdBack", weight{}, false, "The old version's share until the end of the soak, so that there is something to compare with: the soak is then spent at the rest. Default: 5% where versions are compared, nothing with named and preference; adaptive has top."},
		{"onDrift", text{want: "a policy", words: driftPolicies}, false, "What to do when somebody else changed an alias. Default: hold."},
		{"keep", keepShape, false, "Which old versions pruning leaves."},
		{"hooks", hooksShape, false, "Functions or addresses that are asked at certain moments, and may stop the rollout."},
		{"notify", notYet{"notifications are"}, false, ""},
	},
	elsewhere: map[string]string{
		"soak": "under strategy", "deadline": "under strategy", "look": "under strategy", "settle": "under strategy",
		"alarms": "under checks: - alarms: [...]",
	},
}

var targetShape = object{
	keys: []key{
		{"stateMachine", object{keys: []key{
			{"name", text{want: "a name or ARN"}, true, "The state machine's name or ARN."},
			{"alias", text{want: "an alias's name"}, true, "The alias's name."},
			{"version", digits{"a version number"}, false, "The version to release. Left away: publish what is there."},
			{"definition", text{want: "a file name"}, false, "A definition to upload and publish, relative to this file."},
		}}, false, "An alias of a state machine."},
		{"lambda", object{keys: []key{
			{"function", text{want: "a name or ARN"}, true, "The function's name or ARN."},
			{"alias", text{want: "an alias's name"}, true, "The alias's name."},
			{"version", digits{"a version number"}, false, "The version to release. Left away: publish what is there."},
			{"code", text{want: "a file name"}, false, "A zip archive to upload and publish, relative to this file."},
			{"logs", text{want: "a log group"}, false, "The function's log group, such as /aws/lambda/checkout: outcomes are read there within seconds, not from metrics after minutes."},
		}}, false, "An alias of a function."},
	},
	oneOf: []string{"stateMachine", "lambda"},
}

var strategyShape = object{
	keys: []key{
		{"canary", object{keys: []key{
			{"weight", weight{}, true, "The new version's share at first."},
			{"for", duration{}, true, "How long, before it gets everything."},
		}}, false, "One small step, then everything."},
		{"linear", object{keys: []key{
			{"step", weight{}, false, "How much more at each step."},
			{"steps", integer{1, maxSteps}, false, "Instead of step: the number of equal steps."},
			{"every", duration{}, true, "How long each step takes."},
		}, oneOf: []string{"step", "steps"}}, false, "Equal steps."},
		{"exponential", object{keys: []key{
			{"from", weight{}, true, "The first weight."},
			{"factor", real{1, 100}, true, "How many times more at each step."},
			{"every", duration{}, true, "How long each step takes."},
		}}, false, "Each step a multiple of the one before."},
		{"allAtOnce", object{}, false, "Everything in one step, watched for the soak."},
		{"steps", list{of: stepShape, nonEmpty: true}, false, "A list of steps; 100% is added at the end."},
		{"named", text{want: "a preset"}, false, "One of CodeDeploy's configurations, such as Linear10PercentEvery1Minute."},
		{"preference", object{keys: []key{
			{"type", text{want: "a type", words: preferenceTypes}, true, "The type of a DeploymentPreference."},
			{"percentage", integer{1, 99}, false, "Percent at each shift."},
			{"interval", integer{1, maxPreferenceMinutes}, false, "Minutes between shifts."},
		}}, false, "The DeploymentPreference of an AWS::StepFunctions::StateMachineAlias."},
		{"adaptive", object{keys: []key{
			{"budget", real{0, 1_000_000}, false, "How many additional bad requests may be on their way that are not ruled out by what is known: the smaller, the slower. Default: 2."},
			{"smallest", weight{}, false, "The least weight that is asked for. Default: 1% with state machines, 0.1% with functions alone."},
			{"top", weight{}, false, "The largest weight until watch is over; the rest stays with the old version to compare with. Default: 95%."},
			{"pace", duration{}, false, "How long it takes at least to get to the top, however much traffic there is. Default: 2m45s."},
			{"patience", duration{}, false, "How long it takes to get to the top where requests are few and none of them is bad. Default: 10m."},
			{"watch", duration{}, false, "How long it takes at least until the new version has everything. Default: 15m."},
			{"atTop", duration{}, false, "How much of that at least is spent at the top. Default: 5m."},
		}}, false, "As fast as the evidence allows: both versions are compared all the time."},
		{"soak", duration{}, false, "How long the new version is watched with all of the traffic. Default: 5m; nothing for adaptive, named and preference."},
		{"deadline", duration{}, false, "The longest that it may take until everything is on the new version, or it is taken back."},
		{"look", duration{}, false, "How often the world is looked at. Default: 5s, or more often for short steps."},
		{"settle", duration{}, false, "How long after a write an alias may still show the routing before. Default: 5s for state machines, 2s for functions."},
	},
	oneOf: []string{"canary", "linear", "exponential", "allAtOnce", "steps", "named", "preference", "adaptive"},
}

var stepShape = object{keys: []key{
	{"weight", weight{}, true, "The new version's share."},
	{"for", duration{}, false, "How long at least."},
	{"until", text{want: "approved", words: []string{"approved"}}, false, "approved: then wait until a person approves."},
}}

var checkShape = object{
	keys: []key{
		{"name", text{want: "a name"}, false, "How sentences call the check."},
		{"alarm", text{want: "an alarm's name"}, false, "A CloudWatch alarm that must not fire."},
		{"alarms", texts("an alarm's name"), false, "Several alarms, each a check of its own."},
		{"fine", text{want: "missing or unreadable", words: leniences}, false, "What an alarm may be besides OK: missing (no such alarm, or too little data), or unreadable (that too). Default: nothing."},
		{"rate", object{keys: []key{
			{"outcomes", list{of: text{want: "an outcome", words: outcomes}, nonEmpty: true}, false, "What counts as bad. Default: failed, timedOut, aborted (and throttled with functions)."},
			{"max", weight{}, false, "The largest share of bad ones. Default: 5%."},
			{"minSamples", integer{1, 1_000_000_000}, false, "How many finished ones it takes for a verdict. Default: 20."},
			{"unlessShared", truth{}, false, "True: beside a comparison of errors the limit does not condemn what the old version does as badly in the same time; it holds. So is the limit of a plan that lists no checks."},
		}}, false, "A limit on the share of bad outcomes of the new version."},
		{"metric", object{keys: []key{
			{"namespace", text{want: "a namespace"}, true, "The metric's namespace, such as AWS/States."},
			{"name", text{want: "a metric's name"}, true, "The metric's name."},
			{"dimensions", dictionary{}, false, "The metric's dimensions."},
			{"stat", text{want: "a statistic like Sum or p99", pattern: validStat}, true, "Sum, Average, Minimum, Maximum, SampleCount or a percentile such as p99."},
			{"period", duration{}, false, "The datapoints' period. Default: 1m."},
			{"limit", text{want: `a limit like "< 800"`, pattern: validLimit}, true, `What must hold, in the metric's unit: "< 800"; ms and s mean milliseconds.`},
			{"minSamples", integer{0, 1_000_000_000}, false, "How many samples a datapoint needs to be judged."},
		}}, false, "A limit on a CloudWatch metric."},
		{"http", object{keys: []key{
			{"url", text{want: "an http or https address", pattern: validURL}, true, "The address to ask."},
			{"expect", integer{100, 599}, false, "The status that it has to answer. Default: 200."},
		}}, false, "An address that has to answer."},
		{"compare", text{want: "what to compare", words: []string{string(Errors), string(Duration)}}, false, "errors or duration: the new version must not do worse than the old one in the same seconds. The test may be looked at as often as one likes."},
		{"tolerance", weight{}, false, "With compare: how many more requests than with the old version may end badly, or be slow, as a share of all. Default: 0% for errors, 2% for duration."},
		{"weight", real{0, 1000}, false, "With compare: the part that it has in the evidence beside the other comparisons. Default: 0.9 for errors, 0.1 for duration."},
		{"onlyCondemns", truth{}, false, "With compare, true: proven harm takes the version back, and nothing waits for it otherwise: neither for traffic nor for counts that cannot be read. So are the comparisons of a plan that lists no checks."},
		{"probe", probeShape, false, "The new version is tried out before it gets any traffic, by its own ARN. A failure refuses the rollout."},
	},
	oneOf: []string{"alarm", "alarms", "rate", "metric", "http", "compare", "probe"},
}

var hooksShape = object{keys: []key{
	{string(BeforeTraffic), hookShape, false, "Asked before the first shift, which waits for it. When it fails, the rollout is refused."},
	{string(EachStep), hookShape, false, "Asked at each step below 100%, whose end waits for it. Its failure is harm: see onUnhealthy."},
	{string(AfterTraffic), hookShape, false, "Asked once everything is on the new version; the end waits for it. Its failure is harm: see onUnhealthy."},
	{string(OnRollback), hookShape, false, "Asked once all of the traffic was taken back."},
}}

var hookShape = either{
	text{want: "a function's name or ARN, or an http or https address"},
	object{keys: []key{
		{"lambda", text{want: "a function's name or ARN"}, false, "The function to invoke."},
		{"webhook", text{want: "an http or https address", pattern: validURL}, false, "The address to POST to."},
		{"payload", jsonValue{}, false, "Anything, to be handed on to it."},
		{"timeout", duration{}, false, "How long it has for its answer. Default: 10m."},
		{"async", truth{}, false, "true: it only takes the question; crossfade hook gives the answer later. Default: what it returns is its answer."},
	}, oneOf: []string{"lambda", "webhook"}},
}

var keepShape = object{keys: []key{
	{"verified", integer{1, 1000}, false, "How many verified versions stay. Default: 3."},
	{"versions", integer{0, 1000}, false, "How many of the newest versions stay; 0, the default, deletes none."},
}}

var (
	outcomes   = []string{"failed", "timedOut", "aborted", "throttled"}
	validStat  = regexp.MustCompile(`^(Sum|Average|Minimum|Maximum|SampleCount|p(\d{1,2}(\.\d{1,10})?|100)|(tm|tc|ts|wm)\d{1,2}(\.\d{1,10})?)$`)
	validLimit = regexp.MustCompile(`^\s*(<=|>=|<|>)\s*(-?[0-9]+(?:\.[0-9]+)?)\s*(ms|s|%)?\s*$`)
	validURL   = regexp.MustCompile(`^https?://[^\s/]+\S*$`)
)

// Parse reads a plan file, which is YAML or JSON. name is the file's name, for
// messages. The error is a [Problems] with everything that is wrong, each with
// its line.
func Parse(name string, text []byte) (Plan, error) {
	r := &reader{file: name, lines: map[string]int{}}
	root := r.document(text)
	if root == nil {
		return Plan{}, r.problems
	}
	read, _ := fileShape.read(r, root, "")
	file, _ := read.(fields)
	d := r.draft(file)
	if len(r.problems) > 0 {
		// What could not be read would be reported as missing.
		d.problem = func(path, text string) {
			if file[strings.SplitN(strings.SplitN(path, ".", 2)[0], "[", 2)[0]] != nil {
				r.note(path, text)
			}
		}
		if file["strategy"] == nil || file["targets"] == nil {
			return Plan{}, r.problems
		}
	}
	p := d.finish()
	if len(r.problems) > 0 {
		return Plan{}, r.problems
	}
	return p, nil
}

// document reads the only document of a file, or notes a problem and returns
// nil.
func (r *reader) document(text []byte) *yaml.Node {
	problem := func(line int, message string) *yaml.Node {
		r.problems = append(r.problems, Problem{Severity: Error, File: r.file, Line: line, Text: message})
		return nil
	}
	if len(text) > maxFile {
		return problem(0, fmt.Sprintf("%d bytes are more than a plan file may have (%d)", len(text), maxFile))
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var doc, more yaml.Node
	if err := decoder.Decode(&doc); errors.Is(err, io.EOF) {
		return problem(0, "the file is empty; crossfade init writes a first plan")
	} else if err != nil {
		return problem(yamlProblem(err))
	}
	if err := decoder.Decode(&more); err == nil {
		return problem(more.Line, "a second document begins here; a file has one plan")
	} else if !errors.Is(err, io.EOF) {
		return problem(yamlProblem(err))
	}
	if len(doc.Content) == 0 {
		return problem(0, "the file is empty; crossfade init writes a first plan")
	}
	if n := findAlias(&doc); n != nil {
		return problem(n.Line, "YAML aliases (*name) are not allowed in a plan file: write the value out")
	}
	return doc.Content[0]
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

// yamlProblem takes the line out of the YAML library's message.
func yamlProblem(err error) (int, string) {
	m := yamlLine.FindStringSubmatch(err.Error())
	if m == nil {
		return 0, err.Error()
	}
	line, _ := strconv.Atoi(m[1])
	return line, "not YAML: " + strings.TrimPrefix(err.Error(), m[0])
}

// findAlias returns a node that refers to another one. A few of them, nested,
// can stand for billions of values, so none is followed.
func findAlias(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n
	}
	for _, c := range n.Content {
		if found := findAlias(c); found != nil {
			return found
		}
	}
	return nil
}

// note adds a problem at a path of the plan, with the line of the nearest place
// that stands in the file.
func (r *reader) note(path, text string) {
	line := 0
	for at := path; at != "" && line == 0; {
		line = r.lines[at]
		at = at[:max(0, strings.LastIndexAny(at, ".["))]
	}
	if line == 0 {
		line = 1
	}
	r.problems = append(r.problems, Problem{Severity: Error, File: r.file, Line: line, Path: path, Text: text})
}

// draft turns what was read into a draft.
func (r *reader) draft(file fields) draft {
	strategy := value[fields](file, "strategy")
	d := draft{
		name:         value[string](file, "name"),
		soak:         pointer[time.Duration](strategy, "soak"),
		deadline:     pointer[time.Duration](strategy, "deadline"),
		look:         pointer[time.Duration](strategy, "look"),
		settle:       pointer[time.Duration](strategy, "settle"),
		unknownFor:   pointer[time.Duration](file, "unknownFor"),
		onUnhealthy:  Reaction(value[string](file, "onUnhealthy")),
		onUnknown:    Reaction(value[string](file, "onUnknown")),
		onDrift:      DriftPolicy(value[string](file, "onDrift")),
		acceptAlarms: listOf[string](file, "acceptAlarms"),
		problem:      r.note,

		alpha:            pointer[float64](file, "alpha"),
		minRequests:      pointer[int](file, "minRequests"),
		onSharedIncident: Reaction(value[string](file, "onSharedIncident")),
		holdBack:         pointer[Weight](file, "holdBack"),
	}
	for _, t := range listOf[fields](file, "targets") {
		d.targets = append(d.targets, readTarget(t))
	}
	d.strategy, d.steps = r.strategy(strategy)
	_, listed := file["checks"]
	d.defaultChecks = !listed
	for i, c := range listOf[fields](file, "checks") {
		if _, compares := c["compare"]; !compares && (c["tolerance"] != nil || c["weight"] != nil || c["onlyCondemns"] != nil) {
			r.note(fmt.Sprintf("checks[%d]", i), "tolerance, weight and onlyCondemns go with compare")
		}
		d.checks = append(d.checks, readChecks(c, d.targets)...)
	}
	for _, m := range Moments {
		d.hooks.Set(m, readHook(value[fields](file, "hooks")[string(m)]))
	}
	if k, ok := file["keep"].(fields); ok {
		d.keep = &Keep{
			Verified: valueOr(pointer[int](k, "verified"), DefaultKeep.Verified),
			Versions: valueOr(pointer[int](k, "versions"), DefaultKeep.Versions),
		}
	}
	return d
}

func readTarget(f fields) Target {
	if m, ok := f["stateMachine"].(fields); ok {
		return Target{
			Kind: StateMachine, Name: value[string](m, "name"), Alias: value[string](m, "alias"),
			Version: value[string](m, "version"), Definition: value[string](m, "definition"),
		}
	}
	m := value[fields](f, "lambda")
	return Target{
		Kind: Lambda, Name: value[string](m, "function"), Alias: value[string](m, "alias"),
		Version: value[string](m, "version"), Code: value[string](m, "code"), Logs: value[string](m, "logs"),
	}
}

// readHook turns a hook's short or long form into a hook; nil if there is none.
func readHook(v any) *Hook {
	switch v := v.(type) {
	case string:
		h, _ := ParseHook(v) // finish says what is wrong with it
		return &h
	case fields:
		h := &Hook{
			Kind: LambdaHook, Name: value[string](v, "lambda"), Payload: string(value[jsonText](v, "payload")),
			Async: value[bool](v, "async"), Timeout: valueOr(pointer[time.Duration](v, "timeout"), DefaultHookTimeout),
		}
		if url := value[string](v, "webhook"); url != "" {
			h.Kind, h.Name = Webhook, url
		}
		return h
	default:
		return nil
	}
}

func (r *reader) strategy(f fields) (*Strategy, []Step) {
	if m, ok := f["canary"].(fields); ok {
		return &Strategy{Name: canaryStrategy, Weight: value[Weight](m, "weight"), Every: span(m, "for")}, nil
	}
	if m, ok := f["linear"].(fields); ok {
		return &Strategy{Name: linearStrategy, Weight: value[Weight](m, "step"), Count: value[int](m, "steps"), Every: span(m, "every")}, nil
	}
	if m, ok := f["exponential"].(fields); ok {
		return &Strategy{Name: exponentialStrategy, Weight: value[Weight](m, "from"), Factor: value[float64](m, "factor"), Every: span(m, "every")}, nil
	}
	if _, ok := f["allAtOnce"].(fields); ok {
		return &Strategy{Name: allAtOnceStrategy}, nil
	}
	if m, ok := f["adaptive"].(fields); ok {
		return &Strategy{Name: adaptiveStrategy, Adaptive: &Adaptive{
			Budget: value[float64](m, "budget"), Smallest: value[Weight](m, "smallest"), Top: value[Weight](m, "top"),
			Pace: span(m, "pace"), Patience: span(m, "patience"), Watch: span(m, "watch"), AtTop: span(m, "atTop"),
		}}, nil
	}
	if _, ok := f["steps"]; ok {
		var steps []Step
		for _, s := range listOf[fields](f, "steps") {
			steps = append(steps, Step{Weight: value[Weight](s, "weight"), For: span(s, "for"), Approval: value[string](s, "until") != ""})
		}
		return &Strategy{Name: stepsStrategy}, steps
	}
	if name, ok := f["named"].(string); ok {
		s, err := Preset(name)
		return r.orNote("strategy.named", s, err), nil
	}
	if m, ok := f["preference"].(fields); ok {
		s, err := Preference(value[string](m, "type"), value[int](m, "percentage"), value[int](m, "interval"))
		return r.orNote("strategy.preference", s, err), nil
	}
	return nil, nil
}

// orNote returns the strategy, or notes the error and returns one whose rules
// are not worth more messages.
func (r *reader) orNote(path string, s Strategy, err error) *Strategy {
	if err != nil {
		r.note(path, err.Error())
		s = Strategy{Name: allAtOnceStrategy}
	}
	return &s
}

// readChecks turns an entry of checks into checks; alarms makes several.
func readChecks(f fields, targets []Target) []Check {
	name := value[string](f, "name")
	if alarms := listOf[string](f, "alarms"); len(alarms) > 0 {
		checks := make([]Check, len(alarms))
		for i, a := range alarms {
			checks[i] = Check{Alarm: a, Fine: Lenience(value[string](f, "fine"))}
		}
		return checks
	}
	c := Check{Name: name, Alarm: value[string](f, "alarm"), Fine: Lenience(value[string](f, "fine"))}
	if m, ok := f["rate"].(fields); ok {
		c.Rate = defaultRate(targets)
		if o := listOf[string](m, "outcomes"); len(o) > 0 {
			c.Rate.Outcomes = o
		}
		if w, ok := m["max"].(Weight); ok {
			c.Rate.Max = float64(w) / float64(Full)
		}
		if n, ok := m["minSamples"].(int); ok {
			c.Rate.MinSamples = n
		}
		c.Rate.UnlessShared = value[bool](m, "unlessShared")
	}
	if m, ok := f["metric"].(fields); ok {
		c.Metric = &MetricLimit{
			Namespace: value[string](m, "namespace"), Metric: value[string](m, "name"),
			Dimensions: value[map[string]string](m, "dimensions"), Stat: value[string](m, "stat"),
			Period: valueOr(pointer[time.Duration](m, "period"), DefaultMetricPeriod), MinSamples: value[int](m, "minSamples"),
		}
		c.Metric.Op, c.Metric.Limit = parseLimit(value[string](m, "limit"))
	}
	if m, ok := f["http"].(fields); ok {
		c.HTTP = &HTTPProbe{URL: value[string](m, "url"), Expect: valueOr(pointer[int](m, "expect"), 200)}
	}
	if m, ok := f["probe"].(fields); ok {
		c.Probe = readProbe(m)
	}
	if of, ok := f["compare"].(string); ok {
		c.Compare = defaultComparison(Compared(of)).Compare
		if w, ok := f["tolerance"].(Weight); ok {
			c.Compare.Tolerance = float64(w) / float64(Full)
		}
		if w, ok := f["weight"].(float64); ok {
			c.Compare.Weight = w
		}
		c.Compare.OnlyCondemns = value[bool](f, "onlyCondemns")
	}
	return []Check{c}
}

// parseLimit reads "< 800", "<= 2s", ">= 99.5%". Seconds become milliseconds,
// which is the unit of CloudWatch's durations; a percent sign means nothing.
func parseLimit(s string) (op string, limit float64) {
	m := validLimit.FindStringSubmatch(s)
	if m == nil {
		return "", 0 // the shape has said so
	}
	limit, _ = strconv.ParseFloat(m[2], 64)
	if m[3] == "s" {
		limit *= 1000
	}
	return m[1], limit
}
