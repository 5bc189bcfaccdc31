package journal

import (
	"encoding/json"
	"fmt"
)

// A Record is a value by kind and key, or the end of one.
type Record struct {
	// Kind names what the value is, with its service: "sfn.machine". Each kind
	// is loaded on its own.
	Kind string
	// Key tells records of a kind apart.
	Key string
	// Value is what Load gives back. The journal keeps no reference to it.
	Value []byte
	// Delete removes the record; Value is then ignored.
	Delete bool
}

// JSON returns a record with a value that JSON can always say; it panics when
// JSON cannot.
func JSON(kind, key string, value any) Record {
	text, err := json.Marshal(value)
	if err != nil {
		panic(fmt.Sprintf("journal: encode %s %s: %v", kind, key, err))
	}
	return Record{Kind: kind, Key: key, Value: text}
}

// Deletion returns the end of a record.
func Deletion(kind, key string) Record { return Record{Kind: kind, Key: key, Delete: true} }

// FromJSON makes of take, which wants the values of records made by [JSON], what
// Load calls for each.
func FromJSON[T any](take func(key string, value T) error) func(key string, value []byte) error {
	return func(key string, text []byte) error {
		var value T
		if err := json.Unmarshal(text, &value); err != nil {
			return err
		}
		return take(key, value)
	}
}

// NextEpoch counts the users of a journal: it returns 1 to the first who asks for
// a kind, 2 to the next, also after a restart.
func NextEpoch(j interface {
	Commit(records ...Record) error
	Load(kind string, yield func(key string, value []byte) error) error
}, kind string) (uint64, error) {
	var epoch uint64
	err := j.Load(kind, FromJSON(func(_ string, last uint64) error {
		epoch = last
		return nil
	}))
	if err != nil {
		return 0, err
	}
	epoch++
	return epoch, j.Commit(JSON(kind, "epoch", epoch))
}
