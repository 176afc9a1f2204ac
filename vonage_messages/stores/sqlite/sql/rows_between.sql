SELECT
    message.id, message.key, message.ref, message.client_ref, message.version, message.payload,
    progress.state, progress.attempts, owner.name, owner.lease_until,
    progress.message_uuid, progress.request_id,
    progress.error_class, progress.error_code, progress.error_title, progress.error_detail,
    message.created, progress.updated,
    EXISTS (SELECT 1 FROM message AS other WHERE other.ref = message.ref AND other.id <> message.id)
FROM progress
JOIN message USING (id)
LEFT JOIN owner ON owner.id = progress.owner
WHERE progress.id > :after AND progress.id <= :until
    AND progress.state IN (SELECT value FROM json_each(:states))
ORDER BY progress.id
