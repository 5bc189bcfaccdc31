package jsonata

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

func parseJSON(t testing.TB, text string) jsonvalue.Value {
	t.Helper()
	v, err := jsonvalue.Parse(text)
	if err != nil {
		t.Fatalf("parse %s: %v", text, err)
	}
	return v
}

const fleet = `{
	"port": "Kiel", "lat": 54.32, "open": true, "nothing": null,
	"ships": [
		{"name": "Anna", "year": 1990, "crew": [{"who": "Ben", "age": 41}, {"who": "Cem", "age": 29}], "cargo": {"tea": 5, "salt": 2}},
		{"name": "Birk", "year": 2004, "crew": [{"who": "Dora", "age": 35}], "cargo": {"tea": 1}},
		{"name": "Cleo", "year": 1990, "crew": []}
	],
	"tags": [["a"], ["b", "c"]],
	"big": 12345678901234567890, "price": 1.50
}`

func env(t testing.TB) Env {
	return Env{
		Data: parseJSON(t, fleet),
		Now:  time.Date(2026, 2, 3, 4, 5, 6, 789_000_000, time.UTC),
		Draw: func() float64 { return 0.5 },
		Variable: func(name string) (jsonvalue.Value, bool) {
			return jsonvalue.Int(7), name == "seven"
		},
	}
}

// outcome evaluates an expression; an error is its code.
func outcome(expression string, e Env) string {
	compiled, err := Compile(expression)
	var v jsonvalue.Value
	isFunction := false
	if err == nil {
		v, isFunction, err = compiled.EvalData(e)
	}
	var failure *Error
	switch {
	case errors.As(err, &failure):
		return failure.Code
	case err != nil:
		return "not an Error: " + err.Error()
	case isFunction:
		return "function"
	case !v.IsDefined():
		return "nothing"
	default:
		return v.String()
	}
}

// Where the reference was asked about random expressions and had another answer.
func TestWhatRandomExpressionsTaught(t *testing.T) {
	for _, row := range []struct{ expr, want string }{
		// A slash right after a bracket or a sign is the operator, not a pattern.
		{`(/a/)`, `S0211`},
		{`[/a/]`, `S0211`},
		{`-/a/`, `S0211`},
		{`{/a/: 1}`, `S0211`},
		{`/a/`, `function`},
		{`$contains("cab", /a/)`, `true`},
		{`("x"; /a/)`, `function`},
		{`"cab" ~> /a/ ~> $exists`, `true`},
		{`$count([1, /a/])`, `2`},
	} {
		if got := outcome(row.expr, env(t)); got != row.want {
			t.Errorf("%s gives %s, want %s", row.expr, got, row.want)
		}
	}
}

func TestExpressionsHaveTheirValuesAndErrors(t *testing.T) {
	for _, row := range []struct{ expr, want string }{
		// Literals and operators.
		{`1 + 2 * 3 - 4 / 8 % 3`, `6.5`},
		{`"a" & 1 & null & [1,{"b":true}] & missing`, `"a1null[1,{\"b\":true}]"`},
		{`0.1 + 0.2`, `0.30000000000000004`},
		{`$string(0.1 + 0.2)`, `"0.3"`},
		{`-lat`, `-54.32`},
		{`1 = 1.0 and "a" != "b" or $error("not reached")`, `true`},
		{`"b" > "a" and 2 <= 2`, `true`},
		{`"a" < 1`, `T2009`},
		{`null < 1`, `T2010`},
		{`"a" + 1`, `T2001`},
		{`1 + "a"`, `T2002`},
		{`missing + 1`, `nothing`},
		{`{"a":1} = {"a":1.0}`, `true`},
		{`"c" in ["a","c"]`, `true`},
		{`5 in 5`, `true`},
		{`[1..3]`, `[1,2,3]`},
		{`[3..1]`, `[]`},
		{`$count([1..9000000])`, `9000000`},
		{`[1..20000000]`, `D2014`},
		{`open ? "yes" : "no"`, `"yes"`},
		{`false ? "yes"`, `nothing`},
		{`/* words */ 1`, `1`},
		{`"\u00e9\n\"\/\ud83d\ude00"`, `"é\n\"/😀"`},
		{`big`, `12345678901234567890`},
		{`price`, `1.50`},
		{`price * 2`, `3`},
		{`$seven`, `7`},
		// Paths.
		{`port`, `"Kiel"`},
		{`ships.name`, `["Anna","Birk","Cleo"]`},
		{`ships[1].name`, `"Birk"`},
		{`ships[-1].name`, `"Cleo"`},
		{`ships[[0,2]].name`, `["Anna","Cleo"]`},
		{`ships[year=1990].name`, `["Anna","Cleo"]`},
		{`ships[year=2004].name`, `"Birk"`},
		{`ships[year=2004].name[]`, `["Birk"]`},
		{`ships[year=1].name`, `nothing`},
		{`ships.crew.age`, `[41,29,35]`},
		{`ships.crew[0].who`, `["Ben","Dora"]`},
		{`(ships.crew)[0].who`, `"Ben"`},
		{`ships.cargo.*`, `[5,2,1]`},
		{`**.age`, `[41,29,35]`},
		{`tags`, `[["a"],["b","c"]]`},
		{`tags.$`, `["a","b","c"]`},
		{`ships.[name, year]`, `[["Anna",1990],["Birk",2004],["Cleo",1990]]`},
		{`ships.{"n": name, "c": $count(crew)}`, `[{"n":"Anna","c":2},{"n":"Birk","c":1},{"n":"Cleo","c":0}]`},
		{`ships{$string(year): name}`, `{"1990":["Anna","Cleo"],"2004":"Birk"}`},
		{`ships^(>year, name).name`, `["Birk","Anna","Cleo"]`},
		{`ships^(cargo.tea).name`, `["Birk","Anna","Cleo"]`},
		{`ships^(crew).name`, `T2008`},
		{`ships.crew.{"who": who, "ship": %.name}`, `[{"who":"Ben","ship":"Anna"},{"who":"Cem","ship":"Anna"},{"who":"Dora","ship":"Birk"}]`},
		{`ships.crew@$c.(name & ":" & $c.who)`, `["Anna:Ben","Anna:Cem","Birk:Dora"]`},
		{`ships#$i.(name & $i)`, `["Anna0","Birk1","Cleo2"]`},
		{`([1]; {"a": 2}).a`, `2`},
		{`([1]; missing).a`, `nothing`},
		{`%.x`, `S0217`},
		{"ships.`name`[0]", `["Anna","Birk","Cleo"]`},
		{`{"a":1, "a":2}`, `D1009`},
		{`{1:2}`, `T1003`},
		// Functions.
		{`($f := function($x, $y) {$x - $y}; $f(5, 2))`, `3`},
		{`($f := function($x) {$x <= 1 ? 1 : $x * $f($x - 1)}; $f(10))`, `3628800`},
		{`($loop := function($n, $sum) {$n = 0 ? $sum : $loop($n - 1, $sum + $n)}; $loop(20000, 0))`, `200010000`},
		{`[1,2,3] ~> $map(function($v, $i) {$v * $i}) ~> $sum()`, `8`},
		{`($double := function($x) {$x * 2}; $inc := function($x) {$x + 1}; $both := $double ~> $inc; $both(5))`, `11`},
		{`($half := $power(?, 0.5); $half(49))`, `7`},
		{`function($x)<n:n>{$x}("a")`, `T0410`},
		{`function($n, $s)<n?s>{$s}("a")`, `nothing`},
		{`function($a)<a<n>:n>{$sum($a)}(["a"])`, `T0412`},
		{`ships.name.$uppercase()`, `["ANNA","BIRK","CLEO"]`},
		{`uppercase(port)`, `T1005`},
		{`$nope(1)`, `T1006`},
		{`function($x) {$x}`, `function`},
		{`$ ~> |ships[0]|{"name": "Alma", "new": crew[0].who}, ["crew", "cargo"]| ~> $lookup("ships") ~> $filter(function($s) {$s.name = "Alma"})`,
			`{"name":"Alma","year":1990,"new":"Ben"}`},
		{`(ships ~> |$|{"year": 0}|; ships.year)`, `[1990,2004,1990]`},
		// Texts.
		{`$substring("héllo", 1, 3) & $substring("hello", -2)`, `"élllo"`},
		{`$substringBefore("a-b-c", "-") & $substringAfter("a-b-c", "-")`, `"ab-c"`},
		{`$length("😀a")`, `2`},
		{`$pad("x", -3, "ab") & $pad("x", 3)`, `"abxx  "`},
		{`$trim("  a \n b ")`, `"a b"`},
		{`$join(["a","b"], ", ")`, `"a, b"`},
		{`$split("a1b22c", /[0-9]+/)`, `["a","b","c"]`},
		{`$match("a1b22", /([a-z])(\d+)/)[1].groups`, `["b","22"]`},
		{`$replace("John Smith", /(\w+)\s(\w+)/, "$2, $1")`, `"Smith, John"`},
		{`$replace("ab", /./, function($m) {$m.match & $m.start})`, `"a0b1"`},
		{`$contains("Kiel", /^ki/i)`, `true`},
		{`$contains("aXbX", /(?<!a)X/)`, `true`},
		{`$contains("abab", /(ab)\1/)`, `true`},
		{`$replace("x", /y*/, "z")`, `D1004`},
		{`$contains("x", /y*/)`, `true`},
		{`$replace("", /^$/, "z")`, `"z"`},
		{`/[/`, `S0302`},
		{`$base64decode($base64encode("hello:world"))`, `"hello:world"`},
		{`$encodeUrlComponent("ä b&c") & $encodeUrl("/ä?b=c d")`, `"%C3%A4%20b%26c/%C3%A4?b=c%20d"`},
		{`$decodeUrlComponent("%C3%A4%20%26")`, `"ä &"`},
		{`$decodeUrl("%zz")`, `D3140`},
		{`$encodeUrl("\ud800")`, `D3140`},
		{`$string({"a":[1,2]}, true)`, `"{\n  \"a\": [\n    1,\n    2\n  ]\n}"`},
		// Numbers.
		{`[$round(2.5), $round(3.5), $round(4.515, 2), $round(-0.4), $floor(-1.5), $ceil(1.2), $abs(-3), $sqrt(16)]`, `[2,4,4.52,0,-2,2,3,4]`},
		{`$number("0x1F") + $number("1e2") + $number(true)`, `132`},
		{`$number("1 ")`, `D3030`},
		{`[$max([1,3,2]), $min([1,3,2]), $average([1,3,2]), $sum([])]`, `[3,1,2,0]`},
		{`$formatNumber(1234567.891, "#,##0.00")`, `"1,234,567.89"`},
		{`$formatNumber(-0.256, "0.0%")`, `"-25.6%"`},
		{`$formatNumber(1234.5, "0.00e0")`, `"1.23e3"`},
		{`$formatNumber(0, "0.0e0")`, `"0.0e0"`},
		{`$formatNumber(5, "٠٠", {"zero-digit": "٠"})`, `"٠٥"`},
		{`$formatBase(255, 16)`, `"ff"`},
		{`$formatInteger(1994, "I") & $formatInteger(28, "a") & $formatInteger(21, "w;o") & $formatInteger(12345, "#,##0")`, `"MCMXCIVabtwenty-first12,345"`},
		{`$parseInteger("two thousand, three hundred and four", "w") + $parseInteger("MMXX", "I")`, `4324`},
		// Arrays and objects.
		{`$sort([3,1,2], function($a, $b) {$a < $b})`, `[3,2,1]`},
		{`$sort(["b","a"])`, `["a","b"]`},
		{`$sort([1,"a"])`, `D3070`},
		{`$distinct([1,1.0,"1",{"a":1},{"a":1}])`, `[1,"1",{"a":1}]`},
		{`$zip([1,2],["a","b","c"])`, `[[1,"a"],[2,"b"]]`},
		{`$reduce([1,2,3], function($a, $b) {$a * $b}, 10)`, `60`},
		{`$single(ships, function($s) {$s.year = 2004}).name`, `"Birk"`},
		{`$single(ships)`, `D3138`},
		{`$keys(ships.cargo)`, `["tea","salt"]`},
		{`$merge([{"a":1},{"b":2},{"a":3}])`, `{"a":3,"b":2}`},
		{`$sift({"a":1,"b":2}, function($v) {$v > 1})`, `{"b":2}`},
		{`$each({"a":1,"b":2}, function($v, $k) {$k & $v})`, `["a1","b2"]`},
		{`$spread({"a":1,"b":2})`, `[{"a":1},{"b":2}]`},
		{`[$type(1), $type("a"), $type(null), $type([]), $type({}), $type(true), $type($sum)]`, `["number","string","null","array","object","boolean","function"]`},
		{`[$boolean([0,""]), $boolean([0,1]), $not(""), $exists(port), $exists(missing)]`, `[false,true,true,true,false]`},
		{`$error("own words")`, `D3137`},
		{`$assert(1 = 2, "no")`, `D3141`},
		// Time.
		{`$now()`, `"2026-02-03T04:05:06.789Z"`},
		{`$millis()`, `1770091506789`},
		{`$fromMillis(1770091506789, "[FNn], [D1o] [MNn] [Y] at [h]:[m01] [P] [Z]", "+0130")`, `"Tuesday, 3rd February 2026 at 5:35 am +01:30"`},
		{`$fromMillis(0, "[Y]-W[W01]-[F1]")`, `"1970-W01-4"`},
		{`$toMillis("2026-02-03T04:05:06.789Z")`, `1770091506789`},
		{`$toMillis("2026-02-03T05:05:06.789+01:00")`, `1770091506789`},
		{`$toMillis("3rd February 2026", "[D1o] [MNn] [Y]")`, `1770076800000`},
		{`$toMillis("yesterday")`, `D3110`},
		{`$toMillis("2026", "[Q]")`, `D3132`},
		// What is not there.
		{`$eval("1")`, `T1006`},
		{`$hash("a", "MD5")`, `T1006`},
		{`1 ?: 2`, `S0211`},
	} {
		if got := outcome(row.expr, env(t)); got != row.want {
			t.Errorf("%s\n gives %s\n want  %s", row.expr, got, row.want)
		}
	}
}

func TestAnArrayAsTheWholeInputCountsAsOneValue(t *testing.T) {
	e := Env{Data: parseJSON(t, `[{"a":1},{"a":2}]`)}
	for expr, want := range map[string]string{
		`$`: `[{"a":1},{"a":2}]`, `a`: `[1,2]`, `$[1].a`: `2`, `$count($)`: `2`, `$$[0]`: `{"a":1}`, `$$.a`: `[1,2]`, `{"n": $count($)}`: `{"n":2}`,
	} {
		if got := outcome(expr, e); got != want {
			t.Errorf("%s gives %s, want %s", expr, got, want)
		}
	}
}

func TestErrorsNameCodePlaceAndCause(t *testing.T) {
	for _, row := range []struct{ expr, want string }{
		{`$nope(1)`, `T1006: Attempted to invoke a non-function`},
		{`1 + "a"`, `T2002: The right side of the "+" operator must evaluate to a number`},
		{`$length(1)`, `T0410: Argument 1 of function "length" does not match function signature`},
		{`$number("x")`, `D3030: Unable to cast value to a number: "x"`},
		{`[1,2`, `S0203: Expected "]" before end of expression`},
		{`$error("own words")`, `D3137: own words`},
	} {
		e, err := Compile(row.expr)
		if err == nil {
			_, err = e.Eval(Env{})
		}
		if err == nil || err.Error() != row.want {
			t.Errorf("%s says %v\nwant %s", row.expr, err, row.want)
		}
	}
	_, err := Compile("1 +\n  )")
	var failure *Error
	if !errors.As(err, &failure) || failure.Position != 6 || failure.Token != ")" {
		t.Errorf("got %+v, want the place of the parenthesis", err)
	}
}

func TestStepFunctionsAddsFunctions(t *testing.T) {
	e := env(t)
	for _, row := range []struct{ expr, want string }{
		{`$partition([1,2,3,4,5], 2)`, `[[1,2],[3,4],[5]]`},
		{`$range(1, 10, 4)`, `[1,5,9]`},
		{`$range(5, 1, -2)`, `[5,3,1]`},
		{`$range(2, 8, 8)`, `2`},
		{`$hash("abc", "SHA-1")`, `"a9993e364706816aba3e25717850c26c9cd0d89d"`},
		{`$parse("{\"a\": [1, 2.50]}").a`, `[1,2.50]`},
		{`$parse("-0")`, `0`},
		{`$random()`, `0.5`},
		{`$random(3) = $random(3) and $random(3) != $random(4)`, `true`},
		{`$uuid()`, `"80808080-8080-4080-8080-808080808080"`},
		{`$sum([1,2].($ * 2))`, `6`},
		{`$map([1,2], function($v) {$v + $seven})`, `[8,9]`},
	} {
		compiled, err := CompileStates(row.expr)
		if err != nil {
			t.Errorf("CompileStates(%s): %v", row.expr, err)
			continue
		}
		if got, err := compiled.Eval(e); err != nil || got.String() != row.want {
			t.Errorf("%s gives %s, %v\nwant %s", row.expr, got, err, row.want)
		}
	}
	for _, expr := range []string{
		`$parse("nope")`, `$hash("a", "CRC")`, `$partition([1], 0)`, `$range(1, 2, 0)`, `$range(1, 5000, 1)`, `$eval("1")`,
	} {
		compiled, err := CompileStates(expr)
		if err != nil {
			t.Errorf("CompileStates(%s): %v", expr, err)
			continue
		}
		var failure *Error
		if v, err := compiled.Eval(e); !errors.As(err, &failure) {
			t.Errorf("%s gives %s, %v, want an error", expr, v, err)
		}
	}
}

func TestStepFunctionsHasNoContextAtTheTopLevel(t *testing.T) {
	for expr, ok := range map[string]bool{
		`$`: false, `$$`: false, `port`: false, `$.port`: false, `*`: false, `**`: false, `1 + port`: false, `$sum(port)`: false,
		`{"a": port}`: false, `function($x) {port}`: false, `[1, $]`: false, `("a"; port)`: false, "`a b`": false,
		`$states.input.port`: true, `$states.input[$ > 1]`: true, `$states.input.($ & port)`: true, `$states.input{port: $}`: true,
		`$x ^ (port)`: true, `$x ~> |$|{"a": port}|`: true, `$map($x, function($v) {$v.port})`: true, `$x[port = 1].y`: true, `"a"`: true,
		`nope(1)`: true, // an error of its own, when it is called
	} {
		if _, err := CompileStates(expr); (err == nil) != ok {
			t.Errorf("CompileStates(%s) says %v, want ok = %v", expr, err, ok)
		}
	}
}

func TestVariablesThatAnExpressionReadsAreListed(t *testing.T) {
	for expr, want := range map[string]string{
		`$a + $states.input.b[$c > 1]`:                                      `[a c states]`,
		`($x := 1; $x + $y)`:                                                `[y]`,
		`($x; $x := 1)`:                                                     `[x]`,
		`$map($l, function($v, $i) {$v + $i + $k})`:                         `[k l]`,
		`($f := function($n) {$n = 0 ? 0 : $f($n - 1)}; $f($m))`:            `[m]`,
		`$a@$b.($b & $c)`:                                                   `[a c]`,
		`$a#$i[$i < $n].$i`:                                                 `[a n]`,
		`$uuid() & $hash($s, "MD5")`:                                        `[s]`,
		`$a{$k: $v}^($o)~>|$p|{"q": $r}, $d|`:                               `[a d k o p r v]`,
		`($e := function($n) {$o($n)}; $o := function($n) {$e($n)}; $e(1))`: `[]`,
	} {
		e, err := CompileStates(expr)
		if err != nil {
			t.Errorf("CompileStates(%s): %v", expr, err)
			continue
		}
		if got := fmt.Sprint(e.Variables()); got != want {
			t.Errorf("%s reads %s, want %s", expr, got, want)
		}
	}
}

func TestCallersAddFunctions(t *testing.T) {
	e := env(t)
	e.Functions = map[string]*Function{
		"twice": {Signature: "<n-:n>", Call: func(args []jsonvalue.Value) (jsonvalue.Value, error) {
			return jsonvalue.Float(2 * args[0].Float()), nil
		}},
		"fails": {Call: func([]jsonvalue.Value) (jsonvalue.Value, error) { return jsonvalue.Value{}, errors.New("no luck") }},
	}
	for expr, want := range map[string]string{
		`$twice(21)`: `42`, `lat.$twice()`: `108.64`, `$twice("a")`: `T0410`, `$fails()`: `D3201`, `[1,2] ~> $map($twice)`: `[2,4]`,
	} {
		if got := outcome(expr, e); got != want {
			t.Errorf("%s gives %s, want %s", expr, got, want)
		}
	}
}

func TestHostileExpressionsAreCutOff(t *testing.T) {
	for _, expr := range []string{
		`($f := function() {$f()}; $f())`,
		`($f := function($n) {1 + $f($n)}; $f(1))`,
		`($f := function($x, $n) {$n = 0 ? $x : $f($x & $x, $n - 1)}; $f("ab", 100))`,
		`($f := function($x, $n) {$n = 0 ? $x : $f([$x, $x], $n - 1)}; $f(1, 60))`,
		`($f := function($x, $n) {$n = 0 ? $x : $f([[$x, $x]], $n - 1)}; $string($f([1], 60)))`,
		`($f := function($x, $n) {$n = 0 ? $x : $f({"a": $x, "b": $x}, $n - 1)}; $f(1, 60))`,
		`($f := function($x, $n) {$n = 0 ? $x : $f({"a": $x, "b": $x}, $n - 1)}; $f(1, 60) = $f(1, 60))`,
		`($f := function($x, $n) {$n = 0 ? $x : $f({"a": $x, "b": $x}, $n - 1)}; $count($f(1, 60).**))`,
		`($f := function($x, $n) {$n = 0 ? $x : $f([[$x, $x]], $n - 1)}; $boolean($f([0], 60)))`,
		`($f := function($x, $n) {$n = 0 ? $x : $f({"a": $x}, $n - 1)}; $f(1, 100000))`,
		`($f := function($x, $n) {$n = 0 ? $x : $f({"a": $x}, $n - 1)}; $string($f(1, 100000)))`,
		`$sum([1..10000000].([1..10000000]))`,
		`$map([1..10000000], function($v) {$v})`,
		`$reverse([1..9999999])`,
		`$string([1..9999999])`,
		`$sort([1..9999999], function($a, $b) {$a < $b})`,
		`$pad("a", 1e15)`,
		`$pad("a", 1e300)`,
		`$contains("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", /^(a+)+(?=c)$/)`,
		`$zip([1..9999999], [1..9999999])`,
		`$formatInteger(1e300, "I")`,
		strings.Repeat("(", 100_000),
		strings.Repeat("-", 100_000) + "1",
		strings.Repeat("[", 2000) + strings.Repeat("]", 2000),
		`1` + strings.Repeat("+1", 100_000),
		`$x` + strings.Repeat(".a", 100_000),
		strings.Repeat("a", maxText+1),
	} {
		started := time.Now()
		if got := outcome(expr, Env{Limits: Limits{Steps: 500_000, Memory: 32 << 20}}); got != "U1001" && !strings.HasPrefix(expr, "$x.") {
			t.Errorf("%.80s gives %.80s, want U1001", expr, got)
		}
		if took := time.Since(started); took > 20*time.Second {
			t.Errorf("%.80s takes %v", expr, took)
		}
	}
}

func TestOneExpressionServesManyGoroutines(t *testing.T) {
	e, err := Compile(`ships^(>year).{"name": name, "old": year < 2000, "who": crew[age > 30].who[], "p": $match(name, /[A-Z](.)/).groups}`)
	if err != nil {
		t.Fatal(err)
	}
	shared := env(t)
	want, err := e.Eval(shared)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				if got, err := e.Eval(shared); err != nil || !jsonvalue.Equal(got, want) {
					t.Errorf("got %s, %v, want %s", got, err, want)
				}
			}
		})
	}
	wg.Wait()
}

// Dates and integers that one picture writes, the same picture reads.
func TestWhatIsWrittenCanBeRead(t *testing.T) {
	const seed = 42
	draw := rand.New(rand.NewPCG(seed, 0))
	for range 300 {
		millis := draw.Int64N(8e12) - 2e12
		for _, picture := range []string{
			`[Y0001]-[M01]-[D01]T[H01]:[m01]:[s01].[f001]Z`, `[D1o] [MNn] [Y0001] [h]:[m01]:[s01].[f001] [P]`, `[Y0001][d001] [H01][m01][s01].[f001] [Z01:01]`,
		} {
			expr := fmt.Sprintf(`$toMillis($fromMillis(%d, "%s"), "%s")`, millis, picture, picture)
			if got := outcome(expr, Env{}); got != fmt.Sprint(millis) {
				t.Errorf("seed %d: %s gives %s", seed, expr, got)
			}
		}
		n := draw.Int64N(1_000_000)
		for _, picture := range []string{`0`, `#,##0`, `w`, `W`, `Ww;o`, `I`, `a`, `1;o`} {
			if picture == "I" || picture == "a" {
				n = n%3999 + 1
			}
			expr := fmt.Sprintf(`$parseInteger($formatInteger(%d, "%s"), "%s")`, n, picture, picture)
			if got := outcome(expr, Env{}); got != fmt.Sprint(n) {
				t.Errorf("seed %d: %s gives %s", seed, expr, got)
			}
		}
	}
}

func FuzzEval(f *testing.F) {
	for _, seed := range []string{
		`ships[year > 2000]^(name)@$s#$i.{"a": $s.%.x, $string($i): crew[[0..1]]}`, `$ ~> |**|{"x": 1}, "y"| ~> $string()`,
		`($f := function($x)<a<n>:n>{$x ~> $map(?, $sum)}; [$f([1]), /a(b)*/("ab").next])`, `$formatNumber(-1.5e3, "#,##0.0;(0)") & $fromMillis(0, "[Y]")`,
	} {
		f.Add(seed)
	}
	e := env(f)
	e.Limits = Limits{Steps: 20_000, Memory: 1 << 20, Depth: 200}
	f.Fuzz(func(t *testing.T, expr string) {
		if got := outcome(expr, e); strings.HasPrefix(got, "not an Error") {
			t.Fatalf("%q: %s", expr, got)
		}
		if compiled, err := CompileStates(expr); err == nil {
			compiled.Variables()
		}
	})
}

func BenchmarkEval(b *testing.B) {
	var items strings.Builder
	for i := range 100 {
		fmt.Fprintf(&items, `{"price":%d.5,"quantity":%d,"name":"item %d"},`, i, i%7, i)
	}
	data := parseJSON(b, `{"order":{"total":12.5},"items":[`+strings.TrimSuffix(items.String(), ",")+`]}`)
	for _, expr := range []string{
		`order.total * 1.1`,
		`$sum(items.(price * quantity))`,
		`$map($filter(items, function($i) {$i.price > 50}), function($i) {{"n": $uppercase($i.name), "t": $i.price * $i.quantity}})`,
		`items[$contains(name, /9$/)].name`,
	} {
		e, err := Compile(expr)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(expr, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := e.Eval(Env{Data: data}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
