UPDATE {schema}.progress SET state = %(after)s, attempts = attempts + 1, updated = %(now)s
WHERE id IN (
    SELECT id FROM {schema}.progress
    WHERE id = ANY(%(ids)s) AND state = %(before)s AND owner = %(owner)s
    ORDER BY id
    FOR UPDATE
)
RETURNING id, attempts
