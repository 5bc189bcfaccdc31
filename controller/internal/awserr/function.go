package awserr

import (
	"encoding/json"
	"strings"
)

// mostError is how many bytes of an error are kept.
const mostError = 500

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
	return Shorten(text)
}

// Shorten makes the text of an error fit into a sentence: on one line, and of 500
// bytes at most.
func Shorten(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > mostError {
		text = strings.ToValidUTF8(text[:mostError], "") + "…"
	}
	return text
}
