package awserr

import (
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
)

// Metric returns why a result of GetMetricData cannot be used, in the service's words;
// nil when it can. One that is only a part of the data is usable: more comes with the
// next page.
func Metric(r types.MetricDataResult) error {
	if r.StatusCode != types.StatusCodeInternalError && r.StatusCode != types.StatusCodeForbidden {
		return nil
	}
	text := string(r.StatusCode)
	for _, m := range r.Messages {
		text += ": " + aws.ToString(m.Value)
	}
	return errors.New(text)
}
