package lambda

import (
	"context"
	"regexp"
	"strings"

	"github.com/crossfade-dev/crossfade/internal/arn"
	"github.com/crossfade-dev/crossfade/localcloud/wire"
)

// latest is the qualifier of what has not been published.
const latest = "$LATEST"

// A place is an account in a region: what is here is unknown elsewhere.
type place struct{ wire.Place }

func placeOf(c wire.Caller) place { return place{c.Place()} }

// arn names a resource at the place: kind is "function" or "layer".
func (p place) arn(kind, rest string) string { return p.ARN("lambda", kind+":"+rest) }

// A reference is how a request names a function, one of its versions or one of
// its aliases. Whether it is there does not matter.
type reference struct {
	place
	name      string
	qualifier string // empty without one
}

// arn is the ARN of what is named, with the qualifier if there is one.
func (r reference) arn() string { return qualified(r.place.arn("function", r.name), r.qualifier) }

// functionARN is the ARN of the function that is named.
func (r reference) functionARN() string { return r.place.arn("function", r.name) }

// qualified appends a qualifier, if there is one.
func qualified(functionARN, qualifier string) string {
	if qualifier == "" {
		return functionARN
	}
	return functionARN + ":" + qualifier
}

// namePattern has the forms of a function's name: a name, a partial or a whole
// ARN, with or without qualifier. What is in front of the name may be left out.
var namePattern = regexp.MustCompile(
	`^(?:arn:[a-z-]*:lambda:)?(?:([a-z0-9-]+-[a-z]+-\d):)?(?:(\d{12}):)?(?:function:)?([a-zA-Z0-9-_.]+)(?::(\$LATEST(?:\.PUBLISHED)?|[a-zA-Z0-9-_]+))?$`)

// reference reads the name of a function and a separate qualifier, which may be
// nil.
//
// Source of the messages: recorded.
func (s *Service) reference(ctx context.Context, name string, qualifier *string) (reference, error) {
	caller := wire.CallerFrom(ctx)
	r := reference{place: placeOf(caller), name: name}
	if strings.IndexByte(name, ':') >= 0 {
		parts := namePattern.FindStringSubmatch(name)
		if parts == nil {
			return r, functionGone(name) // the model's pattern has refused such names
		}
		region, account := parts[1], parts[2]
		r.name, r.qualifier = parts[3], parts[4]
		if qualifier != nil && *qualifier != "" && r.qualifier != "" && *qualifier != r.qualifier {
			return r, errMismatch
		}
		if region != "" && region != r.Region {
			return r, notFound("Functions from '" + region + "' are not reachable in this region ('" + r.Region + "')")
		}
		if account != "" && account != r.Account {
			return r, accessDenied(caller, name)
		}
	}
	if qualifier != nil && *qualifier != "" {
		r.qualifier = *qualifier
	}
	return r, nil
}

// function finds the function of a reference. Without one the error names it
// with the qualifier, if there was one.
func (s *Service) function(r reference) (*function, *control, error) {
	f := s.space(r.place).function(r.name)
	if f == nil {
		return nil, nil, functionGone(r.arn())
	}
	return f, f.control.Load(), nil
}

// find is reference and function in one.
func (s *Service) find(ctx context.Context, name string, qualifier *string) (*function, *control, reference, error) {
	r, err := s.reference(ctx, name, qualifier)
	if err != nil {
		return nil, nil, r, err
	}
	f, c, err := s.function(r)
	return f, c, r, err
}

// findUnqualified finds a function for what only whole functions have.
func (s *Service) findUnqualified(ctx context.Context, name string) (*function, error) {
	r, err := s.reference(ctx, name, nil)
	if err != nil {
		return nil, err
	}
	if r.qualifier != "" {
		return nil, invalid("This operation is permitted on Lambda functions only. Aliases and versions do not support this operation." +
			" Please specify either a function name or an unqualified function ARN.")
	}
	f, _, err := s.function(r)
	return f, err
}

// isAlias says whether a qualifier can only be the name of an alias.
func isAlias(qualifier string) bool {
	return qualifier != "" && qualifier != latest && !arn.IsVersion(qualifier)
}
