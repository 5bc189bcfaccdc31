package random_test

import (
	"bytes"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/crossfade-dev/crossfade/localcloud/random"
)

func TestUUIDsHaveTheirVersionAndVariantAndAllOtherBits(t *testing.T) {
	for _, test := range []struct {
		high, low uint64
		want      string
	}{
		{0, 0, "00000000-0000-4000-8000-000000000000"},
		{^uint64(0), ^uint64(0), "ffffffff-ffff-4fff-bfff-ffffffffffff"},
		{0x0123456789abcdef, 0xfedcba9876543210, "01234567-89ab-4def-bedc-ba9876543210"},
	} {
		if got := random.UUID(test.high, test.low); got != test.want {
			t.Errorf("UUID(%x, %x) = %s, want %s", test.high, test.low, got, test.want)
		}
	}
	got, err := random.ReadUUID(bytes.NewReader([]byte("\x01\x23\x45\x67\x89\xab\xcd\xef\xfe\xdc\xba\x98\x76\x54\x32\x10")))
	if want := "01234567-89ab-4def-bedc-ba9876543210"; err != nil || got != want {
		t.Errorf("ReadUUID: got %s and error %v, want %s", got, err, want)
	}
	if got, err := random.ReadUUID(strings.NewReader("too short")); err == nil {
		t.Errorf("ReadUUID of too few bytes: got %s, want an error", got)
	}
}

func TestTheSameSeedInAnotherEpochGivesOtherIDs(t *testing.T) {
	seen := map[string]uint64{}
	for epoch := range uint64(3) {
		s := random.New(rand.NewPCG(1, 2))
		s.Reseed(epoch)
		for range 10 {
			id := s.UUID()
			if before, ok := seen[id]; ok {
				t.Errorf("epoch %d gives %s again, after epoch %d", epoch, id, before)
			}
			seen[id] = epoch
		}
	}
}

func TestATraceTellsWhenItBegan(t *testing.T) {
	got := random.New(rand.NewPCG(1, 2)).Trace(time.Unix(0x66000000, 0))
	if !regexp.MustCompile(`^Root=1-66000000-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=0$`).MatchString(got) {
		t.Errorf("got %s", got)
	}
}
