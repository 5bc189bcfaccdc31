SELECT id, task, owner, created, plan, status, revision FROM rollouts
WHERE (?1 = 0 OR ended = 0)
  AND (?2 = '' OR name = ?2)
  AND (?3 = '' OR id IN (SELECT rollout FROM rollout_aliases WHERE alias = ?3))
ORDER BY seq DESC
LIMIT ?4
