// Package routing deals the starts of an alias to versions, so that every deck
// of starts holds each version exactly as often as its weight says.
//
// AWS draws each start independently: of 2,000 starts through a 10/90 alias
// some 200 take the smaller share, give or take 40. A [Dealer] deals a shuffled
// deck instead. Any hundred starts, counted from the first one after the
// routing was set, hold the exact shares, in an order that nobody can foresee.
// Small experiments then mean something, and no caller can tell the difference
// from a lucky draw.
package routing

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
)

// maxCards bounds a deck, so that shares in a fine unit do not cost memory per
// alias without limit.
const maxCards = 1 << 16

// A Dealer deals shares. It is safe for concurrent use: a card costs one atomic
// addition, and only the start of a new deck takes a lock.
type Dealer struct {
	shares []int
	only   int // the index of the only share, or -1
	deck   atomic.Pointer[deck]

	mu     sync.Mutex // guards random and who may lay down the next deck
	random rand.Source
}

// A deck is a shuffled list of share indexes and how many have been asked for.
type deck struct {
	cards []uint8
	dealt atomic.Uint32
}

// New returns a dealer for shares: the number of cards that each entry has in a
// deck, 0 or more, at most 256 entries and 65,536 cards, at least one card.
// Shares that break this are a bug of the caller and panic. The dealer keeps
// random for itself and shuffles with it.
//
// A deck has as many cards as the sum of the shares: 10 and 90 make decks of a
// hundred. Nothing is dealt ahead; a new routing starts with a new dealer, and
// so with a new deck.
func New(shares []int, random rand.Source) *Dealer {
	if len(shares) > 256 {
		panic(fmt.Sprintf("routing: %d shares, want at most 256", len(shares)))
	}
	d := &Dealer{shares: append([]int(nil), shares...), only: -1, random: random}
	sum, holders := 0, 0
	for i, n := range shares {
		if n < 0 {
			panic(fmt.Sprintf("routing: share %d is %d, want 0 or more", i, n))
		}
		if sum += n; n > 0 {
			holders++
			d.only = i
		}
	}
	if sum < 1 || sum > maxCards {
		panic(fmt.Sprintf("routing: shares %v sum to %d, want 1 to %d", shares, sum, maxCards))
	}
	if holders > 1 {
		d.only = -1
	}
	return d
}

// Deal returns the index of the share that serves one request.
func (d *Dealer) Deal() int {
	if d.only >= 0 {
		return d.only
	}
	for {
		current := d.deck.Load()
		if current != nil {
			if n := int(current.dealt.Add(1)) - 1; n < len(current.cards) {
				return int(current.cards[n])
			}
		}
		d.layDown(current)
	}
}

// layDown replaces a deck that ran out. Whoever comes second finds it done.
func (d *Dealer) layDown(after *deck) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.deck.Load() != after {
		return
	}
	next := &deck{}
	for i, n := range d.shares {
		for range n {
			next.cards = append(next.cards, uint8(i))
		}
	}
	rand.New(d.random).Shuffle(len(next.cards), func(i, j int) {
		next.cards[i], next.cards[j] = next.cards[j], next.cards[i]
	})
	d.deck.Store(next)
}
