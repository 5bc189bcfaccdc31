UPDATE leases SET owner = ?, token = ?, since = ?, until = ? WHERE alias = ?
