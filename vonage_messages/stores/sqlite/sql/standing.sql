SELECT id, state, attempts, owner FROM progress WHERE id IN (SELECT value FROM json_each(:ids))
