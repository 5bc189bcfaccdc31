package runtime

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// setAttributes makes a process lead a group of its own, and die with us.
func setAttributes(cmd *exec.Cmd) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
}

// setLimits bounds what a process and its children may use. Memory is not among
// it, as the package comment says; neither are processes, which Linux counts by
// user and not by function.
func setLimits(pid int, l limits) error {
	for resource, limit := range map[int]unix.Rlimit{
		unix.RLIMIT_NOFILE:  {Cur: maxOpenFiles, Max: maxOpenFiles},
		unix.RLIMIT_MEMLOCK: {Cur: maxLocked, Max: maxLocked},
		unix.RLIMIT_CORE:    {},
		unix.RLIMIT_FSIZE:   {Cur: uint64(l.fileSize), Max: uint64(l.fileSize)},
	} {
		err := unix.Prlimit(pid, resource, &limit, nil)
		if err != nil && !errors.Is(err, unix.ESRCH) && !errors.Is(err, unix.EPERM) {
			return os.NewSyscallError("prlimit", err)
		}
	}
	return nil
}

// The limits that AWS's own environments have, recorded from python3.12.
const (
	maxOpenFiles = 1024
	maxLocked    = 65536
	maxProcesses = 742
	maxCore      = 10 << 30
)

// awaitLeader waits until the process has ended, and leaves its remains, so that
// its number stays its own and its group can be killed.
func (g *group) awaitLeader() {
	for {
		err := unix.Waitid(unix.P_PID, g.pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if err != unix.EINTR {
			return
		}
	}
}

// killMarked kills every process that has mark among its variables, which all
// descendants of a process inherit: also those that left its group.
func killMarked(mark string) {
	// One that forks while this looks may be missed once, but not every time.
	for range 10 {
		if !killMarkedOnce(mark) {
			return
		}
	}
}

func killMarkedOnce(mark string) (found bool) {
	proc, err := os.Open("/proc")
	if err != nil {
		return false
	}
	defer release(proc)
	names, err := proc.Readdirnames(-1)
	if err != nil {
		return false
	}
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		variables, err := os.ReadFile("/proc/" + name + "/environ")
		if err != nil && !errors.Is(err, fs.ErrNotExist) || len(variables) == 0 {
			continue // another user's, or the kernel's, or already dead
		}
		if bytes.Contains(variables, []byte(mark+"\x00")) && unix.Kill(pid, unix.SIGKILL) == nil {
			found = true
		}
	}
	return found
}

// A meter reads how much memory a process uses.
type meter struct {
	status *os.File
	last   usage
}

func newMeter(pid int) *meter {
	f, err := os.Open("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return &meter{} // it has ended
	}
	return &meter{status: f}
}

// read returns what the process uses now, or used when it was last read before
// it ended.
func (m *meter) read() usage {
	if m.status == nil {
		return m.last
	}
	var buffer [4096]byte
	n, err := m.status.ReadAt(buffer[:], 0)
	if n == 0 && err != nil {
		return m.last
	}
	if peak := kilobytes(buffer[:n], "VmHWM:"); peak > 0 {
		m.last = usage{
			peak: peak,
			// Pages of files are not counted: the kernel can drop them.
			held: kilobytes(buffer[:n], "RssAnon:") + kilobytes(buffer[:n], "RssShmem:"),
		}
	}
	return m.last
}

func (m *meter) close() {
	if m.status != nil {
		release(m.status)
	}
}

// kilobytes returns the value of a line such as "VmHWM:	    9216 kB", in bytes.
func kilobytes(text []byte, name string) int64 {
	_, rest, ok := bytes.Cut(text, []byte("\n"+name))
	if !ok {
		return 0
	}
	line, _, _ := bytes.Cut(rest, []byte(" kB"))
	n, err := strconv.ParseInt(string(bytes.TrimSpace(line)), 10, 64)
	if err != nil {
		return 0
	}
	return n << 10
}
