package jsonata

import (
	"strconv"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

type native = func(c *callContext, args []value) (value, error)

// builtins holds the functions of JSONata.
var builtins = table(
	// Strings.
	define("string", "<x-b?:s>", 2, fnString),
	define("substring", "<s-nn?:s>", 3, fnSubstring),
	define("substringBefore", "<s-s:s>", 2, fnSubstringBefore),
	define("substringAfter", "<s-s:s>", 2, fnSubstringAfter),
	define("lowercase", "<s-:s>", 1, fnLowercase),
	define("uppercase", "<s-:s>", 1, fnUppercase),
	define("length", "<s-:n>", 1, fnLength),
	define("trim", "<s-:s>", 1, fnTrim),
	define("pad", "<s-ns?:s>", 3, fnPad),
	define("match", "<s-f<s:o>n?:a<o>>", 3, fnMatch),
	define("contains", "<s-(sf):b>", 2, fnContains),
	define("replace", "<s-(sf)(sf)n?:s>", 4, fnReplace),
	define("split", "<s-(sf)n?:a<s>>", 3, fnSplit),
	define("join", "<a<s>s?:s>", 2, fnJoin),
	define("base64encode", "<s-:s>", 1, fnBase64Encode),
	define("base64decode", "<s-:s>", 1, fnBase64Decode),
	define("encodeUrlComponent", "<s-:s>", 1, fnEncodeURLComponent),
	define("encodeUrl", "<s-:s>", 1, fnEncodeURL),
	define("decodeUrlComponent", "<s-:s>", 1, fnDecodeURLComponent),
	define("decodeUrl", "<s-:s>", 1, fnDecodeURL),
	// Numbers.
	define("sum", "<a<n>:n>", 1, fnSum),
	define("count", "<a:n>", 1, fnCount),
	define("max", "<a<n>:n>", 1, fnMax),
	define("min", "<a<n>:n>", 1, fnMin),
	define("average", "<a<n>:n>", 1, fnAverage),
	define("number", "<(nsb)-:n>", 1, fnNumber),
	define("floor", "<n-:n>", 1, fnFloor),
	define("ceil", "<n-:n>", 1, fnCeil),
	define("round", "<n-n?:n>", 2, fnRound),
	define("abs", "<n-:n>", 1, fnAbs),
	define("sqrt", "<n-:n>", 1, fnSqrt),
	define("power", "<n-n:n>", 2, fnPower),
	define("random", "<:n>", 0, fnRandom),
	define("formatNumber", "<n-so?:s>", 3, fnFormatNumber),
	define("formatBase", "<n-n?:s>", 2, fnFormatBase),
	define("formatInteger", "<n-s:s>", 2, fnFormatInteger),
	define("parseInteger", "<s-s:n>", 2, fnParseInteger),
	// Booleans, types, errors.
	define("boolean", "<x-:b>", 1, fnBoolean),
	define("not", "<x-:b>", 1, fnNot),
	define("exists", "<x:b>", 1, fnExists),
	define("type", "<x:s>", 1, fnType),
	define("error", "<s?:x>", 1, fnError),
	define("assert", "<bs?:x>", 2, fnAssert),
	// Arrays.
	define("append", "<xx:a>", 2, fnAppend),
	define("reverse", "<a:a>", 1, fnReverse),
	define("sort", "<af?:a>", 2, fnSort),
	define("shuffle", "<a:a>", 1, fnShuffle),
	define("distinct", "<x:x>", 1, fnDistinct),
	define("zip", "<a+>", 1, fnZip),
	// Functions over functions.
	define("map", "<af>", 2, fnMap),
	define("filter", "<af>", 2, fnFilter),
	define("single", "<af?>", 2, fnSingle),
	define("reduce", "<afj?:j>", 3, fnReduce),
	define("sift", "<o-f?:o>", 2, fnSift),
	define("each", "<o-f:a>", 2, fnEach),
	// Objects.
	define("keys", "<x-:a<s>>", 1, fnKeys),
	define("lookup", "<x-s:x>", 2, fnLookup),
	define("spread", "<x-:a<o>>", 1, fnSpread),
	define("merge", "<a<o>:o>", 1, fnMerge),
	define("clone", "<(oa)-:o>", 1, fnClone),
	// Time.
	define("now", "<s?s?:s>", 2, fnNow),
	define("millis", "<:n>", 0, fnMillis),
	define("fromMillis", "<n-s?s?:s>", 3, fnFromMillis),
	define("toMillis", "<s-s?:n>", 2, fnToMillis),
)

func define(name, sig string, arity int, f native) *function {
	return &function{name: name, signature: mustSignature(sig), arity: arity, native: f}
}

func table(list ...*function) map[string]*function {
	m := make(map[string]*function, len(list))
	for _, f := range list {
		m[f.name] = f
	}
	return m
}

// print returns v as $string does: the JSON text, with numbers to 15 digits and
// functions as empty strings.
func (ev *evaluator) print(v value, pretty bool) (string, error) {
	switch v.kind {
	case undefinedKind:
		return "", nil
	case stringKind:
		return v.str, nil
	case functionKind:
		return "", nil
	}
	if ok, err := isNumber(v); v.kind == numberKind && (!ok || err != nil) {
		return "", fault("D3001", -1, "string", value{})
	}
	p := printer{ev: ev, pretty: pretty}
	if err := p.print(v, 0); err != nil {
		return "", err
	}
	return string(p.out), nil
}

type printer struct {
	ev     *evaluator
	out    []byte
	pretty bool
}

func (p *printer) print(v value, depth int) error {
	if err := p.ev.enter(depth); err != nil {
		return err
	}
	before := len(p.out)
	switch v.kind {
	case numberKind:
		p.out = append(p.out, printNumber(v.num)...)
	case stringKind:
		p.out = jsonvalue.String(v.str).AppendJSON(p.out)
	case functionKind:
		p.out = append(p.out, `""`...)
	case arrayKind:
		l := v.list()
		p.out = append(p.out, '[')
		for i := range l.len() {
			p.separate(i, depth+1)
			if err := p.print(l.at(i), depth+1); err != nil {
				return err
			}
		}
		p.close(l.len(), depth, ']')
		return nil
	case objectKind:
		d := v.dict()
		p.out = append(p.out, '{')
		for i := range d.len() {
			p.separate(i, depth+1)
			key, member := d.at(i)
			p.out = jsonvalue.String(key).AppendJSON(p.out)
			p.out = append(p.out, ':')
			if p.pretty {
				p.out = append(p.out, ' ')
			}
			if err := p.print(member, depth+1); err != nil {
				return err
			}
		}
		p.close(d.len(), depth, '}')
		return nil
	default:
		budget := 1
		j, _ := v.toJSON(&budget, 0)
		p.out = j.AppendJSON(p.out)
	}
	return p.ev.allocBytes(len(p.out) - before)
}

func (p *printer) separate(i, depth int) {
	if i > 0 {
		p.out = append(p.out, ',')
	}
	p.newline(depth)
}

func (p *printer) close(n, depth int, bracket byte) {
	if n > 0 {
		p.newline(depth)
	}
	p.out = append(p.out, bracket)
}

func (p *printer) newline(depth int) {
	if !p.pretty {
		return
	}
	p.out = append(p.out, '\n')
	for range depth {
		p.out = append(p.out, ' ', ' ')
	}
}

// printNumber writes f with 15 significant digits at most, so that what is
// 0.30000000000000004 inside reads 0.3.
func printNumber(f float64) string {
	if short, err := strconv.ParseFloat(strconv.FormatFloat(f, 'g', 15, 64), 64); err == nil {
		f = short
	}
	return jsonvalue.Float(f).String() // null for what is no number
}

func fnBoolean(c *callContext, args []value) (value, error) {
	if !args[0].defined() {
		return value{}, nil
	}
	b, err := c.truth(args[0])
	return boolean(b && args[0].kind != functionKind), err
}

func fnNot(c *callContext, args []value) (value, error) {
	if !args[0].defined() {
		return value{}, nil
	}
	b, err := c.truth(args[0])
	return boolean(!b || args[0].kind == functionKind), err
}

func fnExists(_ *callContext, args []value) (value, error) {
	return boolean(args[0].defined()), nil
}

func fnType(_ *callContext, args []value) (value, error) {
	if !args[0].defined() {
		return value{}, nil
	}
	return text(args[0].kind.String()), nil
}

func fnError(_ *callContext, args []value) (value, error) {
	message := "$error() function evaluated"
	if args[0].defined() {
		message = args[0].str
	}
	return value{}, fault("D3137", -1, "error", value{}, message)
}

func fnAssert(_ *callContext, args []value) (value, error) {
	if args[0].isTrue() {
		return value{}, nil
	}
	message := "$assert() statement failed"
	if args[1].defined() {
		message = args[1].str
	}
	return value{}, fault("D3141", -1, "assert", value{}, message)
}
