UPDATE owner SET lease_until = 0 WHERE name IN (SELECT value FROM json_each(:owners))
