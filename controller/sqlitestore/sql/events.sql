SELECT number, body FROM events WHERE rollout = ? AND number > ? ORDER BY number
