SELECT granted, stamped FROM leases WHERE alias = ? AND rollout IS NOT NULL AND granted IS NOT NULL
