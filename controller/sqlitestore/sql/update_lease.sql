UPDATE leases SET owner = ?, token = ?, since = ?, until = ?, granted = ?, stamped = ? WHERE alias = ?
