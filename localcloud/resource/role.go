package resource

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

func role() kind {
	const longest = 64
	k := kind{name: "RoleName", longest: longest, tags: roleTags}
	k.absent = func(ctx context.Context, c *call) error {
		name := c.named(k)
		_, err := c.iam.GetRole(ctx, &iam.GetRoleInput{RoleName: &name})
		return unlessGone(err, c.exists(name))
	}
	k.create = func(ctx context.Context, c *call) error {
		in := &iam.CreateRoleInput{}
		if err := c.fill(in, "Tags", "ManagedPolicyArns", "Policies"); err != nil {
			return err
		}
		name := c.named(k)
		in.RoleName, in.Tags = &name, tagList(c.tags(), roleTag)
		if _, err := c.iam.CreateRole(ctx, in); err != nil && !isCode(err, "EntityAlreadyExists", "EntityAlreadyExistsException") {
			return err
		}
		c.id = name
		return nil
	}
	k.complete = done(rolePolicies)
	k.update = done(updateRole)
	k.remove = done(func(ctx context.Context, c *call) error {
		if err := c.dropPolicies(ctx, c.Properties, jsonvalue.Value{}); err != nil {
			return err
		}
		_, err := c.iam.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: &c.id})
		return err
	})
	k.attributes = func(ctx context.Context, c *call) (attributes, error) {
		out, err := c.iam.GetRole(ctx, &iam.GetRoleInput{RoleName: &c.id})
		if err != nil {
			return nil, err
		}
		return attributes{"Arn": str(out.Role.Arn), "RoleId": str(out.Role.RoleId)}, nil
	}
	return k
}

func updateRole(ctx context.Context, c *call) error {
	properties := c.withDefaults(`{"Description":"","MaxSessionDuration":3600}`)
	settings := &iam.UpdateRoleInput{}
	if err := fillFrom(settings, only(properties, "Description", "MaxSessionDuration")); err != nil {
		return err
	}
	settings.RoleName = &c.id
	if _, err := c.iam.UpdateRole(ctx, settings); err != nil {
		return err
	}
	v, _ := properties.Get("AssumeRolePolicyDocument")
	trust, _ := document(v)
	if _, err := c.iam.UpdateAssumeRolePolicy(ctx, &iam.UpdateAssumeRolePolicyInput{RoleName: &c.id, PolicyDocument: &trust}); err != nil {
		return err
	}
	switch {
	case c.has("PermissionsBoundary"):
		_, err := c.iam.PutRolePermissionsBoundary(ctx, &iam.PutRolePermissionsBoundaryInput{RoleName: &c.id, PermissionsBoundary: new(c.text("PermissionsBoundary"))})
		if err != nil {
			return err
		}
	case present(c.Previous, "PermissionsBoundary"):
		if _, err := c.iam.DeleteRolePermissionsBoundary(ctx, &iam.DeleteRolePermissionsBoundaryInput{RoleName: &c.id}); err != nil {
			return err
		}
	}
	return c.dropPolicies(ctx, c.Previous, c.Properties)
}

// rolePolicies gives the role the policies of the template.
func rolePolicies(ctx context.Context, c *call) error {
	for _, policy := range texts(c.Properties, "ManagedPolicyArns") {
		if _, err := c.iam.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: &c.id, PolicyArn: &policy}); err != nil {
			return err
		}
	}
	inline, _ := c.Properties.Get("Policies")
	for p := range inline.Elements() {
		in := &iam.PutRolePolicyInput{}
		if err := fillFrom(in, p); err != nil {
			return err
		}
		in.RoleName = &c.id
		if _, err := c.iam.PutRolePolicy(ctx, in); err != nil {
			return err
		}
	}
	return nil
}

// dropPolicies takes those policies from the role that the properties of before
// have and those of now have not.
func (c *call) dropPolicies(ctx context.Context, before, now jsonvalue.Value) error {
	keep := texts(now, "ManagedPolicyArns")
	for _, policy := range texts(before, "ManagedPolicyArns") {
		if slices.Contains(keep, policy) {
			continue
		}
		_, err := c.iam.DetachRolePolicy(ctx, &iam.DetachRolePolicyInput{RoleName: &c.id, PolicyArn: &policy})
		if err != nil && !isGone(err) {
			return err
		}
	}
	keep = policyNames(now)
	for _, name := range policyNames(before) {
		if slices.Contains(keep, name) {
			continue
		}
		_, err := c.iam.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: &c.id, PolicyName: &name})
		if err != nil && !isGone(err) {
			return err
		}
	}
	return nil
}

// policyNames returns the names of the policies that stand in a role.
func policyNames(properties jsonvalue.Value) []string {
	return textsOf(properties, "Policies", "PolicyName")
}

func roleTag(key, value *string) types.Tag { return types.Tag{Key: key, Value: value} }

var roleTags = tagging{
	list: func(ctx context.Context, c *call) (map[string]string, error) {
		out, err := c.iam.ListRoleTags(ctx, &iam.ListRoleTagsInput{RoleName: &c.id})
		if err != nil {
			return nil, err
		}
		return tagMap(out.Tags, func(t types.Tag) (key, value *string) { return t.Key, t.Value }), nil
	},
	tag: func(ctx context.Context, c *call, tags map[string]string) error {
		_, err := c.iam.TagRole(ctx, &iam.TagRoleInput{RoleName: &c.id, Tags: tagList(tags, roleTag)})
		return err
	},
	untag: func(ctx context.Context, c *call, keys []string) error {
		_, err := c.iam.UntagRole(ctx, &iam.UntagRoleInput{RoleName: &c.id, TagKeys: keys})
		return err
	},
}
