package jsonata

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

// sea is the data of the random expressions: numbers that JavaScript has too.
const sea = `{
	"port": "Kiel", "lat": 54.32, "open": true, "nothing": null, "empty": [], "none": {},
	"ships": [
		{"name": "Anna", "year": 1990, "crew": [{"who": "Ben", "age": 41}, {"who": "Cem", "age": 29}], "cargo": {"tea": 5, "salt": 2}},
		{"name": "Birk", "year": 2004, "crew": [{"who": "Dora", "age": 35}], "cargo": {"tea": 1}},
		{"name": "Cleo", "year": 1990, "crew": []}
	],
	"tags": [["a"], ["b", "c"]], "mixed": [1, "x", null, true, {"a": 1}, [2, 3]], "n": 3
}`

// TestRandomExpressionsAsTheReferenceDoes compares this engine with npm's jsonata on
// random expressions. It runs on request:
//
//	npm install --prefix DIR jsonata@2.0.6
//	CROSSFADE_JSONATA=DIR/node_modules/jsonata CROSSFADE_SEED=1 CROSSFADE_EXPRESSIONS=100000 go test ./asl/jsonata -run Reference
//
// What it found is held by TestWhatRandomExpressionsTaught. Functions as data and keys
// that are integers are left out: the reference shows the insides of the one and sorts
// the other, as JavaScript does.
func TestRandomExpressionsAsTheReferenceDoes(t *testing.T) {
	folder := os.Getenv("CROSSFADE_JSONATA")
	if folder == "" {
		t.Skip("skipped: CROSSFADE_JSONATA does not name a folder of npm's jsonata@2.0.6")
	}
	number := func(name string, otherwise uint64) uint64 {
		n, err := strconv.ParseUint(os.Getenv(name), 10, 64)
		if err != nil {
			return otherwise
		}
		return n
	}
	seed := number("CROSSFADE_SEED", 1)
	reference := startReference(t, folder)
	e := Env{Data: parseJSON(t, sea), Limits: Limits{Steps: 50_000, Memory: 4 << 20, Depth: 500}}
	differ := 0
	for n := range number("CROSSFADE_EXPRESSIONS", 20_000) {
		g := expressions{rand.New(rand.NewPCG(seed, n))}
		expr := g.expr(4)
		got, want := comparable(outcome(expr, e)), reference.outcome(t, expr)
		switch {
		case want == "steps" || got == "U1001": // one of them gave up
			continue
		case strings.Contains(want, "_jsonata_"): // a function inside a value is no JSON
			continue
		case strings.HasPrefix(want, "uncoded"): // the reference fell over its own feet
			continue
		case runtimeError.MatchString(got) && runtimeError.MatchString(want):
			continue // the reference evaluates the parts of a list side by side: any of their errors may win
		}
		if got != want && differ < 200 {
			differ++
			t.Errorf("seed %d, %d: %s\n gives %s\n want  %s", seed, n, expr, got, want)
		}
	}
}

var runtimeError = regexp.MustCompile(`^[TDU]\d{4}$`)

// comparable writes a JSON text as JavaScript does: numbers as doubles.
func comparable(outcome string) string {
	var v any
	if json.Unmarshal([]byte(outcome), &v) != nil {
		return outcome
	}
	text, err := json.Marshal(v) // sorts members, which the order of evaluation may differ in
	if err != nil {
		return outcome
	}
	return string(text)
}

// A reference is a running process of the reference implementation.
type reference struct {
	in  io.Writer
	out *bufio.Reader
}

func startReference(t *testing.T, folder string) *reference {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "node", filepath.Join("testdata", "reference.cjs"), folder)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Skipf("skipped: %v", err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait() // killed with the test's context, or ended with its input
	})
	return &reference{in, bufio.NewReader(out)}
}

func (r *reference) outcome(t *testing.T, expr string) string {
	t.Helper()
	line, err := json.Marshal(map[string]any{"expr": expr, "data": json.RawMessage(sea)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.in.Write(append(line, '\n')); err != nil {
		t.Fatal(err)
	}
	answer, err := r.out.ReadString('\n')
	if err != nil {
		t.Fatalf("%s: %v", expr, err)
	}
	v, err := jsonvalue.Parse(answer)
	if err != nil {
		t.Fatal(err)
	}
	if code, ok := v.Get("error"); ok {
		return code.Str()
	}
	if _, ok := v.Get("function"); ok {
		return "function"
	}
	value, ok := v.Get("value")
	if !ok {
		return "nothing"
	}
	return comparable(value.String())
}

// expressions draws random expressions.
type expressions struct{ *rand.Rand }

func (g expressions) one(of ...string) string { return of[g.IntN(len(of))] }

// expr draws an expression of at most some depth.
func (g expressions) expr(depth int) string {
	if depth == 0 {
		return g.leaf()
	}
	sub := func() string { return g.expr(depth - 1) }
	switch g.IntN(17) {
	case 0, 1:
		return g.leaf()
	case 2, 3:
		return g.path(depth)
	case 4:
		return "(" + sub() + ")" + g.one("+", "-", "*", "/", "%", "&", "=", "!=", "<", "<=", ">", ">=", " and ", " or ", " in ") + "(" + sub() + ")"
	case 5:
		return "(" + sub() + " ? " + sub() + g.one(" : "+sub(), "") + ")"
	case 6:
		return "[" + sub() + g.one("", ", "+sub()) + "]"
	case 7:
		return `{"a": ` + sub() + g.one("", `, "b" & $string(`+sub()+`): `+sub()) + "}"
	case 8:
		return "($v := " + sub() + "; " + g.one("$v", "$v & \"!\"", "[$v, $v]", "$v."+g.step(depth-1), sub()) + ")"
	case 9, 10, 11, 12:
		return g.call(depth)
	case 13:
		return "(" + sub() + ") ~> " + g.one("$sum", "$count", "$string", "$uppercase", "$map("+g.lambda(depth)+")", "$type", "$keys", "$append("+sub()+")")
	case 14:
		return "-(" + sub() + ")"
	case 15:
		return g.lambda(depth) + "(" + sub() + g.one("", ", "+sub()) + ")"
	default:
		return "(" + g.path(depth) + ")" + g.one("[]", "[0]", "[-1]", "^("+g.step(0)+")", "{"+`"k": `+g.step(0)+"}", "[$]", "["+sub()+"]")
	}
}

func (g expressions) leaf() string {
	return g.one("1", "0", "-2.5", "3", "1e3", `"a"`, `""`, `"Kiel"`, `"2004"`, "true", "false", "null", "$", "port", "lat", "n", "missing", "ships", "tags", "mixed",
		"empty", "none", "nothing", "[1..3]", "[]", "{}", "ships.name", "ships.cargo", "$$.n")
}

// path draws a path of several steps.
func (g expressions) path(depth int) string {
	p := g.one("ships", "tags", "mixed", "$", "$$", "*", "**", "ships.crew", "("+g.expr(depth-1)+")")
	for range 1 + g.IntN(3) {
		p += "." + g.step(depth-1)
		p += g.one("", "", "", "[0]", "[-1]", "[1]", "[]", "["+g.expr(max(depth-2, 0))+"]", "^("+g.one("", ">", "<")+g.one("name", "year", "$", "age")+")", "#$i", "@$c")
	}
	return p
}

func (g expressions) step(depth int) string {
	return g.one("name", "year", "crew", "age", "who", "cargo", "tea", "*", "$", "%.name", "a", "missing", "**", `"name"`,
		"("+g.expr(max(depth, 0))+")", "["+g.leaf()+"]", `{"s": `+g.leaf()+"}", "$string()", "$length()", "$uppercase(name)")
}

func (g expressions) lambda(depth int) string {
	params := g.one("", "$x", "$x, $y", "$x, $y, $z")
	body := g.one("$x", "$y", "$x & $y", "$x + 1", "$x = $y", "$string($x)", "$x > $y", "[$x, $y]", g.expr(max(depth-2, 0)))
	signature := g.one("", "", "", "", "<s:s>", "<n-:n>", "<a<n>:n>", "<x-x?:x>", "<j:b>")
	return "function(" + params + ")" + signature + "{" + body + "}"
}

// call draws a call of a built-in function, often with what it wants.
func (g expressions) call(depth int) string {
	a := func() string { return g.expr(depth - 1) }
	f := g.lambda(depth)
	return g.one(
		"$sum("+a()+")", "$count("+a()+")", "$max("+a()+")", "$min("+a()+")", "$average("+a()+")",
		"$string("+a()+")", "$length("+a()+")", "$substring("+a()+", "+a()+")", "$substring("+a()+", "+a()+", "+a()+")",
		"$substringBefore("+a()+", "+a()+")", "$substringAfter("+a()+", "+a()+")", "$uppercase("+a()+")", "$lowercase("+a()+")",
		"$trim("+a()+")", "$pad("+a()+", "+a()+")", "$contains("+a()+", "+a()+")", "$split("+a()+", "+a()+")", "$join("+a()+")", "$join("+a()+", "+a()+")",
		"$match("+a()+", /[a-z]/)", "$replace("+a()+", "+a()+", "+a()+")", "$number("+a()+")", "$abs("+a()+")", "$floor("+a()+")", "$ceil("+a()+")",
		"$round("+a()+")", "$round("+a()+", "+a()+")", "$power("+a()+", 2)", "$sqrt("+a()+")", "$boolean("+a()+")", "$not("+a()+")", "$exists("+a()+")",
		"$append("+a()+", "+a()+")", "$sort("+a()+")", "$sort("+a()+", "+f+")", "$reverse("+a()+")", "$distinct("+a()+")", "$zip("+a()+", "+a()+")",
		"$keys("+a()+")", "$lookup("+a()+", "+a()+")", "$spread("+a()+")", "$merge("+a()+")", "$sift("+a()+", "+f+")", "$each("+a()+", "+f+")",
		"$type("+a()+")", "$map("+a()+", "+f+")", "$filter("+a()+", "+f+")", "$single("+a()+", "+f+")", "$reduce("+a()+", "+f+")", "$reduce("+a()+", "+f+", "+a()+")",
		"$formatNumber("+a()+`, "#,##0.00")`, "$formatBase("+a()+", "+a()+")", "$base64encode("+a()+")", "$encodeUrlComponent("+a()+")",
		"$toMillis("+a()+")", "$fromMillis("+a()+")", "$formatInteger("+a()+`, "w")`, "$assert("+a()+`, "no")`, "$error("+a()+")",
		fmt.Sprintf("$%s(%s)", g.one("nofunction", "sum", "map", "string", "power"), g.one("", a(), a()+", "+a()+", "+a())),
	)
}
