package suite

import (
	"math"
	"math/bits"
)

// A stream is a source of draws: xoshiro256** of Blackman and Vigna, whose numbers
// are the same in every release of Go and on every machine.
type stream struct{ s [4]uint64 }

// newStream returns the stream of a seed, spread by splitmix64.
func newStream(seed uint64) *stream {
	var r stream
	for i := range r.s {
		seed += 0x9e3779b97f4a7c15
		r.s[i] = mix(seed)
	}
	return &r
}

// mix is the finalizer of splitmix64.
func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// hash is FNV-1a of a name: a scenario keeps its draws when others come or go.
func hash(name string) uint64 {
	h := uint64(0xcbf29ce484222325)
	for _, c := range []byte(name) {
		h = (h ^ uint64(c)) * 0x100000001b3
	}
	return h
}

func (r *stream) next() uint64 {
	result := bits.RotateLeft64(r.s[1]*5, 7) * 9
	t := r.s[1] << 17
	r.s[2] ^= r.s[0]
	r.s[3] ^= r.s[1]
	r.s[1] ^= r.s[2]
	r.s[0] ^= r.s[3]
	r.s[2] ^= t
	r.s[3] = bits.RotateLeft64(r.s[3], 45)
	return result
}

// uniform is in [0, 1).
func (r *stream) uniform() float64 { return float64(r.next()>>11) * 0x1p-53 }

// below is in 0, …, n−1; for the small n used here its bias is nothing.
func (r *stream) below(n int) int {
	hi, _ := bits.Mul64(r.next(), uint64(n))
	return int(hi)
}

// exponential has a mean.
func (r *stream) exponential(mean float64) float64 { return -mean * math.Log1p(-r.uniform()) }

// poisson draws a number of events. Large means use PTRS (Hörmann, The
// transformed rejection method for generating Poisson random variables, 1993).
func (r *stream) poisson(mean float64) int {
	if mean <= 0 {
		return 0
	}
	if mean < 10 {
		n, p, limit := 0, r.uniform(), math.Exp(-mean)
		for p > limit {
			p *= r.uniform()
			n++
		}
		return n
	}
	b := 0.931 + 2.53*math.Sqrt(mean)
	a := -0.059 + 0.02483*b
	inverse := 1.1239 + 1.1328/(b-3.4)
	vr := 0.9277 - 3.6224/(b-2)
	for {
		u, v := r.uniform()-0.5, r.uniform()
		us := 0.5 - math.Abs(u)
		k := math.Floor((2*a/us+b)*u + mean + 0.43)
		if us >= 0.07 && v <= vr {
			return int(k)
		}
		if k < 0 || us < 0.013 && v > us {
			continue
		}
		if math.Log(v*inverse/(a/(us*us)+b)) <= k*math.Log(mean)-mean-logFactorial(k) {
			return int(k)
		}
	}
}

// binomial draws how many of n have a property of probability p. Large numbers
// use BTRS (Hörmann, The generation of binomial random variates, 1993).
func (r *stream) binomial(n int, p float64) int {
	switch {
	case n <= 0 || p <= 0:
		return 0
	case p >= 1:
		return n
	case p > 0.5:
		return n - r.binomial(n, 1-p)
	case float64(n)*p < 10:
		return r.inverted(n, p)
	}
	nf := float64(n)
	spread := math.Sqrt(nf * p * (1 - p))
	b := 1.15 + 2.53*spread
	a := -0.0873 + 0.0248*b + 0.01*p
	c := nf*p + 0.5
	vr := 0.92 - 4.2/b
	alpha := (2.83 + 5.1/b) * spread
	mode := math.Floor((nf + 1) * p)
	odds, h := 0.0, math.NaN() // most draws need neither
	for {
		u, v := r.uniform()-0.5, r.uniform()
		us := 0.5 - math.Abs(u)
		k := math.Floor((2*a/us+b)*u + c)
		if k < 0 || k > nf {
			continue
		}
		if us >= 0.07 && v <= vr {
			return int(k)
		}
		if math.IsNaN(h) {
			odds, h = math.Log(p/(1-p)), logFactorial(mode)+logFactorial(nf-mode)
		}
		v = math.Log(v * alpha / (a/(us*us) + b))
		if v <= h-logFactorial(k)-logFactorial(nf-k)+(k-mode)*odds {
			return int(k)
		}
	}
}

// inverted draws by walking up the distribution.
func (r *stream) inverted(n int, p float64) int {
	q := 1 - p
	chance := math.Exp(float64(n) * math.Log1p(-p))
	u := r.uniform()
	for k := 0; k < n; k++ {
		if u < chance {
			return k
		}
		u -= chance
		chance *= float64(n-k) / float64(k+1) * p / q
	}
	return n
}

func logFactorial(k float64) float64 {
	l, _ := math.Lgamma(k + 1)
	return l
}
