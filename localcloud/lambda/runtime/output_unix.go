//go:build unix

package runtime

import "syscall"

// pump reads until the pipe has no writer any more, or was closed.
func (o *output) pump() {
	raw, err := o.read.SyscallConn()
	if err != nil {
		return
	}
	// The function is called when there is something to read; false means to
	// wait for more.
	_ = raw.Read(o.takeAll)
}

// takeAll reads until the pipe is empty. It says whether reading is over.
func (o *output) takeAll(fd uintptr) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return true
	}
	if o.buffer == nil {
		// Not before now: most environments that print do so with each event.
		o.buffer = make([]byte, 4096)
	}
	for {
		n, err := syscall.Read(int(fd), o.buffer)
		switch {
		case n > 0:
			o.take(o.buffer[:n])
			if n == len(o.buffer) && n < 65536 {
				o.buffer = make([]byte, 65536)
			}
		case err == syscall.EINTR:
		case err == syscall.EAGAIN:
			return false
		default:
			return true
		}
	}
}

// drain takes what the pipe holds now. It may run beside pump, which waits
// without holding the pipe.
func (o *output) drain() {
	raw, err := o.read.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) { o.takeAll(fd) })
}
