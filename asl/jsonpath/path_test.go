package jsonpath

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

func parse(t testing.TB, text string) jsonvalue.Value {
	t.Helper()
	v, err := jsonvalue.Parse(text)
	if err != nil {
		t.Fatalf("parse %s: %v", text, err)
	}
	return v
}

const shop = `{
  "owner": "Ada", "open": true, "floor-2": {"x y": 1, "it's": 2}, "none": null,
  "list": [10, 20, 30, 40],
  "books": [
    {"title": "one", "price": 5, "tags": ["a", "b"], "isbn": "x1"},
    {"title": "two", "price": "15", "tags": []},
    {"title": "three", "price": 25, "tags": ["b"], "used": null}
  ],
  "deep": {"price": 1, "more": {"price": 2, "list": [{"price": 3}]}}
}`

func TestPathsSelectWhatTheyName(t *testing.T) {
	root := parse(t, shop)
	for _, row := range []struct{ path, want string }{
		// Names and indexes.
		{`$.owner`, `"Ada"`},
		{`$['owner']`, `"Ada"`},
		{`$["owner"]`, `"Ada"`},
		{`$.['owner']`, `"Ada"`},
		{`$."owner"`, `"Ada"`},
		{`$.floor-2['x y']`, `1`},
		{`$.floor-2['it\'s']`, `2`},
		{`$.floor-2["it's"]`, `2`},
		{`$.none`, `null`},
		{`$.list[0]`, `10`},
		{`$.list[-1]`, `40`},
		{`$.list[ 1 ]`, `20`},
		{`$.books[1].title`, `"two"`},
		{`$['owner','open','missing']`, `{"owner":"Ada","open":true}`},
		{`$['open','open']`, `true`},
		// Lists.
		{`$.list[0,2]`, `[10,30]`},
		{`$.list[0,9]`, `[10]`},
		{`$.list[1:3]`, `[20,30]`},
		{`$.list[:1]`, `[10]`},
		{`$.list[2:]`, `[30,40]`},
		{`$.list[-3:]`, `[20,30,40]`},
		{`$.list[:-1]`, `[10,20,30]`},
		{`$.list[-3:-1]`, `[20,30]`},
		{`$.list[0:4:2]`, `[10,20,30,40]`},
		{`$.list[2:99]`, `[30,40]`},
		{`$.list[-99:2]`, `[10,20,30,40,10,20]`},
		{`$.list[*]`, `[10,20,30,40]`},
		{`$.deep.*`, `[1,{"price":2,"list":[{"price":3}]}]`},
		{`$.books[*].title`, `["one","two","three"]`},
		{`$.books[*]['title','isbn']`, `[{"title":"one","isbn":"x1"},{"title":"two"},{"title":"three"}]`},
		{`$.books[0]['title','price'].x`, `[]`},
		{`$['deep','floor-2'].price`, `[1]`},
		{`$..price`, `[5,"15",25,1,2,3]`},
		{`$..['price']`, `[5,"15",25,1,2,3]`},
		{`$.deep..list[0].price`, `[3]`},
		{`$.deep..*`, `[1,{"price":2,"list":[{"price":3}]},2,[{"price":3}],{"price":3},3]`},
		{`$..[0]`, `[10,{"title":"one","price":5,"tags":["a","b"],"isbn":"x1"},"a","b",{"price":3}]`},
		{`$..missing`, `[]`},
		// A miss gives an empty list when the path is not definite.
		{`$.missing.list[1:]`, `[]`},
		{`$.missing[*].x`, `[]`},
		{`$.owner[*]`, `[]`},
		{`$.owner[0:1]`, `[]`},
		// Filters.
		{`$.books[?(@.isbn)].title`, `["one"]`},
		{`$.books[?(!@.isbn)].title`, `["two","three"]`},
		{`$.books[?(@.used)].title`, `["three"]`},
		{`$.books[?(@.price == 15)].title`, `["two"]`},
		{`$.books[?(@.price === 15)].title`, `[]`},
		{`$.books[?(@.price==5||@.price>20)].title`, `["one","three"]`},
		{`$.books[?(@.price < 20 && @.tags[0] == 'a')].title`, `["one"]`},
		{`$.books[?(@.isbn != 'x1')].title`, `["two","three"]`},
		{`$.books[?(@.used == null)].title`, `["three"]`},
		{`$.books[?(!(@.price == 5))].title`, `["two","three"]`},
		{`$.books[?(@.title =~ /T.*/i)].title`, `["two","three"]`},
		{`$.books[?(@.title =~ /w/)].title`, `[]`},
		{`$.books[?(@.title in ['one', "three"])].title`, `["one","three"]`},
		{`$.books[?(@.title nin ['one'])].title`, `["two","three"]`},
		{`$.books[?('b' in @.tags)].title`, `["one","three"]`},
		{`$.books[?(@.tags contains 'a')].title`, `["one"]`},
		{`$.books[?(@.tags size 1)].title`, `["three"]`},
		{`$.books[?(@.tags empty true)].title`, `["two"]`},
		{`$.books[?(@.tags subsetof ['b','c'])].title`, `["two","three"]`},
		{`$.books[?(@.tags anyof ['a'])].title`, `["one"]`},
		{`$.books[?(@.tags noneof ['a'])].title`, `["two","three"]`},
		{`$.books[?(@.tags == ["a","b"])].title`, `["one"]`},
		{`$.books[?(@.price > $.deep.price)].title`, `["one","three"]`},
		{`$.books[?(@.tags[?(@ == 'b')] size 1)].title`, `["one","three"]`},
		{`$.list[?(@ > 15)]`, `[20,30,40]`},
		{`$.deep[?(@.price == 1)]`, `[{"price":1,"more":{"price":2,"list":[{"price":3}]}}]`},
		{`$..[?(@.price == 3)]`, `[{"price":3}]`},
		{`$.books[?(@.title-x == 1)]`, `[]`},
		// Functions.
		{`$.list.length()`, `4`},
		{`$.books[*].tags.length()`, `[2,0,1]`},
		{`$.list.sum()`, `100`},
		{`$.list.avg()`, `25`},
		{`$.list.min()`, `10`},
		{`$.list.max()`, `40`},
		{`$.list.stddev()`, `11.180339887498949`},
		{`$.list.first()`, `10`},
		{`$.list.last()`, `40`},
		{`$.list.index(-2)`, `30`},
		{`$.deep.keys()`, `["price","more"]`},
		{`$.list.append(50, $.owner)`, `[10,20,30,40,50,"Ada"]`},
		{`$.books[0].tags.concat('c')`, `"abc"`},
		{`$..price.sum()`, `36`},
	} {
		p, err := Compile(row.path)
		if err != nil {
			t.Errorf("Compile(%s): %v", row.path, err)
			continue
		}
		got, err := p.Get(root)
		if err != nil || got.String() != row.want {
			t.Errorf("%s selects %s, %v\nwant %s", row.path, got, err, row.want)
		}
	}
}

func TestDefinitePathsSayWhatIsMissing(t *testing.T) {
	root := parse(t, `{"a":{"b":1},"list":[1],"none":null}`)
	for _, row := range []struct{ path, want string }{
		{`$.no`, `No results for path: $['no']`},
		{`$.a.no`, `No results for path: $['a']['no']`},
		{`$.no.such.path`, `Missing property in path $['no']`},
		{`$.a.no.such`, `Missing property in path $['a']['no']`},
		{`$.list[1]`, `No results for path: $['list'][1]`},
		{`$.list[1].x`, `No results for path: $['list'][1]['x']`},
		{`$.list.0`, `Expected to find an object with property ['0'] in path $['list'] but found 'array'`},
		{`$.none[0]`, `The path $['none'] is null`},
		{`$.a.b.sum()`, `Aggregation function attempted to calculate value using empty array`},
	} {
		p, err := Compile(row.path)
		if err != nil {
			t.Errorf("Compile(%s): %v", row.path, err)
			continue
		}
		if _, err := p.Get(root); !IsNotFound(err) || err.Error() != row.want {
			t.Errorf("%s: got %v, want %s", row.path, err, row.want)
		}
	}
}

func TestBadPathsAreRefused(t *testing.T) {
	for _, path := range []string{
		``, `a`, `.a`, `@`, `$.`, `$..`, `$...a`, `$a-b`, `$.a b`, `$.a[`, `$.a[]`, `$.a[:]`, `$.a[::]`, `$.a[x]`, `$['a'`, `$['a',]`,
		`$['a`, `$[1`, `$[1,]`, `$[?]`, `$[?()]`, `$[?(@.a]`, `$[?(@.a ==)]`, `$[?(true)]`, `$[?('a')]`, `$[?(@.a = 1)]`, `$[?(@.a =~ /[/)]`,
		`$[?(@.a =~ /a/q)]`, `$.a.nothing()`, `$.length().a`, `$.length(`, `$[99999999999]`, `$$$`, `$[?(@.a == [1)]`, ` $.a`,
		`$` + strings.Repeat("[?(@", 100), `$[?(` + strings.Repeat("(", 1000) + `)]`, "$." + strings.Repeat("a", maxText),
	} {
		p, err := Compile(path)
		var syntax *SyntaxError
		if !errors.As(err, &syntax) {
			t.Errorf("Compile(%.60q) gives %v, %v, want a SyntaxError", path, p, err)
		}
	}
}

type scope struct{ input, context jsonvalue.Value }

func (s scope) Input() jsonvalue.Value   { return s.input }
func (s scope) Context() jsonvalue.Value { return s.context }
func (s scope) Variable(name string) (jsonvalue.Value, bool) {
	if name == "größe_1" {
		return jsonvalue.ArrayOf(jsonvalue.Int(7)), true
	}
	return jsonvalue.Value{}, false
}

func TestPathsStartAtTheRootTheyName(t *testing.T) {
	s := scope{input: parse(t, `{"a":1}`), context: parse(t, `{"State":{"Name":"x"}}`)}
	for path, want := range map[string]string{
		`$`: `{"a":1}`, `$.a`: `1`, `$$`: `{"State":{"Name":"x"}}`, `$$.State.Name`: `"x"`, `$$['State']`: `{"Name":"x"}`,
		`$größe_1`: `[7]`, `$größe_1[0]`: `7`,
	} {
		p, err := Compile(path)
		if err != nil {
			t.Errorf("Compile(%s): %v", path, err)
			continue
		}
		if got, err := p.Eval(s); err != nil || got.String() != want {
			t.Errorf("%s is %s, %v, want %s", path, got, err, want)
		}
	}
	p, err := Compile(`$unset[*]`)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Eval(s); !IsNotFound(err) || p.Root() != Variable || p.Variable() != "unset" {
		t.Errorf("an unset variable gives %v", err)
	}
}

func TestReferencePathsSetOnePlace(t *testing.T) {
	for _, row := range []struct{ root, path, want string }{
		{`{"a":1}`, `$`, `"new"`},
		{`{"a":1}`, `$.b`, `{"a":1,"b":"new"}`},
		{`{"a":1}`, `$.a`, `{"a":"new"}`},
		{`{"a":1}`, `$.b.c['d e']`, `{"a":1,"b":{"c":{"d e":"new"}}}`},
		{`{"a":[1,2]}`, `$.a[1]`, `{"a":[1,"new"]}`},
		{`{"a":[1,{"x":2}]}`, `$.a[1].x`, `{"a":[1,{"x":"new"}]}`},
		{`null`, `$.a`, `{"a":"new"}`},
		{`{"a":1}`, `$.a.b`, ``},
		{`{"a":[1]}`, `$.a[1]`, ``},
		{`{"a":{}}`, `$.a[0]`, ``},
		{`{}`, `$.a[0]`, ``},
		{`[1]`, `$.a`, ``},
		{`"text"`, `$.a`, ``},
	} {
		r, err := CompileReference(row.path)
		if err != nil {
			t.Errorf("CompileReference(%s): %v", row.path, err)
			continue
		}
		got, err := r.Set(parse(t, row.root), jsonvalue.String("new"))
		if row.want == "" {
			if !errors.Is(err, ErrCannotSet) {
				t.Errorf("set %s of %s gives %s, %v, want ErrCannotSet", row.path, row.root, got, err)
			}
		} else if err != nil || got.String() != row.want {
			t.Errorf("set %s of %s gives %s, %v, want %s", row.path, row.root, got, err, row.want)
		}
	}
	for _, path := range []string{`$.a[*]`, `$..a`, `$.a[0,1]`, `$['a','b']`, `$.a[?(@.b)]`, `$.a[0:1]`, `$.a[-1]`, `$.a.length()`, `a`} {
		if _, err := CompileReference(path); err == nil {
			t.Errorf("CompileReference(%s) succeeds", path)
		}
	}
}

func TestHostilePathsAreCutOff(t *testing.T) {
	nested := strings.Repeat(`{"a":[`, 400) + `1` + strings.Repeat(`]}`, 400)
	wide := `[` + strings.Repeat(`{"a":1},`, 5000) + `1]`
	for path, document := range map[string]string{
		`$..*..*..*..*`:                                nested,
		`$[?($[?($[?(@.a == 2)])])]`:                   wide,
		`$[*][?($..a subsetof $..a)]`:                  wide,
		`$..[?($..[?($..a == $..a)])]`:                 nested,
		`$` + strings.Repeat(`[0:99999,`[:0]+`..*`, 9): nested,
	} {
		p, err := Compile(path)
		if err != nil {
			t.Errorf("Compile(%s): %v", path, err)
			continue
		}
		if _, err := p.Get(parse(t, document)); !errors.Is(err, ErrTooCostly) {
			t.Errorf("%s gives %v, want ErrTooCostly", path, err)
		}
	}
}

func TestSyntaxErrorsNameThePlace(t *testing.T) {
	_, err := Compile(`$.a[?(@.b ==)]`)
	if want := `path "$.a[?(@.b ==)]": offset 12: expected a path or a value`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func FuzzCompile(f *testing.F) {
	for _, seed := range []string{`$.a[0]['b','c']..d[?(@.x == 1 && !(@.y in [1,'2'])||@.z =~ /a\/b/i)][1:2:3].length()`, `$$.x`, `$v.y`, `$..[?(@)]`, `$[-1,2].append($.x, 1)`} {
		f.Add(seed)
	}
	root := parse(f, shop)
	f.Fuzz(func(t *testing.T, text string) {
		p, err := Compile(text)
		if err != nil {
			return
		}
		v, err := p.Get(root)
		if err == nil && !v.IsDefined() {
			t.Fatalf("%q gives nothing and no error", text)
		}
		if err == nil && !p.Definite() && v.Kind() != jsonvalue.KindArray {
			if _, isCall := p.steps[len(p.steps)-1].(call); !isCall {
				t.Fatalf("%q is not definite and gives %s", text, v)
			}
		}
		if p.IsReference() {
			r, err := CompileReference(text)
			if err != nil {
				t.Fatalf("%q: %v", text, err)
			}
			mark := jsonvalue.String("mark")
			changed, err := r.Set(root, mark)
			if err != nil {
				return
			}
			if got, err := r.Get(changed); err != nil || !jsonvalue.Equal(got, mark) {
				t.Fatalf("%q was set and reads %v, %v", text, got, err)
			}
		}
	})
}

func BenchmarkPaths(b *testing.B) {
	var text strings.Builder
	text.WriteString(`{"a":{"b":1},"items":[`)
	for i := range 100 {
		fmt.Fprintf(&text, `{"price":%d,"name":"n%d"},`, i, i)
	}
	text.WriteString(`{}]}`)
	root := parse(b, text.String())
	for _, path := range []string{`$.a.b`, `$.items[?(@.price > 50)]`, `$..price`} {
		p, err := Compile(path)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(path, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := p.Get(root); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
