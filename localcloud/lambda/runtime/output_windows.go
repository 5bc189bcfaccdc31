package runtime

// pump reads until the pipe has no writer any more, or was closed.
func (o *output) pump() {
	buffer := make([]byte, 4096)
	for {
		n, err := o.read.Read(buffer)
		o.mu.Lock()
		if !o.closed {
			o.take(buffer[:n])
		}
		o.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// drain does nothing: a pipe of Windows cannot be read without waiting, so that
// lines may come after an invocation's end.
func (o *output) drain() {}
