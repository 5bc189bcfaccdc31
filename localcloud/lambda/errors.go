package lambda

import (
	"net/http"

	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/lambdaapi"
)

// user marks an error as the caller's fault, as Lambda does in the body.
func user(e *wire.Error) *wire.Error { return e.With("Type", "User") }

func invalid(message string) error {
	return user(lambdaapi.NewInvalidParameterValueException(message))
}

func notFound(message string) error {
	return user(lambdaapi.NewResourceNotFoundException(message))
}

func conflict(message string) error {
	return user(lambdaapi.NewResourceConflictException(message))
}

// functionGone is the answer to who names a function or version that is not
// there. arn has the qualifier, if one was given.
func functionGone(arn string) error { return notFound("Function not found: " + arn) }

var (
	errMismatch = invalid("The derived qualifier from the function name does not match the specified qualifier.")
	errStale    = user(lambdaapi.NewPreconditionFailedException(
		"The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve the latest Revision Id"))
	errStalePolicy = user(lambdaapi.NewPreconditionFailedException(
		"The Revision Id provided does not match the latest Revision Id. Call the GetPolicy API to retrieve the latest Revision Id"))
	errNoResource = notFound("The resource you requested does not exist.")
	errNoFunction = notFound("The function doesn't exist.")
)

// tooLarge is the answer to requests that are larger than may be.
func tooLarge(message string) error {
	return &wire.Error{Code: "RequestEntityTooLargeException", Message: message, Status: http.StatusRequestEntityTooLarge}
}

// accessDenied is AWS's answer to who names a resource of another account.
func accessDenied(caller wire.Caller, arn string) error {
	return &wire.Error{
		Code: "AccessDeniedException",
		Message: "User: arn:" + caller.Partition + ":iam::" + caller.Account + ":root is not authorized to use " + arn +
			" because no resource-based policy allows it",
		Status: http.StatusForbidden,
	}
}
