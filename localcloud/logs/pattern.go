package logs

import (
	"regexp"
	"strings"

	"github.com/crossfade-dev/crossfade/localcloud/wire/logsapi"
)

// parsePattern returns what says whether a message matches a filter pattern of
// terms: all of them must be in the message, one of those with a question mark
// in front, and none with a minus. A term may be a phrase in quotes, or a regular
// expression between percent signs. Patterns of JSON and of columns are refused.
//
// Source: CloudWatch Logs user guide, "Filter pattern syntax".
func parsePattern(pattern *string) (func(message string) bool, error) {
	if pattern == nil || strings.TrimSpace(*pattern) == "" {
		return func(string) bool { return true }, nil
	}
	text := strings.TrimSpace(*pattern)
	if text[0] == '{' || text[0] == '[' {
		return nil, logsapi.NewInvalidParameterException("The local cloud has no filter patterns for JSON and for columns, only for terms: " + text)
	}
	var all, some, none []func(string) bool
	for text != "" {
		into := &all
		switch text[0] {
		case '?':
			into, text = &some, text[1:]
		case '-':
			into, text = &none, text[1:]
		}
		var term func(string) bool
		var err error
		if term, text, err = readTerm(text); err != nil {
			return nil, err
		}
		*into = append(*into, term)
		text = strings.TrimLeft(text, " \t")
	}
	return func(message string) bool {
		for _, has := range all {
			if !has(message) {
				return false
			}
		}
		for _, has := range none {
			if has(message) {
				return false
			}
		}
		if len(some) == 0 || len(all) > 0 { // beside others, AWS ignores the terms of which one will do
			return true
		}
		for _, has := range some {
			if has(message) {
				return true
			}
		}
		return false
	}, nil
}

// readTerm reads the first term of text and returns what is left.
func readTerm(text string) (has func(string) bool, rest string, err error) {
	bad := logsapi.NewInvalidParameterException("Invalid filter pattern: " + text)
	switch {
	case text == "":
		return nil, "", bad
	case text[0] == '"':
		var phrase strings.Builder
		for i := 1; i < len(text); i++ {
			switch c := text[i]; {
			case c == '\\' && i+1 < len(text):
				i++
				phrase.WriteByte(text[i])
			case c == '"':
				return contains(phrase.String()), text[i+1:], nil
			default:
				phrase.WriteByte(c)
			}
		}
		return nil, "", bad
	case text[0] == '%':
		expression, after, ok := strings.Cut(text[1:], "%")
		re, err := regexp.Compile(expression)
		if !ok || err != nil {
			return nil, "", bad
		}
		return re.MatchString, after, nil
	default:
		term, after, _ := strings.Cut(text, " ")
		return contains(term), after, nil
	}
}

func contains(term string) func(string) bool {
	return func(message string) bool { return strings.Contains(message, term) }
}
