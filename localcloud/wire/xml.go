package wire

import (
	"reflect"
	"unicode/utf8"
)

// appendXMLMembers appends the members of a structure that are present, each as
// an element.
func appendXMLMembers(b []byte, p *plan, v reflect.Value) []byte {
	for i := range p.members {
		m := &p.members[i]
		mv, ok := m.get(v)
		if !ok || m.Location != Body {
			continue
		}
		format := m.TimeFormat
		if format == "" {
			format = m.plan.shape.TimeFormat
		}
		b = appendXML(b, m.wire, m.plan, mv, format)
	}
	return b
}

// appendXML appends a value as the element name. An empty list or map is an
// empty element, unless it is flattened: then it is nothing at all.
func appendXML(b []byte, name string, p *plan, v reflect.Value, timeFormat string) []byte {
	switch p.kind {
	case Structure:
		b = openXML(b, name)
		b = appendXMLMembers(b, p, v)
		return closeXML(b, name)
	case List:
		if p.shape.Flattened {
			if p.shape.ElemName != "" {
				name = p.shape.ElemName
			}
			for i := range v.Len() {
				b = appendXML(b, name, p.elem, v.Index(i), p.elem.shape.TimeFormat)
			}
			return b
		}
		if v.Len() == 0 {
			return emptyXML(b, name)
		}
		b = openXML(b, name)
		elem := elementName(p.shape)
		for i := range v.Len() {
			b = appendXML(b, elem, p.elem, v.Index(i), p.elem.shape.TimeFormat)
		}
		return closeXML(b, name)
	case Map:
		entry := "entry"
		if p.shape.Flattened {
			entry = name
		} else {
			if v.Len() == 0 {
				return emptyXML(b, name)
			}
			b = openXML(b, name)
		}
		keyName, valueName := entryNames(p.shape)
		for _, k := range sortedKeys(v) {
			b = openXML(b, entry)
			b = textXML(b, keyName, k)
			b = appendXML(b, valueName, p.elem, v.MapIndex(reflect.ValueOf(k)), p.elem.shape.TimeFormat)
			b = closeXML(b, entry)
		}
		if !p.shape.Flattened {
			b = closeXML(b, name)
		}
		return b
	default:
		return textXML(b, name, scalarText(p, v, timeFormat))
	}
}

func openXML(b []byte, name string) []byte {
	b = append(b, '<')
	b = append(b, name...)
	return append(b, '>')
}

func closeXML(b []byte, name string) []byte {
	b = append(b, '<', '/')
	b = append(b, name...)
	return append(b, '>')
}

func emptyXML(b []byte, name string) []byte {
	b = append(b, '<')
	b = append(b, name...)
	return append(b, '/', '>')
}

// textXML appends an element that holds text.
func textXML(b []byte, name, text string) []byte {
	if text == "" {
		return emptyXML(b, name)
	}
	b = openXML(b, name)
	b = appendXMLText(b, text)
	return closeXML(b, name)
}

// appendXMLText appends text with what XML cannot hold replaced: the markup and
// line ends by references, so that parsers keep them, and control characters,
// which XML 1.0 forbids, by U+FFFD.
func appendXMLText(b []byte, text string) []byte {
	for i, r := range text {
		switch r {
		case '<':
			b = append(b, "&lt;"...)
		case '>':
			b = append(b, "&gt;"...)
		case '&':
			b = append(b, "&amp;"...)
		case '"':
			b = append(b, "&quot;"...)
		case '\r':
			b = append(b, "&#13;"...)
		case '\t', '\n':
			b = append(b, byte(r))
		case utf8.RuneError, 0xFFFE, 0xFFFF:
			b = utf8.AppendRune(b, utf8.RuneError)
		default:
			if r < ' ' {
				b = utf8.AppendRune(b, utf8.RuneError)
				continue
			}
			b = append(b, text[i:i+utf8.RuneLen(r)]...)
		}
	}
	return b
}

// queryAnswer is the body of a successful answer in the query protocol.
func queryAnswer(b []byte, s *Service, op *Operation, p *plan, v reflect.Value, requestID string) []byte {
	response := op.Name + "Response"
	b = append(b, '<')
	b = append(b, response...)
	b = append(b, ` xmlns="`...)
	b = append(b, s.XMLNamespace...)
	b = append(b, `">`...)
	if p != nil {
		wrapper := op.ResultWrapper
		if wrapper == "" {
			wrapper = op.Name + "Result"
		}
		b = openXML(b, wrapper)
		b = appendXMLMembers(b, p, v)
		b = closeXML(b, wrapper)
	}
	b = openXML(b, "ResponseMetadata")
	b = textXML(b, "RequestId", requestID)
	b = closeXML(b, "ResponseMetadata")
	return closeXML(b, response)
}

// queryFailure is the body of an error in the query protocol. fields appends
// the further members of the error.
func queryFailure(b []byte, namespace string, e *Error, fields func([]byte) []byte, requestID string) []byte {
	b = append(b, "<ErrorResponse"...)
	if namespace != "" {
		b = append(b, ` xmlns="`...)
		b = append(b, namespace...)
		b = append(b, '"')
	}
	b = append(b, "><Error>"...)
	b = textXML(b, "Type", e.faultName())
	b = textXML(b, "Code", e.queryCode())
	b = textXML(b, "Message", e.Message)
	b = fields(b)
	b = closeXML(b, "Error")
	b = textXML(b, "RequestId", requestID)
	return closeXML(b, "ErrorResponse")
}

// s3Failure is the body of an error in S3's way, which is also how requests are
// refused that no service claims. fields appends the further members of the error.
func s3Failure(b []byte, e *Error, fields func([]byte) []byte, resource, requestID string) []byte {
	b = append(b, xmlHead+"<Error>"...)
	b = textXML(b, "Code", s3Code(e))
	b = textXML(b, "Message", e.Message)
	b = fields(b)
	b = textXML(b, "Resource", resource)
	b = textXML(b, "RequestId", s3RequestID(requestID))
	b = textXML(b, "HostId", s3HostID(requestID))
	return append(b, "</Error>"...)
}
