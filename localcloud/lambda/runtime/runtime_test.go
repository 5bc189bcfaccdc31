package runtime

import (
	"strings"
	"testing"
)

func TestACompiledFunctionAnswers(t *testing.T) {
	both(t, func(t *testing.T, b *bed) {
		v := program()
		b.wantResult(v, `{"a":1}`, `{"a":1}`)
		b.wantResult(v, `{"a":2}`, `{"a":2}`)
		b.wantError(v, `{"do":"fail"}`, "errorString", "the handler failed")
		b.wantError(v, `{"do":"exit"}`, "Runtime.ExitError", "RequestId: "+requestID+" Error: Runtime exited with error: exit status 3")
		b.wantResult(v, `{"a":3}`, `{"a":3}`)
		if got := b.logs.streams(); got != 1 {
			t.Errorf("%d environments were made, want 1", got)
		}
	})
}

func TestAPythonFunctionAnswers(t *testing.T) {
	both(t, func(t *testing.T, b *bed) {
		v := python(t, "def handler(event, context):\n    print('hello')\n    return event\n")
		r := b.wantResult(v, `{"a": 1}`, `{"a": 1}`)
		if r.InitDuration == 0 {
			t.Error("the first invocation has no InitDuration")
		}
		r = b.wantResult(v, `{"a": "ü"}`, `{"a": "ü"}`)
		if r.InitDuration != 0 {
			t.Error("the second invocation has an InitDuration")
		}
		tail := string(r.LogTail)
		if !strings.HasPrefix(tail, "START RequestId: "+requestID+" Version: 7\nhello\nEND RequestId: "+requestID+"\nREPORT RequestId: ") {
			t.Errorf("the log's tail is\n%s", tail)
		}
	})
}

func TestANodeFunctionAnswers(t *testing.T) {
	both(t, func(t *testing.T, b *bed) {
		v := node(t, "exports.handler = async (event) => { console.log('hello'); return event }\n")
		b.wantResult(v, `{"a": 1}`, `{"a":1}`)
		r := b.wantResult(v, `{"a": "ü"}`, `{"a":"ü"}`)
		if !strings.Contains(string(r.LogTail), "\t"+requestID+"\tINFO\thello\n") {
			t.Errorf("the log's tail is\n%s", r.LogTail)
		}
	})
}
