package main

import (
	"strings"
	"unicode"
)

// exported returns name with its first letter in upper case.
func exported(name string) string {
	return strings.ToUpper(name[:1]) + name[1:]
}

// enumName returns the part of a constant's name that stands for value: words
// begin with capitals, and what cannot be in a Go name is left out. "TIMED_OUT"
// becomes TimedOut, "python3.12" Python312, "GreaterThanThreshold" stays.
func enumName(value string) string {
	shouting := value == strings.ToUpper(value)
	var b strings.Builder
	start := true
	for _, r := range value {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			start = true
			continue
		}
		switch {
		case start:
			b.WriteRune(unicode.ToUpper(r))
		case shouting:
			b.WriteRune(unicode.ToLower(r))
		default:
			b.WriteRune(r)
		}
		start = false
	}
	return b.String()
}

// enumOrder returns the values of an enumeration in the order in which AWS's
// validation messages list them. AWS prints a hash set: 32 buckets, or more for
// sets that would fill those by three quarters; a value's bucket is given by the
// low bits of its Java hash code; in a bucket the last inserted value is first.
// Found by experiment: every set in the recorded messages has this order.
func enumOrder(values []string) []string {
	n := 32
	for len(values) > n*3/4 {
		n *= 2
	}
	buckets := make([][]string, n)
	for _, v := range values {
		var h uint32
		for _, r := range v {
			h = 31*h + uint32(r)
		}
		i := h & uint32(n-1)
		buckets[i] = append([]string{v}, buckets[i]...)
	}
	ordered := make([]string, 0, len(values))
	for _, b := range buckets {
		ordered = append(ordered, b...)
	}
	return ordered
}
