package wire

import (
	"fmt"
	"reflect"
	"strings"
	"sync"
	"time"
)

// A plan joins a shape with the Go type that holds its values, so that decoding
// and encoding look nothing up by name that they could know beforehand. Plans
// are made once per operation, at its first request.
type plan struct {
	shape *Shape
	kind  Kind
	typ   reflect.Type

	key, elem *plan // of maps and lists

	members []memberPlan
	// byName finds a member by its name in a JSON or CBOR body; names, by its
	// name in the model with a capital, as integrations of state machines write it.
	byName, byExported map[string]int
	// required has a bit for each required scalar: a plain value in Go, whose
	// absence only the decoder can see.
	required uint64

	stream bool // a blob that a *Stream holds

	match func(string) bool // nil without pattern
	// checked says that the shape or something in it has a constraint.
	checked bool
}

type memberPlan struct {
	*Member
	plan *plan
	// index is the field's in the Go structure; pointer says that the field is
	// a pointer to the plan's type.
	index   int
	pointer bool
	// bit is the member's in plan.required; 0 for all that can be nil in Go.
	bit uint64
	// camel is the name in messages; jsonKey and exportedKey are the name as
	// written into JSON, with quotes and colon.
	camel                string
	jsonKey, exportedKey string
	// wire is the name in XML, forms and CBOR.
	wire string
}

var (
	timeType   = reflect.TypeFor[time.Time]()
	streamType = reflect.TypeFor[Stream]()
)

// A planner makes the plans of one service.
type planner struct {
	service *Service
	mu      sync.Mutex
	plans   map[planKey]*plan
}

type planKey struct {
	shape int
	typ   reflect.Type
}

func newPlanner(s *Service) *planner {
	return &planner{service: s, plans: map[planKey]*plan{}}
}

// plan returns the plan of a shape that values of typ hold. It panics if they
// cannot: the types are generated from the shapes.
func (pl *planner) plan(shape int, typ reflect.Type) *plan {
	pl.mu.Lock()
	defer pl.mu.Unlock()
	return pl.make(shape, typ)
}

func (pl *planner) make(index int, typ reflect.Type) *plan {
	key := planKey{index, typ}
	if p := pl.plans[key]; p != nil {
		return p
	}
	s := &pl.service.Shapes[index]
	p := &plan{shape: s, kind: s.Kind, typ: typ}
	pl.plans[key] = p // before the members: shapes may be recursive
	p.checked = s.Range != nil || s.Pattern != "" || len(s.Enum) > 0
	if s.Pattern != "" {
		p.match = matcher(s.Pattern)
	}
	want := func(ok bool) {
		if !ok {
			panic(fmt.Sprintf("wire: %s cannot hold the shape %s of %s", typ, s.Name, pl.service.ID))
		}
	}
	switch s.Kind {
	case Structure:
		want(typ.Kind() == reflect.Struct)
		pl.structure(p)
	case List:
		want(typ.Kind() == reflect.Slice)
		p.elem = pl.make(s.Elem, typ.Elem())
		p.checked = p.checked || p.elem.checked
	case Map:
		want(typ.Kind() == reflect.Map)
		p.key = pl.make(s.Key, typ.Key())
		p.elem = pl.make(s.Elem, typ.Elem())
		p.checked = p.checked || p.key.checked || p.elem.checked
	case String:
		want(typ.Kind() == reflect.String)
	case Boolean:
		want(typ.Kind() == reflect.Bool)
	case Integer:
		want(typ.Kind() == reflect.Int32)
	case Long:
		want(typ.Kind() == reflect.Int64)
	case Float, Double:
		want(typ.Kind() == reflect.Float64)
	case Timestamp:
		want(typ == timeType)
	case Blob:
		p.stream = typ == streamType
		want(p.stream || typ.Kind() == reflect.Slice && typ.Elem().Kind() == reflect.Uint8)
	default:
		panic(fmt.Sprintf("wire: shape %s of %s has the unknown kind %d", s.Name, pl.service.ID, s.Kind))
	}
	return p
}

func (pl *planner) structure(p *plan) {
	ms := p.shape.Members
	p.members = make([]memberPlan, len(ms))
	p.byName = make(map[string]int, len(ms))
	p.byExported = make(map[string]int, len(ms))
	// A structure that contains itself is walked for constraints: whether it
	// has some is not known yet where it is met again.
	p.checked = true
	bit := uint64(1)
	for i := range ms {
		m := &ms[i]
		exported := strings.ToUpper(m.Name[:1]) + m.Name[1:]
		field, ok := p.typ.FieldByName(exported)
		if !ok {
			panic(fmt.Sprintf("wire: %s has no field for the member %s of %s", p.typ, m.Name, p.shape.Name))
		}
		mp := memberPlan{Member: m, index: field.Index[0], wire: m.wireName()}
		typ := field.Type
		if typ.Kind() == reflect.Pointer {
			mp.pointer = true
			typ = typ.Elem()
		}
		mp.plan = pl.make(m.Shape, typ)
		if m.Required && !mp.pointer {
			switch mp.plan.kind {
			case List, Map, Blob:
			default:
				mp.bit = bit
				p.required |= bit
				bit <<= 1
				if bit == 0 {
					panic(fmt.Sprintf("wire: %s requires more than 63 scalars", p.shape.Name))
				}
			}
		}
		mp.camel = strings.ToLower(m.Name[:1]) + m.Name[1:]
		mp.jsonKey = `"` + mp.wire + `":`
		mp.exportedKey = `"` + exported + `":`
		p.members[i] = mp
		if m.Location == Body {
			p.byName[mp.wire] = i
		}
		p.byExported[exported] = i
	}
}

// slot returns where to decode the member to: its field, or what a fresh pointer
// in the field points to.
func (m *memberPlan) slot(structure reflect.Value) reflect.Value {
	f := structure.Field(m.index)
	if !m.pointer {
		return f
	}
	p := reflect.New(m.plan.typ)
	f.Set(p)
	return p.Elem()
}

// get returns the member's value; ok is false when it is absent.
func (m *memberPlan) get(structure reflect.Value) (v reflect.Value, ok bool) {
	f := structure.Field(m.index)
	if m.pointer {
		if f.IsNil() {
			return f, false
		}
		return f.Elem(), true
	}
	switch m.plan.kind {
	case List, Map, Blob:
		return f, !f.IsNil()
	default:
		return f, true
	}
}

// clear makes the member absent, as a later null or a lost duplicate demands.
func (m *memberPlan) clear(structure reflect.Value) {
	structure.Field(m.index).SetZero()
}

// A path is where a decoder or the validator is in a request.
type path []step

// A step is a member's name, or the place of an element.
type step struct {
	name  string // member or map key
	index int    // from 1; 0 for members and map keys
	inMap bool
}

// String writes the path as AWS's messages do: routing.1.member.weight.
func (p path) String() string {
	var b strings.Builder
	for i, s := range p {
		if i > 0 {
			b.WriteByte('.')
		}
		switch {
		case s.index > 0:
			fmt.Fprintf(&b, "%d.member", s.index)
		case s.inMap:
			b.WriteString(s.name + ".member")
		default:
			b.WriteString(s.name)
		}
	}
	return b.String()
}

// A walk is what decoders remember of a request besides its values: the paths of
// required members that are not there although Go cannot tell.
type walk struct {
	path    path
	missing []string
}

func (w *walk) push(s step) { w.path = append(w.path, s) }

func (w *walk) pop() { w.path = w.path[:len(w.path)-1] }

// absent notes the required members of p that were not seen.
func (w *walk) absent(p *plan, seen uint64) {
	if p.required&^seen == 0 {
		return
	}
	for i := range p.members {
		m := &p.members[i]
		if m.bit != 0 && seen&m.bit == 0 {
			w.push(step{name: m.camel})
			w.missing = append(w.missing, w.path.String())
			w.pop()
		}
	}
}

// maxDepth bounds how deep bodies may be nested.
const maxDepth = 200
