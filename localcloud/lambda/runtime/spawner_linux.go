package runtime

import (
	"os/exec"
	"runtime"
)

// A spawner starts processes that die with this one. Linux kills them when the
// thread that started them ends, so that it must be one that stays: a goroutine
// with a thread of its own.
type spawner struct {
	jobs chan func()
}

func newSpawner() *spawner {
	s := &spawner{jobs: make(chan func())}
	go func() {
		runtime.LockOSThread() // and never unlock, so that the thread ends with us
		for job := range s.jobs {
			job()
		}
	}()
	return s
}

func (s *spawner) start(cmd *exec.Cmd) error {
	setAttributes(cmd)
	done := make(chan error, 1)
	s.jobs <- func() { done <- cmd.Start() }
	return <-done
}

// close ends the thread, and with it whatever it started and still runs.
func (s *spawner) close() { close(s.jobs) }
