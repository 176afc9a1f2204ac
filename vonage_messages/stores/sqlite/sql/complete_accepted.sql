UPDATE progress SET message_uuid = coalesce(message_uuid, ?), request_id = coalesce(request_id, ?) WHERE id = ?
