// Package awserr sorts the errors of AWS's services into those that a controller
// treats differently.
package awserr

import (
	"errors"
	"fmt"
	"slices"

	"github.com/aws/smithy-go"

	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/controller/internal/wording"
)

// kinds are the codes that services use for each kind of error.
var kinds = []struct {
	kind  error
	codes []string
}{
	{controller.ErrThrottled, []string{
		"ThrottlingException", "Throttling", "TooManyRequestsException", "RequestLimitExceeded", "SlowDown", "RequestThrottled",
	}},
	{controller.ErrDenied, []string{
		"AccessDeniedException", "AccessDenied", "UnauthorizedOperation", "NotAuthorized", "AuthorizationError",
		"UnrecognizedClientException", "InvalidClientTokenId", "InvalidSignatureException", "SignatureDoesNotMatch",
		"ExpiredToken", "ExpiredTokenException", "MissingAuthenticationToken", "OptInRequired",
	}},
	{controller.ErrNotFound, []string{
		"ResourceNotFound", "ResourceNotFoundException", "StateMachineDoesNotExist", "StateMachineDeleting",
	}},
	{controller.ErrConflict, []string{
		"ConflictException", "PreconditionFailedException", "ResourceConflictException", "ResourceInUseException",
	}},
	{controller.ErrInvalid, []string{
		"ValidationException", "ValidationError", "InvalidArn", "InvalidDefinition", "InvalidName", "InvalidParameterValue",
		"InvalidParameterValueException", "InvalidParameterCombination", "MissingRequiredParameter",
	}},
}

// Wrap says which operation it was and makes the error one of the controller's
// where it is one. The service's own error can still be found with errors.As.
func Wrap(operation string, err error) error {
	if err == nil {
		return nil
	}
	var api smithy.APIError
	if !errors.As(err, &api) {
		// There was no answer. The network's own error is inside the SDK's account
		// of its attempts.
		return fmt.Errorf("%s: %w", operation, wording.Cause(err))
	}
	for _, k := range kinds {
		if slices.Contains(k.codes, api.ErrorCode()) {
			return &fault{operation: operation, kind: k.kind, api: api}
		}
	}
	return &fault{operation: operation, api: api}
}

// Code returns the service's code of an error, or nothing.
func Code(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}

// fault is an answer of a service that is an error.
type fault struct {
	operation string
	kind      error // one of the controller's, or nil
	api       smithy.APIError
}

func (f *fault) Error() string {
	text := f.operation + ": "
	if f.kind != nil {
		text += f.kind.Error() + ": "
	}
	text += f.api.ErrorCode()
	if m := f.api.ErrorMessage(); m != "" {
		text += ": " + m
	}
	return text
}

func (f *fault) Unwrap() []error {
	if f.kind == nil {
		return []error{f.api}
	}
	return []error{f.kind, f.api}
}
