package resource

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"

	"github.com/crossfade-dev/crossfade/localcloud/cloudformation"
)

// CloudFormation's handler error codes, as far as they are used here.
const (
	codeAccessDenied   = "AccessDenied"
	codeAlreadyExists  = "AlreadyExists"
	codeConflict       = "ResourceConflict"
	codeGeneral        = "GeneralServiceException"
	codeInternal       = "ServiceInternalError"
	codeInvalid        = "InvalidRequest"
	codeLimit          = "ServiceLimitExceeded"
	codeNotFound       = "NotFound"
	codeNotStabilized  = "NotStabilized"
	codeThrottled      = "Throttling"
	codeInternalFailed = "InternalFailure"
)

// invalid is a failure because of what the template says.
func invalid(format string, args ...any) error {
	return &cloudformation.Failure{Code: codeInvalid, Message: fmt.Sprintf(format, args...)}
}

// exists is the failure when something has the name already.
func (c *call) exists(identifier string) error {
	return &cloudformation.Failure{
		Code: codeAlreadyExists, Message: fmt.Sprintf("Resource of type '%s' with identifier '%s' already exists.", c.Type, identifier),
	}
}

// unlessGone is what looking for something that is to be made came to: nothing where it
// is gone, there where it was found, and err where that could not be told.
func unlessGone(err, there error) error {
	switch {
	case isGone(err):
		return nil
	case err != nil:
		return err
	default:
		return there
	}
}

// failure returns an error as the events of a stack show it.
func (c *call) failure(err error) error {
	f := &cloudformation.Failure{}
	if !errors.As(err, &f) {
		f = serviceFailure(err)
	}
	return &cloudformation.Failure{
		Code:    f.Code,
		Message: "Resource handler returned message: \"" + f.Message + "\" (RequestToken: " + c.Token + ", HandlerErrorCode: " + f.Code + ")",
	}
}

// serviceFailure makes a failure of what a service answered.
func serviceFailure(err error) *cloudformation.Failure {
	var api smithy.APIError
	if !errors.As(err, &api) {
		return &cloudformation.Failure{Code: codeInternalFailed, Message: err.Error()}
	}
	service, id, status := "", "", http.StatusBadRequest
	var operation *smithy.OperationError
	if errors.As(err, &operation) {
		service = javaName(operation.Service())
	}
	var response *awshttp.ResponseError
	if errors.As(err, &response) {
		id, status = response.ServiceRequestID(), response.HTTPStatusCode()
	}
	return &cloudformation.Failure{
		Code:    handlerCode(api.ErrorCode(), status),
		Message: fmt.Sprintf("%s (Service: %s, Status Code: %d, Request ID: %s)", api.ErrorMessage(), service, status, id),
	}
}

// javaName returns a service's name as AWS's handlers print it: they are
// written in Java, whose clients are called SfnClient or CodeDeployClient.
func javaName(service string) string {
	switch service {
	case "SFN", "SNS", "IAM":
		return service[:1] + strings.ToLower(service[1:])
	default:
		return strings.ReplaceAll(service, " ", "")
	}
}

// handlerCode sorts the errors of services.
func handlerCode(code string, status int) string {
	has := func(parts ...string) bool {
		return slices.ContainsFunc(parts, func(p string) bool { return strings.Contains(code, p) })
	}
	switch {
	case goneCodes[code] || has("NotFound", "DoesNotExist", "NoSuch"):
		return codeNotFound
	case has("AlreadyExist", "AlreadyOwned"):
		return codeAlreadyExists
	case has("Throttl", "TooManyRequests", "RequestLimitExceeded"):
		return codeThrottled
	case has("AccessDenied", "NotAuthorized", "UnrecognizedClient"):
		return codeAccessDenied
	case has("LimitExceeded"):
		return codeLimit
	case has("Conflict", "InUse"):
		return codeConflict
	case has("Invalid", "Validation", "Malformed", "Missing"):
		return codeInvalid
	case status >= http.StatusInternalServerError:
		return codeInternal
	default:
		return codeGeneral
	}
}

// goneCodes are what services answer when what is to be deleted, or what it
// belongs to, is not there.
var goneCodes = map[string]bool{
	"ActivityDoesNotExist": true, "ApplicationDoesNotExistException": true, "DeploymentConfigDoesNotExistException": true,
	"DeploymentGroupDoesNotExistException": true, "NoSuchBucket": true, "NoSuchBucketPolicy": true, "NoSuchEntity": true, "NotFound": true,
	"NotFoundException": true, "ResourceNotFound": true, "ResourceNotFoundException": true, "StateMachineDoesNotExist": true,
	"StateMachineDeleting": true,
}

// isGone says whether an error means that something is not there.
func isGone(err error) bool {
	var api smithy.APIError
	return errors.As(err, &api) && goneCodes[api.ErrorCode()]
}

// isCode says whether a service answered with one of the codes.
func isCode(err error, codes ...string) bool {
	var api smithy.APIError
	return errors.As(err, &api) && slices.Contains(codes, api.ErrorCode())
}

// missing is the failure when what shall change is not there.
func (c *call) missing(identifier string) error {
	return &cloudformation.Failure{
		Code: codeNotFound, Message: fmt.Sprintf("Resource of type '%s' with identifier '%s' was not found.", c.Type, identifier),
	}
}
