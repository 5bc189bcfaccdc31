package runtime

import (
	"bytes"
	"os"
	"sync"
)

// maxEntry is how long an entry of a log may be; a longer line becomes several.
//
// Source: CloudWatch Logs quotas, 256 KiB less what an event costs.
const maxEntry = 262_144 - 26

// output reads what a process writes to its standard output and error, which are
// one pipe, and gives it on in lines.
//
// A goroutine reads while the process runs. What was written before an answer
// must be in the log before the invocation's end is, so whoever handles the
// answer calls drain, which takes what the pipe holds at that moment.
type output struct {
	read  *os.File
	write *os.File // the process's end, until it has been started
	lines func([][]byte)
	ended chan struct{} // closed when the reader has ended

	mu     sync.Mutex
	buffer []byte // to read into; made when there is something to read
	part   []byte // of a line that has not ended
	closed bool
}

func newOutput(lines func([][]byte)) (*output, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	return &output{read: r, write: w, lines: lines, ended: make(chan struct{})}, nil
}

// started lets go of the process's end of the pipe, and begins to read.
func (o *output) started() {
	release(o.write)
	go func() {
		defer close(o.ended)
		o.pump()
	}()
}

// finish takes what is left, also a line without an end, and closes the pipe.
// Processes that still have its other end can write no more.
func (o *output) finish() {
	o.drain()
	o.mu.Lock()
	o.flushPart()
	o.closed = true
	o.mu.Unlock()
	release(o.read)
	<-o.ended
}

// abandon closes the pipe of a process that could not be started.
func (o *output) abandon() {
	release(o.write)
	release(o.read)
}

// flush gives on a line that has not ended, as an invocation's end does.
func (o *output) flush() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.flushPart()
}

func (o *output) flushPart() {
	if len(o.part) > 0 {
		o.lines([][]byte{o.part})
		o.part = nil
	}
}

// take cuts data into lines. The caller holds mu; data is read into again.
func (o *output) take(data []byte) {
	var lines [][]byte
	for len(data) > 0 {
		n := bytes.IndexByte(data, '\n') + 1
		whole := n > 0
		if !whole {
			n = len(data)
		}
		if room := maxEntry - len(o.part); n > room {
			n, whole = room, true
		}
		if !whole {
			o.part = append(o.part, data[:n]...)
			break
		}
		lines = append(lines, append(o.part, data[:n]...))
		o.part = nil
		data = data[n:]
	}
	if len(lines) > 0 {
		o.lines(lines)
	}
}
