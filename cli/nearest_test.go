package cli

import "testing"

func TestNearestGuessesWhatWasMeant(t *testing.T) {
	commands := []string{"abort", "adopt", "approve", "deploy", "demo", "status", "versions"}
	tests := []struct{ word, want string }{
		{"deplyo", "deploy"},
		{"stats", "status"},
		{"aprove", "approve"},
		{"version", "versions"},
		{"xyzzy", ""},
		{"", ""},
	}
	for _, tt := range tests {
		if got := nearest(tt.word, commands); got != tt.want {
			t.Errorf("nearest(%q) is %q, want %q", tt.word, got, tt.want)
		}
	}
}
