UPDATE progress SET state = :after, attempts = attempts + 1, updated = :now
WHERE id IN (SELECT value FROM json_each(:ids)) AND +state = :before AND owner = :owner
