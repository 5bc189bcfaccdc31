package controller

import "sync"

// news tells those who wait that something was stored about a rollout.
type news struct {
	mu   sync.Mutex
	wait map[string]chan struct{}
}

func newNews() *news { return &news{wait: make(map[string]chan struct{})} }

// of returns a channel that is closed at the next news of a rollout.
func (n *news) of(id string) <-chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	ch := n.wait[id]
	if ch == nil {
		ch = make(chan struct{})
		n.wait[id] = ch
	}
	return ch
}

// tell wakes everybody who waits for news of a rollout.
func (n *news) tell(id string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if ch := n.wait[id]; ch != nil {
		close(ch)
		delete(n.wait, id)
	}
}
