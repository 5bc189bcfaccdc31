package codedeploy

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/codedeployapi"
)

// A revision is an AppSpec file and where it is.
type revision struct {
	Type    string // String, AppSpecContent or S3
	Content string
	Sum     string                    // SHA-256 of Content, in hex
	S3      *codedeployapi.S3Location // of type S3

	Description *string
	Registered  time.Time
	First, Last time.Time // when deployments used it; zero: never
	Groups      []string  // that used it
}

// maxAppSpec is how large an AppSpec file may be that is read from S3; in a
// request it is bounded by the request.
const maxAppSpec = 1 << 20

// location is a revision as answers show it: with the sum of the content, and not
// the content.
func (r revision) location() *codedeployapi.RevisionLocation {
	l := &codedeployapi.RevisionLocation{RevisionType: &r.Type}
	switch r.Type {
	case codedeployapi.RevisionLocationTypeString:
		l.String = &codedeployapi.RawString{Sha256: &r.Sum}
	case codedeployapi.RevisionLocationTypeAppSpecContent:
		l.AppSpecContent = &codedeployapi.AppSpecContent{Sha256: &r.Sum}
	default:
		l.S3Location = r.S3
	}
	return l
}

// same says whether two revisions are at one location.
func (r revision) same(o revision) bool {
	if r.Type != o.Type {
		return false
	}
	if r.Type != codedeployapi.RevisionLocationTypeS3 {
		return r.Sum == o.Sum
	}
	text := func(p *string) string {
		if p == nil {
			return ""
		}
		return *p
	}
	return text(r.S3.Bucket) == text(o.S3.Bucket) && text(r.S3.Key) == text(o.S3.Key) && text(r.S3.Version) == text(o.S3.Version) && text(r.S3.ETag) == text(o.S3.ETag)
}

// readLocation makes a revision out of a location. Where the location has only the sum of
// a content, the revision has no content.
func readLocation(l *codedeployapi.RevisionLocation) (revision, error) {
	if l == nil {
		return revision{}, refusedRevision.wants()
	}
	r := revision{}
	var content, sum *string
	switch {
	case l.String != nil:
		r.Type, content, sum = codedeployapi.RevisionLocationTypeString, l.String.Content, l.String.Sha256
	case l.AppSpecContent != nil:
		r.Type, content, sum = codedeployapi.RevisionLocationTypeAppSpecContent, l.AppSpecContent.Content, l.AppSpecContent.Sha256
	case l.S3Location != nil:
		r.Type, r.S3 = codedeployapi.RevisionLocationTypeS3, l.S3Location
	case l.GitHubLocation != nil:
		return r, codedeployapi.NewInvalidRevisionException("The local cloud does not read revisions from GitHub.")
	default:
		return r, codedeployapi.NewInvalidRevisionException("The revision was specified in an invalid format.")
	}
	if l.RevisionType != nil && *l.RevisionType != r.Type {
		return r, codedeployapi.NewInvalidRevisionException(fmt.Sprintf("The revision is of type %s, but its location is of type %s.", *l.RevisionType, r.Type))
	}
	switch {
	case r.S3 != nil:
		if r.S3.Bucket == nil || r.S3.Key == nil {
			return r, codedeployapi.NewInvalidRevisionException("A revision in S3 needs bucket and key.")
		}
		if t := r.S3.BundleType; t == nil || *t != codedeployapi.BundleTypeYaml && *t != codedeployapi.BundleTypeJson {
			return r, codedeployapi.NewInvalidRevisionException("The bundle type of a revision for functions has to be YAML or JSON.")
		}
		return r, nil
	case content != nil:
		r.Content, r.Sum = *content, sumOf(*content)
		if sum != nil && !strings.EqualFold(*sum, r.Sum) {
			return r, codedeployapi.NewInvalidRevisionException("The SHA-256 of the revision's content is not " + *sum + ".")
		}
		return r, nil
	case sum != nil:
		r.Sum = strings.ToLower(*sum)
		return r, nil
	default:
		return r, codedeployapi.NewInvalidRevisionException("The revision has no content.")
	}
}

func sumOf(content string) string {
	sum := sha256.Sum256([]byte(content))
	return hex.EncodeToString(sum[:])
}

// fetch gives a revision its content: from S3, or from the revision of the
// application that has the same sum.
func (s *Service) fetch(ctx context.Context, application string, r revision) (revision, error) {
	switch {
	case r.Content != "":
		return r, nil
	case r.S3 != nil:
		content, err := s.fromS3(ctx, r.S3)
		r.Content = content
		return r, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.application(ctx, application)
	if err != nil {
		return r, err
	}
	for _, known := range a.Revisions {
		if known.same(r) {
			r.Content = known.Content
			return r, nil
		}
	}
	return r, noRevision()
}

const noRevisionText = "The named revision does not exist with the user or AWS account."

func noRevision() error { return codedeployapi.NewRevisionDoesNotExistException(noRevisionText) }

func (s *Service) fromS3(ctx context.Context, l *codedeployapi.S3Location) (string, error) {
	if s.config.Objects == nil {
		return "", codedeployapi.NewInvalidRevisionException("There is no S3 here to read revisions from.")
	}
	version := ""
	if l.Version != nil {
		version = *l.Version
	}
	body, err := s.config.Objects.Get(ctx, *l.Bucket, *l.Key, version)
	if err != nil {
		return "", codedeployapi.NewInvalidRevisionException(fmt.Sprintf("The revision s3://%s/%s cannot be read: %v", *l.Bucket, *l.Key, err))
	}
	defer func() { _ = body.Close() }() // it was read only
	content, err := io.ReadAll(io.LimitReader(body, maxAppSpec+1))
	switch {
	case err != nil:
		return "", fmt.Errorf("read s3://%s/%s: %w", *l.Bucket, *l.Key, err)
	case len(content) > maxAppSpec:
		return "", codedeployapi.NewInvalidRevisionException(fmt.Sprintf("The revision s3://%s/%s is larger than %d bytes.", *l.Bucket, *l.Key, maxAppSpec))
	}
	return string(content), nil
}

// register adds a revision to a copy of an application, or changes the one that
// is known there.
func (a *application) register(r revision, now time.Time, use func(r *revision)) *application {
	changed := *a
	changed.Revisions = slices.Clone(a.Revisions)
	i := slices.IndexFunc(changed.Revisions, r.same)
	if i < 0 {
		r.Registered = now
		changed.Revisions = append(changed.Revisions, r)
		i = len(changed.Revisions) - 1
	}
	use(&changed.Revisions[i])
	return &changed
}

func (s *Service) registerApplicationRevision(ctx context.Context, in *codedeployapi.RegisterApplicationRevisionInput) (*wire.Nothing, error) {
	if err := checkDescription(in.Description); err != nil {
		return nil, err
	}
	r, err := readLocation(in.Revision)
	if err != nil {
		return nil, err
	}
	if r.S3 == nil {
		if _, err := parseAppSpec(r.Content); err != nil {
			return nil, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.application(ctx, in.ApplicationName)
	if err != nil {
		return nil, err
	}
	changed := a.register(r, s.now(), func(r *revision) {
		if in.Description != nil {
			r.Description = in.Description
		}
	})
	if err := s.keep(changed.change()); err != nil {
		return nil, err
	}
	s.applications[a.Place][a.Name] = changed
	return nil, nil
}

// full is a revision with its content, as the operations about revisions show it.
func (r revision) full() *codedeployapi.RevisionLocation {
	l := r.location()
	switch {
	case l.String != nil:
		l.String.Content = &r.Content
	case l.AppSpecContent != nil:
		l.AppSpecContent.Content = &r.Content
	}
	return l
}

func (r revision) info() *codedeployapi.GenericRevisionInfo {
	info := &codedeployapi.GenericRevisionInfo{
		Description: r.Description, DeploymentGroups: slices.Concat([]string{}, r.Groups), RegisterTime: &r.Registered,
	}
	if !r.First.IsZero() {
		info.FirstUsedTime, info.LastUsedTime = &r.First, &r.Last
	}
	return info
}

// known returns the revision of an application that is at a location.
func (s *Service) known(ctx context.Context, application string, l *codedeployapi.RevisionLocation) (revision, error) {
	r, err := readLocation(l)
	if err != nil {
		return r, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.application(ctx, application)
	if err != nil {
		return r, err
	}
	i := slices.IndexFunc(a.Revisions, r.same)
	if i < 0 {
		return r, noRevision()
	}
	return a.Revisions[i], nil
}

func (s *Service) getApplicationRevision(ctx context.Context, in *codedeployapi.GetApplicationRevisionInput) (*codedeployapi.GetApplicationRevisionOutput, error) {
	r, err := s.known(ctx, in.ApplicationName, in.Revision)
	if err != nil {
		return nil, err
	}
	return &codedeployapi.GetApplicationRevisionOutput{ApplicationName: &in.ApplicationName, Revision: r.full(), RevisionInfo: r.info()}, nil
}

func (s *Service) batchGetApplicationRevisions(ctx context.Context, in *codedeployapi.BatchGetApplicationRevisionsInput) (*codedeployapi.BatchGetApplicationRevisionsOutput, error) {
	if err := batch(refusedRevision, len(in.Revisions), maxDeployments); err != nil {
		return nil, err
	}
	out := &codedeployapi.BatchGetApplicationRevisionsOutput{ApplicationName: &in.ApplicationName, Revisions: []codedeployapi.RevisionInfo{}}
	for _, l := range in.Revisions {
		r, err := s.known(ctx, in.ApplicationName, &l)
		switch {
		case wire.IsCode(err, "RevisionDoesNotExistException"):
			out.ErrorMessage = new(noRevisionText)
		case err != nil:
			return nil, err
		default:
			out.Revisions = append(out.Revisions, codedeployapi.RevisionInfo{RevisionLocation: r.full(), GenericRevisionInfo: r.info()})
		}
	}
	return out, nil
}

func (s *Service) listApplicationRevisions(ctx context.Context, in *codedeployapi.ListApplicationRevisionsInput) (*codedeployapi.ListApplicationRevisionsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.application(ctx, in.ApplicationName)
	if err != nil {
		return nil, err
	}
	switch {
	case in.S3Bucket == nil && in.S3KeyPrefix != nil:
		return nil, codedeployapi.NewBucketNameFilterRequiredException("A bucket name is required, but was not provided.")
	case in.S3Bucket != nil && !validBucket.MatchString(*in.S3Bucket):
		return nil, codedeployapi.NewInvalidBucketNameFilterException("The bucket name is not one that a bucket may have: " + *in.S3Bucket)
	case in.S3KeyPrefix != nil && len(*in.S3KeyPrefix) > maxKey:
		return nil, codedeployapi.NewInvalidKeyPrefixFilterException(fmt.Sprintf("The key prefix is longer than %d bytes, which no key is.", maxKey))
	}
	revisions := slices.DeleteFunc(slices.Clone(a.Revisions), func(r revision) bool { return !listed(in, r) })
	by := func(r revision) time.Time { return r.Registered }
	if in.SortBy != nil {
		switch *in.SortBy {
		case codedeployapi.ApplicationRevisionSortByFirstUsedTime:
			by = func(r revision) time.Time { return r.First }
		case codedeployapi.ApplicationRevisionSortByLastUsedTime:
			by = func(r revision) time.Time { return r.Last }
		}
	}
	slices.SortStableFunc(revisions, func(x, y revision) int { return cmp.Or(by(x).Compare(by(y))) })
	if in.SortOrder == nil || *in.SortOrder == codedeployapi.SortOrderDescending {
		slices.Reverse(revisions)
	}
	revisions, next, err := page(revisions, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &codedeployapi.ListApplicationRevisionsOutput{Revisions: []codedeployapi.RevisionLocation{}, NextToken: next}
	for _, r := range revisions {
		out.Revisions = append(out.Revisions, *r.location())
	}
	return out, nil
}

// validBucket is what buckets are named, and maxKey how many bytes the key of an
// object has at most.
//
// Source: Amazon S3 User Guide, bucket naming rules and object keys.
var validBucket = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)

const maxKey = 1024

// listed says whether the filters let a revision through.
func listed(in *codedeployapi.ListApplicationRevisionsInput, r revision) bool {
	if in.S3Bucket != nil && (r.S3 == nil || *r.S3.Bucket != *in.S3Bucket) || in.S3KeyPrefix != nil && (r.S3 == nil || !strings.HasPrefix(*r.S3.Key, *in.S3KeyPrefix)) {
		return false
	}
	if in.Deployed == nil {
		return true
	}
	switch *in.Deployed {
	case codedeployapi.ListStateFilterActionInclude:
		return !r.First.IsZero()
	case codedeployapi.ListStateFilterActionExclude:
		return r.First.IsZero()
	default:
		return true
	}
}
