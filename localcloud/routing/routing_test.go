package routing_test

import (
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/crossfade-dev/crossfade/localcloud/routing"
)

func TestEveryDeckHoldsTheExactShares(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		weight := rapid.IntRange(0, 100).Draw(t, "weight")
		decks := rapid.IntRange(1, 20).Draw(t, "decks")
		seed := rapid.Uint64().Draw(t, "seed")
		d := routing.New([]int{weight, 100 - weight}, rand.NewPCG(seed, 1))
		for deck := range decks {
			var got [2]int
			for range 100 {
				got[d.Deal()]++
			}
			if want := [2]int{weight, 100 - weight}; got != want {
				t.Fatalf("deck %d (seed %d) dealt %v, want %v", deck, seed, got, want)
			}
		}
	})
}

func TestConcurrentClientsGetTheExactSharesTogether(t *testing.T) {
	const clients, each = 32, 2000 / 32
	d := routing.New([]int{10, 90}, rand.NewPCG(7, 7))
	var wg sync.WaitGroup
	counts := make([][2]int, clients)
	for c := range clients {
		n := each
		if c < 2000%clients {
			n++
		}
		wg.Go(func() {
			for range n {
				counts[c][d.Deal()]++
			}
		})
	}
	wg.Wait()
	var got [2]int
	for _, c := range counts {
		got[0] += c[0]
		got[1] += c[1]
	}
	if want := [2]int{200, 1800}; got != want {
		t.Errorf("2,000 starts of 32 clients were dealt %v, want %v", got, want)
	}
}

func TestTheOrderIsShuffledAndTheSeedRepeatsIt(t *testing.T) {
	deal := func(seed uint64) []int {
		d := routing.New([]int{30, 70}, rand.NewPCG(seed, 0))
		var got []int
		for range 200 {
			got = append(got, d.Deal())
		}
		return got
	}
	first := deal(1)
	if !slices.Equal(first, deal(1)) {
		t.Error("seed 1 gave two different orders")
	}
	if slices.Equal(first, deal(2)) {
		t.Error("seeds 1 and 2 gave the same order")
	}
	if slices.Equal(first[:100], first[100:]) {
		t.Error("two decks in a row have the same order (seed 1)")
	}
}

func TestAShareOfZeroIsNeverDealt(t *testing.T) {
	d := routing.New([]int{0, 100}, rand.NewPCG(1, 1))
	for i := range 500 {
		if got := d.Deal(); got != 1 {
			t.Fatalf("start %d went to share %d, which has no weight", i, got)
		}
	}
}

func TestSharesWithoutACardPanic(t *testing.T) {
	for _, shares := range [][]int{nil, {0}, {-1, 101}, {1 << 17}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("New(%v) accepted the shares", shares)
				}
			}()
			routing.New(shares, rand.NewPCG(1, 1))
		}()
	}
}

func BenchmarkDealParallel(b *testing.B) {
	d := routing.New([]int{10, 90}, rand.NewPCG(1, 1))
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			d.Deal()
		}
	})
}
