package template

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

// shortTags are the tags that abbreviate a function in YAML.
var shortTags = map[string]string{
	"!Ref": "Ref", "!Condition": "Condition",
	"!GetAtt": "Fn::GetAtt", "!Sub": "Fn::Sub", "!Join": "Fn::Join", "!Select": "Fn::Select",
	"!Split": "Fn::Split", "!FindInMap": "Fn::FindInMap", "!If": "Fn::If", "!Equals": "Fn::Equals",
	"!And": "Fn::And", "!Or": "Fn::Or", "!Not": "Fn::Not", "!ImportValue": "Fn::ImportValue",
	"!Base64": "Fn::Base64", "!GetAZs": "Fn::GetAZs", "!Cidr": "Fn::Cidr", "!Transform": "Fn::Transform",
	"!ToJsonString": "Fn::ToJsonString", "!Length": "Fn::Length",
	"!Contains": "Fn::Contains", "!EachMemberEquals": "Fn::EachMemberEquals", "!EachMemberIn": "Fn::EachMemberIn",
	"!RefAll": "Fn::RefAll", "!ValueOf": "Fn::ValueOf", "!ValueOfAll": "Fn::ValueOfAll",
}

var yamlErrorLine = regexp.MustCompile(`line (\d+): ?`)

func readYAML(text string) (*source, error) {
	decoder := yaml.NewDecoder(strings.NewReader(text))
	var document yaml.Node
	if err := decoder.Decode(&document); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, at(text, 0, "Template format error: unsupported structure.")
		}
		return nil, malformedYAML(text, err)
	}
	var next yaml.Node
	if err := decoder.Decode(&next); err == nil {
		return nil, yamlError(&next, "YAML not well-formed. (line %d, column %d): a template is one document", next.Line, next.Column)
	} else if !errors.Is(err, io.EOF) {
		return nil, malformedYAML(text, err)
	}
	var s source
	var err error
	if s.body, err = yamlValue(document.Content[0], &s.places, 0); err != nil {
		return nil, err
	}
	return &s, nil
}

// malformedYAML is the error of a text that is not YAML. The reader tells the
// line alone, so the column is where the line's text begins; of a character that
// YAML does not have it tells no place.
func malformedYAML(text string, err error) error {
	e := wrong("Template format error: YAML not well-formed.")
	reason := strings.TrimPrefix(err.Error(), "yaml: ")
	if i := strings.IndexFunc(text, isControl); i >= 0 && strings.HasPrefix(reason, "control characters") {
		line, column := lineAndColumn(text, i)
		return at(text, i, "%s (line %d, column %d): %s", e.Message, line, column, reason)
	}
	if m := yamlErrorLine.FindStringSubmatch(reason); m != nil {
		e.Line, _ = strconv.Atoi(m[1])
		reason = strings.Replace(reason, m[0], "", 1)
	} else {
		e.Line = 1
	}
	e.Column = 1
	if lines := strings.Split(text, "\n"); e.Line <= len(lines) {
		line := lines[e.Line-1]
		e.Column = len(line) - len(strings.TrimLeft(line, " \t")) + 1
	}
	e.Message = fmt.Sprintf("%s (line %d, column %d): %s", e.Message, e.Line, e.Column, reason)
	return e
}

// isControl says that a character is none of a YAML text.
func isControl(r rune) bool {
	return r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0x7f || r >= 0x80 && r < 0xa0 && r != 0x85 || r == 0xfffe || r == 0xffff
}

func yamlError(n *yaml.Node, format string, args ...any) error {
	e := wrong("Template format error: "+format, args...)
	e.Line, e.Column = n.Line, n.Column
	return e
}

// yamlValue converts a node with its tag. It goes no deeper than maxDepth and
// follows no alias, so its work is bounded by the text's length.
func yamlValue(n *yaml.Node, p *place, depth int) (jsonvalue.Value, error) {
	p.line, p.column = int32(n.Line), int32(n.Column)
	if depth > maxDepth {
		e := wrong("%s", tooDeep)
		e.Line, e.Column = n.Line, n.Column
		return jsonvalue.Value{}, e
	}
	if n.Kind == yaml.AliasNode {
		e := wrong("Template error: YAML aliases are not allowed in CloudFormation templates")
		e.Line, e.Column = n.Line, n.Column
		return jsonvalue.Value{}, e
	}
	tag := n.ShortTag()
	if strings.HasPrefix(tag, "!") && !strings.HasPrefix(tag, "!!") {
		return shortForm(n, tag, p, depth)
	}
	switch tag {
	case "!!str", "!!int", "!!float", "!!bool", "!!null", "!!map", "!!seq", "!!timestamp":
	case "!!merge":
		return jsonvalue.Value{}, yamlError(n, "YAML not well-formed. (line %d, column %d): merge keys are not supported", n.Line, n.Column)
	default:
		return jsonvalue.Value{}, yamlError(n, "YAML not well-formed. (line %d, column %d): the tag %s is not supported", n.Line, n.Column, tag)
	}
	return plainValue(n, tag, p, depth)
}

func plainValue(n *yaml.Node, tag string, p *place, depth int) (jsonvalue.Value, error) {
	switch n.Kind {
	case yaml.MappingNode:
		return yamlObject(n, p, depth)
	case yaml.SequenceNode:
		var b jsonvalue.ArrayBuilder
		b.Grow(len(n.Content))
		p.children = make([]place, len(n.Content))
		for i, item := range n.Content {
			v, err := yamlValue(item, &p.children[i], depth+1)
			if err != nil {
				return jsonvalue.Value{}, err
			}
			b.Append(v)
		}
		return b.Value(), nil
	default:
		return yamlScalar(n, tag), nil
	}
}

// yamlScalar keeps what JSON has no literal for as text: an account number with
// a leading zero, a date, an infinity.
func yamlScalar(n *yaml.Node, tag string) jsonvalue.Value {
	switch tag {
	case "!!null":
		return jsonvalue.Null()
	case "!!bool":
		return jsonvalue.Bool(strings.EqualFold(n.Value, "true"))
	case "!!int", "!!float":
		if v := jsonvalue.Number(n.Value); v.IsDefined() {
			return v
		}
	}
	return jsonvalue.String(n.Value)
}

func yamlObject(n *yaml.Node, p *place, depth int) (jsonvalue.Value, error) {
	var b jsonvalue.ObjectBuilder
	b.Grow(len(n.Content) / 2)
	p.children = make([]place, 0, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		switch {
		case key.Kind == yaml.AliasNode || key.ShortTag() == "!!merge":
			_, err := yamlValue(key, &place{}, depth)
			return jsonvalue.Value{}, err
		case key.Kind != yaml.ScalarNode:
			return jsonvalue.Value{}, yamlError(key, "YAML not well-formed. (line %d, column %d): a key is a text", key.Line, key.Column)
		}
		if _, repeated := b.Get(key.Value); repeated {
			return jsonvalue.Value{}, yamlError(key, "YAML not well-formed. (line %d, column %d): the key %q is repeated", key.Line, key.Column, key.Value)
		}
		var child place
		v, err := yamlValue(n.Content[i+1], &child, depth+1)
		if err != nil {
			return jsonvalue.Value{}, err
		}
		child.line, child.column = int32(key.Line), int32(key.Column)
		p.children = append(p.children, child)
		b.Set(key.Value, v)
	}
	return b.Value(), nil
}

// shortForm writes !Sub x as {"Fn::Sub": x}. Both levels have the same place.
func shortForm(n *yaml.Node, tag string, p *place, depth int) (jsonvalue.Value, error) {
	function, ok := shortTags[tag]
	if !ok {
		return jsonvalue.Value{}, yamlError(n, "YAML not well-formed. (line %d, column %d): the tag %s is no function", n.Line, n.Column, tag)
	}
	p.children = []place{{line: int32(n.Line), column: int32(n.Column)}}
	plain := *n
	plain.Tag = ""
	if plain.Kind == yaml.ScalarNode {
		// What follows a short tag is text, whatever it looks like: !Ref 123.
		plain.Tag = "!!str"
	}
	argument, err := plainValue(&plain, plain.ShortTag(), &p.children[0], depth+1)
	if err != nil {
		return jsonvalue.Value{}, err
	}
	if function == "Fn::GetAtt" && argument.Kind() == jsonvalue.KindString {
		id, attribute, dotted := strings.Cut(argument.Str(), ".")
		if !dotted {
			return jsonvalue.Value{}, getAttShape(n)
		}
		argument = jsonvalue.ArrayOf(jsonvalue.String(id), jsonvalue.String(attribute))
	}
	return jsonvalue.ObjectOf(jsonvalue.Member{Key: function, Value: argument}), nil
}

func getAttShape(n *yaml.Node) error {
	e := wrong("%s", messageGetAtt)
	e.Line, e.Column = n.Line, n.Column
	return e
}
