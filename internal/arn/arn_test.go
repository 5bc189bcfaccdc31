package arn

import "testing"

func TestParseKeepsEveryPart(t *testing.T) {
	for _, s := range []string{
		"arn:aws:states:eu-west-1:123456789012:stateMachine:orders:prod",
		"arn:aws-cn:lambda:cn-north-1:123456789012:function:checkout:42",
		"arn:aws:cloudwatch:us-east-1:123456789012:alarm:name with: colons",
		"arn:aws:s3:::bucket/key",
	} {
		a, err := Parse(s)
		if err != nil {
			t.Errorf("Parse(%q): %v", s, err)
			continue
		}
		if got := a.String(); got != s {
			t.Errorf("got %q, want %q", got, s)
		}
	}
}

func TestParseRefusesWhatIsNoARN(t *testing.T) {
	for _, s := range []string{"", "orders", "arn:aws:states:eu-west-1:123456789012", "arn::states:r:a:x", "arn:aws:states:r:a:"} {
		if a, err := Parse(s); err == nil {
			t.Errorf("Parse(%q) = %v, want an error", s, a)
		}
	}
}

func TestQualifiedSplitsOffVersionAndAlias(t *testing.T) {
	tests := []struct{ in, base, qualifier, name, kind string }{
		{"arn:aws:states:r:1:stateMachine:orders", "arn:aws:states:r:1:stateMachine:orders", "", "orders", "stateMachine"},
		{"arn:aws:states:r:1:stateMachine:orders:7", "arn:aws:states:r:1:stateMachine:orders", "7", "orders", "stateMachine"},
		{"arn:aws:lambda:r:1:function:f:live", "arn:aws:lambda:r:1:function:f", "live", "f", "function"},
	}
	for _, tt := range tests {
		a, err := Parse(tt.in)
		if err != nil {
			t.Fatal(err)
		}
		base, q := a.Qualified()
		if base.String() != tt.base || q != tt.qualifier || a.Name() != tt.name || a.Kind() != tt.kind {
			t.Errorf("%s: got %s, %q, %q, %q; want %s, %q, %q, %q", tt.in, base, q, a.Name(), a.Kind(), tt.base, tt.qualifier, tt.name, tt.kind)
		}
		if q != "" && base.With(q).String() != tt.in {
			t.Errorf("With(%q) = %s, want %s", q, base.With(q), tt.in)
		}
	}
}

func TestOnlyDigitsAreAVersion(t *testing.T) {
	for q, want := range map[string]bool{"1": true, "042": true, "": false, "prod": false, "1a": false, "$LATEST": false} {
		if got := IsVersion(q); got != want {
			t.Errorf("IsVersion(%q) = %v, want %v", q, got, want)
		}
	}
}

func TestCompareVersionsOrdersNumbersAndNotText(t *testing.T) {
	for _, v := range []struct {
		a, b string
		want int
	}{
		{"9", "10", -1},
		{"10", "9", 1},
		{"41", "42", -1},
		{"7", "7", 0},
		{"99999999999999999999", "100000000000000000000", -1},
	} {
		if got := CompareVersions(v.a, v.b); got != v.want {
			t.Errorf("CompareVersions(%s, %s) = %d, want %d", v.a, v.b, got, v.want)
		}
	}
}
