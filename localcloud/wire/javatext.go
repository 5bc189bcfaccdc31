package wire

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// AWS's services are written in Java, and its messages and XML show values as
// Java prints them. This file does the same.

// appendDouble appends f as Java's Double.toString: at least one digit after the
// point, and an exponent outside of [0.001, 10,000,000).
func appendDouble(b []byte, f float64) []byte {
	switch {
	case math.IsNaN(f):
		return append(b, "NaN"...)
	case math.IsInf(f, 1):
		return append(b, "Infinity"...)
	case math.IsInf(f, -1):
		return append(b, "-Infinity"...)
	case f == 0:
		if math.Signbit(f) {
			b = append(b, '-')
		}
		return append(b, "0.0"...)
	}
	if a := math.Abs(f); a >= 1e-3 && a < 1e7 {
		start := len(b)
		b = strconv.AppendFloat(b, f, 'f', -1, 64)
		if !slices.Contains(b[start:], '.') {
			b = append(b, ".0"...)
		}
		return b
	}
	mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(f, 'e', -1, 64), "e")
	b = append(b, mantissa...)
	if !strings.Contains(mantissa, ".") {
		b = append(b, ".0"...)
	}
	n, _ := strconv.Atoi(exponent)
	b = append(b, 'E')
	return strconv.AppendInt(b, int64(n), 10)
}

// javaText returns a value as the toString of its Java class: lists in brackets,
// maps in braces, structures as Name(member=value, ...).
func javaText(p *plan, v reflect.Value) string {
	switch p.kind {
	case Structure:
		var parts []string
		for i := range p.members {
			m := &p.members[i]
			text := "null"
			if mv, ok := m.get(v); ok {
				text = javaText(m.plan, mv)
			}
			parts = append(parts, m.camel+"="+text)
		}
		return p.shape.Name + "(" + strings.Join(parts, ", ") + ")"
	case List:
		parts := make([]string, v.Len())
		for i := range parts {
			parts[i] = javaText(p.elem, v.Index(i))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case Map:
		var parts []string
		for _, k := range sortedKeys(v) {
			parts = append(parts, k+"="+javaText(p.elem, v.MapIndex(reflect.ValueOf(k))))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case String:
		return v.String()
	case Boolean:
		return strconv.FormatBool(v.Bool())
	case Integer, Long:
		return strconv.FormatInt(v.Int(), 10)
	case Float, Double:
		return string(appendDouble(nil, v.Float()))
	case Timestamp:
		return v.Interface().(time.Time).UTC().Format("Mon Jan 02 15:04:05 UTC 2006")
	case Blob:
		return fmt.Sprintf("java.nio.HeapByteBuffer[pos=0 lim=%[1]d cap=%[1]d]", v.Len())
	default:
		panic(fmt.Sprintf("wire: kind %d", p.kind))
	}
}

// sortedKeys returns the keys of a map of strings in order, so that answers do
// not differ from one call to the next.
func sortedKeys(v reflect.Value) []string {
	keys := make([]string, 0, v.Len())
	for it := v.MapRange(); it.Next(); {
		keys = append(keys, it.Key().String())
	}
	slices.Sort(keys)
	return keys
}
