package runtime

import (
	"os/exec"
	"strings"
)

// plainHost starts processes without a sandbox.
type plainHost struct {
	spawner *spawner
	// mark is in the environment of every process, and in no other's.
	mark   string
	limits limits
}

// limits bound what one process may use.
type limits struct {
	fileSize int64 // of one file, in bytes
}

func (r *Runtime) newPlainHost(e *environment) host {
	return &plainHost{
		spawner: r.spawner, mark: "AWS_LAMBDA_LOG_STREAM_NAME=" + e.stream,
		limits: limits{fileSize: int64(e.version.EphemeralStorageMB) << 20},
	}
}

func (h *plainHost) start(c command) (*process, error) {
	cmd := &exec.Cmd{Path: c.argv[0], Args: c.argv, Env: c.env, Dir: c.dir, Stdout: c.output, Stderr: c.output}
	if err := h.spawner.start(cmd); err != nil {
		return nil, err
	}
	group, err := newGroup(cmd, h.mark, h.limits)
	if err != nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		return nil, err
	}
	memory := newMeter(cmd.Process.Pid)
	p := &process{done: make(chan struct{}), kill: group.kill, usage: memory.read}
	go func() {
		defer close(p.done)
		group.awaitLeader()
		group.kill() // what it left behind
		p.reason = reasonOf(cmd.Wait())
		group.close()
		memory.close()
	}()
	return p, nil
}

func (h *plainHost) close() {}

// reasonOf words how a process ended as AWS does; empty when it ended well.
func reasonOf(err error) string {
	if err == nil {
		return ""
	}
	return strings.TrimSuffix(err.Error(), " (core dumped)")
}
