UPDATE {schema}.progress SET
    state = %(state)s, owner = CASE WHEN %(stays_with_owner)s THEN owner END, updated = %(now)s,
    request_id = coalesce(%(request_id)s, request_id),
    error_class = %(error_class)s, error_code = %(error_code)s,
    error_title = %(error_title)s, error_detail = %(error_detail)s
WHERE id = %(id)s
