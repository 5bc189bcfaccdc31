package logs_test

import (
	"encoding/json"
	"testing"
)

// decode reads an answer, whose members are called as in Go.
func decode(t *testing.T, answer string, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(answer), into); err != nil {
		t.Fatalf("%v in %s", err, answer)
	}
}
