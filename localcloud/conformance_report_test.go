package localcloud_test

import (
	"bufio"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"
)

// A report is what came of replaying the recorded cases.
type report struct {
	agreed []string // cases that agreed before
	cases  []outcome
}

// An outcome is what came of one case.
type outcome struct {
	id      string
	missing []string // services that are not here
	err     error    // how it differs; nil when it agrees
	replay  func() error
}

func (o outcome) group() string {
	group, _, _ := strings.Cut(o.id, ".")
	return group
}

// add takes a case in.
func (r *report) add(id string, needs []string, replay func() error) {
	if *onlyCase == "" || strings.Contains(id, *onlyCase) {
		r.cases = append(r.cases, outcome{id: id, missing: lacking(needs), replay: replay})
	}
}

// replay replays the cases that need nothing that is not here, and fails the test
// when one agreed before and does not any more. Most of them wait for processes,
// so that some run at once. A process that a busy machine kept waiting may differ
// once; what differs is replayed alone, twice, before it counts.
func (r *report) replay(t *testing.T) {
	t.Helper()
	var group errgroup.Group
	group.SetLimit(4)
	for i := range r.cases {
		o := &r.cases[i]
		if len(o.missing) > 0 {
			continue
		}
		group.Go(func() error {
			o.err = o.replay()
			if o.err != nil && (*onlyCase != "" || testing.Verbose()) {
				t.Logf("differs: %s: %v", o.id, o.err)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	for i := range r.cases {
		o := &r.cases[i]
		if o.err == nil || !slices.Contains(r.agreed, o.id) {
			continue
		}
		for try := 0; o.err != nil && try < 2; try++ {
			o.err = o.replay()
		}
		if o.err != nil {
			t.Errorf("%s agreed before: %v", o.id, o.err)
		}
	}
}

// A tally counts the outcomes of a group.
type tally struct{ agree, differ, incomplete, missing int }

// incomplete begins the reasons of cases that lack what was sent or contradict it,
// so that nothing can be said about them.
const incomplete = "incomplete: "

func (r *report) tallies(reasons []reason) (groups []string, tallies map[string]tally) {
	tallies = map[string]tally{}
	for _, o := range r.cases {
		c, seen := tallies[o.group()]
		if !seen {
			groups = append(groups, o.group())
		}
		switch {
		case len(o.missing) > 0:
			c.missing++
		case o.err != nil && strings.HasPrefix(reasonFor(reasons, o.id), incomplete):
			c.incomplete++
		case o.err != nil:
			c.differ++
		default:
			c.agree++
		}
		tallies[o.group()] = c
	}
	slices.Sort(groups)
	return groups, tallies
}

func (r *report) print(t *testing.T) {
	groups, tallies := r.tallies(readReasons(t))
	for _, g := range groups {
		c := tallies[g]
		fmt.Printf("recorded cases of %-48s %3d agree, %3d differ, %3d are incomplete, %3d need a service that is not here\n",
			g+":", c.agree, c.differ, c.incomplete, c.missing)
	}
}

// write makes the list of cases that agree and docs/compatibility.md.
func (r *report) write(t *testing.T) {
	t.Helper()
	var ids []string
	for _, o := range r.cases {
		if o.err == nil && len(o.missing) == 0 {
			ids = append(ids, o.id)
		}
	}
	slices.Sort(ids)
	if err := os.WriteFile(agreedFile, []byte(strings.Join(ids, "\n")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("../docs/compatibility.md", []byte(r.markdown(t)), 0o644); err != nil {
		t.Fatal(err)
	}
}

func (r *report) markdown(t *testing.T) string {
	var b strings.Builder
	b.WriteString(`# Compatibility

How the local cloud's answers compare with answers that were recorded from AWS. Written by

` + "```" + `
go test ./localcloud -run AWSDid -update
` + "```" + `

where the recorded cases are; they are not part of this repository. A case agrees when every answer and, for executions, every event of the history is AWS's,
up to what AWS itself varies: identifiers, times, tokens. A case that once agreed may not stop: the test keeps the list.

## Counts

Incomplete are cases that lack what was sent, or whose source changed after the recording: nothing can be said about them.

| group | agree | differ | incomplete | need a service that is not here |
|---|---|---|---|---|
`)
	reasons := readReasons(t)
	groups, tallies := r.tallies(reasons)
	var sum tally
	for _, g := range groups {
		c := tallies[g]
		fmt.Fprintf(&b, "| %s | %d | %d | %d | %d |\n", g, c.agree, c.differ, c.incomplete, c.missing)
		sum = tally{sum.agree + c.agree, sum.differ + c.differ, sum.incomplete + c.incomplete, sum.missing + c.missing}
	}
	fmt.Fprintf(&b, "| **all** | **%d** | **%d** | **%d** | **%d** |\n", sum.agree, sum.differ, sum.incomplete, sum.missing)
	b.WriteString("\n## What differs, and why\n\n| case | why |\n|---|---|\n")
	for _, o := range r.cases {
		if o.err == nil || len(o.missing) > 0 {
			continue
		}
		fmt.Fprintf(&b, "| %s | %s |\n", o.id, reasonFor(reasons, o.id))
	}
	return b.String()
}

// A reason says why the cases whose ID begins with prefix differ.
type reason struct{ prefix, text string }

// readReasons reads testdata/differences.txt: a prefix of IDs, a blank, a reason.
func readReasons(t *testing.T) []reason {
	t.Helper()
	f, err := os.Open("testdata/differences.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var reasons []reason
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		prefix, text, ok := strings.Cut(lines.Text(), " ")
		if ok && !strings.HasPrefix(prefix, "#") {
			reasons = append(reasons, reason{prefix, text})
		}
	}
	return reasons
}

// reasonFor returns the reason with the longest prefix.
func reasonFor(reasons []reason, id string) string {
	best := reason{text: "not looked into yet"}
	for _, r := range reasons {
		if strings.HasPrefix(id, r.prefix) && len(r.prefix) >= len(best.prefix) {
			best = r
		}
	}
	return best.text
}
