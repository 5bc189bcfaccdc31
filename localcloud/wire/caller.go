package wire

import (
	"context"
	"strings"
)

// The account and region of a request that names none.
const (
	DefaultAccount = "000000000000"
	DefaultRegion  = "us-east-1"
)

// A Caller says who sent a request, and to where. It is taken from the scope of
// the request's credential, which is never required nor, by default, verified.
type Caller struct {
	// Account is the account's number, twelve digits: the access key id itself
	// when that is twelve digits long, else the server's default.
	Account string
	// Region is the region of the credential's scope, else the server's default.
	Region string
	// AccessKey is the access key id; empty when the request is not signed.
	AccessKey string
	// RequestID is the id that the answer carries.
	RequestID string
	// Partition is "aws", "aws-cn" or "aws-us-gov", as the region says.
	Partition string
}

// ARN returns the name of a resource of service in the caller's account and
// region.
func (c Caller) ARN(service, resource string) string { return c.Place().ARN(service, resource) }

// Place returns where the caller's resources are.
func (c Caller) Place() Place {
	return Place{Partition: c.Partition, Region: c.Region, Account: c.Account}
}

// A Place is an account in a region: what is in one is unknown in another.
type Place struct {
	Partition string `json:"partition"`
	Region    string `json:"region"`
	Account   string `json:"account"`
}

// ARN returns the name of a resource of service in the place:
// arn:Partition:service:Region:Account:resource.
func (p Place) ARN(service, resource string) string {
	return "arn:" + p.Partition + ":" + service + ":" + p.Region + ":" + p.Account + ":" + resource
}

// Caller returns who calls in the name of the place's account, without a request.
func (p Place) Caller() Caller {
	return Caller{Account: p.Account, Region: p.Region, Partition: p.Partition}
}

type callerKey struct{}

// CallerFrom returns the caller of the request that ctx belongs to. Without a
// request it is the default account in the default region.
func CallerFrom(ctx context.Context) Caller {
	if c, ok := ctx.Value(callerKey{}).(*Caller); ok {
		return *c
	}
	return Caller{Account: DefaultAccount, Region: DefaultRegion, Partition: "aws"}
}

// WithCaller returns a context for a call in the name of c. Members of c that
// are empty get their defaults.
func WithCaller(ctx context.Context, c Caller) context.Context {
	if c.Account == "" {
		c.Account = DefaultAccount
	}
	if c.Region == "" {
		c.Region = DefaultRegion
	}
	if c.Partition == "" {
		c.Partition = partitionOf(c.Region)
	}
	return context.WithValue(ctx, callerKey{}, &c)
}

// A Note tells who wraps a server what became of a request.
type Note struct {
	// Operation is the operation that the request was for, such as "UpdateAlias";
	// empty when it was for none.
	Operation string
	// Problem is the code of the error that was the answer; empty when it was none.
	Problem string
}

type noteKey struct{}

// WithNote returns a context for a request of which the server is to take a note.
func WithNote(ctx context.Context, n *Note) context.Context {
	return context.WithValue(ctx, noteKey{}, n)
}

// partitionOf returns the partition of a region.
func partitionOf(region string) string {
	switch {
	case strings.HasPrefix(region, "cn-"):
		return "aws-cn"
	case strings.HasPrefix(region, "us-gov-"):
		return "aws-us-gov"
	default:
		return "aws"
	}
}

type cloudFormationKey struct{}

// ForCloudFormation returns a context for calls that the cloud's own
// CloudFormation makes for a stack: they may set tags whose keys begin with
// "aws:". No request from outside can be such a call.
func ForCloudFormation(ctx context.Context) context.Context {
	return context.WithValue(ctx, cloudFormationKey{}, true)
}

// IsForCloudFormation says whether a call is one of [ForCloudFormation].
func IsForCloudFormation(ctx context.Context) bool {
	return ctx.Value(cloudFormationKey{}) != nil
}
