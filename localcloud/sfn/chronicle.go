package sfn

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/crossfade-dev/crossfade/asl/machine"
)

// A chronicle is the history of an execution. While the execution runs it is a
// list of events; afterwards, and while it waits for long, it is packed, to a tenth
// of the memory and next to nothing for the garbage collector to look at, and
// unpacked for who reads it.
type chronicle struct {
	events []machine.HistoryEvent
	packed *packedEvents // nil unless packed; events is then nil
}

// packedEvents is a history as numbers, with every text once.
type packedEvents struct {
	count int
	data  []byte
	texts []string
}

func (c *chronicle) len() int {
	if c.packed != nil {
		return c.packed.count
	}
	return len(c.events)
}

// all returns the events in order. The caller must not change them.
func (c *chronicle) all() []machine.HistoryEvent {
	if c.packed != nil {
		return c.packed.unpack()
	}
	return c.events
}

// append adds events, and unpacks the history of an execution that goes on.
func (c *chronicle) append(events []machine.HistoryEvent) {
	if c.packed != nil {
		c.events, c.packed = c.packed.unpack(), nil
	}
	c.events = append(c.events, events...)
}

// pack makes the history small.
func (c *chronicle) pack() {
	if c.packed == nil {
		c.packed, c.events = packEvents(c.events), nil
	}
}

// detailTexts lists the texts of details, and detailNumbers their numbers, in the
// order in which they are packed.
func detailTexts(d *machine.Details) [15]*string {
	return [...]*string{
		&d.Name, &d.Input, &d.Output, &d.Parameters, &d.Resource, &d.ResourceType, &d.Region, &d.TaskRoleARN, &d.RoleARN,
		&d.StateMachineVersionARN, &d.StateMachineAliasARN, &d.MapRunARN, &d.WorkerName, &d.Location, &d.State,
	}
}

func detailNumbers(d *machine.Details) [5]*int64 {
	return [...]*int64{&d.TimeoutInSeconds, &d.HeartbeatInSeconds, &d.Length, &d.Index, &d.RedriveCount}
}

// Details are packed as fields, each after a number that says which: the texts
// from 1 on, then the numbers, Error, Cause and the variables; 0 ends them.
const (
	fieldEnd       = 0
	fieldNumbers   = 1 + 15
	fieldError     = fieldNumbers + 5
	fieldCause     = fieldError + 1
	fieldVariables = fieldCause + 1
)

// searchedTexts is how many texts are compared one by one before an index pays.
const searchedTexts = 24

// A packer gives every text a number.
type packer struct {
	*packedEvents
	index map[string]int // of the texts, when they are many
}

func (p *packer) text(s string) {
	p.data = binary.AppendUvarint(p.data, uint64(p.numberOf(s)))
}

func (p *packer) numberOf(s string) int {
	if len(p.texts) < searchedTexts {
		for i, t := range p.texts {
			if t == s {
				return i
			}
		}
	} else {
		if p.index == nil {
			p.index = make(map[string]int, 2*len(p.texts))
			for i, t := range p.texts {
				p.index[t] = i
			}
		}
		if i, ok := p.index[s]; ok {
			return i
		}
		p.index[s] = len(p.texts)
	}
	p.texts = append(p.texts, s)
	return len(p.texts) - 1
}

func packEvents(events []machine.HistoryEvent) *packedEvents {
	p := packer{packedEvents: &packedEvents{count: len(events), data: make([]byte, 0, 24*len(events)), texts: make([]string, 0, 12)}}
	var at int64
	for i := range events {
		e := &events[i]
		p.data = binary.AppendVarint(p.data, e.ID)
		p.data = binary.AppendVarint(p.data, e.ID-e.PreviousID)
		p.data = binary.AppendVarint(p.data, e.At.UnixNano()-at)
		at = e.At.UnixNano()
		p.text(string(e.Type))
		p.details(e.Details)
	}
	p.data, p.texts = slices.Clone(p.data), slices.Clone(p.texts) // without the room that was too much
	return p.packedEvents
}

// details packs what an event tells beyond its type. No details and empty ones
// are told apart by an end before the end.
func (p *packer) details(d *machine.Details) {
	if d == nil {
		p.data = append(p.data, fieldEnd)
		return
	}
	p.data = append(p.data, 1)
	for i, s := range detailTexts(d) {
		if *s != "" {
			p.data = append(p.data, byte(1+i))
			p.text(*s)
		}
	}
	for i, n := range detailNumbers(d) {
		if *n != 0 {
			p.data = append(p.data, byte(fieldNumbers+i))
			p.data = binary.AppendVarint(p.data, *n)
		}
	}
	for i, s := range [...]*string{d.Error, d.Cause} {
		if s != nil {
			p.data = append(p.data, byte(fieldError+i))
			p.text(*s)
		}
	}
	if len(d.AssignedVariables) > 0 {
		p.data = append(p.data, fieldVariables)
		p.data = binary.AppendUvarint(p.data, uint64(len(d.AssignedVariables)))
		for _, v := range d.AssignedVariables {
			p.text(v.Name)
			p.text(v.Value)
		}
	}
	p.data = append(p.data, fieldEnd)
}

// An unpacker reads what a packer wrote. It is never given anything else, so it
// checks nothing.
type unpacker struct {
	*packedEvents
	rest []byte
}

func (u *unpacker) number() int64 {
	n, width := binary.Varint(u.rest)
	u.rest = u.rest[width:]
	return n
}

func (u *unpacker) count() int {
	n, width := binary.Uvarint(u.rest)
	u.rest = u.rest[width:]
	return int(n)
}

func (u *unpacker) field() byte {
	f := u.rest[0]
	u.rest = u.rest[1:]
	return f
}

func (u *unpacker) text() string { return u.texts[u.count()] }

func (p *packedEvents) unpack() []machine.HistoryEvent {
	u := unpacker{packedEvents: p, rest: p.data}
	events := make([]machine.HistoryEvent, p.count)
	var at int64
	for i := range events {
		e := &events[i]
		e.ID = u.number()
		e.PreviousID = e.ID - u.number()
		at += u.number()
		e.At = time.Unix(0, at).UTC()
		e.Type = machine.EventType(u.text())
		if u.field() != fieldEnd {
			e.Details = u.details()
		}
	}
	return events
}

func (u *unpacker) details() *machine.Details {
	d := &machine.Details{}
	texts, numbers := detailTexts(d), detailNumbers(d)
	for {
		switch f := u.field(); {
		case f == fieldEnd:
			return d
		case f < fieldNumbers:
			*texts[f-1] = u.text()
		case f < fieldError:
			*numbers[f-fieldNumbers] = u.number()
		case f == fieldError:
			s := u.text()
			d.Error = &s
		case f == fieldCause:
			s := u.text()
			d.Cause = &s
		default:
			d.AssignedVariables = make([]machine.Assignment, u.count())
			for i := range d.AssignedVariables {
				d.AssignedVariables[i] = machine.Assignment{Name: u.text(), Value: u.text()}
			}
		}
	}
}
