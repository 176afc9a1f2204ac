UPDATE progress SET state = :state, owner = :owner, updated = :now
WHERE id IN (SELECT value FROM json_each(:ids))
