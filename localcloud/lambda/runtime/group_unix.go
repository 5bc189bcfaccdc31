//go:build unix

package runtime

import (
	"os"
	"os/exec"
	"syscall"
)

// A group is a process with its descendants.
type group struct {
	pid  int
	mark string
}

// newGroup takes hold of a process that was started with setAttributes.
func newGroup(cmd *exec.Cmd, mark string, l limits) (*group, error) {
	g := &group{pid: cmd.Process.Pid, mark: mark}
	return g, setLimits(g.pid, l)
}

// kill ends the process and its descendants. SIGTERM is not asked first: AWS
// does not either, and a function may ignore it.
func (g *group) kill() {
	_ = syscall.Kill(-g.pid, syscall.SIGKILL) // it may have ended
	killMarked(g.mark)
}

func (g *group) close() {}

// wrapped returns the command of a function that has its own way to start the
// interpreter. A shell says what it cannot find, and ends with status 127.
func wrapped(wrapper string, command []string) []string {
	return append([]string{"/bin/sh", "-c", `exec "$0" "$@"`, wrapper}, command...)
}

func systemVariables() map[string]string { return nil }

// lockFile takes a lock that ends with the process.
func lockFile(f *os.File) error {
	return os.NewSyscallError("flock", syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB))
}
