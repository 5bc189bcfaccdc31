package runtime

import (
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// controlFD is where a helper finds its connection to the cloud.
const controlFD = 3

// RunSandbox makes the process a sandbox's helper if it was started to be one,
// and does not return then. It belongs at the beginning of main, before
// anything that costs time or opens files.
func RunSandbox() {
	if len(os.Args) == 0 || os.Args[0] != sandboxName || os.Getpid() != 1 {
		return
	}
	h := &helper{started: make(chan struct{}, 1)}
	h.serve()
	os.Exit(0)
}

// A helper is the first process of a sandbox. It puts the sandbox together,
// starts the function's processes in it, and collects what is left of them.
type helper struct {
	started chan struct{} // receives when there is something to collect

	mu  sync.Mutex // around starting, so that a pid is known before its end
	pid int        // of the function's process; 0 without one
}

func (h *helper) serve() {
	// What this thread starts has no capabilities, so it must be the only one
	// that starts anything.
	runtime.LockOSThread()
	unix.CloseOnExec(controlFD)
	// A function may send signals to the first process. With handlers they do
	// nothing, and unlike ignored ones they are not inherited.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2)
	buffer, rights := make([]byte, maxPacket), make([]byte, 64)
	for {
		n, m, _, _, err := unix.Recvmsg(controlFD, buffer, rights, unix.MSG_CMSG_CLOEXEC)
		if err == unix.EINTR {
			continue
		}
		if err != nil || n == 0 {
			return // the cloud is gone, and the kernel ends all else with us
		}
		var o boxOrder
		if json.Unmarshal(buffer[:n], &o) != nil {
			return
		}
		switch {
		case o.Setup != nil:
			err := assemble(*o.Setup)
			if err == nil {
				err = confine()
			}
			h.tell(boxReply{Error: textOf(err)}, 0)
			if err != nil {
				return
			}
			go h.collect()
		case o.Start != nil:
			pid, err := h.start(*o.Start, rights[:m])
			h.tell(boxReply{Error: textOf(err)}, pid)
			if err == nil {
				h.started <- struct{}{}
			}
		case o.Kill:
			// Everything but ourselves.
			_ = unix.Kill(-1, unix.SIGKILL)
		}
	}
}

// tell answers the cloud. With a process's number, which only counts in here,
// the kernel tells the cloud the number that counts there.
func (h *helper) tell(r boxReply, pid int) {
	text, err := json.Marshal(r)
	if err != nil {
		panic("sandbox: a reply that is no JSON: " + err.Error())
	}
	var credentials []byte
	if pid > 0 {
		credentials = unix.UnixCredentials(&unix.Ucred{Pid: int32(pid), Uid: uint32(os.Getuid()), Gid: uint32(os.Getgid())})
	}
	if err := unix.Sendmsg(controlFD, text, credentials, nil, 0); err != nil && pid > 0 {
		// Without the right to name another process.
		_ = unix.Sendmsg(controlFD, text, nil, nil, 0)
	}
}

func textOf(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// start starts the function's process with the descriptor that came along as its
// output.
func (h *helper) start(s boxStart, rights []byte) (int, error) {
	output := -1
	if messages, err := unix.ParseSocketControlMessage(rights); err == nil {
		for i := range messages {
			if fds, err := unix.ParseUnixRights(&messages[i]); err == nil && len(fds) == 1 {
				output = fds[0]
			}
		}
	}
	if output < 0 {
		return 0, syscall.EBADF
	}
	defer func() { _ = unix.Close(output) }() // the process has its own
	null, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	defer func() { _ = unix.Close(null) }()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.pid, err = syscall.ForkExec(s.Argv[0], s.Argv, &syscall.ProcAttr{
		Dir: s.Dir, Env: s.Env, Files: []uintptr{uintptr(null), uintptr(output), uintptr(output)},
		Sys: &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		h.pid = 0
	}
	return h.pid, err
}

// collect waits for processes to end: the function's, whose end is told, and
// those that were left to us.
func (h *helper) collect() {
	for range h.started {
		var status syscall.WaitStatus
		ended := false
		for {
			var s syscall.WaitStatus
			pid, err := syscall.Wait4(-1, &s, 0, nil)
			if err == syscall.EINTR {
				continue
			}
			if err != nil {
				break // nothing is left
			}
			h.mu.Lock()
			if pid == h.pid {
				h.pid, status, ended = 0, s, true
				// What it started ends with it.
				_ = unix.Kill(-1, unix.SIGKILL)
			}
			h.mu.Unlock()
		}
		if ended {
			h.tell(boxReply{Exited: true, Status: uint32(status)}, 0)
		}
	}
}

// assemble puts the sandbox's files together, and makes them the only ones there
// are: the machine's, read-only, with the function's own where AWS has them.
func assemble(s boxSetup) error {
	steps := &mounter{root: s.Root}
	// What is mounted here is nobody else's business.
	steps.do("separate the mounts", unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
	steps.do("mount the root", unix.Mount("tmpfs", s.Root, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=755,size=1m"))
	steps.bindAll("/", "tmp", "opt", "var", "proc")
	steps.dir("/var")
	steps.bindAll("/var", "task", "runtime")
	steps.bind(s.Task, "/var/task")
	steps.bind(s.Runtime, "/var/runtime")
	if kept := under("/opt", s.Keep); len(kept) > 0 {
		// The interpreter is where the layers are.
		steps.dir("/opt")
		steps.bindAllFrom(s.Opt, "/opt")
		steps.keep(kept)
	} else {
		steps.bind(s.Opt, "/opt")
	}
	steps.dir("/proc")
	steps.dir("/tmp")
	steps.try(steps.mountProc())
	steps.do("make all read-only", unix.MountSetattr(unix.AT_FDCWD, s.Root, unix.AT_RECURSIVE, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}))
	steps.do("mount /tmp", unix.Mount("tmpfs", s.Root+"/tmp", "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, fmt.Sprintf("mode=1777,size=%dm", max(s.TmpMB, 1))))
	steps.keep(under("/tmp", s.Keep))
	steps.do("enter the root", unix.Chdir(s.Root))
	// The old root goes over the new one, and off again.
	steps.do("change the root", unix.PivotRoot(".", "."))
	steps.do("leave the old root", unix.Unmount(".", unix.MNT_DETACH))
	steps.do("enter the root", unix.Chdir("/"))
	return steps.err
}

// A mounter takes the steps of assemble. After one has failed the others are not
// told of.
type mounter struct {
	root string
	err  error
}

func (m *mounter) do(what string, err error) {
	if m.err == nil && err != nil {
		m.err = fmt.Errorf("%s: %w", what, err)
	}
}

func (m *mounter) try(error) {}

func (m *mounter) dir(path string) {
	m.do("make "+path, os.MkdirAll(m.root+path, 0o755))
}

// bind shows the machine's directory from at a path of the sandbox.
func (m *mounter) bind(from, path string) {
	m.dir(path)
	m.do("bind "+path, unix.Mount(from, m.root+path, "", unix.MS_BIND|unix.MS_REC, ""))
}

// bindAll shows what a directory of the machine contains, save for some of it.
func (m *mounter) bindAll(dir string, except ...string) { m.bindAllFrom(dir, dir, except...) }

func (m *mounter) bindAllFrom(from, dir string, except ...string) {
	entries, err := os.ReadDir(from)
	m.do("read "+from, err)
	skip := map[string]bool{}
	for _, name := range except {
		skip[name] = true
	}
	for _, e := range entries {
		if skip[e.Name()] {
			continue
		}
		source, target := filepath.Join(from, e.Name()), m.root+filepath.Join(dir, e.Name())
		switch {
		case e.Type()&os.ModeSymlink != 0:
			if to, err := os.Readlink(source); err == nil {
				m.try(os.Symlink(to, target))
			}
			continue
		case e.IsDir():
			m.try(os.Mkdir(target, 0o755))
		default:
			m.try(os.WriteFile(target, nil, 0o644))
		}
		// What cannot be shown, such as another user's mount, is just not there.
		m.try(unix.Mount(source, target, "", unix.MS_BIND|unix.MS_REC, ""))
	}
}

// mountProc shows the sandbox's own processes, or the machine's where the kernel
// does not allow that, as in containers that hide parts of it.
func (m *mounter) mountProc() error {
	err := unix.Mount("proc", m.root+"/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "")
	if err != nil {
		err = unix.Mount("/proc", m.root+"/proc", "", unix.MS_BIND|unix.MS_REC, "")
	}
	return err
}

// keep shows directories of the machine where they are.
func (m *mounter) keep(dirs []string) {
	for _, dir := range dirs {
		m.bind(dir, dir)
	}
}

// under returns the paths that lie in a directory.
func under(dir string, paths []string) []string {
	var out []string
	for _, path := range paths {
		if strings.HasPrefix(path, dir+"/") {
			out = append(out, path)
		}
	}
	return out
}

// confine gives what this thread starts the limits that AWS's functions have,
// and no capabilities.
func confine() error {
	for resource, limit := range map[int]syscall.Rlimit{
		unix.RLIMIT_NOFILE:  {Cur: maxOpenFiles, Max: maxOpenFiles},
		unix.RLIMIT_MEMLOCK: {Cur: maxLocked, Max: maxLocked},
		unix.RLIMIT_CORE:    {Cur: maxCore, Max: maxCore},
		unix.RLIMIT_NPROC:   {Cur: maxProcesses, Max: maxProcesses},
	} {
		var now syscall.Rlimit
		if err := syscall.Getrlimit(resource, &now); err != nil {
			return os.NewSyscallError("getrlimit", err)
		}
		if resource == unix.RLIMIT_NPROC && !countsByNamespace() {
			continue
		}
		// Who is not root cannot have more than there was.
		limit.Cur, limit.Max = min(limit.Cur, now.Max), min(limit.Max, now.Max)
		if err := syscall.Setrlimit(resource, &limit); err != nil {
			return os.NewSyscallError("setrlimit", err)
		}
	}
	if err := dropCapabilities(); err != nil {
		return err
	}
	return os.NewSyscallError("prctl", unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
}

// dropCapabilities takes from what this thread starts all that could give it
// capabilities, also as root. The thread keeps its own.
func dropCapabilities() error {
	for c := uintptr(0); c <= unix.CAP_LAST_CAP; c++ {
		// The kernel may know fewer than this program.
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0); err != nil && err != unix.EINVAL {
			return os.NewSyscallError("prctl", err)
		}
	}
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
		return os.NewSyscallError("prctl", err)
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var sets [2]unix.CapUserData
	if err := unix.Capget(&header, &sets[0]); err != nil {
		return os.NewSyscallError("capget", err)
	}
	sets[0].Inheritable, sets[1].Inheritable = 0, 0
	return os.NewSyscallError("capset", unix.Capset(&header, &sets[0]))
}

// countsByNamespace says whether the limit of processes counts those of the
// sandbox only, as Linux does since 5.14, and not all of the user's.
func countsByNamespace() bool {
	var name unix.Utsname
	if unix.Uname(&name) != nil {
		return false
	}
	var major, minor int
	if _, err := fmt.Sscanf(unix.ByteSliceToString(name.Release[:]), "%d.%d", &major, &minor); err != nil {
		return false
	}
	return major > 5 || major == 5 && minor >= 14
}
