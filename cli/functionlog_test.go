package cli

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestWhatFunctionsPrintIsToldWithinReason(t *testing.T) {
	entries := []string{
		"INIT_START Runtime Version: python:3.12\n", "START RequestId: 1 Version: 3\n", "hello\n", "[ERROR] Oops: no\rTraceback:\r  line 2\n",
		"END RequestId: 1\n", "REPORT RequestId: 1\tDuration: 1.00 ms\t\n",
	}
	for _, c := range []struct {
		all  bool
		want int
	}{{false, 4}, {true, 8}} {
		var told bytes.Buffer
		l := newFunctionLog(slog.New(slog.NewTextHandler(&told, nil)), c.all)
		for _, e := range entries {
			l.print("/aws/lambda/checkout", e)
		}
		l.tell()
		if got := strings.Count(told.String(), "checkout | "); got != c.want {
			t.Errorf("with all %v: %d lines, want %d\n%s", c.all, got, c.want, told.String())
		}
	}
	var told bytes.Buffer
	l := newFunctionLog(slog.New(slog.NewTextHandler(&told, nil)), false)
	for i := range 5000 {
		l.print("/aws/lambda/loud", fmt.Sprintln("line", i))
	}
	l.tell()
	if got := strings.Count(told.String(), "\n"); got != mostLines+1 || !strings.Contains(told.String(), "loud | 4,980 more lines") {
		t.Errorf("of 5,000 lines in a second %d were told\n%s", got, told.String())
	}
	l.tell()
	if got := strings.Count(told.String(), "\n"); got != mostLines+1 {
		t.Errorf("they were told again: %d lines", got)
	}
}
