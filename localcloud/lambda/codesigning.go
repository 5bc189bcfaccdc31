package lambda

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/crossfade-dev/crossfade/internal/arn"
	"github.com/crossfade-dev/crossfade/localcloud/journal"
	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/lambdaapi"
)

// There is no signer here, so that no code is signed: a configuration that
// enforces signatures refuses every upload, and one that warns refuses none.

// A signing is a code signing configuration. It is immutable.
type signing struct {
	ID          string    `json:"id"`
	Place       place     `json:"place"`
	Description string    `json:"description,omitempty"`
	Publishers  []string  `json:"publishers"`
	Policy      string    `json:"policy"`
	Modified    time.Time `json:"modified"`
	Number      int64     `json:"number"` // grows with every configuration
}

func (g *signing) arn() string { return g.Place.arn("code-signing-config", g.ID) }

func (g *signing) describe() *lambdaapi.CodeSigningConfig {
	return &lambdaapi.CodeSigningConfig{
		CodeSigningConfigId:  g.ID,
		CodeSigningConfigArn: g.arn(),
		Description:          wire.Optional(g.Description),
		AllowedPublishers:    &lambdaapi.AllowedPublishers{SigningProfileVersionArns: g.Publishers},
		CodeSigningPolicies:  &lambdaapi.CodeSigningPolicies{UntrustedArtifactOnDeployment: &g.Policy},
		LastModified:         g.Modified.UTC().Format(timeLayout),
	}
}

// signing returns the configuration of an ARN in the caller's place.
func (s *Service) signing(ctx context.Context, name string) (*space, *signing, error) {
	sp := s.here(ctx)
	gone := user(lambdaapi.NewCodeSigningConfigNotFoundException(
		"The code signing configuration cannot be found. Check that the provided configuration is not deleted: " + name + "."))
	a, err := arn.Parse(name)
	if err != nil || a.Region != sp.Region || a.Account != sp.Account {
		return nil, nil, gone
	}
	sp.mu.RLock()
	defer sp.mu.RUnlock()
	g := sp.signings[strings.TrimPrefix(a.Resource, "code-signing-config:")]
	if g == nil {
		return nil, nil, gone
	}
	return sp, g, nil
}

// keep puts a configuration in its space: saved first.
func (s *Service) keep(sp *space, g *signing) error {
	sp.mu.Lock()
	defer sp.mu.Unlock()
	if err := s.save(journal.JSON(recordSigning, g.ID, g)); err != nil {
		return err
	}
	sp.signings[g.ID] = g
	return nil
}

func (s *Service) createCodeSigningConfig(ctx context.Context, in *lambdaapi.CreateCodeSigningConfigRequest) (*lambdaapi.CreateCodeSigningConfigResponse, error) {
	sp := s.here(ctx)
	g := &signing{
		ID:          fmt.Sprintf("csc-%016x%x", s.random.Uint64(), s.random.Uint64()>>60),
		Place:       sp.place,
		Description: wire.Value(in.Description),
		Publishers:  in.AllowedPublishers.SigningProfileVersionArns,
		Policy:      lambdaapi.CodeSigningPolicyWarn,
		Modified:    s.now(),
		Number:      s.queued.Add(1),
	}
	if in.CodeSigningPolicies != nil {
		g.Policy = wire.ValueOr(in.CodeSigningPolicies.UntrustedArtifactOnDeployment, g.Policy)
	}
	if err := s.keep(sp, g); err != nil {
		return nil, err
	}
	return &lambdaapi.CreateCodeSigningConfigResponse{CodeSigningConfig: g.describe()}, nil
}

func (s *Service) updateCodeSigningConfig(ctx context.Context, in *lambdaapi.UpdateCodeSigningConfigRequest) (*lambdaapi.UpdateCodeSigningConfigResponse, error) {
	sp, old, err := s.signing(ctx, in.CodeSigningConfigArn)
	if err != nil {
		return nil, err
	}
	g := *old
	g.Description = wire.ValueOr(in.Description, g.Description)
	g.Modified = s.now()
	if in.AllowedPublishers != nil {
		g.Publishers = in.AllowedPublishers.SigningProfileVersionArns
	}
	if in.CodeSigningPolicies != nil {
		g.Policy = wire.ValueOr(in.CodeSigningPolicies.UntrustedArtifactOnDeployment, g.Policy)
	}
	if err := s.keep(sp, &g); err != nil {
		return nil, err
	}
	return &lambdaapi.UpdateCodeSigningConfigResponse{CodeSigningConfig: g.describe()}, nil
}

func (s *Service) getCodeSigningConfig(ctx context.Context, in *lambdaapi.GetCodeSigningConfigRequest) (*lambdaapi.GetCodeSigningConfigResponse, error) {
	_, g, err := s.signing(ctx, in.CodeSigningConfigArn)
	if err != nil {
		return nil, err
	}
	return &lambdaapi.GetCodeSigningConfigResponse{CodeSigningConfig: g.describe()}, nil
}

func (s *Service) listCodeSigningConfigs(ctx context.Context, in *lambdaapi.ListCodeSigningConfigsRequest) (*lambdaapi.ListCodeSigningConfigsResponse, error) {
	sp := s.here(ctx)
	var all []*signing
	sp.mu.RLock()
	for _, g := range sp.signings {
		all = append(all, g)
	}
	sp.mu.RUnlock()
	key := func(g *signing) string { return fmt.Sprintf("%020d", g.Number) }
	slices.SortFunc(all, func(a, b *signing) int { return strings.Compare(key(a), key(b)) })
	all, next, err := page(all, key, in.Marker, in.MaxItems, standardPage)
	if err != nil {
		return nil, err
	}
	out := &lambdaapi.ListCodeSigningConfigsResponse{CodeSigningConfigs: []lambdaapi.CodeSigningConfig{}, NextMarker: next}
	for _, g := range all {
		out.CodeSigningConfigs = append(out.CodeSigningConfigs, *g.describe())
	}
	return out, nil
}

// signedBy returns the ARNs of the functions that use a configuration, sorted.
func (sp *space) signedBy(g *signing) []string {
	sp.mu.RLock()
	defer sp.mu.RUnlock()
	arns := []string{}
	for _, f := range sp.functions {
		if f.control.Load().signing == g.arn() {
			arns = append(arns, f.arn)
		}
	}
	slices.Sort(arns)
	return arns
}

func (s *Service) listFunctionsByCodeSigningConfig(ctx context.Context, in *lambdaapi.ListFunctionsByCodeSigningConfigRequest) (*lambdaapi.ListFunctionsByCodeSigningConfigResponse, error) {
	sp, g, err := s.signing(ctx, in.CodeSigningConfigArn)
	if err != nil {
		return nil, err
	}
	arns, next, err := page(sp.signedBy(g), func(a string) string { return a }, in.Marker, in.MaxItems, standardPage)
	if err != nil {
		return nil, err
	}
	return &lambdaapi.ListFunctionsByCodeSigningConfigResponse{FunctionArns: arns, NextMarker: next}, nil
}

// deleteCodeSigningConfig takes a configuration away that no function uses.
//
// Source: API reference, "DeleteCodeSigningConfig"; the message is the rule's.
func (s *Service) deleteCodeSigningConfig(ctx context.Context, in *lambdaapi.DeleteCodeSigningConfigRequest) (*lambdaapi.DeleteCodeSigningConfigResponse, error) {
	sp, g, err := s.signing(ctx, in.CodeSigningConfigArn)
	if err != nil {
		return nil, err
	}
	if users := sp.signedBy(g); len(users) > 0 {
		return nil, conflict("You can delete the code signing configuration only if no function is using it. It is used by " + strings.Join(users, ", "))
	}
	sp.mu.Lock()
	defer sp.mu.Unlock()
	if err := s.save(journal.Deletion(recordSigning, g.ID)); err != nil {
		return nil, err
	}
	delete(sp.signings, g.ID)
	return &lambdaapi.DeleteCodeSigningConfigResponse{}, nil
}

func (s *Service) putFunctionCodeSigningConfig(ctx context.Context, in *lambdaapi.PutFunctionCodeSigningConfigRequest) (*lambdaapi.PutFunctionCodeSigningConfigResponse, error) {
	_, g, err := s.signing(ctx, in.CodeSigningConfigArn)
	if err != nil {
		return nil, err
	}
	f, err := s.sign(ctx, in.FunctionName, g.arn())
	if err != nil {
		return nil, err
	}
	return &lambdaapi.PutFunctionCodeSigningConfigResponse{CodeSigningConfigArn: g.arn(), FunctionName: f.name}, nil
}

// sign gives a function another code signing configuration; empty is none.
func (s *Service) sign(ctx context.Context, name, configuration string) (*function, error) {
	f, _, _, err := s.find(ctx, name, nil)
	if err != nil {
		return nil, err
	}
	return f, s.change(f, func(c *control) (*control, error) {
		n := c.clone()
		n.signing = configuration
		return n, nil
	})
}

func (s *Service) getFunctionCodeSigningConfig(ctx context.Context, in *lambdaapi.GetFunctionCodeSigningConfigRequest) (*lambdaapi.GetFunctionCodeSigningConfigResponse, error) {
	f, c, _, err := s.find(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	return &lambdaapi.GetFunctionCodeSigningConfigResponse{CodeSigningConfigArn: c.signing, FunctionName: f.name}, nil
}

func (s *Service) deleteFunctionCodeSigningConfig(ctx context.Context, in *lambdaapi.DeleteFunctionCodeSigningConfigRequest) (*wire.Nothing, error) {
	_, err := s.sign(ctx, in.FunctionName, "")
	return nil, err
}

// checkSignature refuses code where a configuration, which may be empty, enforces
// signatures.
//
// Source of the message: API model, CodeVerificationFailedException.
func (s *Service) checkSignature(ctx context.Context, configuration string) error {
	if configuration == "" {
		return nil
	}
	_, g, err := s.signing(ctx, configuration)
	if err != nil {
		return err
	}
	if g.Policy != lambdaapi.CodeSigningPolicyEnforce {
		return nil
	}
	return user(lambdaapi.NewCodeVerificationFailedException("The code signature failed one or more of the validation checks for signature mismatch or expiry," +
		" and the code signing policy is set to ENFORCE. Lambda blocks the deployment. (The local cloud has no signer: no code is signed here.)"))
}

// signing reads a configuration from the journal.
func (r *restoring) signing(id string, g signing) error {
	r.space(g.Place).signings[id] = &g
	if g.Number > r.queued.Load() {
		r.queued.Store(g.Number)
	}
	return nil
}
