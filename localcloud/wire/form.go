package wire

import (
	"encoding/base64"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A formNode is what a form says below one prefix: Names.member.1=a is a chain
// of three nodes below the root.
type formNode struct {
	value    string
	hasValue bool
	children map[string]*formNode
}

// maxFormDepth bounds the dots in a name.
const maxFormDepth = 64

func malformedQuery(why string) *Error {
	return &Error{Code: "MalformedQueryString", Message: why, Status: 400}
}

// parseForm reads a body (or a URL's query) into a tree.
func parseForm(text string) (*formNode, *Error) {
	root := &formNode{}
	for text != "" {
		var pair string
		pair, text, _ = strings.Cut(text, "&")
		if pair == "" {
			continue
		}
		rawName, rawValue, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(rawName)
		if err != nil {
			return nil, malformedQuery("The query string is malformed: a name is not percent-encoded correctly.")
		}
		value, err := url.QueryUnescape(rawValue)
		if err != nil {
			return nil, malformedQuery("The query string is malformed: the value of " + name + " is not percent-encoded correctly.")
		}
		if strings.Count(name, ".") > maxFormDepth {
			return nil, malformedQuery("The query string is malformed: a name is nested too deeply.")
		}
		n := root
		for part := range strings.SplitSeq(name, ".") {
			child := n.children[part]
			if child == nil {
				child = &formNode{}
				if n.children == nil {
					n.children = map[string]*formNode{}
				}
				n.children[part] = child
			}
			n = child
		}
		n.value, n.hasValue = validText(value), true
	}
	return root, nil
}

func (n *formNode) child(name string) *formNode {
	if n == nil {
		return nil
	}
	return n.children[name]
}

// text returns the value of a child, or "".
func (n *formNode) text(name string) string {
	if c := n.child(name); c != nil {
		return c.value
	}
	return ""
}

// numbered returns the children whose names are numbers, in their order.
func (n *formNode) numbered() []*formNode {
	if n == nil {
		return nil
	}
	type entry struct {
		at int
		n  *formNode
	}
	var es []entry
	for name, c := range n.children {
		if at, err := strconv.Atoi(name); err == nil {
			es = append(es, entry{at, c})
		}
	}
	slices.SortFunc(es, func(a, b entry) int { return a.at - b.at })
	ns := make([]*formNode, len(es))
	for i, e := range es {
		ns[i] = e.n
	}
	return ns
}

// A formDecoder reads a tree into Go values.
type formDecoder struct{ walk }

func (d *formDecoder) structure(p *plan, v reflect.Value, n *formNode) *Error {
	var seen uint64
	for i := range p.members {
		m := &p.members[i]
		c := n.child(m.wire)
		// A flattened list may have its elements under their own name.
		if m.plan.kind == List && m.plan.shape.Flattened && m.plan.shape.ElemName != "" {
			c = n.child(m.plan.shape.ElemName)
		}
		if c == nil {
			continue
		}
		seen |= m.bit
		d.push(step{name: m.camel})
		if err := d.value(m.plan, m.slot(v), c); err != nil {
			return err
		}
		d.pop()
	}
	d.absent(p, seen)
	return nil
}

func (d *formDecoder) value(p *plan, v reflect.Value, n *formNode) *Error {
	switch p.kind {
	case Structure:
		return d.structure(p, v, n)
	case List:
		elems := n
		if !p.shape.Flattened {
			elems = n.child(elementName(p.shape))
		}
		list := elems.numbered()
		v.Set(reflect.MakeSlice(p.typ, len(list), len(list)))
		for i, c := range list {
			d.push(step{index: i + 1})
			if err := d.value(p.elem, v.Index(i), c); err != nil {
				return err
			}
			d.pop()
		}
		return nil
	case Map:
		entries := n
		if !p.shape.Flattened {
			entries = n.child("entry")
		}
		keyName, valueName := entryNames(p.shape)
		v.Set(reflect.MakeMap(p.typ))
		for _, c := range entries.numbered() {
			key, val := c.child(keyName), c.child(valueName)
			if key == nil {
				return malformedQuery("The query string is malformed: an entry of " + d.path.String() + " has no key.")
			}
			if val == nil {
				val = &formNode{}
			}
			elem := reflect.New(p.elem.typ).Elem()
			d.push(step{name: key.value, inMap: true})
			if err := d.value(p.elem, elem, val); err != nil {
				return err
			}
			d.pop()
			v.SetMapIndex(reflect.ValueOf(key.value), elem)
		}
		return nil
	default:
		if !setScalar(p, v, n.value) {
			return newFormMismatch(n.value, p.kind)
		}
		return nil
	}
}

func newFormMismatch(value string, k Kind) *Error {
	return &Error{
		Code:    "MalformedInput",
		Message: "The value '" + value + "' can not be converted to " + kindName(k) + ".",
		Status:  400,
	}
}

// elementName is the XML and form name of a list's elements.
func elementName(s *Shape) string {
	if s.ElemName != "" {
		return s.ElemName
	}
	return "member"
}

// entryNames are the XML and form names of a map's keys and values.
func entryNames(s *Shape) (key, value string) {
	key, value = "key", "value"
	if s.KeyName != "" {
		key = s.KeyName
	}
	if s.ElemName != "" {
		value = s.ElemName
	}
	return key, value
}

// setScalar reads a text as a form, a header, a path or XML has it; it returns
// false if the text is not of the kind.
func setScalar(p *plan, v reflect.Value, text string) bool {
	switch p.kind {
	case String:
		v.SetString(validText(text))
	case Boolean:
		switch strings.ToLower(text) {
		case "true":
			v.SetBool(true)
		case "false":
			v.SetBool(false)
		default:
			return false
		}
	case Integer, Long:
		n, ok := parseInteger(text, p.kind)
		if !ok {
			return false
		}
		v.SetInt(n)
	case Float, Double:
		f, ok := namedFloat(text)
		if !ok {
			var err error
			if f, err = strconv.ParseFloat(text, 64); err != nil {
				return false
			}
		}
		v.SetFloat(f)
	case Timestamp:
		t, ok := parseTime(text)
		if !ok {
			return false
		}
		v.Set(reflect.ValueOf(t))
	case Blob:
		b, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return false
		}
		v.SetBytes(b)
	default:
		return false
	}
	return true
}

// scalarText writes a scalar as XML, headers and paths have it.
func scalarText(p *plan, v reflect.Value, timeFormat string) string {
	switch p.kind {
	case String:
		return v.String()
	case Boolean:
		return strconv.FormatBool(v.Bool())
	case Integer, Long:
		return strconv.FormatInt(v.Int(), 10)
	case Float, Double:
		return string(appendDouble(nil, v.Float()))
	case Timestamp:
		return timeText(v.Interface().(time.Time), timeFormat)
	case Blob:
		return base64.StdEncoding.EncodeToString(v.Bytes())
	default:
		panic("wire: " + p.shape.Name + " is no scalar")
	}
}
