// Package cloudformation deploys stacks: change sets, events, rollbacks.
package cloudformation

import (
	"context"
	"fmt"
	"time"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

// An Action is what a stack asks of a resource.
type Action int

// The actions of a [Provider].
const (
	Create Action = iota
	Update
	Delete
)

// A Provider makes, changes and removes the resources of one CloudFormation
// type.
//
// Handle carries one operation on. It is called with an empty Memo to begin, and
// again with the Memo of the Progress before until the operation is done, also in
// another process after a crash: whatever it did is in the world and in the Memo,
// never in the Provider. It may therefore be asked to begin twice, and finds by
// Request.Token what the first time has made.
//
// Its error is a *[Failure] where AWS would fail the resource, and ends the
// operation; any other error is the Provider's own trouble and also does.
type Provider interface {
	Handle(ctx context.Context, r Request) (Progress, error)
}

// A Request is what a stack wants of one resource, with all functions of the
// template resolved.
type Request struct {
	Action Action
	// Type is the resource's type, such as AWS::Lambda::Alias.
	Type string
	// LogicalID is the resource's name in the template.
	LogicalID string
	// StackID and StackName name the stack.
	StackID, StackName string
	// Token is the same in each call of one operation and different in all
	// others. Names and client tokens are made of it.
	Token string
	// PhysicalID names what is there. A Create has none until a Progress
	// told it.
	PhysicalID string
	// Properties are what the resource shall have; for a Delete, what it has.
	Properties jsonvalue.Value
	// Previous are the properties before an Update.
	Previous jsonvalue.Value
	// UpdatePolicy is the template's attribute of that name, or undefined.
	UpdatePolicy jsonvalue.Value
	// Tags are those of the stack and CloudFormation's own, for what can
	// carry tags.
	Tags map[string]string
	// Rollback is true when the stack is on its way back.
	Rollback bool
	// Cancelled is true when the stack no longer wants what it asked for:
	// another resource failed. A Provider that can stop does so and fails.
	Cancelled bool
	// Lenient is true when what the cloud cannot do shall be left out, and told
	// in the Note of a Progress, where it could not otherwise be done. It is for
	// every Delete: what is there may have been made by a lenient cloud.
	Lenient bool
	// Shared is true for a Delete of what another resource of the stack is, too: two
	// versions of one revision, say. The other one stays or is deleted later.
	Shared bool
	// Memo is what the Progress before wanted to be told again.
	Memo string
	// Now is the cloud's time.
	Now time.Time
}

// A Progress is where an operation stands.
type Progress struct {
	// PhysicalID names what was made, from the first moment when it is known.
	PhysicalID string
	// Attributes are what Fn::GetAtt may ask for, at the end.
	Attributes map[string]jsonvalue.Value
	// Memo is given to the next call.
	Memo string
	// Note is what the stack's events shall say of a resource that was made or
	// changed, "" for nothing as it should be.
	Note string
	// Again is when to call next; 0 means that the operation is done.
	Again time.Duration
	// Waits is what an operation that is not done waits for beside its own time,
	// such as a person, as the stack's events show it; "" for nothing.
	Waits string
}

// A Failure is why a resource could not be made, changed or removed.
type Failure struct {
	// Code is one of CloudFormation's handler error codes, such as
	// AlreadyExists, NotFound, InvalidRequest, GeneralServiceException.
	Code string
	// Message is the reason as the stack's events show it.
	Message string
}

func (f *Failure) Error() string { return fmt.Sprintf("%s: %s", f.Code, f.Message) }
