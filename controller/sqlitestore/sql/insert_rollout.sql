INSERT INTO rollouts (id, task, name, owner, created, plan, status, revision, ended, events, orders, followed)
VALUES (?, ?, ?, ?, ?, ?, ?, 1, ?, ?, 0, ?)
ON CONFLICT (id) DO NOTHING
