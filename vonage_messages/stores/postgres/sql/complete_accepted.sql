UPDATE {schema}.progress SET
    message_uuid = coalesce(message_uuid, %(message_uuid)s), request_id = coalesce(request_id, %(request_id)s)
WHERE id = %(id)s
