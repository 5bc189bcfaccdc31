SELECT id, task, owner, created, plan, status, revision FROM rollouts WHERE id = ?
