package localcloud_test

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/crossfade-dev/crossfade/internal/clock"
	"github.com/crossfade-dev/crossfade/internal/conformance"
	"github.com/crossfade-dev/crossfade/localcloud"
)

var (
	update   = flag.Bool("update", false, "write the list of recorded cases that agree")
	onlyCase = flag.String("case", "", "replay only recorded cases whose ID contains this, and print what differs")
)

// families are the parts of the corpus that the local cloud is held to so far.
var families = []string{"api", "api-cloudwatch", "asl"}

// served are the services that a case may need.
var served = []string{"stepfunctions", "cloudwatch", "sts", "iam"}

// agreedFile lists the IDs of recorded cases that agree: none of them may stop.
const agreedFile = "testdata/agreed.txt"

func TestTheLocalCloudAnswersAsAWSDid(t *testing.T) {
	dir, err := conformance.Find()
	if errors.Is(err, conformance.ErrAbsent) {
		t.Skip("skipped: " + err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	r := &report{agreed: readAgreed(t)}
	for _, family := range families {
		cases, err := conformance.Load(dir, family)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range cases {
			r.note(t, c.ID, c.Needs(), func() error { return replay(t, c) })
		}
		runs, err := conformance.LoadRuns(dir, family)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range runs {
			needs := slices.Clone(c.OtherServices)
			if len(c.Needs.Lambda) > 0 {
				needs = append(needs, "lambda")
			}
			r.note(t, c.ID, needs, func() error { return replayRuns(t, &c) })
		}
	}
	r.print()
	if *update && *onlyCase == "" {
		r.write(t)
	}
}

func lacking(needs []string) []string {
	var missing []string
	for _, s := range needs {
		if !slices.Contains(served, s) {
			missing = append(missing, s)
		}
	}
	return missing
}

func readAgreed(t *testing.T) []string {
	t.Helper()
	f, err := os.Open(filepath.FromSlash(agreedFile))
	if errors.Is(err, os.ErrNotExist) && *update {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var ids []string
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		ids = append(ids, lines.Text())
	}
	return ids
}

// replay runs a case against a cloud of its own, in virtual time.
func replay(t *testing.T, c conformance.Case) error {
	t.Helper()
	v := clock.NewVirtual(clock.System{}.Now().Truncate(time.Second))
	cloud, err := localcloud.Open(localcloud.Config{Clock: v, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer cloud.Close()
	return conformance.Replay(t.Context(), c, &caller{cloud: cloud, clock: v})
}

// A caller speaks to a cloud as SDKs do, and lets its time pass.
type caller struct {
	cloud *localcloud.Cloud
	clock *clock.Virtual
}

func (c *caller) Now() time.Time { return c.clock.Now() }

// Pass moves the cloud's time. Calls that the cloud makes on goroutines of its
// own get a moment of real time.
func (c *caller) Pass(ctx context.Context, d time.Duration) error {
	<-clock.System{}.After(time.Millisecond)
	return c.clock.Drive(ctx, c.clock.Now().Add(d), 0, c.cloud.Processes()...)
}

func (c *caller) Call(ctx context.Context, service, operation, protocol string, params map[string]any) (conformance.Answer, error) {
	switch protocol {
	case "query":
		return c.query(ctx, operation, params)
	case "json":
		return c.json(ctx, operation, params)
	}
	return c.sdk(ctx, service, operation, params)
}
