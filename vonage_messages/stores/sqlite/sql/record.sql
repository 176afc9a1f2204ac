UPDATE progress SET
    state = ?, owner = CASE ? WHEN 1 THEN owner END, updated = ?, request_id = coalesce(?, request_id),
    error_class = ?, error_code = ?, error_title = ?, error_detail = ?
WHERE id = ?
