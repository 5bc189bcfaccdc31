package sns

import (
	"encoding/json"
	"fmt"
	"time"
)

// retries says how often, and after which waits in seconds, a delivery is tried
// again: at once at first, then after the smallest wait, then after waits that grow,
// then after the largest.
//
// Source: SNS Developer Guide, "Creating an HTTP/S delivery policy".
type retries struct {
	NumRetries         int    `json:"numRetries"`
	NumNoDelayRetries  int    `json:"numNoDelayRetries"`
	NumMinDelayRetries int    `json:"numMinDelayRetries"`
	NumMaxDelayRetries int    `json:"numMaxDelayRetries"`
	MinDelayTarget     int    `json:"minDelayTarget"`
	MaxDelayTarget     int    `json:"maxDelayTarget"`
	BackoffFunction    string `json:"backoffFunction"`
}

// The policies of topics and functions that were given none.
//
// Source: SNS Developer Guide, "Amazon SNS message delivery retries".
var (
	httpPolicy   = retries{NumRetries: 3, MinDelayTarget: 20, MaxDelayTarget: 20, BackoffFunction: "linear"}
	lambdaPolicy = retries{
		NumRetries: 100_015, NumNoDelayRetries: 3, NumMinDelayRetries: 2, NumMaxDelayRetries: 100_000,
		MinDelayTarget: 1, MaxDelayTarget: 20, BackoffFunction: "exponential",
	}
)

// wait returns after how long to try again after so many retries; 0 means that
// there were enough.
func (r retries) wait(retried int) time.Duration {
	const atOnce = time.Millisecond
	if retried >= r.NumRetries {
		return 0
	}
	growing := r.NumRetries - r.NumNoDelayRetries - r.NumMinDelayRetries - r.NumMaxDelayRetries
	switch at := retried - r.NumNoDelayRetries - r.NumMinDelayRetries; {
	case retried < r.NumNoDelayRetries:
		return atOnce
	case at < 0:
		return max(atOnce, time.Duration(r.MinDelayTarget)*time.Second)
	case at >= growing:
		return max(atOnce, time.Duration(r.MaxDelayTarget)*time.Second)
	default:
		// The curves differ little between their ends; all of them are straight here.
		spread := time.Duration(r.MaxDelayTarget-r.MinDelayTarget) * time.Second
		return max(atOnce, time.Duration(r.MinDelayTarget)*time.Second+spread*time.Duration(at)/time.Duration(max(growing-1, 1)))
	}
}

// A deliveryPolicy is the document of a topic or subscription.
type deliveryPolicy struct {
	HTTP *struct {
		Default *retries `json:"defaultHealthyRetryPolicy"`
	} `json:"http,omitempty"` // of a topic
	Healthy *retries `json:"healthyRetryPolicy,omitempty"` // of a subscription
}

// readPolicy reads a DeliveryPolicy; nil means that it says nothing of retries.
func readPolicy(text string) (*retries, error) {
	if text == "" {
		return nil, nil
	}
	base := httpPolicy
	p := deliveryPolicy{}
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		return nil, fmt.Errorf("failed to parse JSON: %w", err)
	}
	given := p.Healthy
	if p.HTTP != nil && p.HTTP.Default != nil {
		given = p.HTTP.Default
	}
	if given == nil {
		return nil, nil
	}
	// Again, over the defaults of what is not given.
	if p.Healthy != nil {
		p.Healthy = &base
	} else {
		p.HTTP.Default = &base
	}
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		return nil, fmt.Errorf("failed to parse JSON: %w", err)
	}
	const most, longest = 100, 3600
	switch {
	case base.NumRetries < 0 || base.NumRetries > most:
		return nil, fmt.Errorf("healthyRetryPolicy.numRetries must be between 0 and %d", most)
	case base.MinDelayTarget < 1 || base.MinDelayTarget > base.MaxDelayTarget:
		return nil, fmt.Errorf("healthyRetryPolicy.minDelayTarget must be between 1 and maxDelayTarget")
	case base.MaxDelayTarget > longest:
		return nil, fmt.Errorf("healthyRetryPolicy.maxDelayTarget must be at most %d", longest)
	case base.NumNoDelayRetries < 0 || base.NumMinDelayRetries < 0 || base.NumMaxDelayRetries < 0 ||
		base.NumNoDelayRetries+base.NumMinDelayRetries+base.NumMaxDelayRetries > base.NumRetries:
		return nil, fmt.Errorf("healthyRetryPolicy.numRetries must be at least the sum of numNoDelayRetries, numMinDelayRetries and numMaxDelayRetries")
	}
	return &base, nil
}

// effectivePolicy returns what counts for a subscription, or for a topic whose
// subscriptions say nothing. Its errors were found when the policies were set.
func effectivePolicy(t *topic, sub *subscription) (retries, error) {
	policy := httpPolicy
	texts := []string{t.Attributes["DeliveryPolicy"]}
	if sub != nil {
		texts = append(texts, sub.Attributes["DeliveryPolicy"])
	}
	for _, text := range texts {
		switch given, err := readPolicy(text); {
		case err != nil:
			return policy, err
		case given != nil:
			policy = *given
		}
	}
	return policy, nil
}

// effective writes the policy of a topic.
func (r retries) effective() string {
	text, err := json.Marshal(map[string]any{"http": map[string]any{
		"defaultHealthyRetryPolicy": r, "disableSubscriptionOverrides": false,
		"defaultRequestPolicy": map[string]string{"headerContentType": "text/plain; charset=UTF-8"},
	}})
	if err != nil {
		panic("sns: a delivery policy is JSON: " + err.Error())
	}
	return string(text)
}
