package template_test

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
	"github.com/crossfade-dev/crossfade/internal/clock"
	"github.com/crossfade-dev/crossfade/localcloud/cloudformation/template"
)

// all runs a text through every stage.
func all(text string) error {
	t, err := template.Parse(text)
	if err != nil {
		return err
	}
	if t, err = template.Process(t, inputs, nil); err != nil {
		return err
	}
	b, err := t.Bind(inputs)
	if err != nil {
		return err
	}
	order, err := b.Order()
	if err != nil {
		return err
	}
	for _, id := range order {
		for _, attribute := range []string{"Properties", "UpdatePolicy", "Metadata"} {
			if _, err := b.Attribute(id, attribute, made{}); err != nil {
				return err
			}
		}
	}
	_, err = b.OutputValues(made{})
	return err
}

func nested(open, inside, closing string, depth int) string {
	return strings.Repeat(open, depth) + inside + strings.Repeat(closing, depth)
}

func manyResources(n int) string {
	var b strings.Builder
	b.WriteString("Resources:\n")
	for i := range n {
		fmt.Fprintf(&b, "  R%d: {Type: AWS::SNS::Topic}\n", i)
	}
	return b.String()
}

// property puts a value into a small template, at line 5.
func property(value string) string {
	return "Resources:\n  A:\n    Type: T\n    Properties:\n      P: " + value + "\n"
}

func TestAHostileTemplateIsAnErrorWithItsPlace(t *testing.T) {
	doubling := `!Sub ["${a}${a}", {a: x}]`
	for range 60 {
		doubling = `!Sub ["${a}${a}", {a: ` + doubling + `}]`
	}
	loops := "x"
	for i := range 8 {
		loops = fmt.Sprintf(`{"Fn::ForEach::L%d": [V%d, [a, b, c, d, e, f, g, h, i, j], {"K${V%d}": %s}]}`, i, i, i, loops)
	}
	for name, c := range map[string]struct {
		text, want string
		line       int
	}{
		"an alias bomb":         {"A: &a [x, x]\nB: &b [*a, *a]\nC: [*b, *b]\n", "YAML aliases are not allowed", 2},
		"merge keys":            {"A: {<<: {b: c}}\n", "merge keys are not supported", 1},
		"deep YAML":             {property(nested("[", "x", "]", 500)), "nested too deeply", 5},
		"deep JSON":             {`{"Resources": ` + nested(`{"A":`, "1", "}", 500) + "}", "nested too deeply", 1},
		"very deep JSON":        {nested(`{"A":`, "1", "}", 100_000), "nested too deeply", 1},
		"a repeated key":        {"Resources:\n  A: {Type: T}\n  A: {Type: T}\n", `the key "A" is repeated`, 3},
		"a repeated JSON key":   {"{\"A\": 1,\n \"A\": 2}", `The key "A" is repeated`, 2},
		"an unknown tag":        {property("!Foo x"), "the tag !Foo is no function", 5},
		"a binary tag":          {property("!!binary eA=="), "the tag !!binary is not supported", 5},
		"an unknown function":   {property(`{"Fn::Foo": x}`), "Encountered unsupported function: Fn::Foo", 5},
		"broken YAML":           {"Resources:\n  A: [\n  B: }\n", "YAML not well-formed.", 2},
		"broken JSON":           {"{\"Resources\": {\n  \"A\" 1}}", "JSON not well-formed. (line 2, column 7)", 2},
		"a NUL":                 {property("'a\x00b'"), "control characters are not allowed", 5},
		"a NUL in JSON":         {"{\"Resources\":\n {\"A\": {\"Type\": \"T\x00\"}}}", "JSON not well-formed. (line 2, column 17)", 2},
		"no UTF-8":              {property("'\xff'"), "not a text in UTF-8", 5},
		"UTF-16":                {"\xff\xfeR\x00e\x00s\x00", "not a text in UTF-8", 1},
		"tabs":                  {"Resources:\n\tA:\n\t\tType: T\n", "cannot start any token", 2},
		"nothing":               {"\n# nothing\n", "unsupported structure", 1},
		"a list for conditions": {property("x") + "Outputs:\n  O: {Value: x, Condition: [A]}\n", "Every Condition member must be a string", 7},
		"two documents":         {"A: 1\n---\nB: 2\n", "a template is one document", 2},
		"501 resources":         {manyResources(501), "Number of resources, 501, is greater than maximum allowed, 500", 1},
		"a circle": {"Resources:\n  A: {Type: T, DependsOn: B}\n  B: {Type: T, DependsOn: C}\n  C: {Type: T, DependsOn: B}\n  D: {Type: T}\n",
			"Circular dependency between resources: [B, C]", 3},
		"itself":                    {"Resources:\n  A:\n    Type: T\n    Properties: {P: !Ref A}\n", "Circular dependency between resources: [A]", 2},
		"a circle of conditions":    {"Conditions:\n  X: !Not [!Condition Y]\n  Y: !Not [!Condition X]\nResources: {A: {Type: T}}\n", "circular condition dependency", 2},
		"text that doubles":         {property(doubling), "functions make more than", 5},
		"loops in loops":            {"Transform: AWS::LanguageExtensions\n" + property(loops), "Fn::ForEach makes more than", 6},
		"a reference to a secret":   {property("'{{resolve:secretsmanager:db:SecretString:password}}'"), "the dynamic reference {{resolve:secretsmanager:…}} cannot be resolved", 5},
		"an include":                {property("{Fn::Transform: {Name: AWS::Include, Parameters: {Location: s3://a/b}}}"), "Transform AWS::Include is not supported", 5},
		"an unknown transform":      {"Transform: Mine\n" + property("x"), "No transform named Mine found.", 1},
		"a condition in properties": {property("!Equals [a, b]"), "Fn::Equals is only allowed in Conditions and Rules", 5},
		"the import of nothing":     {property("!ImportValue nothing"), "No export named nothing found.", 5},
	} {
		t.Run(name, func(t *testing.T) {
			err := all(c.text)
			var e *template.Error
			if !errors.As(err, &e) || !strings.Contains(e.Message, c.want) {
				t.Fatalf("got %.300v, want %q", err, c.want)
			}
			if e.Line != c.line || e.Column < 1 {
				t.Errorf("got line %d, column %d, want line %d: %.200s", e.Line, e.Column, c.line, e.Message)
			}
		})
	}
}

// joined makes a text of n pieces.
func joined(n int, piece func(i int) string) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(piece(i))
	}
	return b.String()
}

func TestNoTemplateOfAMegabyteTakesLongOrALot(t *testing.T) {
	repeat := func(s string, n int) string { return "[" + strings.Repeat(s+",", n) + "]" }
	list := "Parameters: {L: {Type: CommaDelimitedList, Default: '" + strings.Repeat("ab,", 1300) + "c'}}\n"
	extended := "Transform: AWS::LanguageExtensions\n"
	for name, text := range map[string]string{
		"escaped variables":    property("!Sub '" + strings.Repeat("${!x}", 190_000) + "'"),
		"variables of nothing": property("!Sub '" + joined(110_000, func(i int) string { return fmt.Sprintf("${a%d}", i) }) + "'"),
		"needs of nothing":     "Resources:\n  A:\n    Type: T\n    DependsOn: [" + joined(120_000, func(i int) string { return fmt.Sprintf("k%d,", i) }) + "]\n",
		"lists":                list + property(repeat("!Ref L", 120_000)),
		"lists as text":        extended + list + property("{Fn::ToJsonString: "+repeat("!Ref L", 24_000)+"}"),
		"joined lists":         list + property("!Join ['', "+repeat("!Join [',', !Ref L]", 30_000)+"]"),
		"lists of a mapping":   "Mappings: {M: {K: {V: " + repeat("abc", 100_000) + "}}}\n" + property(repeat("!FindInMap [M, K, V]", 25_000)),
		"blocks":               property(repeat("!Cidr [10.0.0.0/8, 256, 8]", 35_000)),
		"parts":                property("!Split [a, '" + strings.Repeat("a", 900_000) + "']"),
		"loops over much":      extended + "Resources:\n  Fn::ForEach::X: [N, [" + joined(400, func(i int) string { return fmt.Sprintf("k%d,", i) }) + "], {\"T${N}\": {Type: T, Properties: {P: \"" + strings.Repeat("${N}", 200_000) + "\"}}}]\n",
		"keys":                 property("{" + joined(90_000, func(i int) string { return fmt.Sprintf("k%d: 1,", i) }) + "}"),
		"anchors":              property("[" + joined(60_000, func(i int) string { return fmt.Sprintf("&a%d x,", i) }) + "]"),
		"a chain of conditions": "Conditions:\n  C0: !Equals [a, a]\n" + joined(490, func(i int) string {
			return fmt.Sprintf("  C%d: !Or [!Condition C%d, !Condition C%d]\n", i+1, i, i)
		}) + property("!If [C490, a, b]"),
		"a pattern that turns back": "Parameters: {P: {Type: String, Default: '" + strings.Repeat("a", 4000) + "!', AllowedPattern: '(?=x)?(a+)+b'}}\n" + property("x"),
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			start := clock.System{}.Now()
			err := all(text)
			took := clock.System{}.Now().Sub(start)
			runtime.ReadMemStats(&after)
			// A quadratic step over a megabyte takes minutes on an idle machine.
			if took > time.Minute {
				t.Errorf("it took %v", took)
			}
			if got := (after.TotalAlloc - before.TotalAlloc) >> 20; got > 800 {
				t.Errorf("it took %d MB", got)
			}
			if err != nil && len(err.Error()) > 5000 {
				t.Errorf("the message has %d bytes", len(err.Error()))
			}
		})
	}
}

func TestACommaTooManyIsNoMistake(t *testing.T) {
	if err := all("{\"Resources\": {\n  \"A\": {\"Type\": \"T\",},\n},}"); err != nil {
		t.Errorf("got %v", err)
	}
}

func TestAMegabyteIsTheMost(t *testing.T) {
	if err := all(property("'" + strings.Repeat("x", template.MaxSize) + "'")); err == nil || !strings.Contains(err.Error(), "may not exceed 1000000 bytes") {
		t.Errorf("got %.200v", err)
	}
	if err := all(property("'" + strings.Repeat("x", template.MaxSize-100) + "'")); err != nil {
		t.Errorf("just below: got %.200v", err)
	}
}

// bigTemplate has n functions with their roles, alarms and aliases.
func bigTemplate(n int) string {
	var b strings.Builder
	b.WriteString("Parameters:\n  Stage: {Type: String, Default: prod}\nConditions:\n  Prod: !Equals [!Ref Stage, prod]\nResources:\n")
	for i := range n / 4 {
		fmt.Fprintf(&b, `  Role%[1]d:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument: {Version: 2012-10-17, Statement: [{Effect: Allow, Action: sts:AssumeRole, Principal: {Service: lambda.amazonaws.com}}]}
  Fn%[1]d:
    Type: AWS::Lambda::Function
    Properties:
      Role: !GetAtt Role%[1]d.Arn
      Environment: {Variables: {STAGE: !Ref Stage, NAME: !Sub "${AWS::StackName}-${Stage}-%[1]d"}}
      Code: {S3Bucket: !Sub "code-${AWS::AccountId}", S3Key: !Join [/, [a, b, !Ref Stage]]}
  Version%[1]d:
    Type: AWS::Lambda::Version
    Properties: {FunctionName: !Ref Fn%[1]d, Description: !If [Prod, yes, !Ref AWS::NoValue]}
  Alias%[1]d:
    Type: AWS::Lambda::Alias
    Properties: {FunctionName: !Ref Fn%[1]d, FunctionVersion: !GetAtt Version%[1]d.Version, Name: live}
`, i)
	}
	return b.String()
}

func BenchmarkParseAndEvaluate200Resources(b *testing.B) {
	for name, text := range map[string]string{"YAML": bigTemplate(200), "JSON": asJSON(b, bigTemplate(200))} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				if err := all(text); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func asJSON(tb testing.TB, text string) string {
	t, err := template.Parse(text)
	if err != nil {
		tb.Fatal(err)
	}
	return t.Body.String()
}

func FuzzParseAndEvaluate(f *testing.F) {
	f.Add(shop)
	f.Add(bigTemplate(4))
	f.Add(property(`!Select [1, !Split [",", !Sub "a,${AWS::Region}"]]`))
	f.Add(property(`!Cidr [10.0.0.0/16, 4, 8]`))
	f.Add(`{"Resources": {"A": {"Type": "T", "Properties": {"P": {"Fn::GetAtt": ["A", "B"]}}}}}`)
	for _, text := range []string{
		"%YAML 1.1\n---\nA: !!binary eA==\n", "\ufeffResources:\r\n  A: {Type: T}\r\n", "{\"A\": \"\\ud800\"}", "? [a]\n: b\n", "A: &a [*a]\n",
		"Conditions: {X: !And [!Condition X, !Not [!Equals [a, !Ref P]]]}\nParameters: {P: {Type: List<Number>, Default: '1,2'}}\nResources: {A: {Type: T, Condition: X, DependsOn: [A]}}\n",
		"Mappings: {M: {K: {V: [a, b]}}}\n" + property(`!Join [!Ref AWS::Region, !FindInMap [M, !Select [0, [K]], V]]`),
		"Rules: {R: {RuleCondition: !Equals [a, a], Assertions: [{Assert: !Contains [[a], !Ref P]}]}}\nParameters: {P: {Type: String, AllowedPattern: '(?!x)a', Default: a}}\n" + property("!Ref P"),
		property(`!Base64 {Fn::Sub: ["${a}${!b}", {a: !GetAZs ''}]}`) + "Outputs: {O: {Value: !GetAtt A.Arn, Export: {Name: !ImportValue x}}}\n",
	} {
		f.Add(text)
	}
	f.Add("Transform: AWS::LanguageExtensions\nResources:\n  Fn::ForEach::X: [N, [a, b], {\"T${N}\": {Type: T, Properties: {P: !Ref N}}}]\n")
	f.Fuzz(func(t *testing.T, text string) {
		err := all(text)
		if err == nil {
			return
		}
		var e *template.Error
		if !errors.As(err, &e) {
			t.Fatalf("the error of %q is a %T: %v", text, err, err)
		}
		if e.Message == "" {
			t.Errorf("the error of %q says nothing", text)
		}
		// Values of parameters have no place in the text.
		if (e.Line < 1 || e.Column < 1) && !strings.HasPrefix(e.Message, "Parameter") && len(text) <= template.MaxSize {
			t.Errorf("the error of %q is at line %d, column %d: %s", text, e.Line, e.Column, e.Message)
		}
	})
}

func TestBothFormsOfATemplateAreTheSame(t *testing.T) {
	text := bigTemplate(8)
	fromYAML, err := template.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	fromJSON, err := template.Parse(fromYAML.Body.String())
	if err != nil {
		t.Fatal(err)
	}
	if !jsonvalue.Equal(fromYAML.Body, fromJSON.Body) {
		t.Errorf("got %s\nwant %s", fromJSON.Body, fromYAML.Body)
	}
}
