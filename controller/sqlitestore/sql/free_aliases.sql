UPDATE leases SET rollout = NULL, owner = NULL, since = NULL, until = NULL WHERE rollout = ?
