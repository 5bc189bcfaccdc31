package intrinsic

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/crossfade-dev/crossfade/asl/jsonpath"
	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

type env struct {
	input jsonvalue.Value
	draw  float64
}

func (e env) Input() jsonvalue.Value { return e.input }
func (e env) Context() jsonvalue.Value {
	return jsonvalue.ObjectOf(jsonvalue.Member{Key: "Execution", Value: jsonvalue.String("run-1")})
}
func (e env) Variable(name string) (jsonvalue.Value, bool) {
	return jsonvalue.Int(41), name == "count"
}
func (e env) Draw() float64 { return e.draw }
func (e env) UUID() string  { return "00000000-0000-4000-8000-000000000001" }

func input(t testing.TB) jsonvalue.Value {
	t.Helper()
	v, err := jsonvalue.Parse(`{
		"n": 3, "half": 2.5, "minusHalf": -2.5, "text": "a-b c", "empty": "", "object": {"x": 1.50, "y": [null, "z", true], "o": {}},
		"list": [3, 1, 3.0, {"a": 1, "b": 2}, {"b": 2, "a": 1}, "3", null, [3]], "template": "\\{{}\\} and {}", "(odd) name, yes": 7,
		"long": "` + strings.Repeat("é", 10_001) + `", "json": "{\"k\": 1.0}"}`)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestCallsGiveWhatAWSGives(t *testing.T) {
	e := env{input: input(t), draw: 0.999999}
	for _, row := range []struct{ call, want string }{
		{`States.Format('no places')`, `"no places"`},
		{`States.Format('{} of {}', $.n, $count)`, `"3 of 41"`},
		{`States.Format('{}{}{}{}', null, true, 1.50, 'q')`, `"nulltrue1.50q"`},
		{`States.Format('<{}>', $.object)`, `"<{x=1.50, y=[null, z, true], o={}}>"`},
		{`States.Format('it\'s \{{}\} \\', 1)`, `"it's {1} \\"`},
		{`States.Format('{0} { }', $.n)`, ``},
		{`States.Format($.template, 1, $$.Execution)`, `"{1} and run-1"`},
		{`States.Format('{}')`, ``},
		{`States.Format('{}', 1, 2)`, ``},
		{`States.Format($.n, 2)`, ``},
		{`States.StringToJson($.json)`, `{"k":1.0}`},
		{`States.StringToJson('[1, {"a": "\\n"}]')`, `[1,{"a":"\n"}]`},
		{`States.StringToJson($.empty)`, `null`},
		{`States.StringToJson('  ')`, `null`},
		{`States.StringToJson('-0')`, `0`},
		{`States.StringToJson('nope')`, ``},
		{`States.StringToJson($.n)`, ``},
		{`States.JsonToString($.object)`, `"{\"x\":1.50,\"y\":[null,\"z\",true],\"o\":{}}"`},
		{`States.Array()`, `[]`},
		{`States.Array( 1 ,'a' , $.n,null )`, `[1,"a",3,null]`},
		{`States.ArrayPartition($.list, 3)`, `[[3,1,3.0],[{"a":1,"b":2},{"b":2,"a":1},"3"],[null,[3]]]`},
		{`States.ArrayPartition($.list, 99)`, `[[3,1,3.0,{"a":1,"b":2},{"b":2,"a":1},"3",null,[3]]]`},
		{`States.ArrayPartition(States.Array(), 2)`, `[]`},
		{`States.ArrayPartition($.list, 0)`, ``},
		{`States.ArrayPartition($.list, 0.4)`, ``},
		{`States.ArrayPartition($.n, 2)`, ``},
		{`States.ArrayContains($.list, 1)`, `true`},
		{`States.ArrayContains($.list, '1')`, `false`},
		{`States.ArrayContains($.list, States.Array(3))`, `true`},
		{`States.ArrayRange(1, 8, 3)`, `[1,4,7]`},
		{`States.ArrayRange(3, 1, -1)`, `[3,2,1]`},
		{`States.ArrayRange(3, 1, 1)`, `[]`},
		{`States.ArrayRange(0.5, 2.4, 1)`, `[1,2]`},
		{`States.ArrayRange(1, 2, 0)`, ``},
		{`States.ArrayRange(1, 1001, 1)`, ``},
		{`States.ArrayGetItem($.list, 1)`, `1`},
		{`States.ArrayGetItem($.list, 8)`, ``},
		{`States.ArrayGetItem($.list, -1)`, ``},
		{`States.ArrayLength($.list)`, `8`},
		{`States.ArrayLength($.text)`, ``},
		{`States.ArrayUnique($.list)`, `[3,1,{"a":1,"b":2},"3",null,[3]]`},
		{`States.Base64Encode('Grüße')`, `"R3LDvMOfZQ=="`},
		{`States.Base64Encode($.long)`, ``},
		{`States.Base64Decode('R3LDvMOfZQ==')`, `"Grüße"`},
		{`States.Base64Decode('R3LDvMOfZQ')`, `"Grüße"`},
		{`States.Base64Decode('*')`, ``},
		{`States.Hash('abc', 'MD5')`, `"900150983cd24fb0d6963f7d28e17f72"`},
		{`States.Hash('abc', 'SHA-1')`, `"a9993e364706816aba3e25717850c26c9cd0d89d"`},
		{`States.Hash('abc', 'SHA-256')`, `"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"`},
		{`States.Hash('abc', 'SHA-384')`, `"cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7"`},
		{`States.Hash('abc', 'SHA-512')`, `"ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"`},
		{`States.Hash('abc', 'SHA-3')`, ``},
		{`States.Hash($.long, 'MD5')`, ``},
		{`States.JsonMerge($.object, States.StringToJson('{"x":9,"w":1}'), false)`, `{"x":9,"y":[null,"z",true],"o":{},"w":1}`},
		{`States.JsonMerge($.object, $.object, true)`, ``},
		{`States.JsonMerge($.object, $.list, false)`, ``},
		{`States.MathRandom(1, 10)`, `9`},
		{`States.MathRandom(-5.5, -4)`, `-5`},
		{`States.MathRandom(5, 5)`, ``},
		{`States.MathAdd(1.49, 1.5)`, `3`},
		{`States.MathAdd($.half, 0)`, `3`},
		{`States.MathAdd($.minusHalf, 0)`, `-2`},
		{`States.MathAdd(-2.51, 0)`, `-3`},
		{`States.MathAdd(2147483647, 1)`, `2147483648`},
		{`States.MathAdd(2147483648, 1)`, ``},
		{`States.MathAdd('1', 1)`, ``},
		{`States.StringSplit($.text, '- ')`, `["a","b","c"]`},
		{`States.StringSplit('--', '-')`, `[]`},
		{`States.StringSplit('a', '')`, `["a"]`},
		{`States.StringSplit(1, ',')`, ``},
		{`States.UUID()`, `"00000000-0000-4000-8000-000000000001"`},
		{`States.MathAdd($['(odd) name, yes'], States.ArrayLength($.list[?(@ == '3' || (@ == 1))]))`, `11`},
		{`States.Array($.list.length(), $.list[0])`, `[8,3]`},
	} {
		call, err := Compile(row.call)
		if err != nil {
			t.Errorf("Compile(%s): %v", row.call, err)
			continue
		}
		got, err := call.Eval(e)
		var failure *Error
		switch {
		case row.want == "":
			if !errors.As(err, &failure) || failure.Name != IntrinsicFailure {
				t.Errorf("%s gives %s, %v, want an IntrinsicFailure", row.call, got, err)
			}
		case err != nil || got.String() != row.want:
			t.Errorf("%s gives %s, %v\nwant %s", row.call, got, err, row.want)
		}
	}
}

func TestSeededRandomNumbersRepeatAndStayInRange(t *testing.T) {
	seen := map[string]bool{}
	for seed := range 200 {
		call, err := Compile(fmt.Sprintf("States.MathRandom(-3, 4, %d)", seed))
		if err != nil {
			t.Fatal(err)
		}
		first, err := call.Eval(env{draw: 0.1})
		if err != nil {
			t.Fatal(err)
		}
		again, _ := call.Eval(env{draw: 0.9})
		if n, _ := first.Int(); first.String() != again.String() || n < -3 || n > 3 {
			t.Errorf("%s gives %s and %s", call, first, again)
		}
		seen[first.String()] = true
	}
	if len(seen) != 7 {
		t.Errorf("200 seeds give %d different numbers, want all 7", len(seen))
	}
}

func TestWhatIsNoCallIsRefused(t *testing.T) {
	nested := func(n int) string {
		return strings.Repeat("States.Array(", n) + strings.Repeat(")", n)
	}
	if _, err := Compile(nested(MaxNesting)); err != nil {
		t.Errorf("%d nested calls are refused: %v", MaxNesting, err)
	}
	for _, text := range []string{
		``, `States.`, `States.Nothing()`, `States.UUID`, `States.UUID(`, `States.UUID(1)`, `States.UUID() x`, `states.UUID()`, `States.Array(1,)`,
		`States.Array(,1)`, `States.Array(1 2)`, `States.Array('a)`, `States.Array("a")`, `States.Array('a\n')`, `States.Format('say \"{}\"', 1)`,
		`States.Array(x)`, `States.Array(01)`, `States.Array($.)`, `States.Array([1])`, `States.MathAdd(1)`, `States.MathRandom(1,2,3,4)`,
		`States.Format()`, ` States.UUID()`, nested(MaxNesting + 1), nested(100_000),
	} {
		_, err := Compile(text)
		var syntax *SyntaxError
		if !errors.As(err, &syntax) {
			t.Errorf("Compile(%.60q) gives %v, want a SyntaxError", text, err)
		}
	}
}

func TestMissingArgumentsNameTheirPath(t *testing.T) {
	call, err := Compile(`States.Array(States.Format('{}', $.no))`)
	if err != nil {
		t.Fatal(err)
	}
	e := env{input: jsonvalue.ObjectOf(jsonvalue.Member{Key: "a", Value: jsonvalue.Int(1)})}
	_, err = call.Eval(e)
	var failure *Error
	if !errors.As(err, &failure) || failure.Name != Runtime || !jsonpath.IsNotFound(err) {
		t.Fatalf("got %v, want a %s for a path that finds nothing", err, Runtime)
	}
	want := `The function 'States.Format('{}', $.no)' had the following error: The JSONPath argument for the field '$.no' could not be found in the input '{"a":1}'`
	if err.Error() != want {
		t.Errorf("got  %s\nwant %s", err, want)
	}
}

func TestPathsOfACallAreListed(t *testing.T) {
	call, err := Compile(`States.Array($.a, States.Format('{}', $b.c), 1, $$.Execution)`)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(call.Paths()); got != "[$.a $b.c $$.Execution]" || call.Name() != "States.Array" {
		t.Errorf("%s has the paths %s", call.Name(), got)
	}
}

func TestResultsThatExplodeAreCutOff(t *testing.T) {
	arg := "$"
	for range 8 {
		arg = "States.Array(" + strings.Repeat(arg+",", 9) + arg + ")"
		if len(arg) > 1<<20 {
			break
		}
	}
	call, err := Compile(`States.JsonToString(` + arg + `)`)
	if err != nil {
		t.Fatal(err)
	}
	_, err = call.Eval(env{input: input(t)})
	var failure *Error
	if !errors.As(err, &failure) || !strings.Contains(failure.Reason, "too large") {
		t.Errorf("got %v, want a failure for its size", err)
	}
}

func FuzzCompile(f *testing.F) {
	for _, seed := range []string{`States.Format('{} \' \{\}', $.n, $$.x, $count, -1.5, null)`, `States.Array(States.StringSplit('a,b', ','), $.list[?(@ == ')')])`} {
		f.Add(seed)
	}
	e := env{input: input(f)}
	f.Fuzz(func(t *testing.T, text string) {
		call, err := Compile(text)
		if err != nil {
			return
		}
		v, err := call.Eval(e)
		var failure *Error
		if err != nil && !errors.As(err, &failure) {
			t.Fatalf("%q fails with %T: %v", text, err, err)
		}
		if err == nil && !v.IsDefined() {
			t.Fatalf("%q gives nothing and no error", text)
		}
	})
}
