UPDATE leases SET owner = NULL, since = NULL, until = NULL, token = token + 1
WHERE alias = ? AND token = ? AND rollout IS NOT NULL
