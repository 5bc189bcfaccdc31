package cloudformation

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/crossfade-dev/crossfade/localcloud/cloudformation/stack"
	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/cloudformationapi"
)

// exports are the outputs that stacks give to each other, and who uses them. Its
// lock may be taken while that of a stack is held.
type exports struct {
	mu    sync.Mutex
	known map[placedName]export
	used  map[placedName]map[*entity]bool
}

// An export is one of them.
type export struct {
	value string
	of    *entity
}

func (x *exports) get(name placedName) (string, bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	e, ok := x.known[name]
	return e.value, ok
}

// set takes over what a stack exports and imports now. e.mu is held.
func (x *exports) set(e *entity) {
	x.mu.Lock()
	defer x.mu.Unlock()
	maps.DeleteFunc(x.known, func(_ placedName, v export) bool { return v.of == e })
	if e.lives() {
		for _, o := range e.state.Outputs {
			if o.Export != "" {
				x.known[e.place.name(o.Export)] = export{value: o.Value, of: e}
			}
		}
	}
	if x.used == nil {
		x.used = map[placedName]map[*entity]bool{}
	}
	for _, users := range x.used {
		delete(users, e)
	}
	for _, name := range e.imports {
		key := e.place.name(name)
		if x.used[key] == nil {
			x.used[key] = map[*entity]bool{}
		}
		x.used[key][e] = true
	}
}

// users returns the names of the stacks that use an export.
func (x *exports) users(name placedName) []string {
	var out []string
	for e := range x.used[name] {
		out = append(out, e.name)
	}
	slices.Sort(out)
	return out
}

// check says why a stack cannot have these outputs: another one exports the name,
// or uses an export that would change or go.
func (x *exports) check(e *entity, outputs []stack.Output) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	next := map[placedName]string{}
	for _, o := range outputs {
		if o.Export == "" {
			continue
		}
		key := e.place.name(o.Export)
		if known, ok := x.known[key]; ok && known.of != e {
			return fmt.Errorf("Export with name %s is already exported by stack %s", o.Export, known.of.name)
		}
		next[key] = o.Value
	}
	return x.keepsUsed(e, next)
}

// keepsUsed says which export in use would change or go.
func (x *exports) keepsUsed(e *entity, next map[placedName]string) error {
	for key, known := range x.known {
		if known.of != e {
			continue
		}
		users := x.users(key)
		if len(users) == 0 {
			continue
		}
		switch v, stays := next[key]; {
		case !stays:
			return fmt.Errorf("Export %s cannot be deleted as it is in use by %s", key.name, strings.Join(users, ", "))
		case v != known.value:
			return fmt.Errorf("Export %s cannot be updated as it is in use by %s", key.name, strings.Join(users, ", "))
		}
	}
	return nil
}

// free says why a stack cannot be deleted: others use what it exports.
func (x *exports) free(e *entity) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.keepsUsed(e, nil)
}

func (s *Service) listExports(ctx context.Context, in *cloudformationapi.ListExportsInput) (*cloudformationapi.ListExportsOutput, error) {
	c := wire.CallerFrom(ctx)
	s.exports.mu.Lock()
	defer s.exports.mu.Unlock()
	out := &cloudformationapi.ListExportsOutput{Exports: []cloudformationapi.Export{}}
	for key, v := range s.exports.known {
		if key.account == c.Account && key.region == c.Region {
			out.Exports = append(out.Exports, cloudformationapi.Export{ExportingStackId: &v.of.id, Name: new(key.name), Value: new(v.value)})
		}
	}
	slices.SortFunc(out.Exports, func(a, b cloudformationapi.Export) int { return strings.Compare(*a.Name, *b.Name) })
	var err error
	out.Exports, out.NextToken, err = page(out.Exports, in.NextToken, 100)
	return out, err
}

func (s *Service) listImports(ctx context.Context, in *cloudformationapi.ListImportsInput) (*cloudformationapi.ListImportsOutput, error) {
	key := placeOf(wire.CallerFrom(ctx)).name(in.ExportName)
	s.exports.mu.Lock()
	_, known := s.exports.known[key]
	users := s.exports.users(key)
	s.exports.mu.Unlock()
	switch {
	case !known:
		return nil, wire.NewValidationError("Export '" + in.ExportName + "' does not exist.")
	case len(users) == 0:
		return nil, wire.NewValidationError("Export '" + in.ExportName + "' is not imported by any stack.")
	}
	users, next, err := page(users, in.NextToken, 100)
	return &cloudformationapi.ListImportsOutput{Imports: users, NextToken: next}, err
}
