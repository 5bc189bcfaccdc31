package wire_test

import (
	"slices"
	"testing"

	"github.com/crossfade-dev/crossfade/localcloud/wire"
)

func TestPagesShowEachKeyOnceAlsoWhenTheLastOneShownIsGone(t *testing.T) {
	keys := []string{"a", "b", "c", "d", "e"}
	var shown []string
	after := ""
	for {
		page, next := wire.Page(keys, after, 2)
		shown = append(shown, page...)
		if next == nil {
			break
		}
		after = *next
		keys = slices.DeleteFunc(slices.Clone(keys), func(k string) bool { return k == after })
	}
	if want := []string{"a", "b", "c", "d", "e"}; !slices.Equal(shown, want) {
		t.Errorf("the pages show %v, want %v", shown, want)
	}
	if page, next := wire.Page([]string{"a", "b"}, "", 2); len(page) != 2 || next != nil {
		t.Errorf("a list that fits: got %v and a next page %v, want both and none", page, next)
	}
}
