// Package random hands out random numbers and ids from one source to everybody in
// a service.
package random

import (
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"time"
)

// A Source draws from another one, which it then owns. It is safe for concurrent
// use.
type Source struct {
	mu   sync.Mutex
	from rand.Source
}

// New returns a source that draws from another one.
func New(from rand.Source) *Source { return &Source{from: from} }

// Uint64 returns a random number. It makes a Source a [rand.Source].
func (s *Source) Uint64() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.from.Uint64()
}

// Reseed makes all draws from now on differ from those after the same seed and
// another epoch.
func (s *Source) Reseed(epoch uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.from = rand.NewPCG(s.from.Uint64(), epoch)
}

// UUID returns a random UUID.
func (s *Source) UUID() string { return UUID(s.Uint64(), s.Uint64()) }

// Trace returns the value of the header X-Amzn-Trace-Id for a trace that begins
// now and that nobody samples.
//
// Source: AWS X-Ray Developer Guide, "Tracing header".
func (s *Source) Trace(now time.Time) string {
	return fmt.Sprintf("Root=1-%08x-%08x%016x;Parent=%016x;Sampled=0", uint32(now.Unix()), uint32(s.Uint64()), s.Uint64(), s.Uint64())
}

// ReadUUID returns a UUID of bytes that r gives. The error is that of r.
func ReadUUID(r io.Reader) (string, error) {
	var b [16]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return "", fmt.Errorf("make an id: %w", err)
	}
	return UUID(binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])), nil
}

// UUID writes 128 bits, of which six are overwritten, as a UUID of version 4.
//
// Source: RFC 9562, section 5.4.
func UUID(high, low uint64) string {
	high = high&^0xf000 | 0x4000     // version 4
	low = low&^(0b11<<62) | 0b10<<62 // the variant of the RFC
	const digits = "0123456789abcdef"
	var text [36]byte
	at := 0
	for _, half := range [2]uint64{high, low} {
		for shift := 60; shift >= 0; shift -= 4 {
			if at == 8 || at == 13 || at == 18 || at == 23 {
				text[at] = '-'
				at++
			}
			text[at] = digits[half>>shift&0xf]
			at++
		}
	}
	return string(text[:])
}
