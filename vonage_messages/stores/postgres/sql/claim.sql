WITH oldest AS (
    SELECT id FROM {schema}.progress
    WHERE state = %(before)s
    ORDER BY id
    LIMIT %(count)s
    FOR UPDATE SKIP LOCKED
)
UPDATE {schema}.progress SET state = %(after)s, owner = %(owner)s, updated = %(now)s
FROM oldest
WHERE progress.id = oldest.id
RETURNING progress.id
