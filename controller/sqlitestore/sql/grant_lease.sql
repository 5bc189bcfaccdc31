-- Binds a free alias to a rollout. RETURNING nothing: it is bound already.
INSERT INTO leases (alias, rollout, owner, token, since, until, granted, stamped) VALUES (?, ?, ?, 1, ?, ?, ?, ?)
ON CONFLICT (alias) DO UPDATE
SET rollout = excluded.rollout, owner = excluded.owner, token = leases.token + 1, since = excluded.since, until = excluded.until,
    granted = excluded.granted, stamped = excluded.stamped
WHERE leases.rollout IS NULL
RETURNING token
