SELECT number, body FROM orders WHERE rollout = ? AND number > ? ORDER BY number
