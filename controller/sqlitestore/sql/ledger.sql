SELECT alias, version, state, rollout, at, why FROM ledger WHERE alias = ? ORDER BY seq DESC
