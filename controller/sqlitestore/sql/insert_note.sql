INSERT INTO ledger (alias, version, state, rollout, at, why, content) VALUES (?, ?, ?, ?, ?, ?, ?)
