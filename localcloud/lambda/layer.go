package lambda

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/crossfade-dev/crossfade/internal/arn"
	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/lambdaapi"
)

// maxLayers is how many layers a function may have.
//
// Source: Lambda quotas.
const maxLayers = 5

// A layer is a sequence of archives under one name. versions is replaced as a
// whole.
type layer struct {
	name, arn string

	change sync.Mutex // held from reading to saving
	// The rest is guarded by the space's lock.
	last     int // the highest number ever given out
	versions []*layerVersion
}

// A layerVersion is immutable.
type layerVersion struct {
	number        int
	arn           string
	description   string
	licence       *string
	runtimes      []string
	architectures []string
	created       time.Time
	content       *Archive
	policy        *policy
}

func (l *layer) version(number int64) *layerVersion {
	for _, v := range l.versions {
		if int64(v.number) == number {
			return v
		}
	}
	return nil
}

// layerName returns the name of a layer that a request names by its name or ARN.
func (s *Service) layerName(ctx context.Context, given string) (name string, err error) {
	if !strings.HasPrefix(given, "arn:") {
		return given, nil
	}
	here := placeOf(wire.CallerFrom(ctx))
	a, err := arn.Parse(given)
	if err != nil || a.Region != here.Region || a.Account != here.Account {
		return "", accessDenied(wire.CallerFrom(ctx), given)
	}
	return a.Name(), nil
}

// layer returns the layer of a name, nil if there is none, and its versions at
// this moment.
func (sp *space) layer(name string) (*layer, []*layerVersion) {
	sp.mu.RLock()
	defer sp.mu.RUnlock()
	l := sp.layers[name]
	if l == nil {
		return nil, nil
	}
	return l, l.versions
}

// findLayers returns the layers of a function.
//
// Source of the messages: recorded.
func (s *Service) findLayers(p place, arns []string) ([]layerRef, []*Archive, error) {
	var refs []layerRef
	var found []*Archive
	if len(arns) > maxLayers {
		return nil, nil, invalid(fmt.Sprintf("Cannot reference more than %d layers.", maxLayers))
	}
	versions := map[string]string{} // by layer
	for _, text := range arns {
		a, err := arn.Parse(text)
		if err != nil {
			return nil, nil, invalid("Layer version " + text + " does not exist.")
		}
		if a.Region != p.Region {
			return nil, nil, invalid("Layers are not in the same region as the function. Layers are expected to be in region " + p.Region + ".")
		}
		of, number := a.Qualified()
		v := s.layerVersion(place{wire.Place{Partition: a.Partition, Region: a.Region, Account: a.Account}}, of.Name(), number)
		if v == nil {
			return nil, nil, invalid("Layer version " + text + " does not exist.")
		}
		if other, twice := versions[of.String()]; twice {
			return nil, nil, invalid("Two different versions of the same layer are not allowed to be referenced in the same function. " +
				other + " and " + text + " are versions of the same layer.")
		}
		versions[of.String()] = text
		refs = append(refs, layerRef{ARN: v.arn, SHA256: v.content.SHA256, Size: v.content.Size})
		found = append(found, v.content)
	}
	return refs, found, nil
}

func (s *Service) layerVersion(p place, name, number string) *layerVersion {
	_, versions := s.space(p).layer(name)
	for _, v := range versions {
		if strconv.Itoa(v.number) == number {
			return v
		}
	}
	return nil
}

func (s *Service) publishLayerVersion(ctx context.Context, in *lambdaapi.PublishLayerVersionRequest) (*lambdaapi.PublishLayerVersionResponse, error) {
	name, err := s.layerName(ctx, in.LayerName)
	if err != nil {
		return nil, err
	}
	for _, r := range in.CompatibleRuntimes {
		if !slices.Contains(createable, r) && !slices.Contains(retired, r) {
			return nil, validation("Value '[" + strings.Join(in.CompatibleRuntimes, ", ") + "]' at 'compatibleRuntimes' failed to satisfy constraint:" +
				" Member must satisfy constraint: [Member must satisfy enum value set: [" + strings.Join(append(slices.Clone(createable), retired...), ", ") + "]]")
		}
	}
	zip, err := s.source(ctx, in.Content.ZipFile, in.Content.S3Bucket, in.Content.S3Key, in.Content.S3ObjectVersion)
	if err != nil {
		return nil, err
	}
	if err := checkZip(zip); err != nil {
		return nil, err
	}
	s.archives.use.RLock()
	defer s.archives.use.RUnlock()
	content, err := s.archives.put(zip)
	if err != nil {
		return nil, err
	}
	sp := s.here(ctx)
	l := sp.addLayer(name)
	l.change.Lock()
	defer l.change.Unlock()
	v := &layerVersion{
		number:        l.last + 1,
		description:   wire.Value(in.Description),
		licence:       in.LicenseInfo,
		runtimes:      in.CompatibleRuntimes,
		architectures: in.CompatibleArchitectures,
		created:       s.now(),
		content:       content,
	}
	v.arn = l.arn + ":" + strconv.Itoa(v.number)
	if err := s.putLayer(sp, l, v.number, append(slices.Clone(l.versions), v)); err != nil {
		return nil, err
	}
	return &lambdaapi.PublishLayerVersionResponse{
		Content:                 s.layerContent(v),
		LayerArn:                &l.arn,
		LayerVersionArn:         &v.arn,
		Description:             &v.description,
		CreatedDate:             new(v.created.UTC().Format(timeLayout)),
		Version:                 new(int64(v.number)),
		CompatibleRuntimes:      v.runtimes,
		LicenseInfo:             v.licence,
		CompatibleArchitectures: v.architectures,
	}, nil
}

// addLayer returns the layer of a name, and makes it when it is not there.
func (sp *space) addLayer(name string) *layer {
	sp.mu.Lock()
	defer sp.mu.Unlock()
	l := sp.layers[name]
	if l == nil {
		l = &layer{name: name, arn: sp.place.arn("layer", name)}
		sp.layers[name] = l
	}
	return l
}

// putLayer gives a layer other versions: saved first. l.change is held.
func (s *Service) putLayer(sp *space, l *layer, last int, versions []*layerVersion) error {
	if err := s.save(sp.layerRecord(l, last, versions)); err != nil {
		return err
	}
	sp.mu.Lock()
	defer sp.mu.Unlock()
	l.last, l.versions = last, versions
	return nil
}

func (s *Service) layerContent(v *layerVersion) *lambdaapi.LayerVersionContentOutput {
	return &lambdaapi.LayerVersionContentOutput{
		Location: new(s.location(v.content)), CodeSha256: &v.content.SHA256, CodeSize: &v.content.Size,
	}
}

// findLayerVersion finds what a request names; the layer's lock is not held.
func (s *Service) findLayerVersion(ctx context.Context, given string, number int64) (*layer, *layerVersion, error) {
	name, err := s.layerName(ctx, given)
	if err != nil {
		return nil, nil, err
	}
	if number < 1 {
		return nil, nil, invalid("Layer Version Cannot be less than 1.")
	}
	l, versions := s.here(ctx).layer(name)
	for _, v := range versions {
		if int64(v.number) == number {
			return l, v, nil
		}
	}
	return nil, nil, errNoResource
}

func (s *Service) describeLayerVersion(l *layer, v *layerVersion) *lambdaapi.GetLayerVersionResponse {
	return &lambdaapi.GetLayerVersionResponse{
		Content:                 s.layerContent(v),
		LayerArn:                &l.arn,
		LayerVersionArn:         &v.arn,
		Description:             &v.description,
		CreatedDate:             new(v.created.UTC().Format(timeLayout)),
		Version:                 new(int64(v.number)),
		CompatibleRuntimes:      v.runtimes,
		LicenseInfo:             v.licence,
		CompatibleArchitectures: v.architectures,
	}
}

func (s *Service) getLayerVersion(ctx context.Context, in *lambdaapi.GetLayerVersionRequest) (*lambdaapi.GetLayerVersionResponse, error) {
	l, v, err := s.findLayerVersion(ctx, in.LayerName, in.VersionNumber)
	if err != nil {
		return nil, err
	}
	return s.describeLayerVersion(l, v), nil
}

func (s *Service) getLayerVersionByArn(ctx context.Context, in *lambdaapi.GetLayerVersionByArnRequest) (*lambdaapi.GetLayerVersionResponse, error) {
	of, number, _ := cutLast(in.Arn)
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		return nil, errNoResource
	}
	l, v, err := s.findLayerVersion(ctx, of, n)
	if err != nil {
		return nil, err
	}
	return s.describeLayerVersion(l, v), nil
}

// cutLast cuts s at its last colon.
func cutLast(s string) (before, after string, ok bool) {
	i := strings.LastIndexByte(s, ':')
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}

func (v *layerVersion) item() lambdaapi.LayerVersionsListItem {
	return lambdaapi.LayerVersionsListItem{
		LayerVersionArn:         &v.arn,
		Version:                 new(int64(v.number)),
		Description:             &v.description,
		CreatedDate:             new(v.created.UTC().Format(timeLayout)),
		CompatibleRuntimes:      v.runtimes,
		LicenseInfo:             v.licence,
		CompatibleArchitectures: v.architectures,
	}
}

// suits says whether a list that asks for a runtime or an architecture shows v.
func (v *layerVersion) suits(runtime, architecture *string) bool {
	return (runtime == nil || slices.Contains(v.runtimes, *runtime)) &&
		(architecture == nil || slices.Contains(v.architectures, *architecture))
}

// listLayerVersions lists the newest first.
func (s *Service) listLayerVersions(ctx context.Context, in *lambdaapi.ListLayerVersionsRequest) (*lambdaapi.ListLayerVersionsResponse, error) {
	name, err := s.layerName(ctx, in.LayerName)
	if err != nil {
		return nil, err
	}
	_, versions := s.here(ctx).layer(name)
	versions = slices.DeleteFunc(slices.Clone(versions), func(v *layerVersion) bool { return !v.suits(in.CompatibleRuntime, in.CompatibleArchitecture) })
	slices.Reverse(versions)
	key := func(v *layerVersion) string { return versionKey(1<<31 - v.number) }
	versions, next, err := page(versions, key, in.Marker, in.MaxItems, standardPage)
	if err != nil {
		return nil, err
	}
	out := &lambdaapi.ListLayerVersionsResponse{LayerVersions: []lambdaapi.LayerVersionsListItem{}, NextMarker: next}
	for _, v := range versions {
		out.LayerVersions = append(out.LayerVersions, v.item())
	}
	return out, nil
}

func (s *Service) listLayers(ctx context.Context, in *lambdaapi.ListLayersRequest) (*lambdaapi.ListLayersResponse, error) {
	type row struct {
		l *layer
		v *layerVersion
	}
	var rows []row
	sp := s.here(ctx)
	sp.mu.RLock()
	for _, l := range sp.layers {
		for _, v := range slices.Backward(l.versions) {
			if v.suits(in.CompatibleRuntime, in.CompatibleArchitecture) {
				rows = append(rows, row{l, v})
				break
			}
		}
	}
	sp.mu.RUnlock()
	key := func(r row) string { return r.l.name }
	slices.SortFunc(rows, func(a, b row) int { return strings.Compare(key(a), key(b)) })
	rows, next, err := page(rows, key, in.Marker, in.MaxItems, standardPage)
	if err != nil {
		return nil, err
	}
	out := &lambdaapi.ListLayersResponse{Layers: []lambdaapi.LayersListItem{}, NextMarker: next}
	for _, r := range rows {
		out.Layers = append(out.Layers, lambdaapi.LayersListItem{LayerName: &r.l.name, LayerArn: &r.l.arn, LatestMatchingVersion: new(r.v.item())})
	}
	return out, nil
}

// changeLayer replaces the versions of a layer with what edit makes of the one
// that a request names: another one, or nil to delete it.
func (s *Service) changeLayer(ctx context.Context, given string, number int64, edit func(v *layerVersion) (*layerVersion, error)) error {
	l, _, err := s.findLayerVersion(ctx, given, number)
	if err != nil {
		return err
	}
	l.change.Lock()
	defer l.change.Unlock()
	old := l.version(number)
	if old == nil {
		return errNoResource
	}
	next, err := edit(old)
	if err != nil {
		return err
	}
	var versions []*layerVersion
	for _, v := range l.versions {
		switch {
		case v != old:
			versions = append(versions, v)
		case next != nil:
			versions = append(versions, next)
		}
	}
	return s.putLayer(s.here(ctx), l, l.last, versions)
}

// deleteLayerVersion deletes; what is not there is no error, as AWS has it.
func (s *Service) deleteLayerVersion(ctx context.Context, in *lambdaapi.DeleteLayerVersionRequest) (*wire.Nothing, error) {
	if in.VersionNumber < 1 {
		return nil, invalid("Layer Version Cannot be less than 1.")
	}
	err := s.changeLayer(ctx, in.LayerName, in.VersionNumber, func(*layerVersion) (*layerVersion, error) { return nil, nil })
	if wire.IsCode(err, "ResourceNotFoundException") {
		err = nil
	}
	if err == nil {
		s.dropUnused()
	}
	return nil, err
}

// changeLayerPolicy is changeLayer for policies, which name the layer that is not
// there.
func (s *Service) changeLayerPolicy(ctx context.Context, given string, number int64, edit func(v *layerVersion) (*layerVersion, error)) error {
	return missingLayer(ctx, s.changeLayer(ctx, given, number, edit), given, number)
}

// missingLayer returns err, or if it says that there is no such resource, one
// that names it.
func missingLayer(ctx context.Context, err error, given string, number int64) error {
	if !errors.Is(err, errNoResource) {
		return err
	}
	if !strings.HasPrefix(given, "arn:") {
		given = placeOf(wire.CallerFrom(ctx)).arn("layer", given)
	}
	return notFound("Layer version " + given + ":" + strconv.FormatInt(number, 10) + " does not exist.")
}

func (s *Service) addLayerVersionPermission(ctx context.Context, in *lambdaapi.AddLayerVersionPermissionRequest) (*lambdaapi.AddLayerVersionPermissionResponse, error) {
	here := placeOf(wire.CallerFrom(ctx))
	who, err := principal(here, in.Principal)
	if err != nil {
		return nil, err
	}
	var st statement
	var made *policy
	err = s.changeLayerPolicy(ctx, in.LayerName, in.VersionNumber, func(v *layerVersion) (*layerVersion, error) {
		if in.RevisionId != nil && (v.policy == nil || *in.RevisionId != v.policy.Revision) {
			return nil, errStaleLayer
		}
		p := permission{ID: in.StatementId, Effect: "Allow", Principal: who, Action: in.Action, Resource: v.arn}
		if in.OrganizationId != nil {
			p.Condition = map[string]map[string]string{"StringEquals": {"aws:PrincipalOrgID": *in.OrganizationId}}
		}
		st = p.statement()
		var err error
		if made, err = v.policy.with(st, s.random.UUID()); err != nil {
			return nil, err
		}
		return v.withPolicy(made), nil
	})
	if err != nil {
		return nil, err
	}
	return &lambdaapi.AddLayerVersionPermissionResponse{Statement: &st.Text, RevisionId: &made.Revision}, nil
}

// errStaleLayer is worded for layers, whose policies have revisions of their own.
var errStaleLayer = user(lambdaapi.NewPreconditionFailedException(
	"The Revision Id provided does not match the latest Revision Id. Call the GetLayerPolicy API to retrieve the latest Revision Id"))

func (v *layerVersion) withPolicy(p *policy) *layerVersion {
	n := *v
	n.policy = p
	return &n
}

func (s *Service) removeLayerVersionPermission(ctx context.Context, in *lambdaapi.RemoveLayerVersionPermissionRequest) (*wire.Nothing, error) {
	return nil, s.changeLayerPolicy(ctx, in.LayerName, in.VersionNumber, func(v *layerVersion) (*layerVersion, error) {
		if in.RevisionId != nil && (v.policy == nil || *in.RevisionId != v.policy.Revision) {
			return nil, errStaleLayer
		}
		p, err := v.policy.without(in.StatementId, s.random.UUID())
		if err != nil {
			return nil, err
		}
		return v.withPolicy(p), nil
	})
}

func (s *Service) getLayerVersionPolicy(ctx context.Context, in *lambdaapi.GetLayerVersionPolicyRequest) (*lambdaapi.GetLayerVersionPolicyResponse, error) {
	_, v, err := s.findLayerVersion(ctx, in.LayerName, in.VersionNumber)
	if err != nil {
		return nil, missingLayer(ctx, err, in.LayerName, in.VersionNumber)
	}
	if v.policy == nil {
		return nil, notFound("No policy is associated with the given resource.")
	}
	return &lambdaapi.GetLayerVersionPolicyResponse{Policy: new(v.policy.text()), RevisionId: &v.policy.Revision}, nil
}
