package lambda

import "sync"

// calls runs asynchronous invocations and other things that may take long,
// outside of every lock, in a bounded number of goroutines. They exist only
// while there is something to do.
type calls struct {
	limit int

	mu      sync.Mutex
	running int
	waiting []func()
	idle    *sync.Cond // made by who waits for the end
}

// submit has f run soon. It does not wait.
func (c *calls) submit(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.running == c.limit {
		c.waiting = append(c.waiting, f)
		return
	}
	c.running++
	go c.run(f)
}

func (c *calls) run(f func()) {
	for f != nil {
		f()
		f = c.next()
	}
}

// next returns what has waited longest, or nil, after which the goroutine ends.
func (c *calls) next() func() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.waiting) > 0 {
		f := c.waiting[0]
		c.waiting[0] = nil
		if c.waiting = c.waiting[1:]; len(c.waiting) == 0 {
			c.waiting = nil
		}
		return f
	}
	c.running--
	if c.running == 0 && c.idle != nil {
		c.idle.Broadcast()
	}
	return nil
}

// wait waits until nothing runs.
func (c *calls) wait() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.idle == nil {
		c.idle = sync.NewCond(&c.mu)
	}
	for c.running > 0 {
		c.idle.Wait()
	}
}
