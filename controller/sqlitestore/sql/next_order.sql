UPDATE rollouts SET orders = orders + 1 WHERE id = ? AND ended = 0 RETURNING orders
