SELECT revision, ended, events, orders FROM rollouts WHERE id = ?
