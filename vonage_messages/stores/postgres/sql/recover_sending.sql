UPDATE {schema}.progress SET
    state = %(after)s, updated = %(now)s,
    error_class = NULL, error_code = NULL, error_title = %(why)s, error_detail = NULL
WHERE id IN (
    SELECT id FROM {schema}.progress WHERE state = %(before)s AND owner = %(owner)s ORDER BY id FOR UPDATE
)
