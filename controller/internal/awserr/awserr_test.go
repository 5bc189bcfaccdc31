package awserr_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/smithy-go"

	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/controller/internal/awserr"
)

func TestErrorsOfServicesAreSortedAndKeepTheirWords(t *testing.T) {
	message := "in words"
	for _, test := range []struct {
		err  error
		want error
		text string
	}{
		{&smithy.GenericAPIError{Code: "ThrottlingException", Message: message}, controller.ErrThrottled, "Op: throttled: ThrottlingException: in words"},
		{&smithy.GenericAPIError{Code: "AccessDeniedException"}, controller.ErrDenied, "Op: access denied: AccessDeniedException"},
		{&types.StateMachineDoesNotExist{Message: &message}, controller.ErrNotFound, "Op: not found: StateMachineDoesNotExist: in words"},
		{fmt.Errorf("operation error: %w", &types.ConflictException{Message: &message}), controller.ErrConflict, "Op: conflict: ConflictException: in words"},
		{&types.ValidationException{Message: &message}, controller.ErrInvalid, "Op: invalid: ValidationException: in words"},
	} {
		got := awserr.Wrap("Op", test.err)
		if !errors.Is(got, test.want) || got.Error() != test.text {
			t.Errorf("got %q, want %q and %v", got, test.text, test.want)
		}
	}
}

func TestErrorsThatAreNotTheServicesAreOnlyWrapped(t *testing.T) {
	cause := errors.New("no route to host")
	if got := awserr.Wrap("Op", cause); !errors.Is(got, cause) || got.Error() != "Op: no route to host" {
		t.Errorf("got %q", got)
	}
	other := &smithy.GenericAPIError{Code: "InternalFailure", Message: "oops"}
	if got := awserr.Wrap("Op", other); got.Error() != "Op: InternalFailure: oops" || awserr.Code(got) != "InternalFailure" {
		t.Errorf("got %q with code %q", got, awserr.Code(got))
	}
	if awserr.Wrap("Op", nil) != nil || awserr.Code(cause) != "" {
		t.Error("no error became one")
	}
}
