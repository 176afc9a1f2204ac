UPDATE {schema}.progress SET state = %(after)s, owner = NULL, updated = %(now)s
WHERE id IN (
    SELECT id FROM {schema}.progress WHERE state = %(before)s AND owner = %(owner)s ORDER BY id FOR UPDATE
)
