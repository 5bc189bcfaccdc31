package resource

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

func managedPolicy() kind {
	const longest = 128
	k := kind{name: "ManagedPolicyName", longest: longest}
	policyARN := func(c *call) string {
		path := "/"
		if c.has("Path") {
			path = c.text("Path")
		}
		return "arn:" + c.partition + ":iam::" + c.account + ":policy" + path + c.named(k)
	}
	k.absent = func(ctx context.Context, c *call) error {
		_, err := c.iam.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: new(policyARN(c))})
		return unlessGone(err, c.exists(policyARN(c)))
	}
	k.create = func(ctx context.Context, c *call) error {
		in := &iam.CreatePolicyInput{}
		if err := c.fill(in, "ManagedPolicyName", "Roles"); err != nil {
			return err
		}
		in.PolicyName = new(c.named(k))
		if _, err := c.iam.CreatePolicy(ctx, in); err != nil && !isCode(err, "EntityAlreadyExists", "EntityAlreadyExistsException") {
			return err
		}
		c.id = policyARN(c)
		return nil
	}
	k.complete = done(func(ctx context.Context, c *call) error {
		for _, role := range texts(c.Properties, "Roles") {
			if _, err := c.iam.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: &role, PolicyArn: &c.id}); err != nil {
				return err
			}
		}
		return nil
	})
	detach := func(ctx context.Context, c *call, before, now jsonvalue.Value) error {
		keep := texts(now, "Roles")
		for _, role := range texts(before, "Roles") {
			if slices.Contains(keep, role) {
				continue
			}
			_, err := c.iam.DetachRolePolicy(ctx, &iam.DetachRolePolicyInput{RoleName: &role, PolicyArn: &c.id})
			if err != nil && !isGone(err) {
				return err
			}
		}
		return nil
	}
	k.update = done(func(ctx context.Context, c *call) error {
		if err := detach(ctx, c, c.Previous, c.Properties); err != nil || !c.changed("PolicyDocument") {
			return err
		}
		return newDocument(ctx, c)
	})
	k.remove = done(func(ctx context.Context, c *call) error {
		if err := detach(ctx, c, c.Properties, jsonvalue.Value{}); err != nil {
			return err
		}
		if err := dropVersions(ctx, c, 0); err != nil {
			return err
		}
		_, err := c.iam.DeletePolicy(ctx, &iam.DeletePolicyInput{PolicyArn: &c.id})
		return err
	})
	k.attributes = func(ctx context.Context, c *call) (attributes, error) {
		out, err := c.iam.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: &c.id})
		if err != nil {
			return nil, err
		}
		return attributes{
			"PolicyArn": str(out.Policy.Arn), "PolicyId": str(out.Policy.PolicyId), "DefaultVersionId": str(out.Policy.DefaultVersionId),
			"AttachmentCount": jsonvalue.Int(int64(*out.Policy.AttachmentCount)), "IsAttachable": jsonvalue.Bool(out.Policy.IsAttachable),
			"PermissionsBoundaryUsageCount": jsonvalue.Int(int64(*out.Policy.PermissionsBoundaryUsageCount)),
			"CreateDate":                    jsonvalue.String(out.Policy.CreateDate.Format("2006-01-02T15:04:05Z")),
			"UpdateDate":                    jsonvalue.String(out.Policy.UpdateDate.Format("2006-01-02T15:04:05Z")),
		}, nil
	}
	return k
}

// newDocument makes the template's document the version in force. A policy has
// five versions at most, so the oldest ones go.
func newDocument(ctx context.Context, c *call) error {
	const others = 3 // beside the one in force and the new one
	if err := dropVersions(ctx, c, others); err != nil {
		return err
	}
	in := &iam.CreatePolicyVersionInput{}
	if err := fillFrom(in, only(c.Properties, "PolicyDocument")); err != nil {
		return err
	}
	in.PolicyArn, in.SetAsDefault = &c.id, true
	_, err := c.iam.CreatePolicyVersion(ctx, in)
	return err
}

// dropVersions deletes all versions that are not in force but the newest few.
func dropVersions(ctx context.Context, c *call, keep int) error {
	out, err := c.iam.ListPolicyVersions(ctx, &iam.ListPolicyVersionsInput{PolicyArn: &c.id})
	if err != nil {
		return err
	}
	for _, v := range out.Versions { // newest first
		if v.IsDefaultVersion {
			continue
		}
		if keep > 0 {
			keep--
			continue
		}
		if _, err := c.iam.DeletePolicyVersion(ctx, &iam.DeletePolicyVersionInput{PolicyArn: &c.id, VersionId: v.VersionId}); err != nil {
			return err
		}
	}
	return nil
}
