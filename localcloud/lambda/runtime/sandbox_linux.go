package runtime

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// sandboxName is what a helper process is called, by which it knows what it is.
const sandboxName = "crossfade-sandbox"

// A boxOrder is what the cloud tells a helper.
type boxOrder struct {
	Setup *boxSetup `json:",omitempty"` // the first one
	Start *boxStart `json:",omitempty"` // with the output's descriptor
	Kill  bool      `json:",omitempty"`
}

// boxSetup says what a sandbox looks like. The directories are the machine's.
type boxSetup struct {
	Root    string // where it is put together
	Task    string
	Opt     string
	Runtime string
	TmpMB   int
	Keep    []string // the interpreter's directories; they stay where they are
}

type boxStart struct {
	Argv, Env []string
	Dir       string
}

// A boxReply is what a helper answers, and tells of the process's end.
type boxReply struct {
	Error  string `json:",omitempty"`
	Exited bool   `json:",omitempty"`
	Status uint32 `json:",omitempty"` // as wait(2) has it
}

// maxPacket is how long an order may be. The longest has the variables in it.
const maxPacket = 128 << 10

// A sandboxHost starts processes in a sandbox, which is a helper process with
// namespaces of its own. The helper is the first process of its process tree:
// the kernel ends them all with it, wherever they have put themselves.
type sandboxHost struct {
	runtime *Runtime
	setup   boxSetup

	mu   sync.Mutex // one start, one end at a time
	box  *box       // nil before the first start, and after an end
	done bool
}

// A box is a running helper.
type box struct {
	cmd     *exec.Cmd
	conn    *net.UnixConn
	replies chan boxReply
	gone    chan struct{}

	mu      sync.Mutex
	current *process
	onExit  func()
}

func (r *Runtime) newHost(e *environment) (host, error) {
	if !e.sandboxed {
		return r.newPlainHost(e), nil
	}
	h := &sandboxHost{runtime: r, setup: boxSetup{
		Root: r.sandboxRoot(), Task: e.task.dir, Opt: e.opt.dir, Runtime: r.bootstraps(),
		TmpMB: e.version.EphemeralStorageMB, Keep: e.interpreter.prefixes,
	}}
	return h, nil
}

// sandboxRoot is a directory that sandboxes are put together over. Each has its
// own view of it.
func (r *Runtime) sandboxRoot() string { return filepath.Join(r.options.Dir, "root") }

// probeSandbox tries to make a sandbox. The error says what is in the way.
func (r *Runtime) probeSandbox() error {
	empty, err := r.code.get()
	if err != nil {
		return err
	}
	defer empty.release()
	b, err := r.openBox(boxSetup{Root: r.sandboxRoot(), Task: empty.dir, Opt: empty.dir, Runtime: r.bootstraps(), TmpMB: 1})
	if err != nil {
		return err
	}
	b.close()
	return nil
}

func (h *sandboxHost) start(c command) (*process, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.done {
		return nil, errAbandoned
	}
	if h.box != nil && h.box.over() {
		h.box.close()
		h.box = nil
	}
	if h.box == nil {
		b, err := h.runtime.openBox(h.setup)
		if err != nil {
			return nil, fmt.Errorf("make a sandbox: %w", err)
		}
		h.box = b
	}
	return h.box.start(c)
}

func (h *sandboxHost) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.done = true
	if h.box != nil {
		h.box.close()
	}
}

// openBox starts a helper, and waits until it has put its sandbox together.
func (r *Runtime) openBox(setup boxSetup) (*box, error) {
	if err := os.MkdirAll(setup.Root, 0o700); err != nil {
		return nil, err
	}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socketpair", err)
	}
	ours, theirs := os.NewFile(uintptr(pair[0]), "sandbox"), os.NewFile(uintptr(pair[1]), "sandbox")
	defer release(ours) // conn has a copy
	// The kernel translates the numbers of the helper's processes to ours.
	if err := unix.SetsockoptInt(pair[0], unix.SOL_SOCKET, unix.SO_PASSCRED, 1); err != nil {
		release(theirs)
		return nil, os.NewSyscallError("setsockopt", err)
	}
	conn, err := net.FileConn(ours)
	if err != nil {
		release(theirs)
		return nil, err
	}
	b := &box{conn: conn.(*net.UnixConn), replies: make(chan boxReply, 1), gone: make(chan struct{})}
	uid, gid := os.Getuid(), os.Getgid()
	b.cmd = &exec.Cmd{
		Path: r.options.Sandbox, Args: []string{sandboxName}, Env: []string{}, Dir: "/", ExtraFiles: []*os.File{theirs},
		SysProcAttr: &syscall.SysProcAttr{
			Cloneflags:  unix.CLONE_NEWUSER | unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWIPC,
			UidMappings: []syscall.SysProcIDMap{{ContainerID: uid, HostID: uid, Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{ContainerID: gid, HostID: gid, Size: 1}},
			// Who is not root loses what clone gave with exec, save for these.
			AmbientCaps: []uintptr{unix.CAP_SYS_ADMIN, unix.CAP_SETPCAP},
		},
	}
	err = r.spawner.start(b.cmd)
	// Only the helper may have it, so that its end is noticed.
	release(theirs)
	if err != nil {
		release(b.conn)
		return nil, err
	}
	go b.listen()
	err = b.order(boxOrder{Setup: &setup}, nil)
	if err == nil {
		err = b.reply()
	}
	if err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

// close ends the helper, and with it everything in the sandbox.
func (b *box) close() {
	_ = b.cmd.Process.Kill() // it may have ended
	_ = b.cmd.Wait()         // how is of no interest
	release(b.conn)
	<-b.gone
}

func (b *box) over() bool {
	select {
	case <-b.gone:
		return true
	default:
		return false
	}
}

// order sends an order, with a descriptor if there is one.
func (b *box) order(o boxOrder, file *os.File) error {
	text, err := json.Marshal(o)
	if err != nil {
		return err
	}
	if len(text) > maxPacket {
		return syscall.E2BIG
	}
	var rights []byte
	if file != nil {
		rights = unix.UnixRights(int(file.Fd()))
	}
	_, _, err = b.conn.WriteMsgUnix(text, rights, nil)
	return err
}

// reply waits for the answer to an order.
func (b *box) reply() error {
	select {
	case r := <-b.replies:
		if r.Error != "" {
			return errors.New(r.Error)
		}
		return nil
	case <-b.gone:
		return errors.New("the sandbox has ended")
	}
}

// listen takes what the helper says until it is gone.
func (b *box) listen() {
	defer func() {
		b.exited("signal: killed")
		close(b.gone)
	}()
	buffer, rights := make([]byte, 4096), make([]byte, 256)
	for {
		n, m, _, _, err := b.conn.ReadMsgUnix(buffer, rights)
		if err != nil || n == 0 {
			return
		}
		var r boxReply
		if json.Unmarshal(buffer[:n], &r) != nil {
			return
		}
		if r.Exited {
			b.exited(reasonOfStatus(syscall.WaitStatus(r.Status)))
			continue
		}
		b.mu.Lock()
		if b.current != nil && r.Error == "" {
			b.metered(senderOf(rights[:m]))
		}
		b.mu.Unlock()
		b.replies <- r
	}
}

// metered begins to read how much memory a process uses.
func (b *box) metered(pid int) {
	memory := newMeter(pid)
	b.current.usage, b.onExit = memory.read, memory.close
}

// exited says that the process has ended, if there is one.
func (b *box) exited(reason string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.current == nil {
		return
	}
	b.current.reason = reason
	close(b.current.done)
	if b.onExit != nil {
		b.onExit()
	}
	b.current, b.onExit = nil, nil
}

func (b *box) start(c command) (*process, error) {
	p := &process{
		done:  make(chan struct{}),
		usage: func() usage { return usage{} },
		kill:  func() { _ = b.order(boxOrder{Kill: true}, nil) }, // else it is gone
	}
	b.mu.Lock()
	b.current = p
	b.mu.Unlock()
	err := b.order(boxOrder{Start: &boxStart{Argv: c.argv, Env: c.env, Dir: c.dir}}, c.output)
	if err == nil {
		err = b.reply()
	}
	if err == nil {
		return p, nil
	}
	b.mu.Lock()
	b.current = nil
	b.mu.Unlock()
	return nil, &os.PathError{Op: "fork/exec", Path: c.argv[0], Err: err}
}

// senderOf returns the process that a message was sent for.
func senderOf(rights []byte) int {
	messages, err := unix.ParseSocketControlMessage(rights)
	if err != nil {
		return 0
	}
	for i := range messages {
		if c, err := unix.ParseUnixCredentials(&messages[i]); err == nil {
			return int(c.Pid)
		}
	}
	return 0
}

func reasonOfStatus(s syscall.WaitStatus) string {
	switch {
	case s.Signaled():
		return "signal: " + s.Signal().String()
	case s.ExitStatus() != 0:
		return fmt.Sprintf("exit status %d", s.ExitStatus())
	}
	return ""
}
