package asl

import (
	"strings"
	"testing"
)

// Whatever the text is, Parse says something sensible: a machine or an error, never both,
// never a panic.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		``, `{}`, `nonsense`, `[1]`, `{"StartAt": 1, "States": []}`,
		`{"StartAt":"A","States":{"A":{"Type":"Pass","End":true}}}`,
		`{"StartAt":"A","States":{"A":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Retry":[{"ErrorEquals":["States.ALL"]}],"Next":"B"},"B":{"Type":"Succeed"}}}`,
		`{"StartAt":"A","States":{"A":{"Type":"Choice","Choices":[{"And":[{"Variable":"$.x","IsNull":true}],"Next":"A"}]}}}`,
		`{"StartAt":"M","States":{"M":{"Type":"Map","ItemsPath":"$.x","ItemProcessor":{"StartAt":"A","States":{"A":{"Type":"Pass","Assign":{"v.$":"$"},"End":true}}},"End":true}}}`,
		`{"QueryLanguage":"JSONata","StartAt":"A","States":{"A":{"Type":"Pass","Output":"{% $states.input %}","End":true}}}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		sm, diagnostics := Parse(text, Standard)
		if refused := len(Errors(diagnostics)) > 0; refused == (sm != nil) {
			t.Fatalf("got machine %v with diagnostics %v", sm != nil, diagnostics)
		}
		for _, d := range diagnostics {
			if d.Code == "" || d.Message == "" || strings.Contains(d.Message, "%!") && !strings.Contains(text, "%") {
				t.Fatalf("a diagnostic says %q", d)
			}
		}
	})
}
