SELECT json_extract(status, '$.phase') FROM rollouts WHERE id = ?
