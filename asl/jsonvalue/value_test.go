package jsonvalue

import (
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"strings"
	"sync"
	"testing"
)

func parse(t *testing.T, text string) Value {
	t.Helper()
	v, err := Parse(text)
	if err != nil {
		t.Fatalf("Parse(%q): %v", text, err)
	}
	return v
}

func TestTextComesBackAsItWasWrittenWithoutBlanks(t *testing.T) {
	for _, row := range []struct{ text, want string }{
		{`null`, `null`},
		{` true `, `true`},
		{`[]`, `[]`},
		{`{}`, `{}`},
		{` { "b" : 1.50 , "a" : [ 1e2 , -0.0 , 12345678901234567890 ] } `, `{"b":1.50,"a":[1e2,-0.0,12345678901234567890]}`},
		{`"\u0041\u00e9\n\/"`, `"Aé\n/"`},
		{`"\ud83d\ude00"`, `"😀"`},
		{`"a\ud83db"`, `"a\ud83db"`},
		{`"<&>\u2028"`, "\"<&>\u2028\""},
		{`"\u0001\u001f\b\f"`, `"\u0001\u001f\b\f"`},
		{`{"a":1,"b":2,"a":3}`, `{"a":3,"b":2}`},
		{"\"\xff\"", "\"\uFFFD\""},
	} {
		v := parse(t, row.text)
		if got := v.String(); got != row.want {
			t.Errorf("Parse(%q) prints %s, want %s", row.text, got, row.want)
		}
		if v.Size() != len(row.want) {
			t.Errorf("Parse(%q) has size %d, want %d", row.text, v.Size(), len(row.want))
		}
		if !json.Valid([]byte(v.String())) {
			t.Errorf("Parse(%q) prints invalid JSON: %s", row.text, v)
		}
	}
}

func TestWhatIsNotJSONIsRefusedWithPlaceAndReason(t *testing.T) {
	for _, row := range []struct {
		text         string
		line, column int
		reason       string
	}{
		{`not a definition`, 1, 4, "Unrecognized token 'not': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')"},
		{`{'a': 1}`, 1, 2, "Unexpected character (''' (code 39)): was expecting double-quote to start field name"},
		{"{\n  \"a\": 1,\n}", 3, 1, "Unexpected character ('}' (code 125)): was expecting double-quote to start field name"},
		{`{"a" 1}`, 1, 6, "Unexpected character ('1' (code 49)): was expecting a colon to separate field name and value"},
		{`[1 2]`, 1, 4, "Unexpected character ('2' (code 50)): was expecting comma to separate Array entries"},
		{`[1,]`, 1, 4, "Unexpected character (']' (code 93)): expected a valid value (JSON String, Number, Array, Object or token 'null', 'true' or 'false')"},
		{`01`, 1, 2, "Invalid numeric value: Leading zeroes not allowed"},
		{`{"a":[1`, 1, 8, "Unexpected end-of-input: expected close marker for Array (start marker at line: 1, column: 6)"},
		{"\"a\tb\"", 1, 3, "Illegal unquoted character ((CTRL-CHAR, code 9)): has to be escaped using backslash to be included in a string value"},
		{`"\x"`, 1, 3, "Unrecognized character escape 'x' (code 120)"},
		{`truely`, 1, 7, "Unrecognized token 'truely': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')"},
		{``, 1, 1, "Unexpected end-of-input: no content"},
	} {
		_, err := Parse(row.text)
		got, ok := errors.AsType[*SyntaxError](err)
		if !ok {
			t.Errorf("Parse(%q) returns %v, want a SyntaxError", row.text, err)
			continue
		}
		if got.Reason != row.reason || got.Line != row.line || got.Column != row.column {
			t.Errorf("Parse(%q) says %d:%d %s\nwant %d:%d %s", row.text, got.Line, got.Column, got.Reason, row.line, row.column, row.reason)
		}
	}
}

func TestNestingIsLimited(t *testing.T) {
	if _, err := Parse(strings.Repeat("[", MaxDepth) + strings.Repeat("]", MaxDepth)); err != nil {
		t.Errorf("nesting of %d is refused: %v", MaxDepth, err)
	}
	if _, err := Parse(strings.Repeat("[", MaxDepth+1) + strings.Repeat("]", MaxDepth+1)); err == nil {
		t.Errorf("nesting of %d is accepted", MaxDepth+1)
	}
	if _, err := Parse(strings.Repeat(`{"a":`, 1_000_000)); err == nil {
		t.Error("a million open objects are accepted")
	}
}

func TestFloatsPrintAsJavaScriptDoes(t *testing.T) {
	for f, want := range map[float64]string{
		0: "0", math.Copysign(0, -1): "0", 3: "3", -3: "-3", 0.30000000000000004: "0.30000000000000004", 1e15: "1000000000000000",
		123456789012345680000: "123456789012345680000", 1e21: "1e+21", 1.5e300: "1.5e+300", 1e-6: "0.000001",
		1e-7: "1e-7", 2.5e-10: "2.5e-10", math.NaN(): "null", math.Inf(1): "null",
	} {
		if got := Float(f).String(); got != want {
			t.Errorf("Float(%v) prints %s, want %s", f, got, want)
		}
	}
}

func TestNumbersAreReadByValue(t *testing.T) {
	for _, row := range []struct {
		literal string
		f       float64
		n       int64
		whole   bool
	}{
		{"0", 0, 0, true},
		{"-12", -12, -12, true},
		{"1.0", 1, 1, true},
		{"30e-1", 3, 3, true},
		{"2.5", 2.5, 0, false},
		{"9223372036854775807", 9223372036854775807, math.MaxInt64, true},
		{"9223372036854775808", 9223372036854775808, 0, false},
		{"1e400", math.Inf(1), 0, false},
		{"1e-999999999999", 0, 0, false},
	} {
		v := parse(t, row.literal)
		if got := v.Float(); got != row.f {
			t.Errorf("%s as float is %v, want %v", row.literal, got, row.f)
		}
		if n, whole := v.Int(); n != row.n || whole != row.whole {
			t.Errorf("%s as int is %d, %v, want %d, %v", row.literal, n, whole, row.n, row.whole)
		}
	}
	if v := Number("-1.50"); v.Literal() != "-1.50" {
		t.Errorf(`Number("-1.50") is %v`, v)
	}
	for _, bad := range []string{"", "-", "01", "1.", "+1", "1 ", "NaN", "0x1"} {
		if v := Number(bad); v.IsDefined() {
			t.Errorf("Number(%q) is %v, want undefined", bad, v)
		}
	}
}

func TestEqualComparesByValue(t *testing.T) {
	for _, row := range []struct {
		a, b string
		want bool
	}{
		{`1`, `1.0`, true},
		{`100`, `1e2`, true},
		{`0`, `-0.0e5`, true},
		{`9007199254740993`, `9007199254740992`, false},
		{`1`, `"1"`, false},
		{`null`, `false`, false},
		{`{"a":1,"b":[2]}`, `{"b":[2.0],"a":1}`, true},
		{`{"a":1}`, `{"a":1,"b":2}`, false},
		{`[1,2]`, `[2,1]`, false},
		{`[]`, `[]`, true},
		{`[]`, `{}`, false},
		{`"é"`, `"\u00e9"`, true},
	} {
		a, b := parse(t, row.a), parse(t, row.b)
		if got := Equal(a, b); got != row.want {
			t.Errorf("Equal(%s, %s) = %v, want %v", row.a, row.b, got, row.want)
		}
		if row.want && Hash(a) != Hash(b) {
			t.Errorf("%s and %s are equal and have different hashes", row.a, row.b)
		}
		var set Set
		if set.Add(a); set.Add(b) == row.want {
			t.Errorf("a set of %s and %s does not hold equal values once", row.a, row.b)
		}
	}
	if Equal(Value{}, Null()) || !Equal(Value{}, Value{}) {
		t.Error("undefined equals only undefined")
	}
}

func TestChangesLeaveTheOldValueAlone(t *testing.T) {
	old := parse(t, `{"a":1,"b":{"c":[1,2]}}`)
	for _, row := range []struct {
		got  Value
		want string
	}{
		{old.With("a", String("x")), `{"a":"x","b":{"c":[1,2]}}`},
		{old.With("z", Value{}), `{"a":1,"b":{"c":[1,2]},"z":null}`},
		{old.Without("a"), `{"b":{"c":[1,2]}}`},
		{old.Without("no"), `{"a":1,"b":{"c":[1,2]}}`},
		{Null().With("k", Int(-5)), `{"k":-5}`},
		{ArrayOf(Int(1), Value{}).WithAt(0, Bool(true)), `[true,null]`},
		{ArrayOf(Int(1)).Append(Int(2), String(`"`)), `[1,2,"\""]`},
		{ArrayOf(Int(1), Int(2), Int(3)).Slice(1, 9), `[2,3]`},
		{ArrayOf(Int(1)).Slice(2, 1), `[]`},
		{ObjectOf(Member{"a", Int(1)}, Member{"b", Int(2)}, Member{"a", Int(3)}), `{"a":3,"b":2}`},
	} {
		if got := row.got.String(); got != row.want || row.got.Size() != len(got) {
			t.Errorf("got %s of size %d, want %s", got, row.got.Size(), row.want)
		}
	}
	if got := old.String(); got != `{"a":1,"b":{"c":[1,2]}}` {
		t.Errorf("the old value became %s", got)
	}
}

func TestLargeObjectsFindTheirKeysFromManyGoroutines(t *testing.T) {
	var b ObjectBuilder
	for i := range 1000 {
		b.Set("k"+strconv.Itoa(i%500), Int(int64(i)))
	}
	v := b.Value()
	if v.Len() != 500 {
		t.Fatalf("got %d members, want 500", v.Len())
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 500 {
				got, ok := v.Get("k" + strconv.Itoa(i))
				if n, _ := got.Int(); !ok || n != int64(i+500) {
					t.Errorf("k%d is %v, %v, want %d", i, got, ok, i+500)
				}
			}
		})
	}
	wg.Wait()
	if _, ok := v.Get("k500"); ok {
		t.Error("a key that was never set is found")
	}
}

func TestSizeOfWhatSharingMakesHugeIsSaturated(t *testing.T) {
	v := String("x")
	for range 40 {
		v = ArrayOf(v, v)
	}
	if v.Size() != math.MaxUint32 {
		t.Errorf("size is %d, want %d", v.Size(), math.MaxUint32)
	}
}

func TestStringsAreKeptWellFormed(t *testing.T) {
	for _, row := range []struct{ in, want string }{
		{"a\xffb", `"a` + "\uFFFD" + `b"`},
		{"\xed\xa0\xbd", `"\ud83d"`},
		{"\xed\xa0\xbd\xed\xb8\x80", `"😀"`},
	} {
		if got := String(row.in); got.String() != row.want || got.Size() != len(row.want) {
			t.Errorf("String(%q) prints %s of size %d, want %s", row.in, got, got.Size(), row.want)
		}
	}
}

func TestValuesWorkInEncodingJSON(t *testing.T) {
	type document struct {
		Input Value
		None  Value
	}
	var d document
	if err := json.Unmarshal([]byte(`{"Input": {"z": 1.0, "a": "<"}}`), &d); err != nil {
		t.Fatal(err)
	}
	if got := d.Input.String(); got != `{"z":1.0,"a":"<"}` {
		t.Errorf("unmarshalled to %s", got)
	}
	text, err := json.Marshal(d)
	if err != nil || !strings.Contains(string(text), `"None":null`) {
		t.Errorf("marshalled to %s, %v", text, err)
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{`{"a":[1,2.50,-0,1e5,"x\n\ud800"],"a":null}`, `[[]]`, `"\u12"`, `nul`, `-`, "\"\x80\"", `1 2`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		v, err := Parse(text)
		if err != nil && strings.Contains(err.Error(), "nesting depth") {
			return
		}
		if valid := json.Valid([]byte(text)); valid != (err == nil) {
			t.Fatalf("Parse(%q) says %v, encoding/json says %v", text, err, valid)
		}
		if err != nil {
			return
		}
		printed := v.String()
		if !json.Valid([]byte(printed)) || v.Size() != len(printed) {
			t.Fatalf("Parse(%q) prints %q, size %d", text, printed, v.Size())
		}
		again, err := Parse(printed)
		if err != nil || again.String() != printed || !Equal(v, again) {
			t.Fatalf("%q read again is %q, %v", printed, again, err)
		}
	})
}
