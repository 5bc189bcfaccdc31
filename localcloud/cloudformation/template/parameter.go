package template

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/dlclark/regexp2/v2"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

// maxParameterValue is the length of the longest parameter value, in bytes.
const maxParameterValue = 4096

// Masked stands for the value of a parameter with NoEcho wherever it is shown.
const Masked = "****"

var parameterKeys = []string{
	"Type", "Default", "NoEcho", "AllowedValues", "AllowedPattern", "MaxLength", "MinLength",
	"MaxValue", "MinValue", "Description", "ConstraintDescription",
}

// A Parameter is one member of the Parameters section.
type Parameter struct {
	Name string
	// Type is String, Number, List<Number>, CommaDelimitedList, or one of AWS's
	// own types such as AWS::EC2::VPC::Id and AWS::SSM::Parameter::Value<String>.
	Type        string
	Description string
	// Default is used where no value is given, if HasDefault.
	Default    string
	HasDefault bool
	// NoEcho parameters are shown as [Masked].
	NoEcho                bool
	AllowedValues         []string
	AllowedPattern        string
	ConstraintDescription string
	// MinLength, MaxLength, MinValue and MaxValue are nil where not given.
	MinLength, MaxLength, MinValue, MaxValue *float64

	pattern pattern
}

// IsList reports whether the parameter's value is a list.
func (p Parameter) IsList() bool {
	return p.Type == "CommaDelimitedList" || strings.HasPrefix(p.Type, "List<") ||
		strings.HasPrefix(p.Type, ssmValue) && (strings.Contains(p.Type, "<List<") || strings.Contains(p.Type, "<CommaDelimitedList>"))
}

// FromSSM reports whether the value is the name of a parameter of Systems
// Manager, which holds the value proper.
func (p Parameter) FromSSM() bool { return strings.HasPrefix(p.Type, ssmValue) }

const ssmValue = "AWS::SSM::Parameter::Value<"

var parameterTypes = regexp.MustCompile(`^(String|Number|CommaDelimitedList|List<(Number|String)>|(List<)?AWS::EC2::[A-Za-z:]+(>)?|AWS::Route53::HostedZone::Id|List<AWS::Route53::HostedZone::Id>|AWS::SSM::Parameter::(Name|Value<[A-Za-z0-9:<>]+>))$`)

func (t *Template) readParameters() error {
	section, err := t.section("Parameters", maxParameters)
	if err != nil {
		return err
	}
	for name, v := range section.Members() {
		path := []string{"Parameters", name}
		if v.Kind() == jsonvalue.KindNull {
			return t.nullAt(path)
		}
		if v.Kind() != jsonvalue.KindObject {
			return t.Fail(path, "Template format error: Any Parameters member must be an object.")
		}
		if !alphanumeric(name) {
			return t.Fail(path, "Template format error: Parameter name %s is non alphanumeric.", name)
		}
		p, err := t.readParameter(name, v, path)
		if err != nil {
			return err
		}
		t.Parameters = append(t.Parameters, p)
	}
	return nil
}

func (t *Template) readParameter(name string, v jsonvalue.Value, path []string) (Parameter, error) {
	p := Parameter{Name: name}
	for key, value := range v.Members() {
		at := append(slices.Clone(path), key)
		if !slices.Contains(parameterKeys, key) {
			return p, t.Fail(at, "Invalid template parameter property '%s'", key)
		}
		if value.Kind() == jsonvalue.KindNull {
			return p, t.nullAt(at)
		}
		if key != "AllowedValues" && !isScalar(value) {
			return p, t.Fail(at, "Template format error: Every %s member must be a string.", key)
		}
		switch key {
		case "Type":
			p.Type = value.Str()
		case "Default":
			p.Default, p.HasDefault = value.Text(), true
		case "NoEcho":
			p.NoEcho = strings.EqualFold(value.Text(), "true")
		case "AllowedPattern":
			p.AllowedPattern = value.Text()
			var err error
			if p.pattern, err = compilePattern(p.AllowedPattern); err != nil {
				return p, t.Fail(at, "Template format error: AllowedPattern %s is not a regular expression", p.AllowedPattern)
			}
		case "Description":
			p.Description = value.Text()
		case "ConstraintDescription":
			p.ConstraintDescription = value.Text()
		case "AllowedValues":
			if value.Kind() != jsonvalue.KindArray {
				return p, t.Fail(at, "Template format error: Every AllowedValues member must be a list.")
			}
			p.AllowedValues = make([]string, 0, value.Len())
			for item := range value.Elements() {
				p.AllowedValues = append(p.AllowedValues, item.Text())
			}
		default:
			n, err := strconv.ParseFloat(value.Text(), 64)
			if err != nil {
				return p, t.Fail(at, "Template format error: Every %s member must be a number.", key)
			}
			switch key {
			case "MinLength":
				p.MinLength = &n
			case "MaxLength":
				p.MaxLength = &n
			case "MinValue":
				p.MinValue = &n
			case "MaxValue":
				p.MaxValue = &n
			}
		}
	}
	if p.Type == "" {
		return p, t.Fail(path, "Template format error: Every Parameters object must contain a Type member.")
	}
	if !parameterTypes.MatchString(p.Type) {
		return p, t.Fail(append(path, "Type"), "Template format error: Unrecognized parameter type: %s", p.Type)
	}
	if p.HasDefault && !p.FromSSM() {
		if err := p.Validate(p.Default); err != nil {
			return p, t.source.locate(err, append(path, "Default"), t.origin)
		}
	}
	return p, nil
}

// Validate says what is wrong with a value in AWS's words, or returns nil.
func (p Parameter) Validate(value string) *Error {
	if len(value) > maxParameterValue {
		return wrong("Parameter '%s' must contain at most %d bytes", p.Name, maxParameterValue)
	}
	if p.FromSSM() {
		return nil
	}
	for _, item := range p.items(value) {
		if problem := p.validateItem(item); problem != "" {
			if p.ConstraintDescription != "" && !strings.HasSuffix(problem, " must be a number.") {
				return wrong("Parameter %s failed to satisfy constraint: %s", p.Name, p.ConstraintDescription)
			}
			return wrong("%s", problem)
		}
	}
	return nil
}

// items are what the constraints apply to: each element of a list.
func (p Parameter) items(value string) []string {
	if p.IsList() {
		return splitList(value)
	}
	return []string{value}
}

func splitList(value string) []string {
	if value == "" {
		return nil
	}
	items := strings.Split(value, ",")
	for i := range items {
		items[i] = strings.TrimSpace(items[i])
	}
	return items
}

func (p Parameter) validateItem(value string) string {
	quoted := "Parameter '" + p.Name + "' "
	if p.Type == "Number" || p.Type == "List<Number>" {
		n, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
		switch {
		case err != nil:
			return quoted + "must be a number."
		case p.MinValue != nil && n < *p.MinValue:
			return quoted + "must be a number not less than " + number(*p.MinValue)
		case p.MaxValue != nil && n > *p.MaxValue:
			return quoted + "must be a number not greater than " + number(*p.MaxValue)
		}
	}
	length := float64(utf8.RuneCountInString(value))
	switch {
	case p.AllowedValues != nil && !slices.Contains(p.AllowedValues, value):
		return quoted + "must be one of AllowedValues"
	case p.MinLength != nil && length < *p.MinLength:
		return quoted + "must contain at least " + number(*p.MinLength) + " characters"
	case p.MaxLength != nil && length > *p.MaxLength:
		return quoted + "must contain at most " + number(*p.MaxLength) + " characters"
	case p.AllowedPattern != "" && !p.pattern.matches(value):
		return quoted + "must match pattern " + p.AllowedPattern
	}
	return ""
}

func number(f float64) string { return jsonvalue.FormatFloat(f) }

// value is what Ref of the parameter gives: text, or a list of texts.
func (p Parameter) value(given string) jsonvalue.Value {
	if !p.IsList() {
		return jsonvalue.String(given)
	}
	var b jsonvalue.ArrayBuilder
	for _, item := range splitList(given) {
		b.Append(jsonvalue.String(item))
	}
	return b.Value()
}

// A pattern is a regular expression of Java that has to match the whole value.
// What RE2 can express runs on it; look-around runs on a backtracking engine with
// a time-out, which is measured in real time: nothing else can stop a match.
type pattern struct {
	linear       *regexp.Regexp
	backtracking *regexp2.Regexp
}

const (
	matchTimeout = 50 * time.Millisecond
	matchStack   = 1 << 20 // entries
	maxPattern   = 4096    // bytes
)

func compilePattern(text string) (pattern, error) {
	if len(text) > maxPattern {
		return pattern{}, wrong("longer than %d bytes", maxPattern)
	}
	whole := "^(?:" + text + ")$"
	if re, err := regexp.Compile(whole); err == nil {
		return pattern{linear: re}, nil
	}
	re, err := regexp2.Compile(whole, regexp2.None, regexp2.OptionMaxBacktrackingStackSize(matchStack))
	if err != nil {
		return pattern{}, err
	}
	re.MatchTimeout = matchTimeout
	return pattern{backtracking: re}, nil
}

func (p pattern) matches(value string) bool {
	if p.linear != nil {
		return p.linear.MatchString(value)
	}
	ok, err := p.backtracking.MatchString(value)
	return err == nil && ok
}
