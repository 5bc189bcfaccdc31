package cli

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTheCommandReferenceIsCurrent(t *testing.T) {
	written, err := os.ReadFile("../docs/reference/commands.md")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(written), Reference()); diff != "" {
		t.Errorf("docs/reference/commands.md is not what the commands say; go generate ./cli writes it (-file +commands):\n%s", diff)
	}
}

func TestEveryCommandHasAnExampleAndAShortText(t *testing.T) {
	for _, c := range documented(newRoot(testEnv(t))) {
		if c.Short == "" {
			t.Errorf("%s has no short text", c.Name())
		}
		if c.Example == "" && c.Name() != "exit-codes" {
			t.Errorf("%s has no example", c.Name())
		}
	}
}
