package wire_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"testing"

	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/cloudwatchapi"
	"github.com/crossfade-dev/crossfade/localcloud/wire/sfnapi"
)

const startExecutionBody = `{"stateMachineArn":"arn:aws:states:us-east-1:000000000000:stateMachine:orders:prod","name":"run-0001","input":"{\"order\":17,\"items\":[\"a\",\"b\"]}"}`

const startExecutionAnswer = `{"executionArn":"arn:aws:states:us-east-1:000000000000:execution:orders:run-0001","startDate":1772600767.89}`

// discard is a ResponseWriter that keeps nothing.
type discard struct{ header http.Header }

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) WriteHeader(int)             {}
func (d *discard) Write(p []byte) (int, error) { return len(p), nil }

func benchServer() *wire.Server {
	return wire.NewServer(wire.Config{}, wire.API{Service: &sfnapi.Service, Rows: []wire.Row{
		wire.Op(sfnapi.StartExecution, func(_ context.Context, in *sfnapi.StartExecutionInput) (*sfnapi.StartExecutionOutput, error) {
			return &sfnapi.StartExecutionOutput{ExecutionArn: "arn:aws:states:us-east-1:000000000000:execution:orders:" + *in.Name, StartDate: aDay}, nil
		}),
	}}, wire.API{Service: &cloudwatchapi.Service, Rows: []wire.Row{
		wire.Op(cloudwatchapi.PutMetricData, func(context.Context, *cloudwatchapi.PutMetricDataInput) (*wire.Nothing, error) {
			return nil, nil
		}),
	}})
}

// serve runs a handler on one request again and again.
func serve(b *testing.B, h http.Handler, url string, header http.Header, body []byte) {
	r, err := http.NewRequest("POST", "http://x"+url, nil)
	if err != nil {
		b.Fatal(err)
	}
	r.Header = header
	reader := bytes.NewReader(body)
	r.Body = io.NopCloser(reader)
	b.ReportAllocs()
	for b.Loop() {
		reader.Reset(body)
		h.ServeHTTP(&discard{header: make(http.Header, 4)}, r)
	}
}

func BenchmarkStartExecution(b *testing.B) {
	header := http.Header{
		"X-Amz-Target":  {"AWSStepFunctions.StartExecution"},
		"Content-Type":  {"application/x-amz-json-1.0"},
		"Authorization": {"AWS4-HMAC-SHA256 Credential=000000000000/20260101/us-east-1/states/aws4_request, SignedHeaders=host, Signature=0"},
	}
	b.Run("wire", func(b *testing.B) { serve(b, benchServer(), "/", header, []byte(startExecutionBody)) })
	b.Run("bare handler", func(b *testing.B) {
		serve(b, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.ReadAll(r.Body)
			w.Header()["Content-Type"] = []string{"application/x-amz-json-1.0"}
			_, _ = io.WriteString(w, startExecutionAnswer)
		}), "/", header, []byte(startExecutionBody))
	})
}

func BenchmarkPutMetricDataCBOR(b *testing.B) {
	body := []byte("\xa2\x69Namespace\x66orders\x6aMetricData\x81\xa4\x6aMetricName\x66errors\x65Value\xfb\x3f\xe0\x00\x00\x00\x00\x00\x00\x64Unit\x65Count\x6aDimensions\x81\xa2\x64Name\x65alias\x65Value\x64prod")
	header := http.Header{"Smithy-Protocol": {"rpc-v2-cbor"}, "Content-Type": {"application/cbor"}}
	serve(b, benchServer(), cborPath+"PutMetricData", header, body)
}

func BenchmarkNewServer(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		benchServer()
	}
}

func BenchmarkCall(b *testing.B) {
	s := benchServer()
	params := []byte(`{"StateMachineArn":"arn:aws:states:us-east-1:000000000000:stateMachine:orders:prod","Name":"run-0001"}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Call(context.Background(), "sfn", "startExecution", params); err != nil {
			b.Fatal(err)
		}
	}
}
