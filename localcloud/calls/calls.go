// Package calls runs what may take long or wait, such as outgoing calls, outside
// of every lock of a service and in a bounded number of goroutines, which exist
// only while there is something to do.
package calls

import "sync"

// A Pool runs functions, each soon and in the order in which they came. It is
// safe for concurrent use.
type Pool struct {
	limit int

	mu      sync.Mutex
	running int
	waiting []func()
	idle    *sync.Cond // made by who waits for the end
}

// New returns a pool that runs so many functions at once; 0 means 256.
func New(limit int) *Pool {
	if limit == 0 {
		limit = 256
	}
	return &Pool{limit: limit}
}

// Submit has f run soon. It does not wait.
func (p *Pool) Submit(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.running == p.limit {
		p.waiting = append(p.waiting, f)
		return
	}
	p.running++
	go p.run(f)
}

func (p *Pool) run(f func()) {
	for f != nil {
		f()
		f = p.next()
	}
}

// next returns what has waited longest, or nil, after which the goroutine ends.
func (p *Pool) next() func() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.waiting) > 0 {
		f := p.waiting[0]
		p.waiting[0] = nil
		if p.waiting = p.waiting[1:]; len(p.waiting) == 0 {
			p.waiting = nil
		}
		return f
	}
	p.running--
	if p.running == 0 && p.idle != nil {
		p.idle.Broadcast()
	}
	return nil
}

// Wait waits until nothing runs.
func (p *Pool) Wait() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.idle == nil {
		p.idle = sync.NewCond(&p.mu)
	}
	for p.running > 0 {
		p.idle.Wait()
	}
}
