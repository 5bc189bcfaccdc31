package pattern_test

import (
	"strings"
	"testing"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
	"github.com/crossfade-dev/crossfade/localcloud/events/pattern"
)

const order = `{"source":"shop","detail-type":"Order","resources":["a","b"],"detail":{"state":"paid","total":12.50,"gift":false,"note":null,"from":"10.0.3.7","lines":[{"sku":"tea","n":2},{"sku":"mug","n":1}],"empty":[],"Name":"Ada"}}`

func TestAPatternFitsWhatItSays(t *testing.T) {
	event, err := jsonvalue.Parse(order)
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]bool{
		`{"source":["shop"]}`:                                          true,
		`{"source":["bank"]}`:                                          false,
		`{"source":["bank","shop"]}`:                                   true,
		`{"source":["shop"],"detail-type":["Bill"]}`:                   false,
		`{"resources":["b"]}`:                                          true,
		`{"detail":{"state":["paid"]}}`:                                true,
		`{"detail":{"total":[12.5]}}`:                                  true,
		`{"detail":{"gift":[false]}}`:                                  true,
		`{"detail":{"note":[null]}}`:                                   true,
		`{"detail":{"gone":[null]}}`:                                   false,
		`{"detail":{"state":[{"prefix":"pa"}]}}`:                       true,
		`{"detail":{"state":[{"prefix":"id"}]}}`:                       false,
		`{"detail":{"Name":[{"prefix":{"equals-ignore-case":"aD"}}]}}`: true,
		`{"detail":{"state":[{"suffix":"id"}]}}`:                       true,
		`{"detail":{"Name":[{"equals-ignore-case":"ADA"}]}}`:           true,
		`{"detail":{"state":[{"wildcard":"p*d"}]}}`:                    true,
		`{"detail":{"state":[{"wildcard":"*x*"}]}}`:                    false,
		`{"detail":{"state":[{"anything-but":"paid"}]}}`:               false,
		`{"detail":{"state":[{"anything-but":["open","void"]}]}}`:      true,
		`{"detail":{"state":[{"anything-but":{"prefix":["o","v"]}}]}}`: true,
		`{"detail":{"gone":[{"anything-but":"x"}]}}`:                   false,
		`{"detail":{"total":[{"numeric":[">",12,"<=",12.5]}]}}`:        true,
		`{"detail":{"total":[{"numeric":["<",12]}]}}`:                  false,
		`{"detail":{"state":[{"numeric":["=",1]}]}}`:                   false,
		`{"detail":{"gone":[{"exists":false}]}}`:                       true,
		`{"detail":{"state":[{"exists":false}]}}`:                      false,
		`{"detail":{"state":[{"exists":true}]}}`:                       true,
		`{"detail":{"lines":[{"exists":true}]}}`:                       false, // no leaf
		`{"detail":{"empty":[{"exists":false}]}}`:                      true,
		`{"nothing":{"deep":[{"exists":false}]}}`:                      true,
		`{"detail":{"from":[{"cidr":"10.0.0.0/16"}]}}`:                 true,
		`{"detail":{"from":[{"cidr":"10.1.0.0/16"}]}}`:                 false,
		`{"detail":{"lines":{"sku":["mug"]}}}`:                         true,
		`{"detail":{"lines":{"sku":["mug"],"n":[2]}}}`:                 false,
		`{"$or":[{"source":["bank"]},{"detail":{"state":["paid"]}}]}`:  true,
		`{"$or":[{"source":["bank"]},{"detail":{"state":["open"]}}]}`:  false,
		`{"source":["shop"],"$or":[{"resources":["x"]},{"a":["b"]}]}`:  false,
		`{"detail":{"state":["open",{"prefix":"p"}]}}`:                 true,
	} {
		p, err := pattern.Parse(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := p.Matches(event); got != want {
			t.Errorf("%s: got %t, want %t", text, got, want)
		}
	}
}

func TestWhatIsNoPatternIsRefusedWithAReason(t *testing.T) {
	for text, want := range map[string]string{
		`{`:                                   "not a valid JSON",
		`[]`:                                  "not an object",
		`{}`:                                  "empty objects",
		`{"a":"b"}`:                           `"a" must be an object or an array`,
		`{"a":[]}`:                            "empty arrays",
		`{"a":{}}`:                            "empty objects",
		`{"a":[["b"]]}`:                       "a list must not hold a list",
		`{"a":[{"like":"b"}]}`:                "unrecognized match type like",
		`{"a":[{"prefix":1}]}`:                "prefix match pattern must be a string",
		`{"a":[{"exists":"yes"}]}`:            "must be either true or false",
		`{"a":[{"numeric":[">"]}]}`:           "one or two bounds",
		`{"a":[{"numeric":["~",1]}]}`:         "unrecognized numeric range operator",
		`{"a":[{"numeric":[">","1"]}]}`:       "must be numeric",
		`{"a":[{"cidr":"10"}]}`:               "CIDR",
		`{"a":[{"wildcard":"a**b"}]}`:         "consecutive wildcard",
		`{"$or":[{"a":["b"]}]}`:               "at least 2",
		`{"a":[{"anything-but":[]}]}`:         "empty arrays",
		`{"a":[{"prefix":"a","suffix":"b"}]}`: "only one key",
	} {
		if _, err := pattern.Parse(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got the error %v, want one with %q", text, err, want)
		}
	}
}

func TestNestedPatternsAreKnown(t *testing.T) {
	for text, want := range map[string]bool{`{"a":["b"]}`: false, `{"a":{"b":["c"]}}`: true, `{"$or":[{"a":["b"]},{"a":{"b":["c"]}}]}`: true} {
		p, err := pattern.Parse(text)
		if err != nil || p.Nested() != want {
			t.Errorf("%s: got %t, %v, want %t", text, p.Nested(), err, want)
		}
	}
}
