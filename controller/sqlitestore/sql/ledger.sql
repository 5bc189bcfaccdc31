SELECT alias, version, state, rollout, at, why, content FROM ledger WHERE alias = ? ORDER BY seq DESC
