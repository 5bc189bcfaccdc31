package lambda

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/lambdaapi"
)

// maxName is how long the name of a function may be.
const maxName = 64

func (s *Service) createFunction(ctx context.Context, in *lambdaapi.CreateFunctionRequest) (*lambdaapi.FunctionConfiguration, error) {
	r, err := s.reference(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(in.FunctionName, "arn:") && !strings.Contains(in.FunctionName, ":function:") {
		return nil, validation("Value '" + in.FunctionName + "' at 'functionName' failed to satisfy constraint: Member must name a function")
	}
	if len(r.name) > maxName {
		return nil, invalid(fmt.Sprintf("1 validation error detected: Value '%s' at 'functionName' failed to satisfy constraint:"+
			" Member must have length less than or equal to %d", r.name, maxName))
	}
	if len(in.Tags) > maxTags {
		return nil, errTags
	}
	first, code, err := s.firstVersion(ctx, r, in)
	if err != nil {
		return nil, err
	}
	sp := s.space(r.place)
	if sp.function(r.name) != nil {
		return nil, conflict("Function already exist: " + r.name)
	}

	s.archives.use.RLock()
	defer s.archives.use.RUnlock()
	if first.code, err = s.archives.put(code); err != nil {
		return nil, err
	}
	first.stamp(s.now(), s.settle)
	f := sp.newFunction(s.random.UUID(), r.name)
	first.run = s.runnable(f, first)
	c := &control{latest: first, tags: in.Tags, signing: wire.Value(in.CodeSigningConfigArn)}
	shown := first
	if wire.Value(in.Publish) {
		v := *first
		v.number = 1
		v.revision, v.settled = s.random.UUID(), s.random.UUID()
		v.run = s.runnable(f, &v)
		c.versions, c.lastVersion = []*version{&v}, 1
		shown = &v
	}
	f.control.Store(c)
	if err := s.add(sp, f); err != nil {
		return nil, err
	}
	// The ARN has no qualifier, also of a version: recorded.
	return f.describe(shown, f.arn, shown.modified, false), nil
}

// add puts a function in its space: saved first.
func (s *Service) add(sp *space, f *function) error {
	sp.mu.Lock()
	defer sp.mu.Unlock()
	if sp.functions[f.name] != nil {
		return conflict("Function already exist: " + f.name)
	}
	if err := s.save(f.changes(nil, f.control.Load())...); err != nil {
		return err
	}
	sp.functions[f.name] = f
	return nil
}

func (sp *space) newFunction(id, name string) *function {
	return &function{id: id, space: sp, name: name, arn: sp.place.arn("function", name)}
}

// firstVersion returns $LATEST of a new function, with its code beside it.
func (s *Service) firstVersion(ctx context.Context, r reference, in *lambdaapi.CreateFunctionRequest) (*version, []byte, error) {
	if wire.ValueOr(in.PackageType, lambdaapi.PackageTypeZip) != lambdaapi.PackageTypeZip || in.Code.ImageUri != nil {
		return nil, nil, absent("container images")
	}
	switch {
	case in.Runtime == nil || in.Handler == nil:
		return nil, nil, invalid("Runtime and Handler are mandatory parameters for functions created with deployment packages.")
	case in.PublishTo != nil || in.TenancyConfig != nil:
		return nil, nil, absent("managed instances and tenants")
	}
	if err := s.checkSignature(ctx, wire.Value(in.CodeSigningConfigArn)); err != nil {
		return nil, nil, err
	}
	code, err := s.source(ctx, in.Code.ZipFile, in.Code.S3Bucket, in.Code.S3Key, in.Code.S3ObjectVersion)
	if err != nil {
		return nil, nil, err
	}
	v := &version{
		revision: s.random.UUID(),
		settled:  s.random.UUID(),
		creating: true,
		settings: settings{
			Architecture: lambdaapi.ArchitectureX8664,
			MemoryMB:     128,
			Timeout:      3,
			EphemeralMB:  512,
			Tracing:      lambdaapi.TracingModePassThrough,
			Logging:      logging{Format: lambdaapi.LogFormatText, Group: "/aws/lambda/" + r.name},
		},
	}
	if len(in.Architectures) > 0 {
		v.Architecture = in.Architectures[0]
	}
	v.settings, v.layers, err = s.apply(r.place, v, configuring{
		role: &in.Role, handler: in.Handler, description: in.Description, runtime: in.Runtime,
		timeout: in.Timeout, memory: in.MemorySize, vpc: in.VpcConfig, environment: in.Environment,
		deadLetter: in.DeadLetterConfig, kmsKey: in.KMSKeyArn, tracing: in.TracingConfig, layers: in.Layers,
		fileSystems: in.FileSystemConfigs, image: in.ImageConfig, storage: in.EphemeralStorage,
		snapStart: in.SnapStart, logging: in.LoggingConfig, capacity: in.CapacityProviderConfig, durable: in.DurableConfig,
	})
	if err != nil {
		return nil, nil, err
	}
	if err := checkZip(code); err != nil {
		return nil, nil, err
	}
	return v, code, s.checkMachine(v)
}

// source returns the code of a request: what is in it, or what it names in a
// bucket.
//
// Source of the message about S3: recorded.
func (s *Service) source(ctx context.Context, zip []byte, bucket, key, version *string) ([]byte, error) {
	switch {
	case bucket != nil:
		code, err := s.fetch(ctx, *bucket, wire.Value(key), wire.Value(version))
		if e, ok := errors.AsType[*wire.Error](err); ok {
			return nil, invalid("Error occurred while GetObject. S3 Error Code: " + e.Code + ". S3 Error Message: " + e.Message)
		}
		return code, err
	case len(zip) == 0:
		return nil, invalid("Please provide a source for function code.")
	case len(zip) > maxZipped:
		return nil, tooLarge(fmt.Sprintf("Zipped size must be smaller than %d bytes", maxZipped))
	}
	return zip, nil
}

// fetch reads code from a bucket. What is longer than unpacked code may be is
// read no further, and refused for its size later.
func (s *Service) fetch(ctx context.Context, bucket, key, version string) ([]byte, error) {
	if s.objects == nil {
		return nil, &wire.Error{Code: "NoSuchBucket", Message: "The specified bucket does not exist"}
	}
	body, err := s.objects.Get(ctx, bucket, key, version)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	code, err := io.ReadAll(io.LimitReader(body, maxUnzipped+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read the code %s in %s: %w", key, bucket, err)
	case len(code) > maxUnzipped:
		return nil, errUnzipped
	}
	return code, nil
}

// errBusy is the answer to changes while AWS would still be at work.
func (f *function) errBusy() error {
	return conflict("The operation cannot be performed at this time. An update is in progress for resource: " + f.arn)
}

// updated returns $LATEST with a change that takes a moment. What ran before
// runs until then.
func (s *Service) updated(f *function, old *version, edit func(v *version) error) (*version, error) {
	v := *old
	v.revision, v.settled = s.random.UUID(), s.random.UUID()
	v.before = old.run
	if err := edit(&v); err != nil {
		return nil, err
	}
	v.stamp(s.now(), s.settle)
	v.creating = false
	v.run = s.runnable(f, &v)
	return &v, nil
}

// stamp says that v was changed now, and is settled a while later. Everything
// that takes time has been done before.
func (v *version) stamp(now time.Time, settle time.Duration) {
	v.modified, v.settles = now, now.Add(settle)
}

// replaced lets go of what an update replaced, once it has settled.
func (s *Service) replaced(v *version) {
	s.timers.set(v.settles, func() {
		s.retire(v.before)
		s.dropUnused()
	})
}

func (s *Service) updateFunctionCode(ctx context.Context, in *lambdaapi.UpdateFunctionCodeRequest) (*lambdaapi.FunctionConfiguration, error) {
	f, old, _, err := s.find(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	if err := s.checkSignature(ctx, old.signing); err != nil {
		return nil, err
	}
	switch {
	case in.ImageUri != nil:
		return nil, absent("container images")
	case in.PublishTo != nil:
		return nil, absent("managed instances")
	}
	code, err := s.source(ctx, in.ZipFile, in.S3Bucket, in.S3Key, in.S3ObjectVersion)
	if err != nil {
		return nil, err
	}
	if err := checkZip(code); err != nil {
		return nil, err
	}
	s.archives.use.RLock()
	defer s.archives.use.RUnlock()
	dry, publish := wire.Value(in.DryRun), wire.Value(in.Publish)
	var shown *version
	var changed time.Time
	err = s.change(f, func(c *control) (*control, error) {
		now := s.now()
		if in.RevisionId != nil && *in.RevisionId != c.latest.revisionAt(now) {
			return nil, errStale
		}
		if c.latest.busy(now) {
			return nil, f.errBusy()
		}
		next, err := s.updated(f, c.latest, func(v *version) error { return s.recode(v, code, in.Architectures, dry) })
		if err != nil {
			return nil, err
		}
		shown, changed = next, next.modified
		if dry {
			return c, nil
		}
		n := c.clone()
		n.latest = next
		if publish {
			n, shown = s.publishedUpdate(f, n)
		}
		return n, nil
	})
	if err != nil {
		return nil, err
	}
	if !dry {
		s.replaced(f.control.Load().latest)
	}
	return f.describe(shown, f.shownARN(shown), changed, false), nil
}

// recode gives a version other code. What is only tried is kept nowhere.
func (s *Service) recode(v *version, code []byte, architectures []string, dry bool) error {
	if len(architectures) > 0 && architectures[0] != v.Architecture {
		v.Architecture = architectures[0]
		if err := s.checkMachine(v); err != nil {
			return err
		}
	}
	if dry {
		v.code = NewArchive(code)
		return nil
	}
	var err error
	v.code, err = s.archives.put(code)
	return err
}

// publishedUpdate publishes $LATEST while its update goes on, which the new version
// takes as long to be created.
func (s *Service) publishedUpdate(f *function, c *control) (*control, *version) {
	next, v := s.published(f, c, nil)
	if next == c {
		return c, v // the code was that of the version already
	}
	creating := *v
	creating.revision, creating.settled = s.random.UUID(), s.random.UUID()
	creating.settles, creating.creating = c.latest.settles, true
	return next.withVersion(&creating), &creating
}

// shownARN is the ARN under which an answer shows a version that was changed.
func (f *function) shownARN(v *version) string {
	if v.number == 0 {
		return f.arn
	}
	return qualified(f.arn, v.qualifier())
}

func (s *Service) updateFunctionConfiguration(ctx context.Context, in *lambdaapi.UpdateFunctionConfigurationRequest) (*lambdaapi.FunctionConfiguration, error) {
	f, _, r, err := s.find(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	var shown *version
	err = s.change(f, func(c *control) (*control, error) {
		now := s.now()
		if in.RevisionId != nil && *in.RevisionId != c.latest.revisionAt(now) {
			return nil, errStale
		}
		next, err := s.updated(f, c.latest, func(v *version) (err error) {
			v.settings, v.layers, err = s.apply(r.place, v, configuring{
				role: in.Role, handler: in.Handler, description: in.Description, runtime: in.Runtime,
				timeout: in.Timeout, memory: in.MemorySize, vpc: in.VpcConfig, environment: in.Environment,
				deadLetter: in.DeadLetterConfig, kmsKey: in.KMSKeyArn, tracing: in.TracingConfig, layers: in.Layers,
				fileSystems: in.FileSystemConfigs, image: in.ImageConfig, storage: in.EphemeralStorage,
				snapStart: in.SnapStart, logging: in.LoggingConfig, capacity: in.CapacityProviderConfig, durable: in.DurableConfig,
			})
			switch {
			case err != nil:
				return err
			case c.latest.busy(now):
				return f.errBusy()
			case in.Runtime != nil:
				return s.checkMachine(v)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		n := c.clone()
		n.latest, shown = next, next
		return n, nil
	})
	if err != nil {
		return nil, err
	}
	s.replaced(shown)
	return f.describe(shown, f.arn, shown.modified, false), nil
}

// configuration finds the version that a request is about. The ARN that is
// shown has the qualifier of the request, also that of an alias.
func (s *Service) configuration(ctx context.Context, name string, qualifier *string) (*function, *control, *version, reference, error) {
	f, c, r, err := s.find(ctx, name, qualifier)
	if err != nil {
		return nil, nil, nil, r, err
	}
	v := c.resolve(r.qualifier)
	if v == nil {
		return nil, nil, nil, r, functionGone(r.arn())
	}
	return f, c, v, r, nil
}

func (s *Service) getFunctionConfiguration(ctx context.Context, in *lambdaapi.GetFunctionConfigurationRequest) (*lambdaapi.FunctionConfiguration, error) {
	f, _, v, r, err := s.configuration(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	return f.describe(v, r.arn(), s.now(), false), nil
}

func (s *Service) getFunction(ctx context.Context, in *lambdaapi.GetFunctionRequest) (*lambdaapi.GetFunctionResponse, error) {
	f, c, v, r, err := s.configuration(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	out := &lambdaapi.GetFunctionResponse{
		Configuration: f.describe(v, r.arn(), s.now(), false),
		Code:          &lambdaapi.FunctionCodeLocation{RepositoryType: new("S3"), Location: new(s.location(v.code))},
	}
	// Tags are the function's, and a version does not show them (recorded).
	if len(c.tags) > 0 && v == c.latest {
		out.Tags = c.tags
	}
	if c.reserved != nil {
		out.Concurrency = &lambdaapi.Concurrency{ReservedConcurrentExecutions: new(int32(*c.reserved))}
	}
	return out, nil
}

func (s *Service) listFunctions(ctx context.Context, in *lambdaapi.ListFunctionsRequest) (*lambdaapi.ListFunctionsResponse, error) {
	type row struct {
		f *function
		v *version
	}
	sp, everything := s.here(ctx), in.FunctionVersion != nil
	var rows []row
	sp.mu.RLock()
	for _, f := range sp.functions {
		c := f.control.Load()
		if !everything {
			rows = append(rows, row{f, c.latest})
			continue
		}
		for _, v := range c.all() {
			rows = append(rows, row{f, v})
		}
	}
	sp.mu.RUnlock()
	key := func(r row) string { return r.f.name + " " + versionKey(r.v.number) }
	slices.SortFunc(rows, func(a, b row) int { return strings.Compare(key(a), key(b)) })
	rows, next, err := page(rows, key, in.Marker, in.MaxItems, standardPage)
	if err != nil {
		return nil, err
	}
	out := &lambdaapi.ListFunctionsResponse{Functions: []lambdaapi.FunctionConfiguration{}, NextMarker: next}
	now := s.now()
	for _, r := range rows {
		arn := r.f.arn
		if everything {
			arn = qualified(arn, r.v.qualifier())
		}
		out.Functions = append(out.Functions, *r.f.describe(r.v, arn, now, true))
	}
	return out, nil
}

func (s *Service) deleteFunction(ctx context.Context, in *lambdaapi.DeleteFunctionRequest) (*lambdaapi.DeleteFunctionResponse, error) {
	r, err := s.reference(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	if r.qualifier == latest {
		return nil, invalid("$LATEST version cannot be deleted without deleting the function.")
	}
	if isAlias(r.qualifier) {
		return nil, invalid("Deletion of aliases is not currently supported.")
	}
	f, _, err := s.function(reference{place: r.place, name: r.name})
	if err != nil {
		return nil, err
	}
	if r.qualifier != "" {
		err = s.deleteVersion(f, r.qualifier)
	} else {
		err = s.remove(f)
	}
	if err != nil {
		return nil, err
	}
	s.dropUnused()
	return &lambdaapi.DeleteFunctionResponse{StatusCode: new(int32(http.StatusNoContent))}, nil
}

// remove takes a function away: saved first.
func (s *Service) remove(f *function) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.control.Load()
	if c.deleted {
		return functionGone(f.arn)
	}
	if err := s.save(f.deletion(c)...); err != nil {
		return err
	}
	gone := c.clone()
	gone.deleted = true
	f.control.Store(gone)
	f.space.mu.Lock()
	delete(f.space.functions, f.name)
	f.space.mu.Unlock()
	s.provide(f)
	for _, v := range c.all() {
		s.retire(v.run)
	}
	for _, u := range c.urls {
		s.urls.Delete(u.ID)
	}
	return nil
}

// dropUnused removes code that nothing names any more, soon.
func (s *Service) dropUnused() {
	s.calls.Submit(func() {
		s.archives.use.Lock()
		defer s.archives.use.Unlock()
		named := map[*Archive]bool{}
		s.spaces.Range(func(_, found any) bool {
			sp := found.(*space)
			sp.mu.RLock()
			defer sp.mu.RUnlock()
			for _, f := range sp.functions {
				for _, v := range f.control.Load().all() {
					named[v.code] = true
					for _, l := range v.layers {
						named[l] = true
					}
				}
			}
			for _, l := range sp.layers {
				for _, v := range l.versions {
					named[v.content] = true
				}
			}
			return true
		})
		// Code that stays by mistake is in nobody's way, and goes at the next
		// start or after the next deletion.
		_ = s.archives.keep(named)
	})
}

// codePath is where ServeHTTP of Code answers, below the local cloud's address.
const codePath = "/_crossfade/lambda/code/"

// location is where a function's code can be fetched from.
func (s *Service) location(a *Archive) string {
	base := "http://localhost"
	if s.endpoint != nil {
		if known := s.endpoint(); known != "" {
			base = strings.TrimSuffix(known, "/")
		}
	}
	return base + codePath + fileName(a.SHA256)
}

// Code serves the locations that GetFunction and GetLayerVersion answer with; it
// is meant for the path that CodePath returns.
func (s *Service) Code() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := strings.TrimPrefix(r.URL.Path, codePath)
		a := s.archives.named(name)
		if a == nil {
			http.NotFound(w, r)
			return
		}
		content, err := a.Bytes()
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/zip")
		// The client is gone if this fails; nobody is left to be told.
		_, _ = w.Write(content)
	})
}

// CodePath is the path, with a slash at its end, below which Code answers.
func CodePath() string { return codePath }

// tagsOf returns a copy of tags with more.
func tagsOf(tags, more map[string]string) map[string]string {
	all := maps.Clone(tags)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, more)
	return all
}
