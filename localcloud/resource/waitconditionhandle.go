package resource

import (
	"context"
	"net/url"
	"time"
)

// waitConditionHandle makes an address to which nothing has to be sent: such
// resources stand in templates that have no other.
func waitConditionHandle() kind {
	return kind{
		create: func(_ context.Context, c *call) error {
			c.id = "https://cloudformation-waitcondition-" + c.region + ".s3.amazonaws.com/" + url.QueryEscape(c.StackID+"/"+c.invented(0, false))
			return nil
		},
		remove:     func(context.Context, *call) (time.Duration, error) { return 0, nil },
		attributes: func(_ context.Context, c *call) (attributes, error) { return attributes{"Id": str(&c.id)}, nil },
	}
}
