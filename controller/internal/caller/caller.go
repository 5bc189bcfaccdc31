// Package caller knows whose credentials an adapter calls with, and so in which
// partition and account the names are that it is given.
package caller

import (
	"context"
	"fmt"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/crossfade-dev/crossfade/controller/internal/awserr"
	"github.com/crossfade-dev/crossfade/internal/arn"
)

// An STS tells whose credentials are in use; [*sts.Client] is one.
type STS interface {
	GetCallerIdentity(context.Context, *sts.GetCallerIdentityInput, ...func(*sts.Options)) (*sts.GetCallerIdentityOutput, error)
}

// A Caller asks once and remembers the answer. It is safe for concurrent use.
type Caller struct {
	sts STS

	mu       sync.Mutex
	identity arn.ARN // once known
}

// New returns a caller whose identity s tells.
func New(s STS) *Caller { return &Caller{sts: s} }

// Complete returns the ARN of a resource of service that is given without
// partition and account, in a region. The error is that of asking who calls, as
// [awserr.Wrap] sorts it; the next call asks again.
func (c *Caller) Complete(ctx context.Context, service, region, resource string) (arn.ARN, error) {
	id, err := c.who(ctx)
	if err != nil {
		return arn.ARN{}, err
	}
	return arn.ARN{Partition: id.Partition, Service: service, Region: region, Account: id.Account, Resource: resource}, nil
}

func (c *Caller) who(ctx context.Context) (arn.ARN, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.identity.Account != "" {
		return c.identity, nil
	}
	out, err := c.sts.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return arn.ARN{}, awserr.Wrap("GetCallerIdentity", err)
	}
	id, err := arn.Parse(aws.ToString(out.Arn))
	if err != nil {
		return arn.ARN{}, fmt.Errorf("GetCallerIdentity: %w", err)
	}
	id.Account = aws.ToString(out.Account)
	c.identity = id
	return id, nil
}
