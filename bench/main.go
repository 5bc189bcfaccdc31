// Command bench measures the local cloud and the program, and prints ratios
// against a ceiling that is measured in the same run. Machines differ and
// neighbours are noisy, so a ratio says more than a rate; every figure is the
// median of several rounds that alternate with the ceiling's.
package main

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/crossfade-dev/crossfade/localcloud/lambda/runtime"
)

// A measurement is one line of the report.
type measurement struct {
	what    string
	value   string
	ceiling string // what it is measured against
	ratio   string // value / ceiling
	aim     string
}

type options struct {
	round   time.Duration // length of one round of load
	rounds  int           // rounds of each kind
	program string        // path of the built program; empty: build it
	waiting int           // executions that wait at once
}

// The parts of the report, in its order.
var parts = []struct {
	name    string
	measure func(options) ([]measurement, error)
}{
	{"starts", starts},
	{"invokes", invokes},
	{"language", language},
	{"waiting", waiting},
	{"program", program},
	{"reverts", reverts},
	{"evidence", evidence},
}

func main() {
	runtime.RunSandbox() // functions that are measured run in sandboxes of this program
	var o options
	flag.DurationVar(&o.round, "round", 2*time.Second, "length of one round of load")
	flag.IntVar(&o.rounds, "rounds", 5, "rounds for each figure; the median counts")
	flag.StringVar(&o.program, "program", "", "path of the built program (default: build it)")
	flag.IntVar(&o.waiting, "waiting", 100_000, "executions that wait at once, in the part of that name")
	only := flag.String("only", "", "parts to measure, with commas between: "+strings.Join(names(), ", ")+" (default: all)")
	flag.Parse()
	if err := run(o, *only); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func names() []string {
	var all []string
	for _, p := range parts {
		all = append(all, p.name)
	}
	return all
}

func run(o options, only string) error {
	wanted := names()
	if only != "" {
		wanted = strings.Split(only, ",")
	}
	for _, name := range wanted {
		if !slices.Contains(names(), name) {
			return fmt.Errorf("there is no part %q; there are %s", name, strings.Join(names(), ", "))
		}
	}
	fmt.Println("| what | measured | ceiling | ratio | aim |")
	fmt.Println("|---|---|---|---|---|")
	for _, part := range parts {
		if !slices.Contains(wanted, part.name) {
			continue
		}
		measurements, err := part.measure(o)
		if err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
		for _, m := range measurements {
			fmt.Printf("| %s | %s | %s | %s | %s |\n", m.what, m.value, m.ceiling, m.ratio, m.aim)
		}
	}
	return nil
}
