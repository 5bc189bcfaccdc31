package sfn

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"hash/crc32"
)

// partFormat is the first byte of a part of a history as it is kept. Older
// releases kept parts as JSON, whose first byte is a brace.
const partFormat = 1

// A historyPart is what one step added to a history. It is kept as
//
//	format · state machine · execution · part · events · texts · data · check sum
//
// where a text is its length and its bytes, a list its length and its elements,
// and numbers are unsigned varints; the check sum is a CRC-32C of what is before
// it, in four bytes.
type historyPart struct {
	machine string // its id
	name    string
	part    int
	events  *packedEvents
}

var (
	castagnoli   = crc32.MakeTable(crc32.Castagnoli)
	errTornPart  = errors.New("the part of the history is damaged")
	errPartAhead = errors.New("the part of the history was written by a newer version of this program")
)

func (p historyPart) encode() []byte {
	size := 64 + len(p.machine) + len(p.name) + len(p.events.data)
	for _, text := range p.events.texts {
		size += len(text) + binary.MaxVarintLen32
	}
	b := make([]byte, 0, size)
	b = append(b, partFormat)
	b = appendText(b, p.machine)
	b = appendText(b, p.name)
	b = binary.AppendUvarint(b, uint64(p.part))
	b = binary.AppendUvarint(b, uint64(p.events.count))
	b = binary.AppendUvarint(b, uint64(len(p.events.texts)))
	for _, text := range p.events.texts {
		b = appendText(b, text)
	}
	b = binary.AppendUvarint(b, uint64(len(p.events.data)))
	b = append(b, p.events.data...)
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

func appendText(b []byte, text string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}

// decodePart reads a part in any of its forms. It keeps nothing of value.
func decodePart(value []byte) (historyPart, error) {
	switch {
	case len(value) == 0:
		return historyPart{}, errTornPart
	case value[0] == '{':
		var rec historyRecord
		if err := json.Unmarshal(value, &rec); err != nil {
			return historyPart{}, err
		}
		return historyPart{machine: rec.Machine, name: rec.Name, part: rec.Part, events: packEvents(rec.Events)}, nil
	case value[0] != partFormat:
		return historyPart{}, errPartAhead
	case len(value) < 1+crc32.Size:
		return historyPart{}, errTornPart
	}
	body, sum := value[:len(value)-crc32.Size], value[len(value)-crc32.Size:]
	if crc32.Checksum(body, castagnoli) != binary.LittleEndian.Uint32(sum) {
		return historyPart{}, errTornPart
	}
	// The sum says that these are the bytes that encode wrote, so the lengths hold.
	r := partReader{body[1:]}
	p := historyPart{machine: string(r.bytes()), name: string(r.bytes()), part: r.number()}
	p.events = &packedEvents{count: r.number(), texts: make([]string, r.number())}
	for i := range p.events.texts {
		p.events.texts[i] = string(r.bytes())
	}
	p.events.data = append([]byte(nil), r.bytes()...)
	return p, nil
}

// A partReader reads what encode wrote.
type partReader struct{ rest []byte }

func (r *partReader) number() int {
	n, width := binary.Uvarint(r.rest)
	r.rest = r.rest[width:]
	return int(n)
}

func (r *partReader) bytes() []byte {
	n := r.number()
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}
