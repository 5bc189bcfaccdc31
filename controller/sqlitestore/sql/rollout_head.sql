SELECT revision, ended, events, orders, json_extract(status, '$.phase') FROM rollouts WHERE id = ?
