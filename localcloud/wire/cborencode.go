package wire

import (
	"encoding/binary"
	"fmt"
	"math"
	"reflect"
	"time"
)

// appendCBORHead appends the head of an item in its shortest form.
func appendCBORHead(b []byte, major byte, n uint64) []byte {
	major <<= 5
	switch {
	case n < 24:
		return append(b, major|byte(n))
	case n <= math.MaxUint8:
		return append(b, major|24, byte(n))
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(b, major|25), uint16(n))
	case n <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(b, major|26), uint32(n))
	default:
		return binary.BigEndian.AppendUint64(append(b, major|27), n)
	}
}

func appendCBORText(b []byte, s string) []byte {
	s = validText(s)
	return append(appendCBORHead(b, cborText, uint64(len(s))), s...)
}

func appendCBORInt(b []byte, n int64) []byte {
	if n < 0 {
		return appendCBORHead(b, cborNegative, uint64(-1-n))
	}
	return appendCBORHead(b, cborUnsigned, uint64(n))
}

func appendCBORFloat(b []byte, f float64) []byte {
	return binary.BigEndian.AppendUint64(append(b, cborSimple<<5|cborDouble), math.Float64bits(f))
}

// appendCBOR appends a value, all lengths definite.
func appendCBOR(b []byte, p *plan, v reflect.Value) []byte {
	switch p.kind {
	case Structure:
		n := 0
		for i := range p.members {
			if _, ok := p.members[i].get(v); ok {
				n++
			}
		}
		b = appendCBORHead(b, cborMap, uint64(n))
		return appendCBORMembers(b, p, v)
	case List:
		b = appendCBORHead(b, cborArray, uint64(v.Len()))
		for i := range v.Len() {
			b = appendCBOR(b, p.elem, v.Index(i))
		}
		return b
	case Map:
		b = appendCBORHead(b, cborMap, uint64(v.Len()))
		for _, k := range sortedKeys(v) {
			b = appendCBORText(b, k)
			b = appendCBOR(b, p.elem, v.MapIndex(reflect.ValueOf(k)))
		}
		return b
	case String:
		return appendCBORText(b, v.String())
	case Boolean:
		if v.Bool() {
			return append(b, cborSimple<<5|cborTrue)
		}
		return append(b, cborSimple<<5|cborFalse)
	case Integer, Long:
		return appendCBORInt(b, v.Int())
	case Float, Double:
		return appendCBORFloat(b, v.Float())
	case Timestamp:
		ms := v.Interface().(time.Time).UnixMilli()
		b = appendCBORHead(b, cborTag, 1)
		if ms%1000 == 0 {
			return appendCBORInt(b, ms/1000)
		}
		return appendCBORFloat(b, float64(ms)/1000)
	case Blob:
		data := v.Bytes()
		return append(appendCBORHead(b, cborBytes, uint64(len(data))), data...)
	default:
		panic(fmt.Sprintf("wire: kind %d", p.kind))
	}
}

// appendCBORMembers appends names and values of the members that are present.
func appendCBORMembers(b []byte, p *plan, v reflect.Value) []byte {
	for i := range p.members {
		m := &p.members[i]
		if mv, ok := m.get(v); ok {
			b = appendCBORText(b, m.wire)
			b = appendCBOR(b, m.plan, mv)
		}
	}
	return b
}
