SELECT id FROM rollouts WHERE ended = 0 AND orders > followed ORDER BY id
