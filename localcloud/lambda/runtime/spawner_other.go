//go:build !linux

package runtime

import "os/exec"

// A spawner starts processes.
type spawner struct{}

func newSpawner() *spawner { return &spawner{} }

func (s *spawner) start(cmd *exec.Cmd) error {
	setAttributes(cmd)
	return cmd.Start()
}

func (s *spawner) close() {}
