package template

import (
	"strconv"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

// A place is where a value of the template stands in its text. Its children are
// those of the value, in the same order; a member's place is that of its key.
type place struct {
	line, column int32
	children     []place
}

// at returns the place that a path leads to, or the deepest one on the way there.
func (p *place) at(v jsonvalue.Value, path []string) *place {
	for _, step := range path {
		i := childIndex(v, step)
		if i < 0 || i >= len(p.children) {
			break
		}
		if v.Kind() == jsonvalue.KindObject {
			_, v = v.MemberAt(i)
		} else {
			v = v.At(i)
		}
		p = &p.children[i]
	}
	return p
}

func childIndex(v jsonvalue.Value, step string) int {
	if v.Kind() == jsonvalue.KindArray {
		if i, err := strconv.Atoi(step); err == nil {
			return i
		}
		return -1
	}
	i := 0
	for key := range v.Members() {
		if key == step {
			return i
		}
		i++
	}
	return -1
}

// A source is the text that people wrote, as a value with the places of its parts.
type source struct {
	body   jsonvalue.Value
	places place
}

// locate gives an error the place that path leads to. For a resource that a
// transform made, origin leads to what it was made of.
func (s *source) locate(e *Error, path []string, origin map[string][]string) *Error {
	e.Path = joinPath(path)
	if len(path) > 1 && path[0] == "Resources" {
		if from, ok := origin[path[1]]; ok && (len(from) > 1 || from[0] != path[1]) {
			path = append([]string{"Resources"}, from...)
		}
	}
	p := s.places.at(s.body, path)
	e.Line, e.Column = int(p.line), int(p.column)
	return e
}
