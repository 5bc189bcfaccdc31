package cli

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/crossfade-dev/crossfade/localcloud"
)

func TestWhatWasOnlyReadIsToldOnRequestAlone(t *testing.T) {
	requests := []struct{ method, path, target, body string }{
		{http.MethodGet, "/2016-08-19/account-settings", "", ""},
		{http.MethodPost, "/", "AWSStepFunctions.ListStateMachines", "{}"},
		{http.MethodPost, "/", "AWSStepFunctions.CreateActivity", `{"name": "bake"}`},
		{http.MethodGet, "/2015-03-31/functions/checkout/aliases/live", "", ""},
		{http.MethodPut, "/2015-03-31/functions/checkout/aliases/live", "", "{}"},
	}
	writes := []string{"msg=CreateActivity", "UpdateAlias, refused: ResourceNotFoundException", "GetAlias, refused: ResourceNotFoundException"}
	cloud, err := localcloud.Open(localcloud.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer cloud.Close()
	for _, c := range []struct {
		reads bool
		want  int
	}{{false, len(writes)}, {true, len(requests)}} {
		var told bytes.Buffer
		log := newRequestLog(cloud.Handler(), slog.New(slog.NewTextHandler(&told, nil)), c.reads)
		for _, r := range requests {
			request := httptest.NewRequest(r.method, r.path, strings.NewReader(r.body))
			if r.target != "" {
				request.Header.Set("Content-Type", "application/x-amz-json-1.0")
				request.Header.Set("X-Amz-Target", r.target)
			}
			log.ServeHTTP(httptest.NewRecorder(), request)
		}
		log.tell()
		if got := strings.Count(told.String(), "\n"); got != c.want {
			t.Errorf("with reads %v: %d sentences, want %d\n%s", c.reads, got, c.want, told.String())
		}
		for _, want := range writes {
			if !strings.Contains(told.String(), want) {
				t.Errorf("with reads %v: %q is not told\n%s", c.reads, want, told.String())
			}
		}
	}
}

func TestOperationsAreToldByTheirNamesInEveryProtocol(t *testing.T) {
	cloud, err := localcloud.Open(localcloud.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer cloud.Close()
	post := func(path, contentType, body string) *http.Request {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, strings.NewReader(body))
		r.Header.Set("Content-Type", contentType)
		return r
	}
	target := post("/", "application/x-amz-json-1.0", `{"name":"x"}`)
	target.Header.Set("X-Amz-Target", "AWSStepFunctions.CreateActivity")
	for _, tt := range []struct {
		request *http.Request
		want    string
	}{
		{target, "CreateActivity"},
		{post("/service/GraniteServiceVersion20100801/operation/PutMetricData", "application/cbor", ""), "PutMetricData"},
		{post("/", "application/x-www-form-urlencoded; charset=utf-8", "Version=2010-08-01&Action=PutMetricAlarm"), "PutMetricAlarm"},
		{post("/2015-03-31/functions/checkout%3Alive/invocations", "application/json", "{}"), "Invoke"},
		{post("/elsewhere/than/aws", "text/plain", ""), "POST /elsewhere/than/aws"},
	} {
		var told bytes.Buffer
		log := newRequestLog(cloud.Handler(), slog.New(slog.NewTextHandler(&told, nil)), false)
		log.ServeHTTP(httptest.NewRecorder(), tt.request)
		log.tell()
		if !strings.Contains(told.String(), "msg="+tt.want) && !strings.Contains(told.String(), `msg="`+tt.want) {
			t.Errorf("%s is told as %s", tt.want, told.String())
		}
	}
}
