// Package wording puts what came from outside into words that fit into a sentence:
// the network's errors, and texts of any length.
package wording

import (
	"errors"
	"net/url"
	"strings"
)

// most is how many bytes of a text are kept.
const most = 500

// Shorten makes a text fit into a sentence: on one line, and of 500 bytes at most.
func Shorten(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}

// Cause returns the network's own error, which is what people can act on: an HTTP
// client's repeats the method and the address, which they know.
func Cause(err error) error {
	var about *url.Error
	if errors.As(err, &about) {
		return about.Err
	}
	return err
}
