package runtime

import (
	"io"
	"os"
)

// A command says what to start.
type command struct {
	argv   []string
	env    []string
	dir    string
	output *os.File // standard output and error
}

// A process is a running program with all that it has started.
type process struct {
	// done is closed once it and what it started are gone.
	done chan struct{}
	// reason says how it ended, once done is closed: "exit status 1", "signal:
	// killed", or nothing when it said it went well.
	reason string
	// kill ends it. It does not wait, and may be called again.
	kill func()
	// usage returns what memory it uses, or used last. One goroutine at a time
	// may call it.
	usage func() usage
}

// usage is how much memory a process uses, in bytes. Where the system does not
// tell, it is zero.
type usage struct {
	peak int64 // the most that was in memory at once
	held int64 // what is in memory now that only it can free
}

// over says whether the process has ended.
func (p *process) over() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// A host starts the processes of one environment, one at a time.
type host interface {
	start(c command) (*process, error)
	// close ends the host and everything on it, and waits for that.
	close()
}

// release closes what was only read, or is given up. There is nothing to do
// about it if that fails.
func release(c io.Closer) { c.Close() }
