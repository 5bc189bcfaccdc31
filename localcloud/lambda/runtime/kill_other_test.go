//go:build !linux

package runtime

// runUntilKilled is for a test that needs Linux.
func runUntilKilled(string) {}
