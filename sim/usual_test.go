//go:build !race

package sim_test

// usual is how many worlds a test run has.
const usual = 10_000
