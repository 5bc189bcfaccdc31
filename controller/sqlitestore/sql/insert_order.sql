INSERT INTO orders (rollout, number, body) VALUES (?, ?, ?)
