SELECT alias, rollout, owner, token, since, until FROM leases WHERE alias = ? AND rollout IS NOT NULL
