SELECT a.alias, l.rollout, l.owner, l.token, l.since, l.until
FROM rollout_aliases a JOIN leases l ON l.alias = a.alias
WHERE a.rollout = ?
ORDER BY a.position
