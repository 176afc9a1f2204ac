SELECT
    message.id, message.key, message.ref, message.client_ref, message.version, message.payload,
    progress.state, progress.attempts, owner.name, owner.lease_until,
    progress.message_uuid, progress.request_id,
    progress.error_class, progress.error_code, progress.error_title, progress.error_detail,
    message.created, progress.updated,
    EXISTS (SELECT 1 FROM {schema}.message AS other WHERE other.ref = message.ref AND other.id <> message.id)
FROM {schema}.progress
JOIN {schema}.message ON message.id = progress.id
LEFT JOIN {schema}.owner ON owner.id = progress.owner
WHERE progress.id > %(after)s AND progress.state = ANY(%(states)s)
ORDER BY progress.id
LIMIT %(count)s
