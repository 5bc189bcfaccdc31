INSERT INTO events (rollout, number, body) VALUES (?, ?, ?)
