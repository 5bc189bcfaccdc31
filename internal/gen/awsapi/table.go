package main

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// table emits the description of the service for package wire. It consists of
// literals only, so that it is part of the program's data and costs nothing at
// start.
func (g *generator) table(b *bytes.Buffer) {
	g.header(b, g.wire)
	md := &g.Metadata
	signing := md.SigningName
	if signing == "" {
		signing = md.EndpointPrefix
	}
	fmt.Fprintf(b, "// Service is the description of the API for package wire.\nvar Service = wire.Service{\n")
	fmt.Fprintf(b, "ID: %q,\nName: %q,\nSigningName: %q,\nAPIVersion: %q,\n",
		md.ServiceID, strings.ToLower(strings.ReplaceAll(md.ServiceID, " ", "")), signing, md.APIVersion)
	fmt.Fprintf(b, "Protocols: []wire.Protocol{%s},\n", strings.Join(g.protocols(), ", "))
	if md.TargetPrefix != "" {
		fmt.Fprintf(b, "TargetPrefix: %q,\n", md.TargetPrefix)
	}
	if md.XMLNamespace != "" {
		fmt.Fprintf(b, "XMLNamespace: %q,\n", md.XMLNamespace)
	}
	if g.errorNamespace != "" {
		fmt.Fprintf(b, "ErrorNamespace: %q,\n", g.errorNamespace)
	}
	if md.AWSQueryCompatible != nil {
		b.WriteString("QueryCompatible: true,\n")
	}
	b.WriteString("Operations: operations[:],\nShapes: shapes[:],\n")
	if len(g.exceptions) > 0 {
		b.WriteString("Errors: errorShapes[:],\n")
	}
	b.WriteString("}\n\n")

	b.WriteString("// The operations, for wire.Op.\nvar (\n")
	for i, name := range g.ops {
		op := g.Operations[name]
		fmt.Fprintf(b, "\t%s = wire.Typed[%s, %s]{Operation: &operations[%d]}\n",
			name, g.structOrNothing(op.Input), g.structOrNothing(op.Output), i)
	}
	b.WriteString(")\n\n")

	fmt.Fprintf(b, "var operations = [...]wire.Operation{\n")
	for _, name := range g.ops {
		op := g.Operations[name]
		fmt.Fprintf(b, "{Name: %q, Input: %s, Output: %s, Method: %q, URI: %q", name, g.ref(op.Input), g.ref(op.Output), op.HTTP.Method, op.HTTP.RequestURI)
		if op.HTTP.ResponseCode != 0 && op.HTTP.ResponseCode != 200 {
			fmt.Fprintf(b, ", Status: %d", op.HTTP.ResponseCode)
		}
		root := op.root
		if root == "" && op.Output != nil {
			root = op.Output.ResultWrapper
		}
		if root != "" {
			fmt.Fprintf(b, ", ResultWrapper: %q", root)
		}
		if op.unwrapped {
			b.WriteString(", Unwrapped: true")
		}
		b.WriteString("},\n")
	}
	b.WriteString("}\n\n")

	if len(g.exceptions) > 0 {
		b.WriteString("var errorShapes = [...]wire.ErrorShape{\n")
		for _, name := range g.exceptions {
			s := g.Shapes[name]
			fmt.Fprintf(b, "{Name: %q", name)
			if s.Error != nil && s.Error.Code != "" && s.Error.Code != name {
				fmt.Fprintf(b, ", QueryCode: %q", s.Error.Code)
			}
			fmt.Fprintf(b, ", Status: %d", g.errorStatus(name))
			if s.Fault || g.errorStatus(name) >= 500 {
				b.WriteString(", Server: true")
			}
			fmt.Fprintf(b, ", Shape: %d},\n", g.index[name])
		}
		b.WriteString("}\n\n")
	}

	b.WriteString("var shapes = [...]wire.Shape{\n")
	for i, name := range g.shapes {
		g.shapeRow(b, i, name)
	}
	b.WriteString("}\n")
}

func (g *generator) protocols() []string {
	names := map[string]string{
		"query":              "wire.Query",
		"rest-json":          "wire.RestJSON",
		"rest-xml":           "wire.RestXML",
		"smithy-rpc-v2-cbor": "wire.CBOR",
	}
	var ps []string
	for _, p := range g.Metadata.Protocols {
		switch {
		case p == "json" && g.Metadata.JSONVersion == "1.1":
			ps = append(ps, "wire.JSON11")
		case p == "json":
			ps = append(ps, "wire.JSON10")
		case names[p] != "":
			ps = append(ps, names[p])
		default:
			panic("unknown protocol " + p)
		}
	}
	return ps
}

func (g *generator) structOrNothing(r *ref) string {
	if r == nil {
		return "wire.Nothing"
	}
	return exported(r.Shape)
}

func (g *generator) ref(r *ref) string {
	if r == nil {
		return "wire.None"
	}
	return strconv.Itoa(g.index[r.Shape])
}

var kinds = map[string]string{
	"structure": "Structure", "list": "List", "map": "Map", "string": "String", "boolean": "Boolean",
	"integer": "Integer", "long": "Long", "float": "Float", "double": "Double", "timestamp": "Timestamp", "blob": "Blob",
}

func (g *generator) shapeRow(b *bytes.Buffer, i int, name string) {
	s := g.Shapes[name]
	fmt.Fprintf(b, "%d: {Name: %q, Kind: wire.%s", i, name, kinds[s.Type])
	if s.Min != nil || s.Max != nil {
		b.WriteString(", Range: &wire.Range{")
		if s.Min != nil {
			fmt.Fprintf(b, "Min: %s, HasMin: true, ", s.Min)
		}
		if s.Max != nil {
			fmt.Fprintf(b, "Max: %s, HasMax: true", s.Max)
		}
		b.WriteString("}")
	}
	if s.Pattern != "" {
		fmt.Fprintf(b, ", Pattern: %s", goString(s.Pattern))
	}
	if len(s.Enum) > 0 {
		fmt.Fprintf(b, ", Enum: %#v", enumOrder(s.Enum))
	}
	switch s.Type {
	case "list":
		fmt.Fprintf(b, ", Elem: %d", g.index[s.Member.Shape])
		if s.Member.LocationName != "" {
			fmt.Fprintf(b, ", ElemName: %q", s.Member.LocationName)
		}
	case "map":
		fmt.Fprintf(b, ", Key: %d, Elem: %d", g.index[s.Key.Shape], g.index[s.Value.Shape])
		if s.Key.LocationName != "" {
			fmt.Fprintf(b, ", KeyName: %q", s.Key.LocationName)
		}
		if s.Value.LocationName != "" {
			fmt.Fprintf(b, ", ElemName: %q", s.Value.LocationName)
		}
	}
	for _, f := range []struct {
		name string
		set  bool
	}{{"Flattened", s.Flattened}, {"Union", s.Union}, {"NullElems", s.nullElems}} {
		if f.set {
			fmt.Fprintf(b, ", %s: true", f.name)
		}
	}
	if s.TimestampFormat != "" {
		fmt.Fprintf(b, ", TimeFormat: %q", s.TimestampFormat)
	}
	if s.Payload != "" {
		fmt.Fprintf(b, ", Payload: %q", s.Payload)
	}
	if len(s.Members) > 0 {
		b.WriteString(", Members: []wire.Member{\n")
		for _, m := range s.Members {
			g.memberRow(b, s, m)
		}
		b.WriteString("}")
	}
	b.WriteString("},\n")
}

var locations = map[string]string{
	"header": "Header", "headers": "Headers", "uri": "URI", "querystring": "QueryString", "statusCode": "StatusCode",
}

func (g *generator) memberRow(b *bytes.Buffer, s *shape, m member) {
	fmt.Fprintf(b, "{Name: %q, Shape: %d", m.name, g.index[m.Shape])
	if slices.Contains(s.Required, m.name) {
		b.WriteString(", Required: true")
	}
	if m.Location != "" {
		l := locations[m.Location]
		if l == "" {
			panic("unknown location " + m.Location)
		}
		fmt.Fprintf(b, ", Location: wire.%s", l)
	}
	if m.LocationName != "" {
		fmt.Fprintf(b, ", LocationName: %q", m.LocationName)
	}
	if m.TimestampFormat != "" {
		fmt.Fprintf(b, ", TimeFormat: %q", m.TimestampFormat)
	}
	if m.IdempotencyToken {
		b.WriteString(", IdempotencyToken: true")
	}
	if m.Streaming || g.Shapes[m.Shape].Streaming {
		b.WriteString(", Streaming: true")
	}
	b.WriteString("},\n")
}

// goString returns text as a Go literal, raw where that is legible.
func goString(text string) string {
	if strconv.CanBackquote(text) {
		return "`" + text + "`"
	}
	return strconv.Quote(text)
}
