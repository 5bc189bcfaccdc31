UPDATE rollouts SET status = ?, revision = revision + 1, ended = ?, followed = ?, events = events + ?
WHERE id = ? AND revision = ?
