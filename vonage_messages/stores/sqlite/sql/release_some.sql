UPDATE progress SET state = :after, owner = NULL, updated = :now
WHERE +state = :before AND owner = (SELECT id FROM owner WHERE name = :owner)
    AND id IN (SELECT value FROM json_each(:ids))
