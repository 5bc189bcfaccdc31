package intrinsic

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"math"
	"math/rand/v2"
	"strings"
	"unicode/utf8"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

// A function is one intrinsic function.
type function struct {
	name        string
	least, most int  // arguments; most < 0 means any number
	template    bool // the first argument is a template, with its escapes
	eval        func(env Env, args []jsonvalue.Value) (jsonvalue.Value, error)
}

// functions holds every function by its name.
var functions = byName([]function{
	{"States.Format", 1, -1, true, format},
	{"States.StringToJson", 1, 1, false, stringToJSON},
	{"States.JsonToString", 1, 1, false, jsonToString},
	{"States.Array", 0, -1, false, array},
	{"States.ArrayPartition", 2, 2, false, arrayPartition},
	{"States.ArrayContains", 2, 2, false, arrayContains},
	{"States.ArrayRange", 3, 3, false, arrayRange},
	{"States.ArrayGetItem", 2, 2, false, arrayGetItem},
	{"States.ArrayLength", 1, 1, false, arrayLength},
	{"States.ArrayUnique", 1, 1, false, arrayUnique},
	{"States.Base64Encode", 1, 1, false, base64Encode},
	{"States.Base64Decode", 1, 1, false, base64Decode},
	{"States.Hash", 2, 2, false, hashOf},
	{"States.JsonMerge", 3, 3, false, jsonMerge},
	{"States.MathRandom", 2, 3, false, mathRandom},
	{"States.MathAdd", 2, 2, false, mathAdd},
	{"States.StringSplit", 2, 2, false, stringSplit},
	{"States.UUID", 0, 0, false, uuid},
})

func byName(list []function) map[string]*function {
	m := make(map[string]*function, len(list))
	for i := range list {
		m[list[i].name] = &list[i]
	}
	return m
}

const (
	maxCharacters = 10_000 // of what is hashed, encoded or decoded
	maxRange      = 1000   // elements
)

// format fills the {} of a template. The escapes of the template are those of
// text literals.
func format(_ Env, args []jsonvalue.Value) (jsonvalue.Value, error) {
	if args[0].Kind() != jsonvalue.KindString {
		return jsonvalue.Value{}, errors.New("the template is not a string")
	}
	template, rest := args[0].Str(), args[1:]
	var b strings.Builder
	used := 0
	for i := 0; i < len(template); i++ {
		switch {
		case template[i] == '\\' && i+1 < len(template) && escapable(template[i+1]):
			i++
			b.WriteByte(template[i])
		case strings.HasPrefix(template[i:], "{}"):
			if used < len(rest) {
				writePlain(&b, rest[used])
			}
			used++
			i++
		default:
			b.WriteByte(template[i])
		}
		if b.Len() > maxSize {
			return jsonvalue.Value{}, errors.New("the result is too large")
		}
	}
	if used != len(rest) {
		return jsonvalue.Value{}, fmt.Errorf("the template has %d places for %d arguments", used, len(rest))
	}
	return jsonvalue.String(b.String()), nil
}

// writePlain writes a value as AWS's Format does: texts without quotes, objects
// and arrays as Java prints its collections.
func writePlain(b *strings.Builder, v jsonvalue.Value) {
	switch v.Kind() {
	case jsonvalue.KindString:
		b.WriteString(v.Str())
	case jsonvalue.KindArray:
		b.WriteByte('[')
		for i := range v.Len() {
			if i > 0 {
				b.WriteString(", ")
			}
			writePlain(b, v.At(i))
		}
		b.WriteByte(']')
	case jsonvalue.KindObject:
		b.WriteByte('{')
		for i := range v.Len() {
			if i > 0 {
				b.WriteString(", ")
			}
			key, member := v.MemberAt(i)
			b.WriteString(key)
			b.WriteByte('=')
			writePlain(b, member)
		}
		b.WriteByte('}')
	default:
		b.WriteString(v.String())
	}
}

func stringToJSON(_ Env, args []jsonvalue.Value) (jsonvalue.Value, error) {
	if args[0].Kind() != jsonvalue.KindString {
		return jsonvalue.Value{}, errors.New("the argument is not a string")
	}
	if strings.TrimSpace(args[0].Str()) == "" {
		return jsonvalue.Null(), nil // as AWS does
	}
	v, err := jsonvalue.Parse(args[0].Str())
	if err != nil {
		return jsonvalue.Value{}, fmt.Errorf("the argument is not JSON: %w", err)
	}
	if v.Literal() == "-0" {
		return jsonvalue.Int(0), nil // as AWS does
	}
	return v, nil
}

func jsonToString(_ Env, args []jsonvalue.Value) (jsonvalue.Value, error) {
	return jsonvalue.String(args[0].String()), nil
}

func array(_ Env, args []jsonvalue.Value) (jsonvalue.Value, error) {
	return jsonvalue.ArrayOf(args...), nil
}

func arrayPartition(_ Env, args []jsonvalue.Value) (jsonvalue.Value, error) {
	list, err := firstArray(args)
	if err != nil {
		return jsonvalue.Value{}, err
	}
	n, err := wholeArg(args, 1)
	if err != nil {
		return jsonvalue.Value{}, err
	}
	if n < 1 {
		return jsonvalue.Value{}, fmt.Errorf("the chunk size %d is not positive", n)
	}
	var chunks jsonvalue.ArrayBuilder
	step := int(min(n, int64(list.Len())))
	for i := 0; i < list.Len(); i += step {
		chunks.Append(list.Slice(i, i+step))
	}
	return chunks.Value(), nil
}

func arrayContains(_ Env, args []jsonvalue.Value) (jsonvalue.Value, error) {
	list, err := firstArray(args)
	if err != nil {
		return jsonvalue.Value{}, err
	}
	for e := range list.Elements() {
		if jsonvalue.Equal(e, args[1]) {
			return jsonvalue.Bool(true), nil
		}
	}
	return jsonvalue.Bool(false), nil
}

func arrayRange(_ Env, args []jsonvalue.Value) (jsonvalue.Value, error) {
	var bounds [3]int64
	for i := range bounds {
		n, err := wholeArg(args, i)
		if err != nil {
			return jsonvalue.Value{}, err
		}
		bounds[i] = n
	}
	first, last, step := bounds[0], bounds[1], bounds[2]
	if step == 0 {
		return jsonvalue.Value{}, errors.New("the step is zero")
	}
	var list jsonvalue.ArrayBuilder
	for n := first; (step > 0 && n <= last) || (step < 0 && n >= last); n += step {
		if list.Len() == maxRange {
			return jsonvalue.Value{}, fmt.Errorf("the range has more than %d elements", maxRange)
		}
		list.Append(jsonvalue.Int(n))
	}
	return list.Value(), nil
}

func arrayGetItem(_ Env, args []jsonvalue.Value) (jsonvalue.Value, error) {
	list, err := firstArray(args)
	if err != nil {
		return jsonvalue.Value{}, err
	}
	i, err := wholeArg(args, 1)
	if err != nil {
		return jsonvalue.Value{}, err
	}
	if i < 0 || i >= int64(list.Len()) {
		return jsonvalue.Value{}, fmt.Errorf("the index %d is out of bounds for an array of %d elements", i, list.Len())
	}
	return list.At(int(i)), nil
}

func arrayLength(_ Env, args []jsonvalue.Value) (jsonvalue.Value, error) {
	list, err := firstArray(args)
	if err != nil {
		return jsonvalue.Value{}, err
	}
	return jsonvalue.Int(int64(list.Len())), nil
}

// arrayUnique keeps the first of equal elements.
func arrayUnique(_ Env, args []jsonvalue.Value) (jsonvalue.Value, error) {
	list, err := firstArray(args)
	if err != nil {
		return jsonvalue.Value{}, err
	}
	var seen jsonvalue.Set
	var unique jsonvalue.ArrayBuilder
	for e := range list.Elements() {
		if seen.Add(e) {
			unique.Append(e)
		}
	}
	return unique.Value(), nil
}

func base64Encode(_ Env, args []jsonvalue.Value) (jsonvalue.Value, error) {
	text, err := shortText(args, 0)
	if err != nil {
		return jsonvalue.Value{}, err
	}
	return jsonvalue.String(base64.StdEncoding.EncodeToString([]byte(text))), nil
}

func base64Decode(_ Env, args []jsonvalue.Value) (jsonvalue.Value, error) {
	text, err := shortText(args, 0)
	if err != nil {
		return jsonvalue.Value{}, err
	}
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		data, err = base64.RawStdEncoding.DecodeString(text)
	}
	if err != nil {
		return jsonvalue.Value{}, errors.New("the argument is not Base64")
	}
	return jsonvalue.String(string(data)), nil
}

// hashOf hashes a text, or the JSON text of anything else.
func hashOf(_ Env, args []jsonvalue.Value) (jsonvalue.Value, error) {
	data := args[0].Str()
	if args[0].Kind() != jsonvalue.KindString {
		data = args[0].String()
	}
	if utf8.RuneCountInString(data) > maxCharacters {
		return jsonvalue.Value{}, fmt.Errorf("the data has more than %d characters", maxCharacters)
	}
	var h hash.Hash
	switch args[1].Str() {
	case "MD5":
		h = md5.New()
	case "SHA-1":
		h = sha1.New()
	case "SHA-256":
		h = sha256.New()
	case "SHA-384":
		h = sha512.New384()
	case "SHA-512":
		h = sha512.New()
	default:
		return jsonvalue.Value{}, fmt.Errorf("the algorithm %s is none of MD5, SHA-1, SHA-256, SHA-384, SHA-512", args[1])
	}
	h.Write([]byte(data))
	return jsonvalue.String(hex.EncodeToString(h.Sum(nil))), nil
}

// jsonMerge merges two objects on their first level only: AWS has no deep
// merge, and says so with an error.
func jsonMerge(_ Env, args []jsonvalue.Value) (jsonvalue.Value, error) {
	for i, a := range args[:2] {
		if a.Kind() != jsonvalue.KindObject {
			return jsonvalue.Value{}, fmt.Errorf("argument %d is no object but %s", i+1, a.Kind())
		}
	}
	if args[2].Kind() != jsonvalue.KindBool || args[2].IsTrue() {
		return jsonvalue.Value{}, errors.New("deep merge is not supported: the third argument must be false")
	}
	var b jsonvalue.ObjectBuilder
	for _, a := range args[:2] {
		for key, member := range a.Members() {
			b.Set(key, member)
		}
	}
	return b.Value(), nil
}

// mathRandom returns a whole number from start up to but without end.
func mathRandom(env Env, args []jsonvalue.Value) (jsonvalue.Value, error) {
	start, err := intArg(args, 0)
	if err != nil {
		return jsonvalue.Value{}, err
	}
	end, err := intArg(args, 1)
	if err != nil {
		return jsonvalue.Value{}, err
	}
	if start >= end {
		return jsonvalue.Value{}, fmt.Errorf("the start %d is not below the end %d", start, end)
	}
	if len(args) < 3 {
		return jsonvalue.Int(start + int64(env.Draw()*float64(end-start))), nil
	}
	seed, err := wholeArg(args, 2)
	if err != nil {
		return jsonvalue.Value{}, err
	}
	return jsonvalue.Int(start + seeded(seed, end-start)), nil
}

// seeded returns a whole number in [0, bound) that depends on the seed alone.
func seeded(seed, bound int64) int64 {
	return rand.New(rand.NewPCG(uint64(seed), 0)).Int64N(bound)
}

func mathAdd(_ Env, args []jsonvalue.Value) (jsonvalue.Value, error) {
	a, err := intArg(args, 0)
	if err != nil {
		return jsonvalue.Value{}, err
	}
	b, err := intArg(args, 1)
	if err != nil {
		return jsonvalue.Value{}, err
	}
	return jsonvalue.Int(a + b), nil
}

// stringSplit splits at each character of the second argument and drops empty
// parts.
func stringSplit(_ Env, args []jsonvalue.Value) (jsonvalue.Value, error) {
	text, err := textArg(args, 0)
	if err != nil {
		return jsonvalue.Value{}, err
	}
	separators, err := textArg(args, 1)
	if err != nil {
		return jsonvalue.Value{}, err
	}
	var parts jsonvalue.ArrayBuilder
	for _, part := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(separators, r) }) {
		parts.Append(jsonvalue.String(part))
	}
	return parts.Value(), nil
}

func uuid(env Env, _ []jsonvalue.Value) (jsonvalue.Value, error) {
	return jsonvalue.String(env.UUID()), nil
}

func firstArray(args []jsonvalue.Value) (jsonvalue.Value, error) {
	if args[0].Kind() != jsonvalue.KindArray {
		return jsonvalue.Value{}, fmt.Errorf("argument 1 is no array but %s", args[0].Kind())
	}
	return args[0], nil
}

func textArg(args []jsonvalue.Value, i int) (string, error) {
	if args[i].Kind() != jsonvalue.KindString {
		return "", fmt.Errorf("argument %d is no string but %s", i+1, args[i].Kind())
	}
	return args[i].Str(), nil
}

func shortText(args []jsonvalue.Value, i int) (string, error) {
	text, err := textArg(args, i)
	if err == nil && utf8.RuneCountInString(text) > maxCharacters {
		return "", fmt.Errorf("argument %d has more than %d characters", i+1, maxCharacters)
	}
	return text, err
}

// wholeArg returns argument i rounded to a whole number, halves up: -1.5 is -1.
func wholeArg(args []jsonvalue.Value, i int) (int64, error) {
	if args[i].Kind() != jsonvalue.KindNumber {
		return 0, fmt.Errorf("argument %d is no number but %s", i+1, args[i].Kind())
	}
	f := args[i].Float()
	whole := math.Floor(f)
	if f-whole >= 0.5 {
		whole++
	}
	if math.Abs(whole) > 1<<53 { // so that sums of two fit as well
		return 0, fmt.Errorf("argument %d is out of range: %s", i+1, args[i])
	}
	return int64(whole), nil
}

// intArg is wholeArg for the functions that compute with 32 bits.
func intArg(args []jsonvalue.Value, i int) (int64, error) {
	n, err := wholeArg(args, i)
	if err == nil && (n > math.MaxInt32 || n < math.MinInt32) {
		return 0, fmt.Errorf("argument %d is out of range: %s", i+1, args[i])
	}
	return n, err
}
