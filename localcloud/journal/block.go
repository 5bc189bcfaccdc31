package journal

import (
	"encoding/binary"
	"errors"
)

// blockFormat is the first byte of every block.
const blockFormat = 1

// An entry is one record inside a block:
//
//	op (0 put, 1 delete) · length of key · key · length of value · value
//
// with lengths as unsigned varints.
type entry struct {
	key, value []byte
	deleted    bool
	raw        []byte // all of the above, as it lies in the block
}

// appendEntry adds a record to a block.
func appendEntry(block []byte, r Record) []byte {
	op, value := byte(0), r.Value
	if r.Delete {
		op, value = 1, nil
	}
	block = append(block, op)
	block = binary.AppendUvarint(block, uint64(len(r.Key)))
	block = append(block, r.Key...)
	block = binary.AppendUvarint(block, uint64(len(value)))
	return append(block, value...)
}

var errTorn = errors.New("a block of the journal cannot be read")

// eachEntry calls yield for every entry of a block, in order. The slices are
// parts of the block.
func eachEntry(block []byte, yield func(n int, e entry) error) error {
	if len(block) == 0 || block[0] != blockFormat {
		return errTorn
	}
	rest := block[1:]
	for n := 0; len(rest) > 0; n++ {
		e := entry{deleted: rest[0] == 1}
		at := 1
		for _, part := range []*[]byte{&e.key, &e.value} {
			length, width := binary.Uvarint(rest[at:])
			if width <= 0 || uint64(len(rest)-at-width) < length {
				return errTorn
			}
			at += width
			*part = rest[at : at+int(length)]
			at += int(length)
		}
		e.raw, rest = rest[:at], rest[at:]
		if err := yield(n, e); err != nil {
			return err
		}
	}
	return nil
}
