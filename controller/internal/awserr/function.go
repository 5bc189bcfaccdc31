package awserr

import (
	"encoding/json"

	"github.com/crossfade-dev/crossfade/controller/internal/wording"
)

// Function says how an invocation of a function went wrong: from the error object
// that runtimes make, or where there is none from kind, which is Lambda's
// FunctionError, and the payload.
func Function(kind string, payload []byte) string {
	var e struct {
		Type    string `json:"errorType"`
		Message string `json:"errorMessage"`
	}
	text := kind + " error: " + string(payload)
	if json.Unmarshal(payload, &e) == nil {
		switch {
		case e.Type != "" && e.Message != "":
			text = e.Type + ": " + e.Message
		case e.Type+e.Message != "":
			text = e.Type + e.Message
		}
	}
	return wording.Shorten(text)
}
