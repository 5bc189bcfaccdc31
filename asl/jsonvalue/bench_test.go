package jsonvalue

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"
)

// document returns about 18 KB of JSON with 200 objects.
func document() []byte {
	var b bytes.Buffer
	b.WriteString(`{"orders":[`)
	for i := range 200 {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"id":"order-%05d","price":%d.50,"quantity":%d,"open":%v,"tags":["a","b"],"note":null}`, i, i, i%7, i%2 == 0)
	}
	b.WriteString(`]}`)
	return b.Bytes()
}

func BenchmarkRoundTrip(b *testing.B) {
	text := document()
	b.Run("jsonvalue", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(text)))
		for b.Loop() {
			v, err := ParseBytes(text)
			if err != nil {
				b.Fatal(err)
			}
			_ = v.AppendJSON(make([]byte, 0, v.Size()))
		}
	})
	b.Run("encoding/json", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(text)))
		for b.Loop() {
			var v any
			if err := json.Unmarshal(text, &v); err != nil {
				b.Fatal(err)
			}
			if _, err := json.Marshal(v); err != nil {
				b.Fatal(err)
			}
		}
	})
}
