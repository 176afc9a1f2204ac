UPDATE progress SET
    state = :state, owner = NULL, updated = :now,
    message_uuid = coalesce(given.message_uuid, progress.message_uuid),
    request_id = coalesce(given.request_id, progress.request_id),
    error_class = NULL, error_code = NULL, error_title = NULL, error_detail = NULL
FROM (
    SELECT
        json_extract(value, '$[0]') AS id,
        json_extract(value, '$[1]') AS message_uuid,
        json_extract(value, '$[2]') AS request_id
    FROM json_each(:accepted)
) AS given
WHERE progress.id = given.id
