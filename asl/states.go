package asl

import (
	"strings"
	"time"
	"unicode/utf8"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

// state reads one state. It returns nil when the state has no known type.
func (p *parser) state(o object, name string, vs *variables) State {
	if !o.has("Type") {
		o.require("Type")
		return nil
	}
	kind := o.choice("Type", stateTypes...)
	if kind == "" {
		return nil
	}
	o.language = o.queryLanguage(p.language)
	if p.language == JSONata && o.language == JSONPath {
		p.fail(o.at, "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine")
	}
	o.allow(stateFields[kind])
	common := Common{
		Name: name, Comment: o.text("Comment"), Location: o.at, QueryLanguage: o.language,
		InputPath: o.path("InputPath"), OutputPath: o.path("OutputPath"),
		Assign: o.assign(vs), Output: o.template("Output"),
	}
	switch kind {
	case "Choice", "Succeed", "Fail":
	default:
		o.oneOf("Next", "End")
		common.Next, common.End = o.text("Next"), o.truth("End")
		if o.has("End") && !common.End && !o.has("Next") {
			p.fail(o.place("End"), "Value must be true")
		}
	}
	s := o.typed(kind, common, vs)
	p.refer(s)
	return s
}

// typed reads the fields that states of the kind alone have.
func (o object) typed(kind string, c Common, vs *variables) State {
	switch kind {
	case "Pass":
		result, _ := o.v.Get("Result")
		o.warnStatic(result)
		return &Pass{Common: c, Parameters: o.template("Parameters"), Result: result, ResultPath: o.resultPath()}
	case "Task":
		return o.task(c, vs)
	case "Choice":
		return o.choiceState(c, vs)
	case "Wait":
		o.oneOf("Seconds", "SecondsPath", "Timestamp", "TimestampPath")
		return &Wait{
			Common:  c,
			Seconds: o.number("Seconds", 0, maxSeconds), SecondsPath: o.reference("SecondsPath"),
			Timestamp: o.timestamp("Timestamp"), TimestampPath: o.reference("TimestampPath"),
		}
	case "Succeed":
		return &Succeed{c}
	case "Fail":
		o.atMostOneOf("Error", "ErrorPath")
		o.atMostOneOf("Cause", "CausePath")
		return &Fail{
			Common: c,
			Error:  o.string("Error"), ErrorPath: o.stringPath("ErrorPath"),
			Cause: o.string("Cause"), CausePath: o.stringPath("CausePath"),
		}
	case "Parallel":
		return o.parallel(c, vs)
	case "Map":
		return o.mapState(c, vs)
	default:
		panic("asl: state type " + kind + " is in the list, but cannot be read")
	}
}

func (o object) task(c Common, vs *variables) *Task {
	o.require("Resource")
	o.atMostOneOf("TimeoutSeconds", "TimeoutSecondsPath")
	o.atMostOneOf("HeartbeatSeconds", "HeartbeatSecondsPath")
	t := &Task{
		Common: c, Resource: o.resource(),
		Input: o.input(), ResultSelector: o.template("ResultSelector"), ResultPath: o.resultPath(),
		TimeoutSeconds: o.number("TimeoutSeconds", 1, maxSeconds), TimeoutSecondsPath: o.reference("TimeoutSecondsPath"),
		HeartbeatSeconds: o.number("HeartbeatSeconds", 1, maxSeconds), HeartbeatSecondsPath: o.reference("HeartbeatSecondsPath"),
		RoleARN: o.credentials(), Handlers: o.handlers(vs),
	}
	timeout, fixed := constantInt(t.TimeoutSeconds)
	if heartbeat, ok := constantInt(t.HeartbeatSeconds); ok && fixed && heartbeat >= timeout {
		o.p.fail(o.place("HeartbeatSeconds"), "HeartbeatSeconds must be smaller than TimeoutSeconds")
	}
	return t
}

// input reads what a Task or a Parallel hands on: Parameters in JSONPath, Arguments in JSONata.
func (o object) input() Expression {
	if o.language == JSONata {
		return o.template("Arguments")
	}
	return o.template("Parameters")
}

func (o object) resource() Resource {
	text, ok := o.get("Resource", jsonvalue.KindString)
	if !ok {
		return Resource{}
	}
	at := o.place("Resource")
	r, ok := ParseResource(text.Str())
	if !ok {
		o.p.fail(at, "The resource provided %s is not recognized. The value is not a valid resource ARN, or the resource is not available in this region.", text.Str())
		return Resource{Text: text.Str()}
	}
	if o.p.kind != Express {
		return r
	}
	switch {
	case r.Kind == Activity:
		o.p.fail(at, "Express state machine does not support Activity ARN")
	case r.Pattern == Sync || r.Pattern == Sync2:
		o.p.fail(at, "Express state machine does not support '.sync' service integration")
	case r.Pattern == WaitForTaskToken:
		// AWS's text ends in a blank.
		o.p.fail(at, "Express state machine does not support '.waitForTaskToken' service integration ")
	}
	return r
}

func (o object) credentials() Expression {
	c, ok := o.child("Credentials")
	if !ok {
		return nil
	}
	_, literal := c.v.Get("RoleArn")
	_, path := c.v.Get("RoleArn.$")
	if !literal && (!path || o.language == JSONata) {
		o.p.fail(c.at, "The field 'RoleArn' is required but was missing")
		return nil
	}
	c.at = o.at // messages about credentials name the field of the state
	template := o.template("Credentials")
	return &memberOf{template, "RoleArn"}
}

func (o object) choiceState(c Common, vs *variables) *Choice {
	s := &Choice{Common: c, Default: o.text("Default")}
	if !o.require("Choices") {
		return s
	}
	for _, r := range o.children("Choices", true) {
		r.require("Next")
		s.Rules = append(s.Rules, Rule{
			Condition: r.condition(true),
			Next:      r.text("Next"),
			Assign:    r.assign(vs),
			Output:    r.template("Output"),
		})
	}
	return s
}

// condition reads what a rule tests. Rules inside And, Or and Not lead nowhere themselves.
func (o object) condition(top bool) Condition {
	if o.language == JSONata {
		o.allow(ruleFields)
		o.require("Condition")
		return Test{o.boolean("Condition")}
	}
	var found Condition
	count := 0
	for name := range o.v.Members() {
		switch name {
		case "And":
			found = And(o.conditions(name))
		case "Or":
			found = Or(o.conditions(name))
		case "Not":
			inner, ok := o.child(name)
			if !ok {
				continue
			}
			found = Not{inner.condition(false)}
		case "Variable", "Comment":
			continue
		case "Next", "Assign":
			if !top {
				o.p.fail(o.at, "Field '%s' is not supported", name)
			}
			continue
		default:
			field, ok := operators[name]
			if !ok {
				o.p.fail(o.at, "Field '%s' is not supported", name)
				continue
			}
			found = o.comparison(name, field)
		}
		count++
	}
	if count != 1 {
		o.p.fail(o.at, "Exactly one comparison is required")
	}
	return found
}

func (o object) conditions(field string) []Condition {
	var list []Condition
	for _, c := range o.children(field, true) {
		list = append(list, c.condition(false))
	}
	return list
}

func (o object) comparison(name string, f operatorField) *Comparison {
	o.require("Variable")
	c := &Comparison{Operator: f.operator, Variable: o.reference("Variable")}
	if f.isPath {
		c.Path = o.reference(name)
		return c
	}
	v, ok := o.get(name, f.operator.operandKind())
	if !ok {
		return c
	}
	c.Value = v
	if looksLikePath(v) {
		o.p.warn(NoPath, o.place(name), "The value of the field '%s' looks like a path, but the field's name does not end with 'Path'", name)
	}
	if strings.HasPrefix(name, "Timestamp") {
		if _, err := time.Parse(time.RFC3339Nano, v.Str()); err != nil {
			o.p.fail(o.place(name), "String does not match RFC3339 timestamp")
		}
	}
	return c
}

func (o object) parallel(c Common, vs *variables) *Parallel {
	s := &Parallel{
		Common: c, Input: o.input(),
		ResultSelector: o.template("ResultSelector"), ResultPath: o.resultPath(), Handlers: o.handlers(vs),
	}
	if !o.require("Branches") {
		return s
	}
	for _, b := range o.children("Branches", true) {
		b.allow(branchFields)
		if b.require("States", "StartAt") {
			s.Branches = append(s.Branches, o.p.flow(b, vs))
		}
	}
	return s
}

func (o object) mapState(c Common, vs *variables) *Map {
	o.oneOf("ItemProcessor", "Iterator")
	o.atMostOneOf("ItemSelector", "Parameters")
	o.atMostOneOf("MaxConcurrency", "MaxConcurrencyPath")
	o.atMostOneOf("ToleratedFailureCount", "ToleratedFailureCountPath")
	o.atMostOneOf("ToleratedFailurePercentage", "ToleratedFailurePercentagePath")
	selector := o.template("ItemSelector")
	if selector == nil {
		selector = o.template("Parameters")
	}
	const many = 1<<63 - 1
	m := &Map{
		Common:    c,
		ItemsPath: o.reference("ItemsPath"), Items: o.list("Items"), ItemSelector: selector,
		ResultSelector: o.template("ResultSelector"), ResultPath: o.resultPath(),
		MaxConcurrency: o.number("MaxConcurrency", 0, many), MaxConcurrencyPath: o.reference("MaxConcurrencyPath"),
		ToleratedFailureCount:          o.number("ToleratedFailureCount", 0, many),
		ToleratedFailureCountPath:      o.reference("ToleratedFailureCountPath"),
		ToleratedFailurePercentage:     o.percentage("ToleratedFailurePercentage"),
		ToleratedFailurePercentagePath: o.reference("ToleratedFailurePercentagePath"),
		ItemReader:                     o.itemReader(), ItemBatcher: o.itemBatcher(), ResultWriter: o.resultWriter(),
		Label:    o.label(),
		Handlers: o.handlers(vs),
	}
	processor, ok := o.child("ItemProcessor")
	if !ok {
		if processor, ok = o.child("Iterator"); !ok {
			return m
		}
	}
	processor.allow(processorFields)
	if config, ok := processor.child("ProcessorConfig"); ok {
		config.allow(processorConfigFields)
		m.Distributed = config.choice("Mode", "INLINE", "DISTRIBUTED") == "DISTRIBUTED"
		m.ExecutionType = Type(config.choice("ExecutionType", string(Standard), string(Express)))
		if m.Distributed {
			config.require("ExecutionType")
		}
	}
	around := vs
	if m.Distributed {
		around = nil // a child execution sees no variables of its parent
	}
	if processor.require("States", "StartAt") {
		m.Processor = o.p.flow(processor, around)
	}
	return m
}

func (o object) label() string {
	label := o.text("Label")
	if label == "" {
		return ""
	}
	at := o.place("Label")
	if utf8.RuneCountInString(label) > 40 || strings.ContainsAny(label, " \t\r\n?*<>{}[]\"#%\\^|~`$&,;:/") {
		o.p.report(InvalidLabelName, at, "Invalid label name: %s", label)
	}
	if o.p.labels[label] {
		o.p.report(DuplicateLabelName, at, "Duplicate label name: %s", label)
	}
	if o.p.labels == nil {
		o.p.labels = make(map[string]bool)
	}
	o.p.labels[label] = true
	return label
}

func (o object) itemReader() *ItemReader {
	r, ok := o.child("ItemReader")
	if !ok {
		return nil
	}
	r.allow(itemReaderFields)
	r.require("Resource")
	reader := &ItemReader{Resource: r.text("Resource"), Input: r.input()}
	if config, ok := r.child("ReaderConfig"); ok {
		config.allow(readerConfigFields)
		config.atMostOneOf("MaxItems", "MaxItemsPath")
		reader.Config = config.v
		reader.MaxItems = config.number("MaxItems", 0, 100_000_000)
		reader.MaxItemsPath = config.reference("MaxItemsPath")
	}
	return reader
}

func (o object) itemBatcher() *ItemBatcher {
	b, ok := o.child("ItemBatcher")
	if !ok {
		return nil
	}
	b.allow(itemBatcherFields)
	b.atMostOneOf("MaxItemsPerBatch", "MaxItemsPerBatchPath")
	b.atMostOneOf("MaxInputBytesPerBatch", "MaxInputBytesPerBatchPath")
	const many = 1<<63 - 1
	return &ItemBatcher{
		BatchInput:       b.template("BatchInput"),
		MaxItemsPerBatch: b.number("MaxItemsPerBatch", 1, many), MaxItemsPerBatchPath: b.reference("MaxItemsPerBatchPath"),
		MaxInputBytesPerBatch: b.number("MaxInputBytesPerBatch", 1, 262_144), MaxInputBytesPerBatchPath: b.reference("MaxInputBytesPerBatchPath"),
	}
}

func (o object) resultWriter() *ResultWriter {
	w, ok := o.child("ResultWriter")
	if !ok {
		return nil
	}
	w.allow(resultWriterFields)
	writer := &ResultWriter{Resource: w.text("Resource"), Input: w.input()}
	if config, ok := w.child("WriterConfig"); ok {
		config.allow(writerConfigFields)
		writer.Config = config.v
	}
	return writer
}
