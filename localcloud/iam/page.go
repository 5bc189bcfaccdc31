package iam

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/iamapi"
)

// defaultPage is how many items a list has that names no number.
const defaultPage = 100

// page returns one page of sorted keys: those after the marker, which is the
// last key of the page before, in base64.
func page(keys []string, marker *string, maxItems *int32) (items []string, next *string, truncated *bool, err error) {
	after, err := base64.RawURLEncoding.DecodeString(wire.Value(marker))
	if err != nil {
		return nil, nil, nil, wire.NewValidationError("Invalid Marker.")
	}
	items, next = wire.Page(keys, string(after), int(wire.ValueOr(maxItems, defaultPage)))
	if next != nil {
		next = new(base64.RawURLEncoding.EncodeToString([]byte(*next)))
	}
	return items, next, new(next != nil), nil
}

// escapeDocument writes a policy document as IAM answers it: percent-encoded.
func escapeDocument(document string) *string {
	return new(strings.ReplaceAll(url.QueryEscape(document), "+", "%20"))
}

// checkDocument refuses what is no JSON object.
func checkDocument(document string) error {
	var object map[string]json.RawMessage
	if json.Unmarshal([]byte(document), &object) != nil {
		return iamapi.NewMalformedPolicyDocumentException("This policy contains invalid Json")
	}
	return nil
}

// maxTags is how many tags a role or policy may have.
const maxTags = 50

// addTags returns tags with more added or replaced.
func addTags(tags map[string]string, more []iamapi.Tag) (map[string]string, error) {
	merged := maps.Clone(tags)
	if merged == nil {
		merged = map[string]string{}
	}
	seen := map[string]bool{}
	for _, t := range more {
		if lower := strings.ToLower(t.Key); seen[lower] {
			return nil, iamapi.NewInvalidInputException("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
		} else {
			seen[lower] = true
		}
		merged[t.Key] = t.Value
	}
	if len(merged) > maxTags {
		return nil, iamapi.NewLimitExceededException("The number of tags has reached the maximum limit.")
	}
	return merged, nil
}

// tagList returns tags sorted by key, nil when there are none.
func tagList(tags map[string]string) []iamapi.Tag {
	var list []iamapi.Tag
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		list = append(list, iamapi.Tag{Key: k, Value: tags[k]})
	}
	return list
}

// rootPath is that of a role or policy that names none.
const rootPath = "/"
