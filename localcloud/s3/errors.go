package s3

import (
	"net/http"

	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/s3api"
)

func noSuchBucket(name string) *wire.Error {
	return s3api.NewNoSuchBucket("The specified bucket does not exist").With("BucketName", name)
}

func noSuchKey(key string) *wire.Error {
	return s3api.NewNoSuchKey("The specified key does not exist.").With("Key", key)
}

func noSuchUpload(id string) *wire.Error {
	return s3api.NewNoSuchUpload("The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.").With("UploadId", id)
}

// refused returns an error that the model does not name, as most of S3's.
func refused(status int, code, message string) *wire.Error {
	return &wire.Error{Code: code, Message: message, Status: status}
}

func invalidArgument(name, value, message string) *wire.Error {
	return refused(http.StatusBadRequest, "InvalidArgument", message).With("ArgumentName", name).With("ArgumentValue", value)
}

func invalidRequest(message string) *wire.Error {
	return refused(http.StatusBadRequest, "InvalidRequest", message)
}

func badDigest(message string) *wire.Error {
	return refused(http.StatusBadRequest, "BadDigest", message)
}

func preconditionFailed(condition string) *wire.Error {
	return refused(http.StatusPreconditionFailed, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold").With("Condition", condition)
}

// notHere is the answer to what S3 can do and the local one cannot.
func notHere(what string) *wire.Error {
	return &wire.Error{Code: "NotImplemented", Message: "The local S3 cannot " + what + ".", Status: http.StatusNotImplemented, Server: true}
}
