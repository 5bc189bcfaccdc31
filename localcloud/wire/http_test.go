package wire_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/crossfade-dev/crossfade/localcloud/wire"
)

// An ask is a raw request of a test.
type ask struct {
	method string // POST by default
	url    string // "/" by default
	header map[string]string
	body   string
}

// reply is what came back.
type reply struct {
	status int
	header http.Header
	body   string
}

// fixedID is the request id of test servers that have goldens.
const fixedID = "11111111-2222-4333-8444-555555555555"

func send(t rapid.TB, h http.Handler, a ask) reply {
	t.Helper()
	if a.method == "" {
		a.method = "POST"
	}
	if a.url == "" {
		a.url = "/"
	}
	r, err := http.NewRequest(a.method, "http://any.host"+a.url, strings.NewReader(a.body))
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range a.header {
		r.Header.Set(k, v)
	}
	out, err := wire.NewClient(h).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = out.Body.Close() }()
	body, err := io.ReadAll(out.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{out.StatusCode, out.Header, string(body)}
}

func sfnTarget(op string) map[string]string {
	return map[string]string{"X-Amz-Target": "AWSStepFunctions." + op, "Content-Type": "application/x-amz-json-1.0"}
}

func cwTarget(op string) map[string]string {
	return map[string]string{"X-Amz-Target": "GraniteServiceVersion20100801." + op, "Content-Type": "application/x-amz-json-1.0"}
}

func with(h map[string]string, pairs ...string) map[string]string {
	c := map[string]string{}
	for k, v := range h {
		c[k] = v
	}
	for i := 0; i < len(pairs); i += 2 {
		c[pairs[i]] = pairs[i+1]
	}
	return c
}

func gzipped(text string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write([]byte(text))
	_ = z.Close()
	return b.String()
}

var cborHeader = map[string]string{"Smithy-Protocol": "rpc-v2-cbor", "Content-Type": "application/cbor", "Accept": "application/cbor"}

const cborPath = "/service/GraniteServiceVersion20100801/operation/"

func TestAnswersByteForByte(t *testing.T) {
	form := map[string]string{"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
	queryMode := []string{"X-Amzn-Query-Mode", "true"}
	alarm := `{"AlarmName":"a","ActionsEnabled":true,"OKActions":[],"StateUpdatedTimestamp":1772600767.89,"Dimensions":[{"Name":"D","Value":"<v>"}],"Period":60,"Threshold":41.0}`
	cases := []struct {
		name   string
		ask    ask
		status int
		header map[string]string
		body   string
	}{
		{
			"awsJson1.0", ask{header: sfnTarget("StartExecution"), body: `{"stateMachineArn":"arn:m","name":"n","unknown":[{"x":null}]}`},
			200, map[string]string{"Content-Type": "application/x-amz-json-1.0", "X-Amzn-Requestid": fixedID, "Content-Length": "96"},
			`{"executionArn":"arn:aws:states:us-east-1:000000000000:execution:m:n","startDate":1772600767.89}`,
		},
		{
			"awsJson without content type, compressed", ask{header: map[string]string{"X-Amz-Target": "AWSStepFunctions.StartExecution", "Content-Encoding": "gzip"}, body: gzipped(`{"stateMachineArn":"arn:m"}`)},
			200, nil, `{"executionArn":"arn:aws:states:us-east-1:000000000000:execution:m:unnamed","startDate":1772600767.89}`,
		},
		{
			"a modelled error", ask{header: sfnTarget("StartExecution"), body: `{"stateMachineArn":"arn:missing"}`},
			400, map[string]string{"X-Amzn-Query-Error": ""},
			`{"__type":"com.amazonaws.swf.service.v2.model#StateMachineDoesNotExist","message":"State Machine Does Not Exist: 'arn:missing'"}`,
		},
		{
			"an error with a member", ask{header: sfnTarget("TagResource"), body: `{"resourceArn":"r","tags":[]}`},
			400, nil,
			`{"__type":"com.amazonaws.swf.service.v2.model#ResourceNotFound","resourceName":"r","message":"Resource not found: 'r'"}`,
		},
		{
			"a broken constraint", ask{header: sfnTarget("StartExecution"), body: `{}`},
			400, nil,
			`{"__type":"com.amazon.coral.validate#ValidationException","message":"1 validation error detected: Value null at 'stateMachineArn' failed to satisfy constraint: Member must not be null"}`,
		},
		{
			"no JSON", ask{header: sfnTarget("StartExecution"), body: `{"stateMachineArn":`},
			400, nil,
			`{"__type":"com.amazon.coral.service#SerializationException","message":"Unable to parse the request body as JSON."}`,
		},
		{
			"a wrong type", ask{header: sfnTarget("StartExecution"), body: `{"stateMachineArn":7}`},
			400, nil,
			`{"__type":"com.amazon.coral.service#SerializationException","message":"NUMBER_VALUE can not be converted to a String"}`,
		},
		{
			"an unknown operation", ask{header: sfnTarget("Frobnicate")},
			400, nil,
			`{"__type":"com.amazon.coral.service#UnknownOperationException","message":"Could not find operation Frobnicate of service SFN."}`,
		},
		{
			"an operation without row", ask{header: sfnTarget("ListMapRuns"), body: `{"executionArn":"a"}`},
			501, nil,
			`{"__type":"NotImplementedException","message":"The local cloud does not implement ListMapRuns of SFN."}`,
		},
		{
			"an unknown service", ask{header: map[string]string{"X-Amz-Target": "DynamoDB_20120810.GetItem"}, body: "{}"},
			501, nil,
			`{"__type":"NotImplementedException","message":"The local cloud has no service DynamoDB_20120810 and does not implement its operation GetItem."}`,
		},
		{
			"CloudWatch in JSON", ask{header: cwTarget("DescribeAlarms"), body: `{"AlarmNames":["a"]}`},
			200, nil, `{"CompositeAlarms":[],"MetricAlarms":[` + alarm + `]}`,
		},
		{
			"CloudWatch error in JSON with query mode", ask{header: with(cwTarget("SetAlarmState"), queryMode...), body: `{"AlarmName":"a","StateValue":"OK","StateReason":"r"}`},
			404, map[string]string{"X-Amzn-Query-Error": "ResourceNotFound;Sender"},
			`{"__type":"com.amazonaws.cloudwatch.v2010_08_01#ResourceNotFound"}`,
		},
		{
			"CloudWatch error in JSON without query mode", ask{header: cwTarget("SetAlarmState"), body: `{"AlarmName":"a","StateValue":"OK","StateReason":"r"}`},
			400, map[string]string{"X-Amzn-Query-Error": ""},
			`{"__type":"com.amazonaws.cloudwatch.v2010_08_01#ResourceNotFound"}`,
		},
		{
			"CloudWatch in query", ask{header: form, body: "Action=DescribeAlarms&Version=2010-08-01&AlarmNames.member.1=a"},
			200, map[string]string{"Content-Type": "text/xml"},
			`<DescribeAlarmsResponse xmlns="http://monitoring.amazonaws.com/doc/2010-08-01/"><DescribeAlarmsResult><CompositeAlarms/><MetricAlarms><member><AlarmName>a</AlarmName><ActionsEnabled>true</ActionsEnabled><OKActions/><StateUpdatedTimestamp>2026-03-04T05:06:07.890Z</StateUpdatedTimestamp><Dimensions><member><Name>D</Name><Value>&lt;v&gt;</Value></member></Dimensions><Period>60</Period><Threshold>41.0</Threshold></member></MetricAlarms></DescribeAlarmsResult><ResponseMetadata><RequestId>` + fixedID + `</RequestId></ResponseMetadata></DescribeAlarmsResponse>`,
		},
		{
			"a query without output", ask{header: form, body: "Action=PutMetricData&Version=2010-08-01&Namespace=N&MetricData.member.1.MetricName=M&MetricData.member.1.Value=0.5&MetricData.member.1.Timestamp=2026-03-04T05%3A06%3A07.890Z"},
			200, nil,
			`<PutMetricDataResponse xmlns="http://monitoring.amazonaws.com/doc/2010-08-01/"><ResponseMetadata><RequestId>` + fixedID + `</RequestId></ResponseMetadata></PutMetricDataResponse>`,
		},
		{
			"CloudWatch error in query", ask{header: form, body: "Action=SetAlarmState&Version=2010-08-01&AlarmName=a&StateValue=OK&StateReason=r"},
			404, nil,
			`<ErrorResponse xmlns="http://monitoring.amazonaws.com/doc/2010-08-01/"><Error><Type>Sender</Type><Code>ResourceNotFound</Code><Message/></Error><RequestId>` + fixedID + `</RequestId></ErrorResponse>`,
		},
		{
			"a broken constraint in query", ask{header: form, body: "Action=SetAlarmState&Version=2010-08-01&AlarmName=a&StateValue=BAD&StateReason=r"},
			400, nil,
			`<ErrorResponse xmlns="http://monitoring.amazonaws.com/doc/2010-08-01/"><Error><Type>Sender</Type><Code>ValidationError</Code><Message>1 validation error detected: Value 'BAD' at 'stateValue' failed to satisfy constraint: Member must satisfy enum value set: [INSUFFICIENT_DATA, ALARM, OK]</Message></Error><RequestId>` + fixedID + `</RequestId></ErrorResponse>`,
		},
		{
			"a GET query", ask{method: "GET", url: "/?Action=GetCallerIdentity&Version=2011-06-15"},
			200, nil,
			`<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult><UserId/><Account>000000000000</Account><Arn>arn:aws:iam::000000000000:root</Arn></GetCallerIdentityResult><ResponseMetadata><RequestId>` + fixedID + `</RequestId></ResponseMetadata></GetCallerIdentityResponse>`,
		},
		{
			"an unknown action", ask{header: form, body: "Action=Frobnicate&Version=2011-06-15"},
			400, nil,
			`<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>InvalidAction</Code><Message>Could not find operation Frobnicate for version 2011-06-15</Message></Error><RequestId>` + fixedID + `</RequestId></ErrorResponse>`,
		},
		{
			"an unknown query service", ask{header: form, body: "Action=Publish&Version=1999-01-01"},
			501, nil,
			`<ErrorResponse><Error><Type>Receiver</Type><Code>NotImplementedException</Code><Message>The local cloud has no service with the API version 1999-01-01 and does not implement its operation Publish.</Message></Error><RequestId>` + fixedID + `</RequestId></ErrorResponse>`,
		},
		{
			"CloudWatch in CBOR, indefinite lengths", ask{url: cborPath + "DescribeAlarms", header: cborHeader,
				body: "\xbf\x6aAlarmNames\x9f\x7f\x61a\xff\xff\xff"},
			200, map[string]string{"Content-Type": "application/cbor", "Smithy-Protocol": "rpc-v2-cbor"},
			"\xa2\x6fCompositeAlarms\x80\x6cMetricAlarms\x81\xa7" +
				"\x69AlarmName\x61a\x6eActionsEnabled\xf5\x69OKActions\x80" +
				"\x75StateUpdatedTimestamp\xc1\xfb\x41\xda\x69\xef\x6f\xf8\xf5\xc3" +
				"\x6aDimensions\x81\xa2\x64Name\x61D\x65Value\x63<v>" +
				"\x66Period\x18\x3c\x69Threshold\xfb\x40\x44\x80\x00\x00\x00\x00\x00",
		},
		{
			"CBOR without output, half float, named service, prefix", ask{url: "/prefix/service/com.amazonaws.cloudwatch.v2010_08_01.GraniteServiceVersion20100801/operation/PutMetricData", header: cborHeader,
				body: "\xa2\x69Namespace\x61N\x6aMetricData\x81\xa3\x6aMetricName\x61M\x65Value\xf9\x38\x00\x69Timestamp\xc1\xfb\x41\xda\x69\xef\x6f\xf8\xf5\xc3"},
			200, map[string]string{"Content-Type": "", "Smithy-Protocol": "rpc-v2-cbor"}, "",
		},
		{
			"CBOR error with query mode", ask{url: cborPath + "SetAlarmState", header: with(cborHeader, queryMode...),
				body: "\xa3\x69AlarmName\x61a\x6aStateValue\x62OK\x6bStateReason\x61r"},
			404, map[string]string{"X-Amzn-Query-Error": "ResourceNotFound;Sender", "Smithy-Protocol": "rpc-v2-cbor"},
			"\xa1\x66__type\x78\x35com.amazonaws.cloudwatch.v2010_08_01#ResourceNotFound",
		},
		{
			"CBOR together with a target", ask{url: cborPath + "SetAlarmState", header: with(cborHeader, "X-Amz-Target", "a.b")},
			400, nil, "\xa2\x66__type\x78\x2fcom.amazon.coral.service#SerializationException\x67message\x78\x3dA request of the protocol rpc-v2-cbor must not have a target.",
		},
		{
			"nothing that a service answers", ask{method: "PUT", url: "/bucket/key"},
			501, map[string]string{"Content-Type": "application/xml"},
			"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>NotImplemented</Code><Message>The local cloud has no service that answers PUT /bucket/key.</Message><Resource>/bucket/key</Resource><RequestId>1111111122224333</RequestId><HostId>MTExMTExMTEtMjIyMi00MzMzLTg0NDQtNTU1NTU1NTU1NTU1MTExMTExMTEtMjIyMi00MzMzLTg0NDQtNTU1NTU1NTU1NTU1</HostId></Error>",
		},
		{
			"Lambda without Lambda", ask{method: "GET", url: "/2015-03-31/functions"},
			501, map[string]string{"X-Amzn-Errortype": "NotImplemented"},
			`{"message":"The local cloud has no service that answers GET /2015-03-31/functions."}`,
		},
	}
	s := testServer()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := send(t, s, c.ask)
			if got.status != c.status {
				t.Errorf("got status %d, want %d", got.status, c.status)
			}
			if got.body != c.body {
				t.Errorf("got body\n%q\nwant\n%q", got.body, c.body)
			}
			for k, v := range c.header {
				if g := got.header.Get(k); g != v {
					t.Errorf("got header %s %q, want %q", k, g, v)
				}
			}
		})
	}
}

func TestCallerComesFromTheCredential(t *testing.T) {
	s := wire.NewServer(wire.Config{
		Account: "999999999999", Region: "ap-south-1",
		AccountOf: func(key string) string { return map[string]string{"ASIAROLE": "222222222222"}[key] },
	}, gardenAPI(nil), callerAPI())
	cases := []struct{ auth, url, want string }{
		{"", "/", "arn:aws:x:ap-south-1:999999999999:r"},
		{"AWS4-HMAC-SHA256 Credential=123456789012/20260101/eu-west-1/states/aws4_request, SignedHeaders=host, Signature=0", "/", "arn:aws:x:eu-west-1:123456789012:r"},
		{"AWS4-HMAC-SHA256 Credential=AKIA/20260101/cn-north-1/states/aws4_request,SignedHeaders=host,Signature=0", "/", "arn:aws-cn:x:cn-north-1:999999999999:r"},
		{"AWS4-HMAC-SHA256 Credential=ASIAROLE/20260101/us-gov-west-1/states/aws4_request,SignedHeaders=host,Signature=0", "/", "arn:aws-us-gov:x:us-gov-west-1:222222222222:r"},
		{"AWS4-HMAC-SHA256 Credential=odd/key/20260101/eu-west-1/states/aws4_request,Signature=0", "/", "arn:aws:x:eu-west-1:999999999999:r"},
		{"", "/?X-Amz-Credential=123456789012%2F20260101%2Feu-west-1%2Fstates%2Faws4_request", "arn:aws:x:eu-west-1:123456789012:r"},
		{"nonsense", "/", "arn:aws:x:ap-south-1:999999999999:r"},
	}
	for _, c := range cases {
		h := sfnTarget("StartExecution")
		if c.auth != "" {
			h["Authorization"] = c.auth
		}
		got := send(t, s, ask{url: c.url, header: h, body: `{"stateMachineArn":"r"}`})
		if !strings.Contains(got.body, `"`+c.want+`"`) {
			t.Errorf("credential %q: got %s, want %s", c.auth, got.body, c.want)
		}
	}
}

func TestLargeBodiesAreRefused(t *testing.T) {
	s := testServer()
	big := `{"stateMachineArn":"` + strings.Repeat("x", 1<<20) + `"}`
	got := send(t, s, ask{header: sfnTarget("StartExecution"), body: big})
	if got.status != 413 || !strings.Contains(got.body, "RequestEntityTooLarge") {
		t.Errorf("got %d %s, want 413", got.status, got.body)
	}
	bomb := gzipped(strings.Repeat(" ", 11<<20))
	got = send(t, s, ask{header: with(sfnTarget("StartExecution"), "Content-Encoding", "gzip"), body: bomb})
	if got.status != 413 {
		t.Errorf("a body of %d bytes that unpacks to 11 MiB: got %d, want 413", len(bomb), got.status)
	}
	deep := strings.Repeat(`{"a":`, 100000) + "1" + strings.Repeat("}", 100000)
	got = send(t, s, ask{header: sfnTarget("StartExecution"), body: deep})
	if got.status != 400 || !strings.Contains(got.body, "nested too deeply") {
		t.Errorf("a deep body: got %d %s", got.status, got.body)
	}
}
