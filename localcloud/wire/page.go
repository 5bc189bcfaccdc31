package wire

import "slices"

// Page returns a page of sorted keys: the first size ones after a key, which need
// not be there any more. next is what the following page comes after; nil when
// there is none.
func Page(keys []string, after string, size int) (page []string, next *string) {
	i, found := slices.BinarySearch(keys, after)
	if found {
		i++
	}
	keys = keys[i:]
	if len(keys) <= size {
		return keys, nil
	}
	return keys[:size], &keys[size-1]
}
