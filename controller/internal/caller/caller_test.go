package caller_test

import (
	"context"
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/controller/internal/caller"
)

// answers are what STS says, one a call; the last one is said again.
type answers struct {
	identities []string
	asked      int
}

func (a *answers) GetCallerIdentity(context.Context, *sts.GetCallerIdentityInput, ...func(*sts.Options)) (*sts.GetCallerIdentityOutput, error) {
	identity := a.identities[min(a.asked, len(a.identities)-1)]
	a.asked++
	if identity == "" {
		return nil, &smithy.GenericAPIError{Code: "ExpiredToken"}
	}
	return &sts.GetCallerIdentityOutput{Account: aws.String("123456789012"), Arn: &identity}, nil
}

func TestNamesAreCompletedWithPartitionAndAccountOfTheCallerWhoIsAskedForOnce(t *testing.T) {
	service := &answers{identities: []string{"arn:aws-cn:sts::123456789012:assumed-role/deployer/session"}}
	c := caller.New(service)
	for _, name := range []string{"orders", "payments"} {
		got, err := c.Complete(t.Context(), "states", "cn-north-1", "stateMachine:"+name)
		if want := "arn:aws-cn:states:cn-north-1:123456789012:stateMachine:" + name; err != nil || got.String() != want {
			t.Errorf("got %s and error %v, want %s", got, err, want)
		}
	}
	if service.asked != 1 {
		t.Errorf("asked %d times who calls, want once", service.asked)
	}
}

func TestAFailureToTellTheCallerIsNotRemembered(t *testing.T) {
	c := caller.New(&answers{identities: []string{"", "no ARN", "arn:aws:sts::123456789012:user/me"}})
	if _, err := c.Complete(t.Context(), "lambda", "eu-west-1", "function:f"); !errors.Is(err, controller.ErrDenied) {
		t.Errorf("expired credentials: got error %v, want one that is ErrDenied", err)
	}
	if _, err := c.Complete(t.Context(), "lambda", "eu-west-1", "function:f"); err == nil {
		t.Error("an identity that is not an ARN: got no error")
	}
	if got, err := c.Complete(t.Context(), "lambda", "eu-west-1", "function:f"); err != nil || got.Account != "123456789012" {
		t.Errorf("got %s and error %v, want an ARN of account 123456789012", got, err)
	}
}
