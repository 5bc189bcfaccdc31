package awserr_test

import (
	"strings"
	"testing"

	"github.com/crossfade-dev/crossfade/controller/internal/awserr"
)

func TestAFunctionsErrorIsToldInItsOwnWords(t *testing.T) {
	for payload, want := range map[string]string{
		`{"errorType":"ValueError","errorMessage":"no\n table","stackTrace":["x"]}`: "ValueError: no table",
		`{"errorMessage":"Task timed out after 3.00 seconds"}`:                      "Task timed out after 3.00 seconds",
		`{"errorType":"Runtime.ExitError"}`:                                         "Runtime.ExitError",
		`"text"`:                                                                    `Unhandled error: "text"`,
		`{"errorMessage":"` + strings.Repeat("ä", 600) + `"}`:                       strings.Repeat("ä", 250) + "…",
	} {
		if got := awserr.Function("Unhandled", []byte(payload)); got != want {
			t.Errorf("%s: got %q, want %q", payload, got, want)
		}
	}
}
