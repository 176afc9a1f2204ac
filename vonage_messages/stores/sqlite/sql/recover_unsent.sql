UPDATE progress SET state = :after, owner = NULL, updated = :now
WHERE state = :before AND owner = :owner
