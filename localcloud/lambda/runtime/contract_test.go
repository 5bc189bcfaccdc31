package runtime

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/crossfade-dev/crossfade/localcloud/lambda"
	"github.com/crossfade-dev/crossfade/localcloud/lambda/lambdatest"
)

// object decodes an answer that is an object.
func (b *bed) object(v *lambda.FunctionVersion, r lambda.Request) map[string]any {
	b.Helper()
	answer, err := b.Invoke(b.Context(), v, r)
	if err != nil {
		b.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(answer.Payload, &got); err != nil || answer.FunctionError != "" {
		b.Fatalf("the function answered %s (error %q); its log:\n%s", answer.Payload, answer.FunctionError, b.logs.text())
	}
	return got
}

// informed is a request with all that a handler can be told.
func informed(v *lambda.FunctionVersion) lambda.Request {
	return lambda.Request{
		ID: requestID, Payload: []byte(`{}`), InvokedARN: v.FunctionARN + ":live",
		ClientContext: "{\"custom\": {\"greeting\":\n\"grüezi\"}, \"client\": {\"app_title\": \"till\"}, \"env\": {\"make\": \"x\"}}",
		TraceID:       "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700",
	}
}

func TestPythonHandlersGetAWSsContext(t *testing.T) {
	both(t, func(t *testing.T, b *bed) {
		v := python(t, `
import os
def handler(event, context):
    left = context.get_remaining_time_in_millis()
    return {
        "id": context.aws_request_id, "arn": context.invoked_function_arn, "name": context.function_name,
        "version": context.function_version, "memory": context.memory_limit_in_mb, "group": context.log_group_name,
        "stream": context.log_stream_name == os.environ["AWS_LAMBDA_LOG_STREAM_NAME"], "tenant": context.tenant_id,
        "custom": context.client_context.custom, "title": context.client_context.client.app_title,
        "env": context.client_context.env, "identity": context.identity.cognito_identity_id,
        "left": 29000 < left <= 30000, "trace": os.environ["_X_AMZN_TRACE_ID"], "text": str(context)[:31],
    }
`)
		want := map[string]any{
			"id": requestID, "arn": v.FunctionARN + ":live", "name": "shop", "version": "7", "memory": "256", "group": "/aws/lambda/shop",
			"stream": true, "tenant": nil, "custom": map[string]any{"greeting": "grüezi"}, "title": "till",
			"env": map[string]any{"make": "x"}, "identity": nil, "left": true,
			"trace": "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700", "text": "LambdaContext([aws_request_id=" + requestID[:1],
		}
		if diff := cmp.Diff(want, b.object(v, informed(v))); diff != "" {
			t.Errorf("the context differs (-want +got):\n%s", diff)
		}
	})
}

func TestNodeHandlersGetAWSsContext(t *testing.T) {
	b := newBed(t, Options{})
	v := node(t, `
exports.handler = async (event, context) => ({
  context, keys: Object.keys(context).filter((k) => typeof context[k] === 'function').sort(),
  left: context.getRemainingTimeInMillis() > 29000, trace: process.env._X_AMZN_TRACE_ID,
})
`)
	want := map[string]any{
		"context": map[string]any{
			"callbackWaitsForEmptyEventLoop": true, "functionVersion": "7", "functionName": "shop", "memoryLimitInMB": "256",
			"logGroupName": "/aws/lambda/shop", "invokedFunctionArn": v.FunctionARN + ":live", "awsRequestId": requestID,
			"clientContext": map[string]any{"custom": map[string]any{"greeting": "grüezi"}, "client": map[string]any{"app_title": "till"}, "env": map[string]any{"make": "x"}},
		},
		"keys": []any{"done", "fail", "getRemainingTimeInMillis", "succeed"},
		"left": true, "trace": "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700",
	}
	got := b.object(v, informed(v))
	delete(got["context"].(map[string]any), "logStreamName")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the context differs (-want +got):\n%s", diff)
	}
}

func TestProgramsGetAWSsContext(t *testing.T) {
	b := newBed(t, Options{})
	v := program()
	r := informed(v)
	r.Payload = []byte(`{"do":"context"}`)
	got := b.object(v, r)
	if left := got["left"].(float64); left < 29000 || left > 30000 {
		t.Errorf("the deadline is %v ms away, want 30000", left)
	}
	delete(got, "left")
	// The library that parses a client's context wants strings in it.
	want := map[string]any{"id": requestID, "arn": v.FunctionARN + ":live", "custom": map[string]any{"greeting": "grüezi"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the context differs (-want +got):\n%s", diff)
	}
}

func TestBytesThatAPythonHandlerReturnsAreItsAnswer(t *testing.T) {
	both(t, func(t *testing.T, b *bed) {
		v := python(t, "def handler(event, context):\n    return event.encode()\n")
		b.wantResult(v, `"[1, 2]"`, `[1, 2]`)
	})
}

func TestPythonErrorsLookAsOnAWS(t *testing.T) {
	both(t, func(t *testing.T, b *bed) {
		v := python(t, `import decimal, json
class OutOfStock(Exception):
    pass
def handler(event, context):
    if event == "custom":
        raise OutOfStock("no more\nof it")
    if event == "set":
        return {1, 2}
    if event == "nan":
        return float("nan")
    return {"price": decimal.Decimal("9.5"), "count": decimal.Decimal(3), "text": "ü"}
`)
		said := b.wantError(v, `"custom"`, "OutOfStock", "no more\nof it")
		want := map[string]any{
			"errorType": "OutOfStock", "errorMessage": "no more\nof it", "requestId": requestID,
			"stackTrace": []any{"  File \"/var/task/app.py\", line 6, in handler\n    raise OutOfStock(\"no more\\nof it\")\n"},
		}
		if diff := cmp.Diff(want, said); diff != "" {
			t.Errorf("the error differs (-want +got):\n%s", diff)
		}
		b.wantLog("[ERROR] OutOfStock: no more\rof it\rTraceback (most recent call last):\r\u00a0\u00a0File \"/var/task/app.py\", line 6, in handler\r\u00a0\u00a0\u00a0\u00a0raise OutOfStock(\"no more\\nof it\")\n")
		b.wantError(v, `"set"`, "Runtime.MarshalError", "Unable to marshal response: Object of type set is not JSON serializable")
		if r := b.call(v, `"nan"`); r.ErrorType != "Runtime.MarshalError" {
			t.Errorf("a result that is not JSON is answered with %s", r.Payload)
		}
		b.wantResult(v, `{}`, `{"price": 9.5, "count": 3, "text": "ü"}`)
	})
}

func TestPythonLogsAsOnAWS(t *testing.T) {
	b := newBed(t, Options{})
	v := python(t, `
import logging, sys
logging.basicConfig(level=logging.INFO)
log = logging.getLogger("shop")
log.setLevel(logging.INFO)
def handler(event, context):
    log.info("sold %d", 3)
    log.debug("unheard")
    print("to stdout")
    print("to stderr", file=sys.stderr)
    sys.stdout.write("no line end")
`)
	r := b.wantResult(v, `{}`, `null`)
	lines := strings.Split(string(r.LogTail), "\n")
	if len(lines) < 5 || !strings.HasPrefix(lines[1], "[INFO]\t20") || !strings.HasSuffix(lines[1], "Z\t"+requestID+"\tsold 3") {
		t.Fatalf("the log is\n%s", r.LogTail)
	}
	if diff := cmp.Diff([]string{"to stdout", "to stderr", "no line endEND RequestId: " + requestID}, lines[2:5]); diff != "" {
		t.Errorf("the log differs (-want +got):\n%s", diff)
	}

	v = python(t, "import logging\ndef handler(event, context):\n    try:\n        1 / 0\n    except ZeroDivisionError:\n        logging.getLogger('shop').exception('it broke', extra={'order': 17})\n")
	v.LogFormat = "JSON"
	r = b.wantResult(v, `{}`, `null`)
	var kinds []any
	for line := range strings.Lines(string(r.LogTail)) {
		var entry map[string]any
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatalf("%q is no JSON: %v", line, err)
		}
		if entry["type"] != nil {
			kinds = append(kinds, entry["type"])
			continue
		}
		delete(entry, "timestamp")
		delete(entry, "stackTrace")
		kinds = append(kinds, entry)
	}
	want := []any{"platform.start", map[string]any{
		"level": "ERROR", "message": "it broke", "logger": "shop", "requestId": requestID,
		"errorType": "ZeroDivisionError", "errorMessage": "division by zero", "order": 17.0,
	}, "platform.report"}
	if diff := cmp.Diff(want, kinds); diff != "" {
		t.Errorf("the log differs (-want +got):\n%s", diff)
	}
}

func TestNodeHandlersOfAllKindsAnswer(t *testing.T) {
	needs(t, "node")
	b := newBed(t, Options{})
	for _, c := range []struct {
		name, runtime, handler string
		files                  map[string]string
		want                   string
	}{
		{"async", "nodejs20.x", "app.handler", map[string]string{"app.js": "exports.handler = async (e) => e"}, `{"a":1}`},
		{"promise", "nodejs20.x", "app.handler", map[string]string{"app.js": "exports.handler = (e) => new Promise((ok) => setTimeout(() => ok(e), 1))"}, `{"a":1}`},
		{"callback", "nodejs20.x", "app.handler", map[string]string{"app.js": "exports.handler = (e, c, done) => { done(null, e) }"}, `{"a":1}`},
		{"callback later", "nodejs20.x", "app.handler", map[string]string{"app.js": "exports.handler = (e, c, done) => { setTimeout(() => done(null, e), 1) }"}, `{"a":1}`},
		{"callback waits for the event loop", "nodejs20.x", "app.handler", map[string]string{"app.js": "exports.handler = (e, c, done) => { const r = {}; done(null, r); setTimeout(() => { r.late = true }, 1) }"}, `{"late":true}`},
		{"callback does not wait", "nodejs20.x", "app.handler", map[string]string{"app.js": "exports.handler = (e, c, done) => { c.callbackWaitsForEmptyEventLoop = false; setInterval(() => {}, 1000); done(null, e) }"}, `{"a":1}`},
		{"succeed", "nodejs20.x", "app.handler", map[string]string{"app.js": "exports.handler = (e, c) => { c.succeed(e) }"}, `{"a":1}`},
		{"no answer", "nodejs20.x", "app.handler", map[string]string{"app.js": "exports.handler = () => {}"}, `null`},
		{"never settled", "nodejs20.x", "app.handler", map[string]string{"app.js": "exports.handler = async () => { await new Promise(() => {}) }"}, `null`},
		{"undefined", "nodejs20.x", "app.handler", map[string]string{"app.js": "exports.handler = async () => {}"}, `null`},
		{"ES module", "nodejs20.x", "app.handler", map[string]string{"app.mjs": "const ready = await Promise.resolve(1); export const handler = async (e) => ({ ...e, ready })"}, `{"a":1,"ready":1}`},
		{"ES module by package", "nodejs20.x", "src/app.handler", map[string]string{"package.json": `{"type":"module"}`, "src/app.js": "export async function handler(e) { return e }"}, `{"a":1}`},
		{"CommonJS by name", "nodejs20.x", "app.handler", map[string]string{"package.json": `{"type":"module"}`, "app.cjs": "exports.handler = async (e) => e"}, `{"a":1}`},
		{"nested", "nodejs20.x", "lib/app.api.v1.handler", map[string]string{"lib/app.js": "exports.api = { v1: { handler: async (e) => e } }"}, `{"a":1}`},
		{"directory", "nodejs20.x", "app.handler", map[string]string{"app/index.js": "exports.handler = async (e) => e"}, `{"a":1}`},
		{"streamed", "nodejs20.x", "app.handler", map[string]string{"app.js": "exports.handler = awslambda.streamifyResponse(async (e, out) => { out.write('{\"a\":'); out.write('2}'); out.end() })"}, `{"a":2}`},
		{"synchronous since 24", "nodejs24.x", "app.handler", map[string]string{"app.js": "exports.handler = (e) => e"}, `{"a":1}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := function(c.runtime, c.handler, c.files)
			under := *b
			under.TB = t
			under.wantResult(v, `{"a":1}`, c.want)
			under.wantResult(v, `{"a":1}`, c.want)
		})
	}
}

func TestNodeErrorsLookAsOnAWS(t *testing.T) {
	both(t, func(t *testing.T, b *bed) {
		v := node(t, `
exports.handler = async (event) => {
  if (event === 'throw') throw new TypeError('it is broken');
  if (event === 'string') throw 'just text';
  if (event === 'circular') { const a = {}; a.a = a; return a; }
  if (event === 'rejected') { Promise.reject(new Error('nobody looks')); await new Promise((r) => setTimeout(r, 1000)); }
  if (event === 'uncaught') { setImmediate(() => { throw new RangeError('out of reach'); }); await new Promise((r) => setTimeout(r, 1000)); }
  if (event === 'exit') process.exit(5);
  return event;
};
`)
		said := b.wantError(v, `"throw"`, "TypeError", "it is broken")
		trace := fmt.Sprint(said["trace"])
		if !strings.Contains(trace, "/var/task/app.js:3:") || said["requestId"] != nil {
			t.Errorf("the error is %v", said)
		}
		b.wantLog("\t" + requestID + "\tERROR\tInvoke Error \t{\"errorType\":\"TypeError\",\"errorMessage\":\"it is broken\",\"stack\":[\"TypeError: it is broken\"")
		b.wantError(v, `"string"`, "string", "just text")
		b.wantError(v, `"circular"`, "Error", "Unable to stringify response body")
		b.wantError(v, `"rejected"`, "Runtime.UnhandledPromiseRejection", "Error: nobody looks")
		b.wantError(v, `"uncaught"`, "RangeError", "out of reach")
		b.wantError(v, `"exit"`, "Runtime.ExitError", "RequestId: "+requestID+" Error: Runtime exited with error: exit status 5")
		b.wantResult(v, `"well"`, `"well"`)
	})
}

func TestNodeFunctionsThatDoNotLoadSayWhy(t *testing.T) {
	needs(t, "node")
	b := newBed(t, Options{})
	for _, c := range []struct{ runtime, handler, code, kind, message string }{
		{"nodejs20.x", "gone.handler", "", "Runtime.ImportModuleError", "Error: Cannot find module 'gone'"},
		{"nodejs20.x", "app.handler", "require('absent')", "Runtime.ImportModuleError", "Error: Cannot find module 'absent'\nRequire stack:\n- /var/task/app.js"},
		{"nodejs20.x", "app.handler", "exports.handler = async ( => 1", "Runtime.UserCodeSyntaxError", "SyntaxError: "},
		{"nodejs20.x", "app.handler", "throw new Error('at start')", "Error", "at start"},
		{"nodejs20.x", "app.handler", "", "Runtime.HandlerNotFound", "app.handler is undefined or not exported"},
		{"nodejs20.x", "app.handler", "exports.handler = 1", "Runtime.HandlerNotFound", "app.handler is not a function"},
		{"nodejs20.x", "app", "", "Runtime.MalformedHandlerName", "Bad handler"},
		{"nodejs20.x", "../app.handler", "", "Runtime.MalformedHandlerName", "'../app.handler' is not a valid handler name."},
		{"nodejs24.x", "app.handler", "exports.handler = (e, c, done) => done()", "Runtime.CallbackHandlerDeprecated", "AWS Lambda has removed support for callback-based function handlers"},
	} {
		v := function(c.runtime, c.handler, map[string]string{"app.js": c.code})
		r := b.call(v, `{}`)
		var said struct{ ErrorType, ErrorMessage string }
		if err := json.Unmarshal(r.Payload, &said); err != nil || said.ErrorType != c.kind || r.ErrorType != c.kind || !strings.HasPrefix(said.ErrorMessage, c.message) {
			t.Errorf("%s of %q is answered with %s, want %s: %s", c.handler, c.code, r.Payload, c.kind, c.message)
		}
	}
}

func TestNodeLogsInJSON(t *testing.T) {
	b := newBed(t, Options{})
	v := node(t, "exports.handler = async () => { console.warn('%d sold', 3); console.log({order: 17}); console.error(new Error('it broke')) }")
	v.LogFormat = "JSON"
	r := b.wantResult(v, `{}`, `null`)
	var got []any
	for line := range strings.Lines(string(r.LogTail)) {
		var entry map[string]any
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatalf("%q is no JSON: %v", line, err)
		}
		if entry["type"] == nil {
			got = append(got, []any{entry["level"], entry["requestId"], entry["errorType"]})
		}
	}
	want := []any{[]any{"WARN", requestID, nil}, []any{"INFO", requestID, nil}, []any{"ERROR", requestID, "Error"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the log differs (-want +got):\n%s", diff)
	}
}

func TestFunctionsSeeAWSsVariables(t *testing.T) {
	both(t, func(t *testing.T, b *bed) {
		v := python(t, "import os\ndef handler(event, context):\n    return dict(os.environ, cwd=os.getcwd())\n")
		v.Environment = map[string]string{"MINE": "1", "TZ": "Europe/Zurich", "AWS_REGION": "ignored"}
		v.EndpointURL = "http://127.0.0.1:4577"
		v.Credentials = lambda.Credentials{AccessKeyID: "ASIAEXAMPLE", SecretAccessKey: "secret", SessionToken: "token"}
		got := b.object(v, lambda.Request{ID: requestID, Payload: []byte(`{}`), TraceID: "Root=1"})
		want := map[string]any{
			"MINE": "1", "TZ": "Europe/Zurich", "AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-1",
			"AWS_ACCESS_KEY_ID": "ASIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": "token", "AWS_ENDPOINT_URL": "http://127.0.0.1:4577", "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
			"AWS_EXECUTION_ENV": "AWS_Lambda_python3.12", "AWS_LAMBDA_FUNCTION_NAME": "shop", "AWS_LAMBDA_FUNCTION_VERSION": "7",
			"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256", "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
			"AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/shop", "_HANDLER": "app.handler", "_X_AMZN_TRACE_ID": "Root=1", "LANG": "en_US.UTF-8",
		}
		if strings.Contains(t.Name(), "sandbox") {
			want["LAMBDA_TASK_ROOT"], want["LAMBDA_RUNTIME_DIR"], want["PYTHONPATH"], want["PWD"] = "/var/task", "/var/runtime", "/var/runtime", "/var/task"
			want["cwd"] = "/var/task"
		}
		for name, value := range want {
			if got[name] != value {
				t.Errorf("%s is %v, want %v", name, got[name], value)
			}
		}
		if got["HOME"] != nil || got["GOPATH"] != nil {
			t.Errorf("the function sees variables of this process: %v", got)
		}
	})
}

func TestAWrapperStartsTheInterpreter(t *testing.T) {
	both(t, func(t *testing.T, b *bed) {
		v := python(t, "")
		v.Code = lambda.NewArchive(lambdatest.Archive(map[string]string{
			"app.py": "import os\ndef handler(event, context):\n    return os.environ['WRAPPED']\n",
			"wrap*":  "#!/bin/sh\nWRAPPED=yes exec \"$@\"\n",
		}))
		v.Environment = map[string]string{"AWS_LAMBDA_EXEC_WRAPPER": "./wrap"}
		b.wantResult(v, `{}`, `"yes"`)
		v = python(t, "def handler(event, context):\n    pass\n")
		v.Environment = map[string]string{"AWS_LAMBDA_EXEC_WRAPPER": "/no/such/wrapper.sh"}
		b.wantError(v, `{}`, "Runtime.ExitError", "RequestId: "+requestID+" Error: Runtime exited with error: exit status 127")
	})
}

func TestLayersAreFound(t *testing.T) {
	both(t, func(t *testing.T, b *bed) {
		v := python(t, "import shared, other\ndef handler(event, context):\n    return [shared.name, other.name]\n")
		v.Layers = []*lambda.Archive{
			lambda.NewArchive(lambdatest.Archive(map[string]string{"python/shared.py": "name = 'below'", "python/other.py": "name = 'other'"})),
			lambda.NewArchive(lambdatest.Archive(map[string]string{"python/shared.py": "name = 'above'"})),
		}
		b.wantResult(v, `{}`, `["above", "other"]`)
		needs(t, "node")
		v = function("nodejs20.x", "app.handler", map[string]string{"app.js": "const shared = require('shared'); exports.handler = async () => shared.name"})
		v.Layers = []*lambda.Archive{lambda.NewArchive(lambdatest.Archive(map[string]string{"nodejs/node_modules/shared/index.js": "exports.name = 'layer'"}))}
		b.wantResult(v, `{}`, `"layer"`)
		v = program()
		v.Layers, v.Code = []*lambda.Archive{v.Code}, lambda.NewArchive(lambdatest.Archive(nil))
		b.wantResult(v, `{"a":1}`, `{"a":1}`)
	})
}

func TestASandboxIsReadOnlyButForTmp(t *testing.T) {
	b := newBed(t, Options{Sandbox: self(t)})
	if !b.sandboxes() {
		t.Skip("skipped: no sandboxes can be made here")
	}
	v := python(t, `
import os
def attempt(path):
    try:
        with open(path, "w") as f:
            f.write("x")
        return "written"
    except OSError as e:
        return os.strerror(e.errno)
def handler(event, context):
    return [attempt(p) for p in ("/var/task/x", "/opt/x", "/etc/x", "/x", "/tmp/x", "/dev/null")] + [
        open("/proc/self/status").read().count("CapEff:\t0000000000000000"), len([p for p in os.listdir("/proc") if p.isdigit()]) < 5]
`)
	b.wantResult(v, `{}`, `["Read-only file system", "Read-only file system", "Read-only file system", "Read-only file system", "written", "written", 1, true]`)
}
