// Package hookmessage is what hooks are asked and how they answer: a message that
// is signed, so that a hook can tell that the question is Crossfade's, and a small
// JSON answer.
//
// The signature is that of the Standard Webhooks specification, so that its
// libraries verify it in any language: the base64 of an HMAC-SHA-256, keyed with
// the shared secret, of ID, timestamp and body with dots between them. The body
// is a text and not a JSON value, because a signature is of bytes, and who reads
// JSON and writes it again may write other bytes.
//
// Source: Standard Webhooks specification 1.0.0, www.standardwebhooks.com.
package hookmessage

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/controller/internal/wording"
	"github.com/crossfade-dev/crossfade/plan"
	"github.com/crossfade-dev/crossfade/rollout"
)

// A Message is a question on its way to a hook.
type Message struct {
	// ID is the question's key. A message that comes twice has the same ID
	// and is one question.
	ID string `json:"id"`
	// Timestamp is when it was sent, in seconds since 1970.
	Timestamp int64 `json:"timestamp"`
	// Body is the JSON text of a [Question].
	Body string `json:"body"`
	// Signature is of the form v1,BASE64; empty where there is no secret.
	Signature string `json:"signature,omitempty"`
}

// A Question is the body of a message.
type Question struct {
	// Type is crossfade.hook.
	Type string `json:"type"`
	// Key is the message's ID: r-17/eachStep-3.
	Key string `json:"key"`
	// Rollout is the rollout's ID, and Name its plan's name.
	Rollout string `json:"rollout"`
	Name    string `json:"name"`
	// Moment is beforeTraffic, eachStep, afterTraffic or onRollback.
	Moment plan.Moment `json:"moment"`
	// Step is the index of the step in force; -1 before the first shift.
	Step int `json:"step"`
	// Percent is the new version's share of the traffic, 0 to 100.
	Percent float64                 `json:"percent"`
	Targets []controller.HookTarget `json:"targets"`
	// Why is why the traffic was taken back, at onRollback.
	Why string `json:"why,omitempty"`
	// AskedAt is when it was first asked, and Deadline from when on nobody
	// waits for the answer.
	AskedAt  time.Time `json:"askedAt"`
	Deadline time.Time `json:"deadline"`
	// Payload is the plan's; null for none.
	Payload json.RawMessage `json:"payload"`
}

// A Secret is what both sides know. The zero value signs nothing.
type Secret []byte

// secretPrefix is how the specification marks a secret that is written in base64.
const secretPrefix = "whsec_"

// leastSecret is how many bytes a secret has at least.
//
// Source: Standard Webhooks specification, "between 24 bytes and 64 bytes".
const leastSecret = 24

// ParseSecret reads a secret: whsec_ and base64, or any text, whose bytes it is.
// It has at least 24 bytes. The empty text is no secret.
func ParseSecret(text string) (Secret, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return nil, nil
	}
	secret := []byte(text)
	if encoded, ok := strings.CutPrefix(text, secretPrefix); ok {
		var err error
		if secret, err = base64.StdEncoding.DecodeString(encoded); err != nil {
			return nil, errors.New("the secret is not base64 after " + secretPrefix)
		}
	}
	if len(secret) < leastSecret {
		return nil, fmt.Errorf("the secret has %d bytes, and needs at least %d", len(secret), leastSecret)
	}
	return secret, nil
}

// New makes the message of a call, sent at now.
func New(c controller.HookCall, secret Secret, now time.Time) (Message, error) {
	payload := json.RawMessage(c.Hook.Payload)
	if len(payload) == 0 {
		payload = json.RawMessage("null")
	}
	body, err := json.Marshal(Question{
		Type: "crossfade.hook", Key: c.Key, Rollout: c.Rollout, Name: c.Name, Moment: c.Moment, Step: c.Step,
		Percent: float64(c.Weight) * 100 / float64(plan.Full), Targets: c.Targets, Why: c.Why,
		AskedAt: c.AskedAt.UTC(), Deadline: c.Deadline.UTC(), Payload: payload,
	})
	if err != nil {
		return Message{}, fmt.Errorf("hook %s: %w", c.Hook, err)
	}
	m := Message{ID: c.Key, Timestamp: now.Unix(), Body: string(body)}
	if len(secret) > 0 {
		m.Signature = "v1," + secret.sign(m)
	}
	return m, nil
}

func (s Secret) sign(m Message) string {
	mac := hmac.New(sha256.New, s)
	mac.Write([]byte(m.ID + "." + strconv.FormatInt(m.Timestamp, 10) + "." + m.Body)) // a hash's Write never fails
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// Tolerance is how old, or how far ahead, a message may be.
const Tolerance = 5 * time.Minute

// Verify returns why a message is not to be believed at now; nil when it is.
func (s Secret) Verify(m Message, now time.Time) error {
	if age := now.Sub(time.Unix(m.Timestamp, 0)); age > Tolerance || age < -Tolerance {
		return fmt.Errorf("the message is from %s, not from about now", time.Unix(m.Timestamp, 0).UTC().Format(time.RFC3339))
	}
	for signature := range strings.FieldsSeq(m.Signature) {
		version, encoded, _ := strings.Cut(signature, ",")
		if version == "v1" && hmac.Equal([]byte(encoded), []byte(s.sign(m))) {
			return nil
		}
	}
	return errors.New("the signature is not this secret's")
}

// DefaultAgain is when a hook is asked again that is not done and does not say
// when; one that says has to stay between the other two.
const (
	DefaultAgain  = 10 * time.Second
	shortestAgain = time.Second
	longestAgain  = 10 * time.Minute
)

// ParseReply reads what a hook returned, and of an answer that is
// rollout.CallPending, how long to wait until asking again. Nothing, or anything
// without a status, means that it succeeded: it got to its end without an error.
// A status that is no known word is a failure, because what cannot be understood
// is no consent.
func ParseReply(text []byte) (answer rollout.Answer, again time.Duration) {
	var reply struct {
		Status     string  `json:"status"`
		Reason     string  `json:"reason"`
		RetryAfter float64 `json:"retryAfterSeconds"`
	}
	if json.Unmarshal(text, &reply) != nil || reply.Status == "" {
		return rollout.Answer{State: rollout.CallSucceeded}, 0
	}
	reason := wording.Shorten(reply.Reason)
	switch strings.ToLower(reply.Status) {
	case "succeeded":
		return rollout.Answer{State: rollout.CallSucceeded, Reason: reason}, 0
	case "failed":
		return rollout.Answer{State: rollout.CallFailed, Reason: reason}, 0
	case "pending":
		again = DefaultAgain
		if reply.RetryAfter > 0 {
			again = time.Duration(min(reply.RetryAfter, longestAgain.Seconds()) * float64(time.Second))
		}
		return rollout.Answer{State: rollout.CallPending, Reason: reason}, max(again, shortestAgain)
	default:
		return rollout.Answer{
			State: rollout.CallFailed, Reason: fmt.Sprintf("it answered the status %q, which is none of Succeeded, Failed, Pending", wording.Shorten(reply.Status)),
		}, 0
	}
}
