package awserr

import (
	"encoding/json"
	"strings"
)

// mostFunctionError is how many bytes of a function's error are kept.
const mostFunctionError = 500

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
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > mostFunctionError {
		text = strings.ToValidUTF8(text[:mostFunctionError], "") + "…"
	}
	return text
}
