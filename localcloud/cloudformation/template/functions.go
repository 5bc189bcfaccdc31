package template

import (
	"encoding/base64"
	"slices"
	"strconv"
	"strings"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

// AWS's sentences about the arguments of functions.
const (
	messageRef       = "Template error: every Ref object must have a single String value."
	messageGetAtt    = "Template error: every Fn::GetAtt object requires two non-empty parameters, the resource name and the resource attribute"
	messageJoin      = "Template error: every Fn::Join object requires two parameters, (1) a string delimiter and (2) a list of strings to be joined or a function that returns a list of strings (such as Fn::GetAZs) to be joined."
	messageSplit     = "Template error: every Fn::Split object requires two parameters, (1) a string delimiter and (2) a string to be split or a function that returns a string to be split."
	messageSelect    = "Template error: Fn::Select requires a list argument with two elements: an integer index and a list"
	messageFindInMap = "Template error: every Fn::FindInMap object requires three parameters, the map name, map key and the attribute for return value"
	messageIf        = "Template error: Fn::If requires a list argument with three elements"
	messageEquals    = "Template error: every Fn::Equals object requires a list of 2 string parameters."
	messageSub       = "Template error: One or more Fn::Sub intrinsic functions don't specify expected arguments. Specify a string as first argument, and an optional second argument to specify a mapping of values to replace in the string"
	messageSubName   = "Template error: variable names in Fn::Sub syntax must contain only alphanumeric characters, underscores, periods, and colons"
	messageBase64    = "Template error: every Fn::Base64 object must have a String-typed value."
	messageGetAZs    = "Template error: every Fn::GetAZs object must have a String-typed value."
	messageImport    = "Template error: the attribute in Fn::ImportValue must be a string or a function that returns a string"
	messageCidr      = "Template error: every Fn::Cidr object requires two or three parameters: an IP block, a count from 1 to 256, and the number of subnet bits"
)

// functionNames are the functions of a template; AWS::LanguageExtensions adds
// extensionFunctions. Those of Conditions and Rules are not listed.
var (
	functionNames = []string{
		"Ref", "Fn::Base64", "Fn::Cidr", "Fn::FindInMap", "Fn::GetAtt", "Fn::GetAZs", "Fn::If", "Fn::ImportValue",
		"Fn::Join", "Fn::Select", "Fn::Split", "Fn::Sub", "Fn::Transform",
	}
	extensionFunctions = []string{"Fn::Length", "Fn::ToJsonString"}
)

func (t *Template) unsupported(name string) string {
	known := slices.Clone(functionNames)
	if t.extensions {
		known = append(known, extensionFunctions...)
	}
	slices.Sort(known)
	return "Template error: Encountered unsupported function: " + name + " Supported functions are: " + brackets(known)
}

// call evaluates one function.
func (e *evaluator) call(name string, argument jsonvalue.Value) (jsonvalue.Value, error) {
	switch name {
	case "Ref":
		return e.ref(argument)
	case "Fn::GetAtt":
		return e.getAtt(argument)
	case "Fn::If":
		return e.ifElse(argument)
	case "Fn::Sub":
		return e.sub(argument)
	case "Fn::FindInMap":
		return e.findInMap(argument)
	case "Fn::Transform":
		included, _ := argument.Get("Name")
		return jsonvalue.Value{}, e.fail("Transform %s is not supported: put what it would insert into the template, for example with aws cloudformation package.", included.Text())
	case "Fn::Length", "Fn::ToJsonString":
		if !e.b.extensions {
			return jsonvalue.Value{}, e.fail("%s", e.b.unsupported(name))
		}
	case "Fn::Join", "Fn::Select", "Fn::Split", "Fn::Base64", "Fn::GetAZs", "Fn::Cidr", "Fn::ImportValue":
	case "Fn::And", "Fn::Equals", "Fn::Not", "Fn::Or":
		if !e.rule {
			return jsonvalue.Value{}, e.fail("Template error: %s is only allowed in Conditions and Rules; name a condition and use Fn::If.", name)
		}
		holds, err := e.truth(again(name, argument))
		return jsonvalue.Bool(holds), err
	default:
		return jsonvalue.Value{}, e.fail("%s", e.b.unsupported(name))
	}
	// These only need their evaluated arguments.
	before := e.open
	evaluated, err := e.eval(argument)
	if err != nil {
		return jsonvalue.Value{}, err
	}
	if e.open > before {
		return again(name, evaluated), nil
	}
	switch name {
	case "Fn::Join":
		return e.join(evaluated)
	case "Fn::Select":
		return e.selectFrom(evaluated)
	case "Fn::Split":
		return e.split(evaluated)
	case "Fn::Base64":
		return e.base64(evaluated)
	case "Fn::GetAZs":
		return e.zones(evaluated)
	case "Fn::Cidr":
		return e.cidr(evaluated)
	case "Fn::ImportValue":
		return e.importValue(evaluated)
	case "Fn::ToJsonString":
		if isUnknown(evaluated) {
			return evaluated, nil
		}
		return e.produce(evaluated.String())
	default: // Fn::Length
		if evaluated.Kind() != jsonvalue.KindArray {
			return jsonvalue.Value{}, e.fail("Template error: Fn::Length expects a list or a function that returns a list.")
		}
		return jsonvalue.Int(int64(evaluated.Len())), nil
	}
}

// produce counts what functions make, so that a template cannot make more of
// itself than a machine can hold.
func (e *evaluator) produce(s string) (jsonvalue.Value, error) {
	if e.produced += len(s); e.produced > maxProduced {
		return jsonvalue.Value{}, e.fail("Template error: functions make more than %d bytes of this.", maxProduced)
	}
	return jsonvalue.String(s), nil
}

func (e *evaluator) ref(argument jsonvalue.Value) (jsonvalue.Value, error) {
	if argument.Kind() != jsonvalue.KindString || argument.Str() == "" {
		return jsonvalue.Value{}, e.fail(messageRef)
	}
	return e.refTo(argument.Str(), argument)
}

func (e *evaluator) refTo(name string, argument jsonvalue.Value) (jsonvalue.Value, error) {
	if v, ok := e.b.values[name]; ok {
		return v, nil
	}
	if e.partial {
		e.open++
		return again("Ref", argument), nil
	}
	if err := e.mustExist(name, false); err != nil {
		return jsonvalue.Value{}, err
	}
	return e.resolved(e.resolver.Ref(name))
}

// mustExist refuses a reference to what is no resource of the stack.
func (e *evaluator) mustExist(id string, attribute bool) error {
	if e.resolver == nil {
		if e.path[0] == "Conditions" {
			return e.fail("Template format error: Unresolved dependencies [%s]. Cannot reference resources in the Conditions block of the template", id)
		}
		return e.fail("Template format error: Unresolved dependencies [%s]. Cannot reference resources in %s", id, joinPath(e.path[:min(3, len(e.path))]))
	}
	if _, ok := e.b.exists[id]; ok {
		return nil
	}
	if attribute {
		return e.fail("Template error: instance of Fn::GetAtt references undefined resource %s", id)
	}
	return e.fail("%s", unresolved([]string{id}, e.path[0]))
}

func unresolved(ids []string, block string) string {
	message := "Unresolved resource dependencies " + brackets(ids) + " in the " + block + " block of the template"
	if block == "Resources" {
		message = "Template format error: " + message
	}
	return message
}

func (e *evaluator) getAtt(argument jsonvalue.Value) (jsonvalue.Value, error) {
	id, attribute, ok := getAttParts(argument)
	if !ok {
		return jsonvalue.Value{}, e.fail(messageGetAtt)
	}
	name, err := e.eval(attribute)
	if err != nil {
		return jsonvalue.Value{}, err
	}
	if name.Kind() != jsonvalue.KindString || name.Str() == "" {
		return jsonvalue.Value{}, e.fail(messageGetAtt)
	}
	return e.attributeOf(id, name.Str())
}

func (e *evaluator) attributeOf(id, name string) (jsonvalue.Value, error) {
	if e.partial {
		e.open++
		return again("Fn::GetAtt", jsonvalue.ArrayOf(jsonvalue.String(id), jsonvalue.String(name))), nil
	}
	if err := e.mustExist(id, true); err != nil {
		return jsonvalue.Value{}, err
	}
	return e.resolved(e.resolver.GetAtt(id, name))
}

// getAttParts takes both forms apart: [id, attribute], where the attribute may be
// a function, and "id.attribute".
func getAttParts(argument jsonvalue.Value) (id string, attribute jsonvalue.Value, ok bool) {
	switch argument.Kind() {
	case jsonvalue.KindString:
		before, after, dotted := strings.Cut(argument.Str(), ".")
		return before, jsonvalue.String(after), dotted && before != "" && after != ""
	case jsonvalue.KindArray:
		if argument.Len() != 2 {
			return "", attribute, false
		}
		id, attribute = argument.At(0).Str(), argument.At(1)
		return id, attribute, id != "" && (attribute.Str() != "" || attribute.Kind() == jsonvalue.KindObject)
	default:
		return "", attribute, false
	}
}

func (e *evaluator) ifElse(argument jsonvalue.Value) (jsonvalue.Value, error) {
	if argument.Kind() != jsonvalue.KindArray || argument.Len() != 3 {
		return jsonvalue.Value{}, e.fail(messageIf)
	}
	name := argument.At(0)
	if named, ok := name.Get("Condition"); ok && name.Len() == 1 {
		name = named
	}
	if name.Kind() != jsonvalue.KindString {
		return jsonvalue.Value{}, e.fail("Template error: Fn::If requires a list argument with the first element being a condition")
	}
	s, ok := e.b.conditions[name.Str()]
	if !ok {
		return jsonvalue.Value{}, e.fail("Template error: unresolved condition dependency %s in Fn::If", name.Str())
	}
	e.uncertain = e.uncertain || s.uncertain
	branch := 2
	if s.holds {
		branch = 1
	}
	e.push(strconv.Itoa(branch))
	defer e.pop()
	return e.eval(argument.At(branch))
}

func (e *evaluator) findInMap(argument jsonvalue.Value) (jsonvalue.Value, error) {
	var fallback jsonvalue.Value
	ok := argument.Kind() == jsonvalue.KindArray && argument.Len() == 3
	if argument.Len() == 4 && e.b.extensions {
		fallback, ok = argument.At(3).Get("DefaultValue")
	}
	if !ok {
		return jsonvalue.Value{}, e.fail(messageFindInMap)
	}
	before := e.open
	keys, err := e.eval(argument.Slice(0, 3))
	if err != nil {
		return jsonvalue.Value{}, err
	}
	if e.open > before {
		if fallback.IsDefined() {
			keys = keys.Append(argument.At(3))
		}
		return again("Fn::FindInMap", keys), nil
	}
	for key := range keys.Elements() {
		if !isScalar(key) {
			return jsonvalue.Value{}, e.fail(messageFindInMap)
		}
		if isUnknown(key) {
			return key, nil
		}
	}
	at := e.b.mappings
	for i := range 3 {
		next, found := at.Get(keys.At(i).Text())
		if !found {
			if fallback.IsDefined() {
				e.push("3")
				e.push("DefaultValue")
				got, err := e.eval(fallback)
				e.pop()
				e.pop()
				return got, err
			}
			if i == 0 {
				return jsonvalue.Value{}, e.fail("Template error: Mapping named '%s' is not present in the 'Mappings' section of template.", keys.At(0).Text())
			}
			return jsonvalue.Value{}, e.fail("Template error: Unable to get mapping for %s::%s::%s", keys.At(0).Text(), keys.At(1).Text(), keys.At(2).Text())
		}
		at = next
	}
	return at, nil
}

func (e *evaluator) join(argument jsonvalue.Value) (jsonvalue.Value, error) {
	delimiter, list := argument.At(0), argument.At(1)
	if argument.Len() != 2 || delimiter.Kind() != jsonvalue.KindString {
		return jsonvalue.Value{}, e.fail(messageJoin)
	}
	if isUnknown(list) || isUnknown(delimiter) {
		return jsonvalue.String(Unknown), nil
	}
	if list.Kind() != jsonvalue.KindArray {
		return jsonvalue.Value{}, e.fail(messageJoin)
	}
	items := make([]string, 0, list.Len())
	size := 0
	for item := range list.Elements() {
		if !isScalar(item) {
			return jsonvalue.Value{}, e.fail(messageJoin)
		}
		if isUnknown(item) {
			return item, nil
		}
		items = append(items, item.Text())
		size += len(items[len(items)-1]) + len(delimiter.Str())
		if size > maxProduced {
			break // produce refuses what is joined of these already
		}
	}
	return e.produce(strings.Join(items, delimiter.Str()))
}

func (e *evaluator) selectFrom(argument jsonvalue.Value) (jsonvalue.Value, error) {
	if argument.Kind() != jsonvalue.KindArray || argument.Len() != 2 {
		return jsonvalue.Value{}, e.fail(messageSelect)
	}
	if isUnknown(argument.At(0)) || isUnknown(argument.At(1)) {
		return jsonvalue.String(Unknown), nil
	}
	index, err := strconv.Atoi(argument.At(0).Text())
	list := argument.At(1)
	if err != nil || list.Kind() != jsonvalue.KindArray {
		return jsonvalue.Value{}, e.fail(messageSelect)
	}
	v := list.At(index)
	if index < 0 || !v.IsDefined() {
		return v, e.fail("Template error: Fn::Select cannot select nonexistent value at index %d", index)
	}
	if v.Kind() == jsonvalue.KindNull {
		return v, e.fail("Template error: Fn::Select cannot select null values at index %d", index)
	}
	return v, nil
}

func (e *evaluator) split(argument jsonvalue.Value) (jsonvalue.Value, error) {
	delimiter, whole := argument.At(0), argument.At(1)
	if argument.Kind() != jsonvalue.KindArray || argument.Len() != 2 || delimiter.Kind() != jsonvalue.KindString || delimiter.Str() == "" || !isScalar(whole) {
		return jsonvalue.Value{}, e.fail(messageSplit)
	}
	if isUnknown(whole) {
		return whole, nil
	}
	if _, err := e.produce(whole.Text()); err != nil {
		return jsonvalue.Value{}, err
	}
	var b jsonvalue.ArrayBuilder
	for _, part := range strings.Split(whole.Text(), delimiter.Str()) {
		b.Append(jsonvalue.String(part))
	}
	return b.Value(), nil
}

func (e *evaluator) base64(argument jsonvalue.Value) (jsonvalue.Value, error) {
	if !isScalar(argument) {
		return jsonvalue.Value{}, e.fail(messageBase64)
	}
	if isUnknown(argument) {
		return argument, nil
	}
	return e.produce(base64.StdEncoding.EncodeToString([]byte(argument.Text())))
}

func (e *evaluator) zones(argument jsonvalue.Value) (jsonvalue.Value, error) {
	if argument.Kind() != jsonvalue.KindString {
		return jsonvalue.Value{}, e.fail(messageGetAZs)
	}
	if isUnknown(argument) {
		return argument, nil
	}
	region := argument.Str()
	if region == "" {
		region = e.b.inputs.Region
	}
	zones := []string{region + "a", region + "b", region + "c"}
	if e.b.inputs.Zones != nil {
		zones = e.b.inputs.Zones(region)
	}
	var b jsonvalue.ArrayBuilder
	for _, zone := range zones {
		b.Append(jsonvalue.String(zone))
	}
	return b.Value(), nil
}

func (e *evaluator) importValue(argument jsonvalue.Value) (jsonvalue.Value, error) {
	if argument.Kind() != jsonvalue.KindString {
		return jsonvalue.Value{}, e.fail(messageImport)
	}
	switch {
	case isUnknown(argument):
		return argument, nil
	case e.partial:
		e.open++
		return again("Fn::ImportValue", argument), nil
	case e.resolver == nil:
		return jsonvalue.Value{}, e.fail("Template error: Cannot use Fn::ImportValue in %s.", e.path[0])
	}
	return e.resolved(e.resolver.Import(argument.Str()))
}
