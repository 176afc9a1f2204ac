-- name: enrol
INSERT INTO {schema}.owner (name, lease_until, enrolled) VALUES (%(name)s, %(lease_until)s, true)
ON CONFLICT (name) DO UPDATE SET lease_until = excluded.lease_until, enrolled = true

-- name: lease
INSERT INTO {schema}.owner (name, lease_until, enrolled) VALUES (%(name)s, %(lease_until)s, false)
ON CONFLICT (name) DO UPDATE SET lease_until = excluded.lease_until
RETURNING id

-- name: standing_lease
SELECT id, lease_until FROM {schema}.owner WHERE name = %(name)s FOR SHARE

-- name: forget_enrolment
UPDATE {schema}.owner SET lease_until = 0 WHERE name = ANY(%(owners)s)

-- name: owners_with_rows_out
SELECT id, name, lease_until, enrolled FROM {schema}.owner
WHERE EXISTS (
    SELECT 1 FROM {schema}.progress WHERE progress.owner = owner.id AND progress.state IN ('claimed', 'sending')
)
ORDER BY id

-- name: forget_dead_owners
DELETE FROM {schema}.owner
WHERE lease_until < %(before)s AND NOT EXISTS (SELECT 1 FROM {schema}.progress WHERE progress.owner = owner.id)

-- name: forget_owner
DELETE FROM {schema}.owner
WHERE name = %(name)s AND NOT EXISTS (SELECT 1 FROM {schema}.progress WHERE progress.owner = owner.id)
