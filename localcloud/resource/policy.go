package resource

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

// policy puts a policy into roles. Users and groups are not there to put it into.
func policy() kind {
	put := func(ctx context.Context, c *call) error {
		for _, role := range texts(c.Properties, "Roles") {
			in := &iam.PutRolePolicyInput{}
			if err := c.fill(in, "Roles"); err != nil {
				return err
			}
			in.RoleName = &role
			if _, err := c.iam.PutRolePolicy(ctx, in); err != nil {
				return err
			}
		}
		return nil
	}
	drop := func(ctx context.Context, c *call, before, now jsonvalue.Value) error {
		keep := texts(now, "Roles")
		if textOf(before, "PolicyName") != textOf(now, "PolicyName") {
			keep = nil
		}
		for _, role := range texts(before, "Roles") {
			if slices.Contains(keep, role) {
				continue
			}
			_, err := c.iam.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: &role, PolicyName: new(textOf(before, "PolicyName"))})
			if err != nil && !isGone(err) {
				return err
			}
		}
		return nil
	}
	return kind{
		create: func(ctx context.Context, c *call) error {
			if len(texts(c.Properties, "Roles")) == 0 {
				return invalid("At least one of [Groups,Roles,Users] must be non-empty.")
			}
			if err := put(ctx, c); err != nil {
				return err
			}
			const longest = 128
			c.id = c.invented(longest, false)
			return nil
		},
		update: done(func(ctx context.Context, c *call) error {
			if err := put(ctx, c); err != nil {
				return err
			}
			return drop(ctx, c, c.Previous, c.Properties)
		}),
		remove:     done(func(ctx context.Context, c *call) error { return drop(ctx, c, c.Properties, jsonvalue.Value{}) }),
		attributes: func(_ context.Context, c *call) (attributes, error) { return attributes{"Id": str(&c.id)}, nil },
	}
}
