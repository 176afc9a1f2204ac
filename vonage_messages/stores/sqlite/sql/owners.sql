-- name: owner_enrol
INSERT INTO owner (name, lease_until) VALUES (:name, :lease_until)
ON CONFLICT (name) DO UPDATE SET lease_until = excluded.lease_until

-- name: owner_by_name
SELECT id FROM owner WHERE name = :name

-- name: owners_with_rows_out
SELECT id, name, lease_until FROM owner
WHERE id IN (SELECT owner FROM progress WHERE state IN (SELECT value FROM json_each(:states)))

-- name: owners_without_rows_out
SELECT name FROM owner
WHERE lease_until > 0 AND id NOT IN (
    SELECT owner FROM progress WHERE owner IS NOT NULL AND state IN (SELECT value FROM json_each(:states))
)

-- name: expire_owners
UPDATE owner SET lease_until = 0 WHERE name IN (SELECT value FROM json_each(:owners))
