package events

import (
	"strings"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
	"github.com/crossfade-dev/crossfade/localcloud/wire/eventsapi"
)

// placeholders returns the names between < and > in a template.
func placeholders(template string) []string {
	var names []string
	for {
		_, after, ok := strings.Cut(template, "<")
		if !ok {
			return names
		}
		name, rest, ok := strings.Cut(after, ">")
		if !ok {
			return names
		}
		if isName(name) {
			names = append(names, name)
			template = rest
		} else {
			template = after
		}
	}
}

// isName says whether a text is the name of a variable: any other < is text.
func isName(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(c rune) bool {
		return c != '_' && c != '-' && c != '.' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z')
	})
}

// transform fills a template in with what its variables find in the event: as JSON,
// but inside a quoted text as text. A variable that finds nothing leaves an empty
// text.
//
// Source: EventBridge User Guide, "Amazon EventBridge input transformation".
func transform(r *rule, t *eventsapi.InputTransformer, d *delivery) (string, error) {
	values := map[string]jsonvalue.Value{
		"aws.events.rule-arn":             jsonvalue.String(r.ARN),
		"aws.events.rule-name":            jsonvalue.String(r.Name),
		"aws.events.event.ingestion-time": jsonvalue.String(d.At.Format("2006-01-02T15:04:05Z")),
		"aws.events.event":                d.Event.Without("detail"),
		"aws.events.event.json":           d.Event,
	}
	for name, path := range t.InputPathsMap {
		v, err := lookUp(path, d.Event)
		if err != nil {
			return "", err
		}
		if v.Kind() == jsonvalue.KindNull {
			v = jsonvalue.String("")
		}
		values[name] = v
	}
	var b strings.Builder
	quoted := false
	template := t.InputTemplate
	for i := 0; i < len(template); i++ {
		switch c := template[i]; {
		case c == '\\' && quoted && i+1 < len(template):
			b.WriteString(template[i : i+2])
			i++
			continue
		case c == '"':
			quoted = !quoted
		case c == '<':
			name, _, closed := strings.Cut(template[i+1:], ">")
			if v, known := values[name]; closed && known {
				b.WriteString(inserted(v, quoted))
				i += len(name) + 1
				continue
			}
		}
		b.WriteByte(template[i])
	}
	return b.String(), nil
}

// inserted writes a value into a template.
func inserted(v jsonvalue.Value, quoted bool) string {
	if !quoted {
		return v.String()
	}
	text := v.String()
	if v.Kind() == jsonvalue.KindString {
		text = v.Str()
	}
	escaped := jsonvalue.String(text).String()
	return escaped[1 : len(escaped)-1]
}
