package cli

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
)

// How long a call that failed waits at most before it is made once more: the first
// time, and ever.
const (
	firstWait   = 250 * time.Millisecond
	longestWait = time.Second
)

// retryer returns what decides whether a call is made again, and when.
//
// The SDK's own waits would all be of exactly the longest time when that is a second.
// A look that waits keeps everything else waiting that it looks at, so what broke on
// the way is tried again soon; only a service that is asked too often is left alone
// for as long as that. draw, in [0, 1), keeps callers that failed together from coming
// back together.
func retryer(draw func() float64) aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) {
		throttles := retry.IsErrorThrottles(o.Throttles)
		o.Backoff = retry.BackoffDelayerFunc(func(attempt int, err error) (time.Duration, error) {
			most := longestWait
			if throttles.IsErrorThrottle(err) != aws.TrueTernary {
				most = min(longestWait, firstWait<<min(max(attempt-1, 0), 8))
			}
			return most/2 + time.Duration(draw()*float64(most/2)), nil
		})
	})
}
