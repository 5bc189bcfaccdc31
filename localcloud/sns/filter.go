package sns

import (
	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
	"github.com/crossfade-dev/crossfade/localcloud/events/pattern"
)

// The scopes of a filter policy.
const (
	scopeAttributes = "MessageAttributes"
	scopeBody       = "MessageBody"
)

// A filter says which messages a subscription wants. The zero filter wants all.
type filter struct {
	policy *pattern.Pattern
	body   bool // it looks at the message, and not at its attributes
}

// readFilter reads the filter policy among the attributes of a subscription.
func readFilter(attributes map[string]string) (filter, error) {
	scope := attributes["FilterPolicyScope"]
	if scope != "" && scope != scopeAttributes && scope != scopeBody {
		return filter{}, invalid("FilterPolicyScope: Invalid value [%s]. Please use either MessageBody or MessageAttributes", scope)
	}
	text := attributes["FilterPolicy"]
	if text == "" || text == "{}" {
		return filter{}, nil
	}
	p, err := pattern.Parse(text)
	if err != nil {
		return filter{}, invalid("FilterPolicy: %v", err)
	}
	f := filter{policy: &p, body: scope == scopeBody}
	if !f.body && p.Nested() {
		return filter{}, invalid("Filter policy scope MessageAttributes does not support nested filter policy")
	}
	return f, nil
}

// wants says whether a message passes.
func (f filter) wants(m *message) bool {
	if f.policy == nil {
		return true
	}
	if f.body {
		v, err := jsonvalue.Parse(m.Text)
		return err == nil && v.Kind() == jsonvalue.KindObject && f.policy.Matches(v)
	}
	var b jsonvalue.ObjectBuilder
	for name, a := range m.Attributes {
		b.Set(name, a.value())
	}
	return f.policy.Matches(b.Value())
}

// value is an attribute as a filter sees it.
func (a attribute) value() jsonvalue.Value {
	switch a.Type {
	case "Number":
		if n := jsonvalue.Number(a.Value); n.IsDefined() {
			return n
		}
	case "String.Array":
		if v, err := jsonvalue.Parse(a.Value); err == nil {
			return v
		}
	case "Binary":
		return jsonvalue.Value{} // filters do not look into it
	}
	return jsonvalue.String(a.Value)
}
