-- name: add_message
INSERT INTO message (key, ref, client_ref, version, recipient, created, digest, payload, trace)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (key) DO NOTHING

-- name: message_by_key
SELECT message.id, message.digest, progress.state
FROM message LEFT JOIN progress USING (id)
WHERE message.key = :key

-- name: messages_by_ref
SELECT message.id, progress.state, progress.attempts FROM message JOIN progress USING (id) WHERE message.ref = :ref LIMIT 2

-- name: last_id
SELECT coalesce(max(id), 0) FROM message

-- name: purge_messages
DELETE FROM message
WHERE id > :after AND id <= :until
    AND (:recipient IS NULL OR recipient = :recipient)
    AND (
        :before IS NULL
        OR id IN (
            SELECT id FROM progress
            WHERE id > :after AND id <= :until
                AND updated < :before AND state IN (SELECT value FROM json_each(:states))
        )
    )
