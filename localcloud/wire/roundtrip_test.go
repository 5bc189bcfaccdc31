package wire_test

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/internal/gardenapi"
)

// echo is a server whose Plant remembers its input and answers next, if that is
// set.
type echo struct {
	next, got *gardenapi.Everything
	server    *wire.Server
}

func newEcho() *echo {
	e := &echo{}
	e.server = wire.NewServer(wire.Config{}, gardenAPI(func(in *gardenapi.Everything) *gardenapi.Everything {
		e.got = in
		if e.next != nil {
			return e.next
		}
		return in
	}))
	return e
}

// roundTrip has the server write v and then read what it wrote, and returns
// what it read. send sends a request in some protocol and returns the answer's
// body; translate makes a request out of an answer.
func (e *echo) roundTrip(v *gardenapi.Everything, send func(body string) string, translate func(string) string, empty string) *gardenapi.Everything {
	e.next = v
	written := send(empty)
	e.next = nil
	e.got = nil
	send(translate(written))
	return e.got
}

// A codec is a way in which a value crosses the wire.
type codec struct {
	protocol string
	trip     func(*gardenapi.Everything) *gardenapi.Everything
}

func codecs(t rapid.TB, e *echo) []codec {
	post := func(a ask) func(string) string {
		return func(body string) string {
			a.body = body
			got := send(t, e.server, a)
			if got.status >= 300 {
				t.Fatalf("%s: got %d %s for %q", a.url, got.status, got.body, body)
			}
			return got.body
		}
	}
	same := func(s string) string { return s }
	const least = `{"Name":"","Count":0}`
	return []codec{
		{"awsJson1.1", func(v *gardenapi.Everything) *gardenapi.Everything {
			return e.roundTrip(v, post(ask{header: map[string]string{"X-Amz-Target": "Garden_20200220.Plant"}}), same, least)
		}},
		{"restJson1", func(v *gardenapi.Everything) *gardenapi.Everything {
			return e.roundTrip(v, post(ask{url: "/2020-02-20/plants"}), same, least)
		}},
		{"rpc-v2-cbor", func(v *gardenapi.Everything) *gardenapi.Everything {
			return e.roundTrip(v, post(ask{url: "/service/Garden_20200220/operation/Plant", header: cborHeader}), same, "\xa2\x64Name\x60\x65Count\x00")
		}},
		{"awsQuery", func(v *gardenapi.Everything) *gardenapi.Everything {
			return e.roundTrip(v, post(ask{header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"}}),
				func(answer string) string { return formOfXML(t, answer) }, "Action=Plant&Version=2020-02-20&Name=&Count=0")
		}},
	}
}

// formOfXML writes the result in a query answer as the request that would carry
// the same values.
func formOfXML(t rapid.TB, answer string) string {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(answer))
	type level struct {
		prefix string
		counts map[string]int
		text   strings.Builder
		leaf   bool
	}
	var stack []*level
	form := []string{"Action=Plant", "Version=2020-02-20"}
	inResult := false
	for {
		token, err := d.Token()
		if err != nil {
			break
		}
		switch tk := token.(type) {
		case xml.StartElement:
			name := tk.Name.Local
			if name == "PlantResult" {
				inResult = true
				stack = []*level{{counts: map[string]int{}}}
				continue
			}
			if !inResult {
				continue
			}
			top := stack[len(stack)-1]
			top.leaf = false
			prefix := name
			if top.prefix != "" {
				prefix = top.prefix + "." + name
			}
			// Elements of lists and maps are numbered in forms.
			if name == "member" || name == "entry" || name == "Petal" {
				top.counts[name]++
				prefix += fmt.Sprintf(".%d", top.counts[name])
			}
			stack = append(stack, &level{prefix: prefix, counts: map[string]int{}, leaf: true})
		case xml.CharData:
			if inResult {
				stack[len(stack)-1].text.Write(tk)
			}
		case xml.EndElement:
			if tk.Name.Local == "PlantResult" {
				return strings.Join(form, "&")
			}
			if !inResult {
				continue
			}
			top := stack[len(stack)-1]
			stack = stack[:len(stack)-1]
			if top.leaf {
				form = append(form, top.prefix+"="+url.QueryEscape(top.text.String()))
			}
		}
	}
	t.Fatalf("no result in %q", answer)
	return ""
}

// sameValue compares by value; NaN is equal to itself. forms cannot say that a
// flattened list or a structure is empty.
func sameValue(protocol string) []cmp.Option {
	options := []cmp.Option{cmpopts.EquateNaNs(), cmpopts.EquateApproxTime(0)}
	if protocol == "awsQuery" {
		options = append(options, cmp.FilterPath(func(p cmp.Path) bool {
			return p.Last().String() == ".Flat"
		}, cmpopts.EquateEmpty()))
	}
	return options
}

func TestEveryKindOfValueCrossesTheWire(t *testing.T) {
	e := newEcho()
	for _, c := range codecs(t, e) {
		want := aPlant()
		if d := cmp.Diff(want, c.trip(want), sameValue(c.protocol)...); d != "" {
			t.Errorf("%s (-sent +received):\n%s", c.protocol, d)
		}
	}
}

// drawText draws text that XML can hold too.
func drawText(t *rapid.T, label string) string {
	return rapid.StringMatching(`[ -~\n\x{a0}-\x{d7ff}\x{e000}-\x{fffd}\x{10000}-\x{1ffff}]{0,8}`).
		Filter(func(s string) bool { return !strings.ContainsAny(s, "\ufffd\u2028") }).Draw(t, label)
}

// drawTime draws from the second second of the year 1: the first is Go's zero
// time, which other codecs write as null.
func drawTime(t *rapid.T) *time.Time {
	v := time.UnixMilli(rapid.Int64Range(-62135596799000, 253402300799999).Draw(t, "ms")).UTC()
	return &v
}

// drawPlant draws a value up to a depth.
func drawPlant(t *rapid.T, depth int) gardenapi.Everything {
	v := gardenapi.Everything{Name: drawText(t, "name"), Count: rapid.Int32().Draw(t, "count")}
	for _, member := range rapid.SliceOfNDistinct(rapid.IntRange(0, 13), 0, 6, rapid.ID).Draw(t, "members") {
		switch member {
		case 0:
			v.Big = new(rapid.Int64().Draw(t, "big"))
		case 1:
			v.Share = new(rapid.Float64().Draw(t, "share"))
		case 2:
			v.Small = new(float64(rapid.Float32().Draw(t, "small")))
		case 3:
			v.Alive = new(rapid.Bool().Draw(t, "alive"))
		case 4:
			v.Sown = drawTime(t)
		case 5:
			v.SownISO = drawTime(t)
		case 6:
			v.Seed = append([]byte{}, rapid.SliceOfN(rapid.Byte(), 0, 8).Draw(t, "seed")...)
		case 7:
			v.Colours = []string{}
			for range rapid.IntRange(0, 3).Draw(t, "colours") {
				v.Colours = append(v.Colours, drawText(t, "colour"))
			}
		case 8:
			v.Flat = []string{drawText(t, "petal"), drawText(t, "petal")}
		case 9:
			v.Heights = append([]float64{}, rapid.SliceOfN(rapid.Float64(), 0, 3).Draw(t, "heights")...)
		case 10:
			v.Tags = map[string]string{}
			for range rapid.IntRange(0, 3).Draw(t, "tags") {
				v.Tags[drawText(t, "key")] = drawText(t, "value")
			}
		case 11:
			if depth > 0 {
				v.Children = []gardenapi.Everything{}
				for range rapid.IntRange(0, 2).Draw(t, "children") {
					v.Children = append(v.Children, drawPlant(t, depth-1))
				}
			}
		case 12:
			if depth > 0 {
				v.Neighbours = map[string]gardenapi.Everything{drawText(t, "neighbour"): drawPlant(t, depth-1)}
			}
		case 13:
			if depth > 0 {
				v.Parent = new(drawPlant(t, depth-1))
			}
		}
	}
	return v
}

func TestRandomValuesCrossTheWireUnchanged(t *testing.T) {
	e := newEcho()
	rapid.Check(t, func(t *rapid.T) {
		want := drawPlant(t, 2)
		for _, c := range codecs(t, e) {
			if d := cmp.Diff(&want, c.trip(&want), sameValue(c.protocol)...); d != "" {
				t.Fatalf("%s (-sent +received):\n%s", c.protocol, d)
			}
		}
	})
}

func TestCBORAgreesWithAnIndependentCodec(t *testing.T) {
	encode, err := cbor.EncOptions{Time: cbor.TimeUnixMicro, TimeTag: cbor.EncTagRequired}.EncMode()
	if err != nil {
		t.Fatal(err)
	}
	e := newEcho()
	rapid.Check(t, func(t *rapid.T) {
		want := drawPlant(t, 1)
		// What the server writes, the other codec reads ...
		e.next = &want
		answer := send(t, e.server, ask{url: "/service/Garden_20200220/operation/Plant", header: cborHeader, body: "\xa2\x64Name\x60\x65Count\x00"}).body
		e.next = nil
		var read map[string]any
		if err := cbor.Unmarshal([]byte(answer), &read); err != nil {
			t.Fatalf("the other codec cannot read %x: %v", answer, err)
		}
		if read["Name"] != want.Name {
			t.Fatalf("the other codec reads %q, want %q", read["Name"], want.Name)
		}
		// ... and the other way round, in definite and indefinite lengths.
		text, err := encode.Marshal(read)
		if err != nil {
			t.Fatal(err)
		}
		var indefinite bytes.Buffer
		enc := encode.NewEncoder(&indefinite)
		_ = enc.StartIndefiniteMap()
		for k, v := range read {
			_ = enc.Encode(k)
			_ = enc.Encode(v)
		}
		if err := enc.EndIndefinite(); err != nil {
			t.Fatal(err)
		}
		for _, body := range []string{string(text), indefinite.String()} {
			e.got = nil
			if got := send(t, e.server, ask{url: "/service/Garden_20200220/operation/Plant", header: cborHeader, body: body}); got.status != 200 {
				t.Fatalf("got %d %q for %x", got.status, got.body, body)
			}
			if d := cmp.Diff(&want, e.got, sameValue("rpc-v2-cbor")...); d != "" {
				t.Fatalf("(-sent +received):\n%s", d)
			}
		}
	})
}
