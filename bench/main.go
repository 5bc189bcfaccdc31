// Command bench measures the local cloud and the program, and prints ratios
// against a ceiling that is measured in the same run. Machines differ and
// neighbours are noisy, so a ratio says more than a rate; every figure is the
// median of several rounds that alternate with the ceiling's.
package main

import (
	"flag"
	"fmt"
	"os"
	"time"
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
}

func main() {
	var o options
	flag.DurationVar(&o.round, "round", 2*time.Second, "length of one round of load")
	flag.IntVar(&o.rounds, "rounds", 5, "rounds for each figure; the median counts")
	flag.StringVar(&o.program, "program", "", "path of the built program (default: build it)")
	flag.Parse()
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(o options) error {
	fmt.Println("| what | measured | ceiling | ratio | aim |")
	fmt.Println("|---|---|---|---|---|")
	for _, part := range []func(options) ([]measurement, error){starts, program, reverts} {
		measurements, err := part(o)
		if err != nil {
			return err
		}
		for _, m := range measurements {
			fmt.Printf("| %s | %s | %s | %s | %s |\n", m.what, m.value, m.ceiling, m.ratio, m.aim)
		}
	}
	return nil
}
