package codedeploy

import (
	"encoding/base64"
	"slices"
	"strconv"

	"github.com/crossfade-dev/crossfade/localcloud/wire/codedeployapi"
)

// pageSize is how many items a list has at once.
const pageSize = 100

// page returns the items after those of the pages before, of which the token
// tells how many there were.
func page[T any](items []T, token *string) (part []T, next *string, err error) {
	from := 0
	if token != nil && *token != "" {
		text, err := base64.RawURLEncoding.DecodeString(*token)
		if err == nil {
			from, err = strconv.Atoi(string(text))
		}
		if err != nil || from < 0 {
			return nil, nil, codedeployapi.NewInvalidNextTokenException("The next token was specified in an invalid format.")
		}
	}
	items = items[min(from, len(items)):]
	if len(items) > pageSize {
		items = items[:pageSize]
		next = new(base64.RawURLEncoding.EncodeToString([]byte(strconv.Itoa(from + pageSize))))
	}
	return slices.Concat([]T{}, items), next, nil
}
