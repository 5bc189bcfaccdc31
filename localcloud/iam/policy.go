package iam

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/crossfade-dev/crossfade/internal/arn"
	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/iamapi"
)

// maxVersions is how many versions a policy may have at a time.
const maxVersions = 5

// policy returns the policy with the ARN.
func (a *account) policy(policyARN string) (*policy, error) {
	if p := a.Policies[policyARN]; p != nil {
		return p, nil
	}
	return nil, iamapi.NewNoSuchEntityException("Policy " + policyARN + " was not found.")
}

// attachments counts the roles that the policy is attached to.
func (a *account) attachments(policyARN string) (attached, boundaries int32) {
	for _, r := range a.Roles {
		if slices.Contains(r.Attached, policyARN) {
			attached++
		}
		if r.Boundary == policyARN {
			boundaries++
		}
	}
	return attached, boundaries
}

func (a *account) show(p *policy) iamapi.Policy {
	attached, boundaries := a.attachments(p.ARN)
	return iamapi.Policy{
		PolicyName: &p.Name, PolicyId: &p.ID, Arn: &p.ARN, Path: &p.Path, DefaultVersionId: versionID(p.Default),
		AttachmentCount: &attached, PermissionsBoundaryUsageCount: &boundaries, IsAttachable: new(true),
		CreateDate: &p.Created, UpdateDate: &p.Updated,
	}
}

func versionID(n int) *string { return new("v" + strconv.Itoa(n)) }

// version returns the index in Versions of the one with an id such as "v2".
func (p *policy) version(id string) (int, error) {
	for i, v := range p.Versions {
		if *versionID(v.Number) == id {
			return i, nil
		}
	}
	return 0, iamapi.NewNoSuchEntityException(fmt.Sprintf("Policy %s version %s does not exist or is not attachable.", p.ARN, id))
}

func (p *policy) show(v version) iamapi.PolicyVersion {
	return iamapi.PolicyVersion{VersionId: versionID(v.Number), IsDefaultVersion: new(v.Number == p.Default), CreateDate: &v.Created}
}

func (s *Service) createPolicy(ctx context.Context, in *iamapi.CreatePolicyRequest) (out *iamapi.CreatePolicyResponse, err error) {
	err = s.change(ctx, func(c wire.Caller, a *account) error {
		for _, p := range a.Policies {
			if !p.AWS && strings.EqualFold(p.Name, in.PolicyName) {
				return iamapi.NewEntityAlreadyExistsException("A policy called " + in.PolicyName + " already exists. Duplicate names are not allowed.")
			}
		}
		if err := checkDocument(in.PolicyDocument); err != nil {
			return err
		}
		tags, err := addTags(nil, in.Tags)
		if err != nil {
			return err
		}
		id, err := s.newID("ANPA")
		if err != nil {
			return err
		}
		now := s.now()
		p := &policy{
			Name: in.PolicyName, Path: wire.ValueOr(in.Path, rootPath), ID: id, Created: now, Updated: now, Description: in.Description, Tags: tags,
			Default: 1, Last: 1, Versions: []version{{Number: 1, Document: in.PolicyDocument, Created: now}},
		}
		p.ARN = "arn:" + c.Partition + ":iam::" + c.Account + ":policy" + p.Path + p.Name
		a.Policies[p.ARN] = p
		shown := a.show(p)
		shown.Tags = tagList(p.Tags)
		out = &iamapi.CreatePolicyResponse{Policy: &shown}
		return nil
	})
	return out, err
}

func (s *Service) getPolicy(ctx context.Context, in *iamapi.GetPolicyRequest) (out *iamapi.GetPolicyResponse, err error) {
	err = s.read(ctx, func(_ wire.Caller, a *account) error {
		p, err := a.policy(in.PolicyArn)
		if err != nil {
			return err
		}
		shown := a.show(p)
		shown.Description = p.Description
		shown.Tags = tagList(p.Tags)
		out = &iamapi.GetPolicyResponse{Policy: &shown}
		return nil
	})
	return out, err
}

func (s *Service) deletePolicy(ctx context.Context, in *iamapi.DeletePolicyRequest) (*wire.Nothing, error) {
	return nil, s.change(ctx, func(_ wire.Caller, a *account) error {
		p, err := a.policy(in.PolicyArn)
		if err != nil {
			return err
		}
		if attached, boundaries := a.attachments(p.ARN); attached+boundaries > 0 {
			return iamapi.NewDeleteConflictException("Cannot delete a policy attached to entities.")
		}
		if len(p.Versions) > 1 {
			return iamapi.NewDeleteConflictException("This policy has more than one version. Before you delete a policy, you must delete the policy's versions. The default version is deleted with the policy.")
		}
		delete(a.Policies, p.ARN)
		return nil
	})
}

func (s *Service) listPolicies(ctx context.Context, in *iamapi.ListPoliciesRequest) (out *iamapi.ListPoliciesResponse, err error) {
	err = s.read(ctx, func(_ wire.Caller, a *account) error {
		var arns []string
		for policyARN, p := range a.Policies {
			attached, _ := a.attachments(policyARN)
			switch {
			case in.PathPrefix != nil && !strings.HasPrefix(p.Path, *in.PathPrefix):
			case in.OnlyAttached != nil && *in.OnlyAttached && attached == 0:
			case in.Scope != nil && *in.Scope == iamapi.PolicyScopeTypeLocal && p.AWS:
			case in.Scope != nil && *in.Scope == iamapi.PolicyScopeTypeAws && !p.AWS:
			default:
				arns = append(arns, policyARN)
			}
		}
		slices.Sort(arns)
		arns, next, truncated, err := page(arns, in.Marker, in.MaxItems)
		if err != nil {
			return err
		}
		out = &iamapi.ListPoliciesResponse{Policies: []iamapi.Policy{}, Marker: next, IsTruncated: truncated}
		for _, policyARN := range arns {
			out.Policies = append(out.Policies, a.show(a.Policies[policyARN]))
		}
		return nil
	})
	return out, err
}

// changePolicy calls f with the policy, as change does.
func (s *Service) changePolicy(ctx context.Context, policyARN string, f func(p *policy) error) error {
	return s.change(ctx, func(_ wire.Caller, a *account) error {
		p, err := a.policy(policyARN)
		if err != nil {
			return err
		}
		if err := f(p); err != nil {
			return err
		}
		p.Updated = s.now()
		return nil
	})
}

func (s *Service) createPolicyVersion(ctx context.Context, in *iamapi.CreatePolicyVersionRequest) (out *iamapi.CreatePolicyVersionResponse, err error) {
	err = s.changePolicy(ctx, in.PolicyArn, func(p *policy) error {
		if len(p.Versions) >= maxVersions {
			return iamapi.NewLimitExceededException(fmt.Sprintf("A managed policy can have up to %d versions. Before you create a new version, you must delete an existing version.", maxVersions))
		}
		if err := checkDocument(in.PolicyDocument); err != nil {
			return err
		}
		p.Last++
		v := version{Number: p.Last, Document: in.PolicyDocument, Created: s.now()}
		p.Versions = append(p.Versions, v)
		if in.SetAsDefault != nil && *in.SetAsDefault {
			p.Default = v.Number
		}
		out = &iamapi.CreatePolicyVersionResponse{PolicyVersion: new(p.show(v))}
		return nil
	})
	return out, err
}

func (s *Service) getPolicyVersion(ctx context.Context, in *iamapi.GetPolicyVersionRequest) (out *iamapi.GetPolicyVersionResponse, err error) {
	err = s.read(ctx, func(_ wire.Caller, a *account) error {
		p, err := a.policy(in.PolicyArn)
		if err != nil {
			return err
		}
		i, err := p.version(in.VersionId)
		if err != nil {
			return err
		}
		shown := p.show(p.Versions[i])
		shown.Document = escapeDocument(p.Versions[i].Document)
		out = &iamapi.GetPolicyVersionResponse{PolicyVersion: &shown}
		return nil
	})
	return out, err
}

func (s *Service) listPolicyVersions(ctx context.Context, in *iamapi.ListPolicyVersionsRequest) (out *iamapi.ListPolicyVersionsResponse, err error) {
	err = s.read(ctx, func(_ wire.Caller, a *account) error {
		p, err := a.policy(in.PolicyArn)
		if err != nil {
			return err
		}
		// Five at most, newest first: there is never a second page.
		out = &iamapi.ListPolicyVersionsResponse{Versions: []iamapi.PolicyVersion{}, IsTruncated: new(false)}
		for _, v := range slices.Backward(p.Versions) {
			out.Versions = append(out.Versions, p.show(v))
		}
		return nil
	})
	return out, err
}

func (s *Service) deletePolicyVersion(ctx context.Context, in *iamapi.DeletePolicyVersionRequest) (*wire.Nothing, error) {
	return nil, s.changePolicy(ctx, in.PolicyArn, func(p *policy) error {
		i, err := p.version(in.VersionId)
		if err != nil {
			return err
		}
		if p.Versions[i].Number == p.Default {
			return iamapi.NewDeleteConflictException("Cannot delete the default version of a policy.")
		}
		p.Versions = slices.Delete(p.Versions, i, i+1)
		return nil
	})
}

func (s *Service) setDefaultPolicyVersion(ctx context.Context, in *iamapi.SetDefaultPolicyVersionRequest) (*wire.Nothing, error) {
	return nil, s.changePolicy(ctx, in.PolicyArn, func(p *policy) error {
		i, err := p.version(in.VersionId)
		if err != nil {
			return err
		}
		p.Default = p.Versions[i].Number
		return nil
	})
}

func (s *Service) attachRolePolicy(ctx context.Context, in *iamapi.AttachRolePolicyRequest) (*wire.Nothing, error) {
	return nil, s.change(ctx, func(_ wire.Caller, a *account) error {
		r, err := a.role(in.RoleName)
		if err != nil {
			return err
		}
		if a.Policies[in.PolicyArn] == nil {
			p, err := s.awsPolicy(in.PolicyArn)
			if err != nil {
				return err
			}
			a.Policies[p.ARN] = p
		}
		if !slices.Contains(r.Attached, in.PolicyArn) {
			r.Attached = append(r.Attached, in.PolicyArn)
		}
		return nil
	})
}

// awsPolicy returns one of AWS's own policies by its ARN, of which only the name
// is known.
func (s *Service) awsPolicy(policyARN string) (*policy, error) {
	parsed, err := arn.Parse(policyARN)
	path, isPolicy := strings.CutPrefix(parsed.Resource, "policy/")
	if err != nil || parsed.Service != "iam" || parsed.Account != "aws" || !isPolicy || path == "" {
		return nil, iamapi.NewNoSuchEntityException("Policy " + policyARN + " does not exist or is not attachable.")
	}
	id, err := s.newID("ANPA")
	if err != nil {
		return nil, err
	}
	cut := strings.LastIndexByte(path, '/') + 1
	now := s.now()
	return &policy{Name: path[cut:], Path: "/" + path[:cut], ID: id, ARN: policyARN, Created: now, Updated: now, AWS: true, Default: 1, Last: 1}, nil
}

func (s *Service) detachRolePolicy(ctx context.Context, in *iamapi.DetachRolePolicyRequest) (*wire.Nothing, error) {
	return nil, s.changeRole(ctx, in.RoleName, func(r *role) error {
		i := slices.Index(r.Attached, in.PolicyArn)
		if i < 0 {
			return iamapi.NewNoSuchEntityException("Policy " + in.PolicyArn + " was not found.")
		}
		r.Attached = slices.Delete(r.Attached, i, i+1)
		return nil
	})
}

func (s *Service) listAttachedRolePolicies(ctx context.Context, in *iamapi.ListAttachedRolePoliciesRequest) (out *iamapi.ListAttachedRolePoliciesResponse, err error) {
	err = s.read(ctx, func(_ wire.Caller, a *account) error {
		r, err := a.role(in.RoleName)
		if err != nil {
			return err
		}
		var arns []string
		for _, policyARN := range r.Attached {
			if in.PathPrefix == nil || strings.HasPrefix(a.Policies[policyARN].Path, *in.PathPrefix) {
				arns = append(arns, policyARN)
			}
		}
		slices.Sort(arns)
		arns, next, truncated, err := page(arns, in.Marker, in.MaxItems)
		if err != nil {
			return err
		}
		out = &iamapi.ListAttachedRolePoliciesResponse{AttachedPolicies: []iamapi.AttachedPolicy{}, Marker: next, IsTruncated: truncated}
		for _, policyARN := range arns {
			out.AttachedPolicies = append(out.AttachedPolicies, iamapi.AttachedPolicy{PolicyArn: &policyARN, PolicyName: &a.Policies[policyARN].Name})
		}
		return nil
	})
	return out, err
}
