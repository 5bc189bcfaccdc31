package wire

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"reflect"
	"strings"
)

// An xmlNode is an element of a request's document. Namespaces and attributes
// say nothing that the model does not know.
type xmlNode struct {
	name     string
	text     strings.Builder
	children []*xmlNode
}

func newMalformedXML() *Error {
	return &Error{
		Code:    "MalformedXML",
		Message: "The XML you provided was not well-formed or did not validate against our published schema",
		Status:  http.StatusBadRequest,
	}
}

// parseXML reads a document into a tree.
func parseXML(body []byte) (*xmlNode, *Error) {
	d := xml.NewDecoder(bytes.NewReader(body))
	var root *xmlNode
	var open []*xmlNode
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, newMalformedXML()
		}
		switch t := token.(type) {
		case xml.StartElement:
			n := &xmlNode{name: t.Name.Local}
			switch {
			case len(open) > maxDepth || len(open) == 0 && root != nil:
				return nil, newMalformedXML()
			case len(open) == 0:
				root = n
			default:
				parent := open[len(open)-1]
				parent.children = append(parent.children, n)
			}
			open = append(open, n)
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			if len(open) > 0 {
				open[len(open)-1].text.Write(t)
			}
		}
	}
	if root == nil {
		return nil, newMalformedXML()
	}
	return root, nil
}

// named returns the children of that name.
func (n *xmlNode) named(name string) []*xmlNode {
	var found []*xmlNode
	for _, c := range n.children {
		if c.name == name {
			found = append(found, c)
		}
	}
	return found
}

// An xmlDecoder reads a tree into Go values.
type xmlDecoder struct{ walk }

func (d *xmlDecoder) structure(p *plan, v reflect.Value, n *xmlNode) *Error {
	var seen uint64
	for i := range p.members {
		m := &p.members[i]
		if m.Location != Body {
			continue
		}
		found := n.named(m.wire)
		if len(found) == 0 {
			continue
		}
		seen |= m.bit
		d.push(step{name: m.camel})
		var err *Error
		switch {
		case m.plan.kind == List && m.plan.shape.Flattened:
			err = d.list(m.plan, m.slot(v), found)
		case m.plan.kind == List:
			err = d.list(m.plan, m.slot(v), found[0].named(elementName(m.plan.shape)))
		default:
			err = d.value(m.plan, m.slot(v), found[0])
		}
		if err != nil {
			return err
		}
		d.pop()
	}
	d.absent(p, seen)
	return nil
}

func (d *xmlDecoder) list(p *plan, v reflect.Value, elems []*xmlNode) *Error {
	v.Set(reflect.MakeSlice(p.typ, len(elems), len(elems)))
	for i, n := range elems {
		d.push(step{index: i + 1})
		if err := d.value(p.elem, v.Index(i), n); err != nil {
			return err
		}
		d.pop()
	}
	return nil
}

func (d *xmlDecoder) value(p *plan, v reflect.Value, n *xmlNode) *Error {
	switch p.kind {
	case Structure:
		return d.structure(p, v, n)
	case List:
		return d.list(p, v, n.named(elementName(p.shape)))
	case Map:
		v.Set(reflect.MakeMap(p.typ))
		keyName, valueName := entryNames(p.shape)
		for _, entry := range n.named("entry") {
			key, val := entry.named(keyName), entry.named(valueName)
			if len(key) == 0 || len(val) == 0 {
				return newMalformedXML()
			}
			elem := reflect.New(p.elem.typ).Elem()
			if err := d.value(p.elem, elem, val[0]); err != nil {
				return err
			}
			v.SetMapIndex(reflect.ValueOf(key[0].text.String()), elem)
		}
		return nil
	default:
		text := n.text.String()
		if p.kind != String {
			text = strings.TrimSpace(text)
		}
		if !setScalar(p, v, text) {
			return newMalformedXML()
		}
		return nil
	}
}
