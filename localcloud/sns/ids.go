package sns

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"sync"
)

// ids makes names that nobody has had before.
type ids struct {
	mu     *sync.Mutex
	source io.Reader
}

func newIDs(source io.Reader) ids {
	if source == nil {
		source = rand.Reader
	}
	return ids{mu: &sync.Mutex{}, source: source}
}

// hex returns random hexadecimal digits of n bytes.
func (r ids) hex(n int) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	b := make([]byte, n)
	if _, err := io.ReadFull(r.source, b); err != nil {
		return "", fmt.Errorf("make an id: %w", err)
	}
	return hex.EncodeToString(b), nil
}

// uuid returns a random UUID of version 4.
func (r ids) uuid() (string, error) {
	const size = 16
	x, err := r.hex(size)
	if err != nil {
		return "", err
	}
	return x[:8] + "-" + x[8:12] + "-4" + x[13:16] + "-8" + x[17:20] + "-" + x[20:], nil
}
