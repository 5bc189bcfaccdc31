package lambda

import (
	"context"
	"slices"
	"strings"

	"github.com/crossfade-dev/crossfade/localcloud/wire/lambdaapi"
)

func (s *Service) publishVersion(ctx context.Context, in *lambdaapi.PublishVersionRequest) (*lambdaapi.FunctionConfiguration, error) {
	f, _, _, err := s.find(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	if in.PublishTo != nil {
		return nil, absent("managed instances")
	}
	var shown *version
	err = s.change(f, func(c *control) (*control, error) {
		now := s.now()
		if in.RevisionId != nil && *in.RevisionId != c.latest.revisionAt(now) {
			return nil, errStale
		}
		if c.latest.busy(now) {
			return nil, f.errBusy()
		}
		if sum := in.CodeSha256; sum != nil && *sum != "" && *sum != c.latest.code.SHA256 {
			return nil, invalid("CodeSHA256 (" + *sum + ") is different from current CodeSHA256 in $LATEST (" + c.latest.code.SHA256 +
				"). Please try again with the CodeSHA256 in $LATEST.")
		}
		n, v := s.published(f, c, in.Description)
		shown = v
		return n, nil
	})
	if err != nil {
		return nil, err
	}
	return f.describe(shown, qualified(f.arn, shown.qualifier()), s.now(), false), nil
}

// published returns c with the version that a publication of $LATEST makes, or
// c itself with the last version if nothing has changed since. A publication
// gives $LATEST a new revision.
func (s *Service) published(f *function, c *control, description *string) (*control, *version) {
	if last := c.published(c.lastVersion); last != nil && last.equal(c.latest) {
		return c, last
	}
	v := *c.latest
	v.number = c.lastVersion + 1
	v.revision = s.random.UUID()
	v.settled = v.revision
	v.settles, v.creating, v.before = c.latest.modified, false, nil
	if description != nil && *description != "" {
		v.description = description
	}
	v.modified = s.now()
	v.run = s.runnable(f, &v)
	n := c.withRevision(latest, s.random.UUID(), s.now()).withVersion(&v)
	n.lastVersion = v.number
	return n, &v
}

func (s *Service) listVersionsByFunction(ctx context.Context, in *lambdaapi.ListVersionsByFunctionRequest) (*lambdaapi.ListVersionsByFunctionResponse, error) {
	f, c, _, err := s.find(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	versions, next, err := page(c.all(), func(v *version) string { return versionKey(v.number) }, in.Marker, in.MaxItems, standardPage)
	if err != nil {
		return nil, err
	}
	out := &lambdaapi.ListVersionsByFunctionResponse{Versions: []lambdaapi.FunctionConfiguration{}, NextMarker: next}
	now := s.now()
	for _, v := range versions {
		out.Versions = append(out.Versions, *f.describe(v, qualified(f.arn, v.qualifier()), now, true))
	}
	return out, nil
}

// deleteVersion takes a published version away; one that is not there is no
// error, as AWS has it.
func (s *Service) deleteVersion(f *function, qualifier string) error {
	var gone *version
	err := s.change(f, func(c *control) (*control, error) {
		gone = c.version(qualifier)
		if gone == nil {
			return c, nil
		}
		var users []string
		for _, a := range c.aliases {
			if a.version == qualifier || a.other == qualifier {
				users = append(users, a.name)
			}
		}
		if len(users) > 0 {
			return nil, conflict("Unable to delete version because the following aliases reference it: [" + strings.Join(users, ", ") + "]")
		}
		n := c.withPolicy(qualifier, nil)
		n.versions = slices.DeleteFunc(slices.Clone(c.versions), func(v *version) bool { return v == gone })
		return n.withEvents(qualifier, nil).withProvision(qualifier, nil), nil
	})
	if err == nil && gone != nil {
		s.provide(f)
		s.retire(gone.run)
	}
	return err
}
