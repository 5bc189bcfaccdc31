package hookmessage_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/controller/hookmessage"
	"github.com/crossfade-dev/crossfade/plan"
	"github.com/crossfade-dev/crossfade/rollout"
)

var t0 = time.Unix(1772600000, 0)

const secretText = "a secret of at least 24 bytes"

func secret(t *testing.T) hookmessage.Secret {
	t.Helper()
	s, err := hookmessage.ParseSecret(secretText)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// The signature was computed with Python's hmac module.
func TestAMessageIsSignedAsStandardWebhooksSays(t *testing.T) {
	m := hookmessage.Message{ID: "r-1/eachStep-2", Timestamp: 1772600000, Body: `{"a":1}`, Signature: "v1,OH7N60fDTN2e4Qa28c784oPZ0Z6EmipCIam2GZemQU8="}
	if err := secret(t).Verify(m, t0); err != nil {
		t.Errorf("the signature is refused: %v", err)
	}
	encoded, err := hookmessage.ParseSecret("whsec_YSBzZWNyZXQgb2YgYXQgbGVhc3QgMjQgYnl0ZXM=")
	if err != nil {
		t.Fatal(err)
	}
	m.Signature = "v1a,xyz v1,AAAA " + m.Signature // as while a secret is exchanged
	if err := encoded.Verify(m, t0.Add(4*time.Minute)); err != nil {
		t.Errorf("the signature is refused with the secret in base64: %v", err)
	}
}

func TestAForgedOrOldMessageIsRefused(t *testing.T) {
	s := secret(t)
	good, err := hookmessage.New(controller.HookCall{Key: "r-1/eachStep-2"}, s, t0)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Verify(good, t0); err != nil {
		t.Fatalf("a good message is refused: %v", err)
	}
	for name, forge := range map[string]func(*hookmessage.Message){
		"another body":  func(m *hookmessage.Message) { m.Body = strings.Replace(m.Body, "eachStep", "onRollback", 1) },
		"another key":   func(m *hookmessage.Message) { m.ID = "r-2/eachStep-2" },
		"another time":  func(m *hookmessage.Message) { m.Timestamp++ },
		"no signature":  func(m *hookmessage.Message) { m.Signature = "" },
		"empty version": func(m *hookmessage.Message) { m.Signature = strings.TrimPrefix(m.Signature, "v1,") },
	} {
		m := good
		forge(&m)
		if s.Verify(m, t0) == nil {
			t.Errorf("%s: it is believed", name)
		}
	}
	for _, late := range []time.Duration{6 * time.Minute, -6 * time.Minute} {
		if s.Verify(good, t0.Add(late)) == nil {
			t.Errorf("%s later it is believed", late)
		}
	}
	if (hookmessage.Secret("another secret of 24 bytes")).Verify(good, t0) == nil {
		t.Error("it is believed with another secret")
	}
}

func TestASecretIsLongEnough(t *testing.T) {
	for _, bad := range []string{"short", "whsec_not base64", "whsec_YQ=="} {
		if _, err := hookmessage.ParseSecret(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
	if s, err := hookmessage.ParseSecret(""); s != nil || err != nil {
		t.Errorf("no secret: got %q, %v", s, err)
	}
}

func TestAMessageHasTheWholeQuestion(t *testing.T) {
	call := controller.HookCall{
		Hook: plan.Hook{Kind: plan.LambdaHook, Name: "check", Payload: `{"big":12345678901234567890}`},
		Key:  "r-1/eachStep-2", Rollout: "r-1", Name: "orders", Moment: plan.EachStep, Step: 1, Weight: 1250,
		Targets:  []controller.HookTarget{{Kind: plan.Lambda, Name: "orders:prod", Alias: "arn:…", OldVersion: "7", NewVersion: "8"}},
		AskedAt:  t0,
		Deadline: t0.Add(time.Minute),
	}
	m, err := hookmessage.New(call, nil, t0)
	if err != nil || m.Signature != "" || m.ID != call.Key || m.Timestamp != t0.Unix() {
		t.Errorf("got %+v, %v; want the key and time, and no signature without a secret", m, err)
	}
	var got map[string]any
	d := json.NewDecoder(strings.NewReader(m.Body))
	d.UseNumber()
	if err := d.Decode(&got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"type": "crossfade.hook", "key": "r-1/eachStep-2", "rollout": "r-1", "name": "orders", "moment": "eachStep",
		"step": json.Number("1"), "percent": json.Number("12.5"),
		"targets": []any{map[string]any{"kind": "lambda", "name": "orders:prod", "alias": "arn:…", "oldVersion": "7", "newVersion": "8"}},
		"askedAt": "2026-03-04T04:53:20Z", "deadline": "2026-03-04T04:54:20Z",
		"payload": map[string]any{"big": json.Number("12345678901234567890")},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the question is different (-want +got):\n%s", diff)
	}
}

func TestAReplyMeansWhatItSays(t *testing.T) {
	long := strings.Repeat("ä", 300)
	type reply struct {
		Answer rollout.Answer
		Again  time.Duration
	}
	for text, want := range map[string]reply{
		``:                       {Answer: rollout.Answer{State: rollout.CallSucceeded}},
		`null`:                   {Answer: rollout.Answer{State: rollout.CallSucceeded}},
		`"fine"`:                 {Answer: rollout.Answer{State: rollout.CallSucceeded}},
		`{"rows":3}`:             {Answer: rollout.Answer{State: rollout.CallSucceeded}},
		`{"status":"Succeeded"}`: {Answer: rollout.Answer{State: rollout.CallSucceeded}},
		`{"status":"failed","reason":"no\n  table"}`:     {Answer: rollout.Answer{State: rollout.CallFailed, Reason: "no table"}},
		`{"status":"Pending","reason":"3 of 9"}`:         {Answer: rollout.Answer{State: rollout.CallPending, Reason: "3 of 9"}, Again: 10 * time.Second},
		`{"status":"Pending","retryAfterSeconds":90}`:    {Answer: rollout.Answer{State: rollout.CallPending}, Again: 90 * time.Second},
		`{"status":"Pending","retryAfterSeconds":0.01}`:  {Answer: rollout.Answer{State: rollout.CallPending}, Again: time.Second},
		`{"status":"Pending","retryAfterSeconds":1e300}`: {Answer: rollout.Answer{State: rollout.CallPending}, Again: 10 * time.Minute},
		`{"status":"sucess"}`:                            {Answer: rollout.Answer{State: rollout.CallFailed, Reason: `it answered the status "sucess", which is none of Succeeded, Failed, Pending`}},
		`{"status":"Failed","reason":"` + long + `"}`:    {Answer: rollout.Answer{State: rollout.CallFailed, Reason: strings.Repeat("ä", 250) + "…"}},
	} {
		var got reply
		got.Answer, got.Again = hookmessage.ParseReply([]byte(text))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
}
