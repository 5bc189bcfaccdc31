package runtime

import (
	"os"
	"os/exec"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

// setAttributes makes a process start a group of its own, which keeps our
// console's signals from it.
func setAttributes(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: windows.CREATE_NEW_PROCESS_GROUP}
}

// A group is a process with its descendants: a job object, which ends them all
// when its last handle is closed, also by our own end.
type group struct {
	mu     sync.Mutex
	job    windows.Handle // 0 once closed
	leader windows.Handle
}

// newGroup takes hold of a process that was started with setAttributes.
func newGroup(cmd *exec.Cmd, _ string, _ limits) (*group, error) {
	job, err := windows.CreateJobObject(nil, nil)
	if err != nil {
		return nil, os.NewSyscallError("CreateJobObject", err)
	}
	g := &group{job: job}
	var info windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION
	info.BasicLimitInformation.LimitFlags = windows.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE
	if _, err := windows.SetInformationJobObject(job, windows.JobObjectExtendedLimitInformation, uintptr(unsafe.Pointer(&info)), uint32(unsafe.Sizeof(info))); err != nil {
		g.close()
		return nil, os.NewSyscallError("SetInformationJobObject", err)
	}
	g.leader, err = windows.OpenProcess(windows.PROCESS_SET_QUOTA|windows.PROCESS_TERMINATE|windows.SYNCHRONIZE, false, uint32(cmd.Process.Pid))
	if err == nil {
		err = windows.AssignProcessToJobObject(job, g.leader)
	}
	if err != nil {
		g.close()
		return nil, os.NewSyscallError("AssignProcessToJobObject", err)
	}
	return g, nil
}

// kill ends the process and its descendants.
func (g *group) kill() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.job != 0 {
		_ = windows.TerminateJobObject(g.job, 1)
	}
}

func (g *group) awaitLeader() { _, _ = windows.WaitForSingleObject(g.leader, windows.INFINITE) }

func (g *group) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.job != 0 {
		windows.CloseHandle(g.job)
		if g.leader != 0 {
			windows.CloseHandle(g.leader)
		}
		g.job, g.leader = 0, 0
	}
}

// wrapped returns the command of a function that has its own way to start the
// interpreter.
func wrapped(wrapper string, command []string) []string {
	return append([]string{wrapper}, command...)
}

// systemVariables returns what programs need to find the system.
func systemVariables() map[string]string {
	out := map[string]string{}
	for _, name := range []string{"SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "PATHEXT"} {
		if value, ok := os.LookupEnv(name); ok {
			out[name] = value
		}
	}
	return out
}

// A meter knows nothing here, so that memory is neither reported nor limited.
type meter struct{}

func newMeter(int) *meter { return &meter{} }

func (*meter) read() usage { return usage{} }

func (*meter) close() {}

// lockFile takes a lock that ends with the process.
func lockFile(f *os.File) error {
	const flags = windows.LOCKFILE_EXCLUSIVE_LOCK | windows.LOCKFILE_FAIL_IMMEDIATELY
	return os.NewSyscallError("LockFileEx", windows.LockFileEx(windows.Handle(f.Fd()), flags, 0, 1, 0, &windows.Overlapped{}))
}
