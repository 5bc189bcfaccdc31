package wire

// Optional returns a pointer to v for a member that an answer leaves out when it
// is empty: nil when v is its type's zero.
func Optional[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

// Value returns what a member points to, or its type's zero when a request left
// it out.
func Value[T any](member *T) T {
	var zero T
	return ValueOr(member, zero)
}

// ValueOr returns what a member points to, or otherwise when a request left it
// out.
func ValueOr[T any](member *T, otherwise T) T {
	if member == nil {
		return otherwise
	}
	return *member
}

// Shown makes an absent list an empty one, for answers that show a list also
// when nothing is in it.
func Shown[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
