-- One row, whatever is found: see standing.sql.
SELECT
    (SELECT id FROM owner WHERE name = :owner), (SELECT lease_until FROM owner WHERE name = :owner),
    json_group_array(id), json_group_array(attempts)
FROM progress
WHERE id IN (SELECT value FROM json_each(:ids)) AND +state = :before
    AND owner = (SELECT id FROM owner WHERE name = :owner)
