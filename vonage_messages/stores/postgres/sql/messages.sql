-- name: incoming
CREATE TEMPORARY TABLE IF NOT EXISTS vonage_messages_incoming (
    position integer NOT NULL,
    key text NOT NULL,
    ref text NOT NULL,
    client_ref text,
    version text NOT NULL,
    recipient text,
    digest bytea NOT NULL,
    payload bytea NOT NULL,
    trace text
) ON COMMIT DELETE ROWS

-- name: empty_incoming
TRUNCATE vonage_messages_incoming

-- name: copy_incoming
COPY vonage_messages_incoming (position, key, ref, client_ref, version, recipient, digest, payload, trace)
FROM STDIN (FORMAT BINARY)

-- name: conflicts
SELECT incoming.position, message.id, progress.state
FROM vonage_messages_incoming AS incoming
JOIN {schema}.message USING (key)
LEFT JOIN {schema}.progress ON progress.id = message.id
WHERE message.digest <> incoming.digest
ORDER BY incoming.position

-- name: add
WITH added AS (
    INSERT INTO {schema}.message (key, ref, client_ref, version, recipient, created, digest, payload, trace)
    SELECT key, ref, client_ref, version, recipient, %(now)s, digest, payload, trace
    FROM vonage_messages_incoming
    ORDER BY position
    ON CONFLICT (key) DO NOTHING
    RETURNING id
)
INSERT INTO {schema}.progress (id, batch, state, attempts, updated)
SELECT id, %(batch)s, %(state)s, 0, %(now)s FROM added

-- name: messages_by_ref
SELECT message.id, progress.state, progress.attempts
FROM {schema}.message JOIN {schema}.progress ON progress.id = message.id
WHERE message.ref = %(ref)s
ORDER BY message.id
LIMIT 2
FOR UPDATE OF progress

-- name: last_id
SELECT coalesce(max(id), 0) FROM {schema}.message

-- name: purge
WITH doomed AS (
    SELECT message.id
    FROM {schema}.message JOIN {schema}.progress ON progress.id = message.id
    WHERE message.id > %(after)s AND message.id <= %(until)s
        AND (%(recipient)s::text IS NULL OR message.recipient = %(recipient)s)
        AND (%(before)s::double precision IS NULL
            OR (progress.updated < %(before)s AND progress.state = ANY(%(states)s)))
    ORDER BY message.id
    FOR UPDATE OF progress
), gone AS (
    DELETE FROM {schema}.progress USING doomed WHERE progress.id = doomed.id
)
DELETE FROM {schema}.message USING doomed WHERE message.id = doomed.id

-- name: new_batch
INSERT INTO {schema}.batch (created) VALUES (%(now)s) RETURNING id

-- name: drop_batch
DELETE FROM {schema}.batch WHERE id = %(batch)s

-- name: waiting_batches
SELECT DISTINCT batch FROM {schema}.progress WHERE state = 'pending' AND batch IS NOT NULL ORDER BY batch
