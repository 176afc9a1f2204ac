UPDATE progress SET
    state = :after, updated = :now, error_class = NULL, error_code = NULL, error_title = :why, error_detail = NULL
WHERE state = :before AND owner = :owner
