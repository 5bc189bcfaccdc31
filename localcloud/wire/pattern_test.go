package wire

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

func TestPatternsMatchWholeStringsAsInJava(t *testing.T) {
	cases := []struct {
		pattern string
		yes, no []string
	}{
		{pattern: `[a-z]+`, yes: []string{"abc"}, no: []string{"", "abC", "abc\n"}},
		{pattern: `a|bc`, yes: []string{"a", "bc"}, no: []string{"abc", "ac"}},
		{pattern: `^(?=.*[a-zA-Z_\-\.])[a-zA-Z0-9_\-\.]+$`, yes: []string{"a1", "1-1", "."}, no: []string{"11", "a b", ""}},
		{pattern: `((?!^\d+$)^[0-9a-zA-Z-_]+$)`, yes: []string{"v1", "1-"}, no: []string{"12", "$LATEST"}},
		{pattern: `(?!^[0-9]+$)([a-zA-Z0-9-_]+)`, yes: []string{"v1"}, no: []string{"12", ""}},
		{pattern: `(^(?!(system\x2e)))(^[_a-zA-Z0-9])([^$]*)`, yes: []string{"systems", "x.y"}, no: []string{"system.x", "$a"}},
		{pattern: `[0-9A-Za-z\.\-_]*(?<!\.)`, yes: []string{"bucket.name", ""}, no: []string{"bucket.", "a b"}},
		{pattern: `[\u0009\u000A\u000D\u0020-\u00FF]+`, yes: []string{"a\tb\u00ff"}, no: []string{"\u0100", "\x00"}},
		{pattern: `[\u0020-\uD7FF\uE000-\uFFFD\u10000-\u10FFFF]+`, yes: []string{"a\U0001F339", "\uFFFD"}, no: []string{"\x01"}},
		{pattern: `[\p{L}\p{Z}\p{N}_.:/=+\-@]*`, yes: []string{"a \u00e9-1@"}, no: []string{"a#b"}},
		{pattern: `\p{ASCII}*`, yes: []string{"Root=1-2;x\x7f"}, no: []string{"\u00e9"}},
		{pattern: `[\w+=,.@-]+`, yes: []string{"a-b@c"}, no: []string{"a b"}},
		{pattern: `^(?!\s*$).+`, yes: []string{" a"}, no: []string{"  ", ""}},
		{pattern: `\$(LATEST(\.PUBLISHED)?)|[a-zA-Z0-9-_$]+`, yes: []string{"$LATEST", "a-b_c$"}, no: []string{"a.b"}},
	}
	for _, c := range cases {
		m := compileMatcher(c.pattern)
		if m == nil {
			t.Errorf("%s is not understood", c.pattern)
			continue
		}
		for _, s := range c.yes {
			if !m(s) {
				t.Errorf("%s does not match %q", c.pattern, s)
			}
		}
		for _, s := range c.no {
			if m(s) {
				t.Errorf("%s matches %q", c.pattern, s)
			}
		}
	}
}

func TestPatternsOfAllModelsAreUnderstood(t *testing.T) {
	files, err := filepath.Glob("../../models/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no models: %v", err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		var model struct {
			Shapes map[string]struct{ Pattern string }
		}
		if err := json.Unmarshal(text, &model); err != nil {
			t.Fatal(err)
		}
		for name, s := range model.Shapes {
			if s.Pattern != "" && compileMatcher(s.Pattern) == nil {
				t.Errorf("%s: the pattern of %s is not understood: %s", f, name, s.Pattern)
			}
		}
	}
}
