package iam

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/iamapi"
)

// defaultSession is how long a session of a role may last, in seconds.
const defaultSession = 3600

// role returns the role called name.
func (a *account) role(name string) (*role, error) {
	if r := a.Roles[name]; r != nil {
		return r, nil
	}
	return nil, iamapi.NewNoSuchEntityException("The role with name " + name + " cannot be found.")
}

// brief is the role as lists and CreateRole show it.
func (r *role) brief() iamapi.Role {
	return iamapi.Role{
		RoleName: r.Name, Path: r.Path, RoleId: r.ID, Arn: r.ARN, CreateDate: r.Created,
		AssumeRolePolicyDocument: escapeDocument(r.Trust), Description: r.Description,
		MaxSessionDuration: &r.MaxSessionDuration,
	}
}

// full is the role as GetRole shows it.
func (r *role) full() *iamapi.Role {
	out := r.brief()
	out.Tags = tagList(r.Tags)
	out.RoleLastUsed = &iamapi.RoleLastUsed{}
	if r.Boundary != "" {
		out.PermissionsBoundary = &iamapi.AttachedPermissionsBoundary{
			PermissionsBoundaryType: new(iamapi.PermissionsBoundaryAttachmentTypePermissionsBoundaryPolicy),
			PermissionsBoundaryArn:  &r.Boundary,
		}
	}
	return &out
}

func (s *Service) createRole(ctx context.Context, in *iamapi.CreateRoleRequest) (out *iamapi.CreateRoleResponse, err error) {
	err = s.change(ctx, func(c wire.Caller, a *account) error {
		for name := range a.Roles {
			// Names differ in more than the case of letters.
			if strings.EqualFold(name, in.RoleName) {
				return iamapi.NewEntityAlreadyExistsException("Role with name " + in.RoleName + " already exists.")
			}
		}
		if err := checkDocument(in.AssumeRolePolicyDocument); err != nil {
			return err
		}
		tags, err := addTags(nil, in.Tags)
		if err != nil {
			return err
		}
		id, err := s.newID("AROA")
		if err != nil {
			return err
		}
		r := &role{
			Name: in.RoleName, Path: wire.ValueOr(in.Path, rootPath), ID: id, Created: s.now(), Trust: in.AssumeRolePolicyDocument,
			Description: in.Description, MaxSessionDuration: wire.ValueOr(in.MaxSessionDuration, defaultSession), Boundary: wire.Value(in.PermissionsBoundary),
			Tags: tags, Inline: map[string]string{},
		}
		r.ARN = "arn:" + c.Partition + ":iam::" + c.Account + ":role" + r.Path + r.Name
		a.Roles[r.Name] = r
		shown := r.full()
		shown.RoleLastUsed = nil
		out = &iamapi.CreateRoleResponse{Role: shown}
		return nil
	})
	return out, err
}

func (s *Service) getRole(ctx context.Context, in *iamapi.GetRoleRequest) (out *iamapi.GetRoleResponse, err error) {
	err = s.read(ctx, func(_ wire.Caller, a *account) error {
		r, err := a.role(in.RoleName)
		if err != nil {
			return err
		}
		out = &iamapi.GetRoleResponse{Role: r.full()}
		return nil
	})
	return out, err
}

func (s *Service) deleteRole(ctx context.Context, in *iamapi.DeleteRoleRequest) (*wire.Nothing, error) {
	return nil, s.change(ctx, func(_ wire.Caller, a *account) error {
		r, err := a.role(in.RoleName)
		switch {
		case err != nil:
			return err
		case len(r.Inline) > 0:
			return iamapi.NewDeleteConflictException("Cannot delete entity, must delete policies first.")
		case len(r.Attached) > 0:
			return iamapi.NewDeleteConflictException("Cannot delete entity, must detach all policies first.")
		}
		delete(a.Roles, r.Name)
		return nil
	})
}

// changeRole calls f with the role called name, as change does.
func (s *Service) changeRole(ctx context.Context, name string, f func(r *role) error) error {
	return s.change(ctx, func(_ wire.Caller, a *account) error {
		r, err := a.role(name)
		if err != nil {
			return err
		}
		return f(r)
	})
}

func (s *Service) updateRole(ctx context.Context, in *iamapi.UpdateRoleRequest) (*iamapi.UpdateRoleResponse, error) {
	return nil, s.changeRole(ctx, in.RoleName, func(r *role) error {
		if in.Description != nil {
			r.Description = in.Description
		}
		if in.MaxSessionDuration != nil {
			r.MaxSessionDuration = *in.MaxSessionDuration
		}
		return nil
	})
}

func (s *Service) updateRoleDescription(ctx context.Context, in *iamapi.UpdateRoleDescriptionRequest) (out *iamapi.UpdateRoleDescriptionResponse, err error) {
	err = s.changeRole(ctx, in.RoleName, func(r *role) error {
		r.Description = &in.Description
		out = &iamapi.UpdateRoleDescriptionResponse{Role: r.full()}
		return nil
	})
	return out, err
}

func (s *Service) updateAssumeRolePolicy(ctx context.Context, in *iamapi.UpdateAssumeRolePolicyRequest) (*wire.Nothing, error) {
	return nil, s.changeRole(ctx, in.RoleName, func(r *role) error {
		if err := checkDocument(in.PolicyDocument); err != nil {
			return err
		}
		r.Trust = in.PolicyDocument
		return nil
	})
}

func (s *Service) putRolePermissionsBoundary(ctx context.Context, in *iamapi.PutRolePermissionsBoundaryRequest) (*wire.Nothing, error) {
	return nil, s.changeRole(ctx, in.RoleName, func(r *role) error {
		r.Boundary = in.PermissionsBoundary
		return nil
	})
}

func (s *Service) deleteRolePermissionsBoundary(ctx context.Context, in *iamapi.DeleteRolePermissionsBoundaryRequest) (*wire.Nothing, error) {
	return nil, s.changeRole(ctx, in.RoleName, func(r *role) error {
		r.Boundary = ""
		return nil
	})
}

func (s *Service) tagRole(ctx context.Context, in *iamapi.TagRoleRequest) (*wire.Nothing, error) {
	return nil, s.changeRole(ctx, in.RoleName, func(r *role) error {
		tags, err := addTags(r.Tags, in.Tags)
		if err != nil {
			return err
		}
		r.Tags = tags
		return nil
	})
}

func (s *Service) untagRole(ctx context.Context, in *iamapi.UntagRoleRequest) (*wire.Nothing, error) {
	return nil, s.changeRole(ctx, in.RoleName, func(r *role) error {
		for _, k := range in.TagKeys {
			delete(r.Tags, k)
		}
		return nil
	})
}

func (s *Service) listRoleTags(ctx context.Context, in *iamapi.ListRoleTagsRequest) (out *iamapi.ListRoleTagsResponse, err error) {
	err = s.read(ctx, func(_ wire.Caller, a *account) error {
		r, err := a.role(in.RoleName)
		if err != nil {
			return err
		}
		keys, next, truncated, err := page(slices.Sorted(maps.Keys(r.Tags)), in.Marker, in.MaxItems)
		if err != nil {
			return err
		}
		out = &iamapi.ListRoleTagsResponse{Tags: []iamapi.Tag{}, Marker: next, IsTruncated: truncated}
		for _, k := range keys {
			out.Tags = append(out.Tags, iamapi.Tag{Key: k, Value: r.Tags[k]})
		}
		return nil
	})
	return out, err
}

func (s *Service) listRoles(ctx context.Context, in *iamapi.ListRolesRequest) (out *iamapi.ListRolesResponse, err error) {
	err = s.read(ctx, func(_ wire.Caller, a *account) error {
		var names []string
		for name, r := range a.Roles {
			if in.PathPrefix == nil || strings.HasPrefix(r.Path, *in.PathPrefix) {
				names = append(names, name)
			}
		}
		slices.Sort(names)
		names, next, truncated, err := page(names, in.Marker, in.MaxItems)
		if err != nil {
			return err
		}
		out = &iamapi.ListRolesResponse{Roles: []iamapi.Role{}, Marker: next, IsTruncated: truncated}
		for _, name := range names {
			out.Roles = append(out.Roles, a.Roles[name].brief())
		}
		return nil
	})
	return out, err
}

// listInstanceProfilesForRole says that there are none: tools ask before they
// delete a role.
func (s *Service) listInstanceProfilesForRole(ctx context.Context, in *iamapi.ListInstanceProfilesForRoleRequest) (out *iamapi.ListInstanceProfilesForRoleResponse, err error) {
	err = s.read(ctx, func(_ wire.Caller, a *account) error {
		_, err := a.role(in.RoleName)
		return err
	})
	return &iamapi.ListInstanceProfilesForRoleResponse{InstanceProfiles: []iamapi.InstanceProfile{}, IsTruncated: new(false)}, err
}

func (s *Service) putRolePolicy(ctx context.Context, in *iamapi.PutRolePolicyRequest) (*wire.Nothing, error) {
	return nil, s.changeRole(ctx, in.RoleName, func(r *role) error {
		if err := checkDocument(in.PolicyDocument); err != nil {
			return err
		}
		if r.Inline == nil {
			r.Inline = map[string]string{}
		}
		r.Inline[in.PolicyName] = in.PolicyDocument
		return nil
	})
}

// inline returns the document of a policy that is part of the role.
func (r *role) inline(name string) (string, error) {
	if document, ok := r.Inline[name]; ok {
		return document, nil
	}
	return "", iamapi.NewNoSuchEntityException("The role policy with name " + name + " cannot be found.")
}

func (s *Service) getRolePolicy(ctx context.Context, in *iamapi.GetRolePolicyRequest) (out *iamapi.GetRolePolicyResponse, err error) {
	err = s.read(ctx, func(_ wire.Caller, a *account) error {
		r, err := a.role(in.RoleName)
		if err != nil {
			return err
		}
		document, err := r.inline(in.PolicyName)
		if err != nil {
			return err
		}
		out = &iamapi.GetRolePolicyResponse{RoleName: r.Name, PolicyName: in.PolicyName, PolicyDocument: *escapeDocument(document)}
		return nil
	})
	return out, err
}

func (s *Service) deleteRolePolicy(ctx context.Context, in *iamapi.DeleteRolePolicyRequest) (*wire.Nothing, error) {
	return nil, s.changeRole(ctx, in.RoleName, func(r *role) error {
		if _, err := r.inline(in.PolicyName); err != nil {
			return err
		}
		delete(r.Inline, in.PolicyName)
		return nil
	})
}

func (s *Service) listRolePolicies(ctx context.Context, in *iamapi.ListRolePoliciesRequest) (out *iamapi.ListRolePoliciesResponse, err error) {
	err = s.read(ctx, func(_ wire.Caller, a *account) error {
		r, err := a.role(in.RoleName)
		if err != nil {
			return err
		}
		names, next, truncated, err := page(slices.Sorted(maps.Keys(r.Inline)), in.Marker, in.MaxItems)
		if err != nil {
			return err
		}
		out = &iamapi.ListRolePoliciesResponse{PolicyNames: append([]string{}, names...), Marker: next, IsTruncated: truncated}
		return nil
	})
	return out, err
}
