//go:build race

package sim_test

// usual is how many worlds a test run has. Nothing runs at once in them, so the
// race detector needs few.
const usual = 500
