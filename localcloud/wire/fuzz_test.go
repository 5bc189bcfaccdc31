package wire_test

import (
	"context"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/crossfade-dev/crossfade/localcloud/wire"
)

// fuzz sends a body to a server that echoes it. Whatever the body is, the answer
// is an answer or a refusal, and what was understood is written so that it is
// understood as the same again.
func fuzz(t *testing.T, e *echo, a ask, translate func(string) string) {
	t.Helper()
	e.got, e.next = nil, nil
	first := send(t, e.server, a)
	switch first.status {
	case 200, 201:
	case 400:
		return
	default:
		t.Fatalf("got %d %q for %q", first.status, first.body, a.body)
	}
	understood := e.got
	a.body = translate(first.body)
	second := send(t, e.server, a)
	if second.status != first.status {
		t.Fatalf("the answer %q is refused as a request: %d %q", first.body, second.status, second.body)
	}
	if d := cmp.Diff(understood, e.got, sameValue("awsQuery")...); d != "" {
		t.Fatalf("%q was understood, written and understood otherwise (-first +second):\n%s", a.body, d)
	}
}

func itself(s string) string { return s }

func FuzzJSON(f *testing.F) {
	for _, seed := range []string{
		`{}`, ``, `{"Name":"n","Count":1}`, ` { "Name" : "\u00e9\ud83c\udf39\ud800\n" , "Count" : -1e2 } `,
		`{"Name":"n","Count":1,"big":9223372036854775807,"Share":"NaN","Alive":true,"Sown":1e9,"SownISO":"2026-01-02T03:04:05Z","Seed":"AAE=","Colours":["a",null],"Tags":{"a":"b"},"Children":[{"Name":"","Count":0}],"x":[{"y":[]}]}`,
		`{"Name":"n","Count":1,"Name":null}`, `[`, `{"Name":1}`, `{"Name":"` + "\xff" + `","Count":2.5}`, `{"Count":99999999999}`,
	} {
		f.Add(seed)
	}
	e := newEcho()
	f.Fuzz(func(t *testing.T, body string) {
		fuzz(t, e, ask{header: map[string]string{"X-Amz-Target": "Garden_20200220.Plant"}, body: body}, itself)
	})
}

func FuzzCBOR(f *testing.F) {
	for _, seed := range []string{
		"", "\xa0", "\xbf\xff", "\xa2\x64Name\x61n\x65Count\x01", "\xbf\x64Name\x7f\x61a\x61b\xff\x65Count\xf9\x3c\x00\xff",
		"\xa3\x64Name\x61n\x65Count\x20\x64Sown\xc1\xfb\x41\xda\x69\xef\x6f\xf8\xf5\xc3", "\xa1\x64Name\x9f\xff", "\xa1\x67Colours\x9b\xff\xff\xff\xff\xff\xff\xff\xff",
		"\xa2\x64Name\xf6\x65Count\xf7", "\x81\x81\x81", "\xd9\xd9\xf7\xa2\x64Name\x60\x65Count\x00", "\xa3\x64Name\x60\x65Count\x00\x64Seed\x5f\x41\x00\x41\x01\xff",
	} {
		f.Add(seed)
	}
	e := newEcho()
	f.Fuzz(func(t *testing.T, body string) {
		fuzz(t, e, ask{url: "/service/Garden_20200220/operation/Plant", header: cborHeader, body: body}, itself)
	})
}

func FuzzForm(f *testing.F) {
	for _, seed := range []string{
		"", "Name=n&Count=1", "Name=%C3%A9+x&Count=-3&Colours.member.1=a&Colours.member.10=b&Petal.1=p&Tags.entry.1.Name=k&Tags.entry.1.Value=v",
		"Name=n&Count=1&Colours=&Children.member.1.Name=c&Children.member.1.Count=0&Sown=2026-01-02T03%3A04%3A05Z&Seed=AAE%3D&Share=NaN",
		"Name=%zz", "Count=x", "Tags.entry.1.Value=v", "a.b.c.d=1&&=&.=.",
	} {
		f.Add(seed)
	}
	e := newEcho()
	f.Fuzz(func(t *testing.T, body string) {
		// XML has no control characters: they come back as others.
		if text, _ := url.QueryUnescape(body); strings.ContainsFunc(text, notInXML) {
			return
		}
		fuzz(t, e, ask{
			header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"},
			body:   "Action=Plant&Version=2020-02-20&" + body,
		}, func(answer string) string { return formOfXML(t, answer) })
	})
}

func notInXML(r rune) bool {
	return r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0xFFFE || r == 0xFFFF || r == utf8.RuneError
}

func FuzzIntegration(f *testing.F) {
	f.Add(`{"Name":"n","Count":1,"Seed":{"a":1},"Sown":"2026-01-02T03:04:05.006Z","Big":1}`)
	f.Add(`{"Seed":[1,2],"name":"not it"}`)
	e := newEcho()
	f.Fuzz(func(t *testing.T, params string) {
		out, err := e.server.Call(context.Background(), "garden", "plant", []byte(params))
		if err != nil {
			if wire.IsCode(err, "InternalFailure") {
				t.Fatalf("%q: %v", params, err)
			}
			return
		}
		again, err := e.server.Call(context.Background(), "garden", "plant", out)
		if err != nil || string(again) != string(out) {
			t.Fatalf("%q became %s, and that became %s, %v", params, out, again, err)
		}
	})
}
