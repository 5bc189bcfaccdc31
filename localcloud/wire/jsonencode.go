package wire

import (
	"encoding/base64"
	"fmt"
	"math"
	"reflect"
	"time"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

// A jsonStyle is what distinguishes JSON answers.
type jsonStyle struct {
	// integration writes results for state machines: member names with a
	// capital, timestamps as ISO 8601, blobs as text.
	integration bool
}

// appendJSON appends a value; structures have the members that belong into the
// body.
func (st jsonStyle) appendJSON(b []byte, p *plan, v reflect.Value) []byte {
	switch p.kind {
	case Structure:
		b = append(b, '{')
		first := true
		for i := range p.members {
			m := &p.members[i]
			if m.Location != Body && !st.integration {
				continue
			}
			mv, ok := m.get(v)
			if !ok {
				continue
			}
			if !first {
				b = append(b, ',')
			}
			first = false
			if st.integration {
				b = append(b, m.exportedKey...)
			} else {
				b = append(b, m.jsonKey...)
			}
			if m.plan.kind == Timestamp && m.TimeFormat != "" && !st.integration {
				b = appendJSONTime(b, mv, m.TimeFormat)
				continue
			}
			b = st.appendJSON(b, m.plan, mv)
		}
		return append(b, '}')
	case List:
		b = append(b, '[')
		for i := range v.Len() {
			if i > 0 {
				b = append(b, ',')
			}
			b = st.appendJSON(b, p.elem, v.Index(i))
		}
		return append(b, ']')
	case Map:
		b = append(b, '{')
		for i, k := range sortedKeys(v) {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendJSONString(b, k)
			b = append(b, ':')
			b = st.appendJSON(b, p.elem, v.MapIndex(reflect.ValueOf(k)))
		}
		return append(b, '}')
	case String:
		return appendJSONString(b, v.String())
	case Boolean:
		if v.Bool() {
			return append(b, "true"...)
		}
		return append(b, "false"...)
	case Integer, Long:
		return appendInt(b, v.Int())
	case Float, Double:
		f := v.Float()
		if math.IsNaN(f) || math.IsInf(f, 0) {
			b = append(b, '"')
			b = appendDouble(b, f)
			return append(b, '"')
		}
		return appendDouble(b, f)
	case Timestamp:
		format := p.shape.TimeFormat
		if st.integration {
			format = formatISO8601
		}
		return appendJSONTime(b, v, format)
	case Blob:
		if p.stream {
			return appendJSONString(b, string(v.Addr().Interface().(*Stream).collected))
		}
		if st.integration {
			return appendJSONString(b, string(v.Bytes()))
		}
		b = append(b, '"')
		b = base64.StdEncoding.AppendEncode(b, v.Bytes())
		return append(b, '"')
	default:
		panic(fmt.Sprintf("wire: kind %d", p.kind))
	}
}

func appendJSONTime(b []byte, v reflect.Value, format string) []byte {
	t := v.Interface().(time.Time)
	if format == "" || format == formatUnix {
		return appendEpoch(b, t)
	}
	b = append(b, '"')
	b = append(b, timeText(t, format)...)
	return append(b, '"')
}

// appendJSONString appends s in quotes. Bytes that are no text become U+FFFD.
func appendJSONString(b []byte, s string) []byte { return jsonvalue.AppendQuoted(b, validText(s)) }
