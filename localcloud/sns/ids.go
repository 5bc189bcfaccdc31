package sns

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"sync"

	"github.com/crossfade-dev/crossfade/localcloud/random"
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
	r.mu.Lock()
	defer r.mu.Unlock()
	return random.ReadUUID(r.source)
}
