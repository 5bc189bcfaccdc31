package lambda

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"

	"github.com/crossfade-dev/crossfade/localcloud/wire"
)

// compactJSON returns a value as JSON without any room in it.
func compactJSON(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(fmt.Sprintf("lambda: encode %T: %v", v, err))
	}
	return string(bytes.TrimRight(b.Bytes(), "\n"))
}

// validation is the error of a constraint that the model does not have.
func validation(text string) error {
	return wire.NewValidationError("1 validation error detected: " + text)
}

// page returns the part of a sorted list that was asked for, at most size items,
// and the marker of what follows it.
func page[T any](items []T, key func(T) string, marker *string, size *int32, most int) ([]T, *string, error) {
	n := most
	if size != nil && int(*size) < n {
		n = int(*size)
	}
	if marker != nil && *marker != "" {
		after, err := base64.RawURLEncoding.DecodeString(*marker)
		if err != nil {
			return nil, nil, invalid("Invalid marker: " + *marker)
		}
		for len(items) > 0 && key(items[0]) <= string(after) {
			items = items[1:]
		}
	}
	if len(items) <= n {
		return items, nil, nil
	}
	items = items[:n]
	next := base64.RawURLEncoding.EncodeToString([]byte(key(items[n-1])))
	return items, &next, nil
}

// standardPage is how many items most lists show at most.
//
// Source: API reference, "MaxItems: … at most 50 items in each response".
const standardPage = 50
