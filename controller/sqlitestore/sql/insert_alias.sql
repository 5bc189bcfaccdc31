INSERT INTO rollout_aliases (rollout, position, alias) VALUES (?, ?, ?)
