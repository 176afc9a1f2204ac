SELECT id, name, lease_until FROM owner
WHERE id IN (SELECT owner FROM progress WHERE state IN (SELECT value FROM json_each(:states)))
