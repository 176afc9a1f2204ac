SELECT id, attempts FROM progress
WHERE id IN (SELECT value FROM json_each(:ids)) AND +state = :before AND owner = :owner
