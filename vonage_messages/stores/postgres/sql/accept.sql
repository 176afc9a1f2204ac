UPDATE {schema}.progress SET
    state = %(state)s, owner = NULL, updated = %(now)s,
    message_uuid = coalesce(given.message_uuid, progress.message_uuid),
    request_id = coalesce(given.request_id, progress.request_id),
    error_class = NULL, error_code = NULL, error_title = NULL, error_detail = NULL
FROM unnest(%(ids)s::bigint[], %(message_uuids)s::text[], %(request_ids)s::text[])
    AS given (id, message_uuid, request_id)
WHERE progress.id = given.id
