UPDATE progress SET state = :after, owner = NULL, updated = :now
WHERE +state = :before AND id IN (SELECT value FROM json_each(:ids))
