-- name: claim
WITH oldest AS (
    SELECT id FROM {schema}.progress
    WHERE state = %(before)s
    ORDER BY id
    LIMIT %(count)s
    FOR UPDATE SKIP LOCKED
)
UPDATE {schema}.progress SET state = %(after)s, owner = %(owner)s, updated = %(now)s
FROM oldest
WHERE progress.id = oldest.id
RETURNING progress.id

-- name: claim_of_batch
WITH oldest AS (
    SELECT id FROM {schema}.progress
    WHERE state = %(before)s AND batch = %(batch)s
    ORDER BY id
    LIMIT %(count)s
    FOR UPDATE SKIP LOCKED
)
UPDATE {schema}.progress SET state = %(after)s, owner = %(owner)s, updated = %(now)s
FROM oldest
WHERE progress.id = oldest.id
RETURNING progress.id

-- name: mark_sending
UPDATE {schema}.progress SET state = %(after)s, attempts = attempts + 1, updated = %(now)s
WHERE id IN (
    SELECT id FROM {schema}.progress
    WHERE id = ANY(%(ids)s) AND state = %(before)s AND owner = %(owner)s
    ORDER BY id
    FOR UPDATE
)
RETURNING id, attempts

-- name: marked
SELECT id, attempts FROM {schema}.progress
WHERE id = ANY(%(ids)s) AND state = %(state)s AND owner = %(owner)s
ORDER BY id
FOR UPDATE

-- name: accept
UPDATE {schema}.progress SET
    state = %(state)s, owner = NULL, updated = %(now)s,
    message_uuid = coalesce(given.message_uuid, progress.message_uuid),
    request_id = coalesce(given.request_id, progress.request_id),
    error_class = NULL, error_code = NULL, error_title = NULL, error_detail = NULL
FROM unnest(%(ids)s::bigint[], %(message_uuids)s::text[], %(request_ids)s::text[])
    AS given (id, message_uuid, request_id)
WHERE progress.id = given.id

-- name: record
UPDATE {schema}.progress SET
    state = %(state)s, owner = CASE WHEN %(stays_with_owner)s THEN owner END, updated = %(now)s,
    request_id = coalesce(%(request_id)s, request_id),
    error_class = %(error_class)s, error_code = %(error_code)s,
    error_title = %(error_title)s, error_detail = %(error_detail)s
WHERE id = %(id)s

-- name: complete_accepted
UPDATE {schema}.progress SET
    message_uuid = coalesce(message_uuid, %(message_uuid)s), request_id = coalesce(request_id, %(request_id)s)
WHERE id = %(id)s

-- name: change_some
UPDATE {schema}.progress SET state = %(after)s, owner = NULL, updated = %(now)s
WHERE id = ANY(%(ids)s) AND state = %(before)s

-- name: change_all
UPDATE {schema}.progress SET state = %(after)s, owner = NULL, updated = %(now)s WHERE state = %(before)s

-- name: change_all_of_batch
UPDATE {schema}.progress SET state = %(after)s, owner = NULL, updated = %(now)s
WHERE state = %(before)s AND batch = %(batch)s

-- name: release_some
UPDATE {schema}.progress SET state = %(after)s, owner = NULL, updated = %(now)s
WHERE id = ANY(%(ids)s) AND state = %(before)s AND owner = (SELECT id FROM {schema}.owner WHERE name = %(owner)s)

-- name: release_all
UPDATE {schema}.progress SET state = %(after)s, owner = NULL, updated = %(now)s
WHERE state = %(before)s AND owner = (SELECT id FROM {schema}.owner WHERE name = %(owner)s)

-- name: recover_unsent
UPDATE {schema}.progress SET state = %(after)s, owner = NULL, updated = %(now)s
WHERE id IN (
    SELECT id FROM {schema}.progress WHERE state = %(before)s AND owner = %(owner)s ORDER BY id FOR UPDATE
)

-- name: recover_sending
UPDATE {schema}.progress SET
    state = %(after)s, updated = %(now)s,
    error_class = NULL, error_code = NULL, error_title = %(why)s, error_detail = NULL
WHERE id IN (
    SELECT id FROM {schema}.progress WHERE state = %(before)s AND owner = %(owner)s ORDER BY id FOR UPDATE
)

-- name: rows_by_id
SELECT
    message.id, message.key, message.ref, message.client_ref, message.version, message.payload,
    progress.state, progress.attempts, owner.name, owner.lease_until,
    progress.message_uuid, progress.request_id,
    progress.error_class, progress.error_code, progress.error_title, progress.error_detail,
    message.created, progress.updated,
    EXISTS (SELECT 1 FROM {schema}.message AS other WHERE other.ref = message.ref AND other.id <> message.id),
    message.trace
FROM {schema}.progress
JOIN {schema}.message ON message.id = progress.id
LEFT JOIN {schema}.owner ON owner.id = progress.owner
WHERE progress.id = ANY(%(ids)s)
ORDER BY progress.id

-- name: rows_after
SELECT
    message.id, message.key, message.ref, message.client_ref, message.version, message.payload,
    progress.state, progress.attempts, owner.name, owner.lease_until,
    progress.message_uuid, progress.request_id,
    progress.error_class, progress.error_code, progress.error_title, progress.error_detail,
    message.created, progress.updated,
    EXISTS (SELECT 1 FROM {schema}.message AS other WHERE other.ref = message.ref AND other.id <> message.id),
    message.trace
FROM {schema}.progress
JOIN {schema}.message ON message.id = progress.id
LEFT JOIN {schema}.owner ON owner.id = progress.owner
WHERE progress.id > %(after)s AND progress.state = ANY(%(states)s)
ORDER BY progress.id
LIMIT %(count)s

-- name: rows_after_of_batch
SELECT
    message.id, message.key, message.ref, message.client_ref, message.version, message.payload,
    progress.state, progress.attempts, owner.name, owner.lease_until,
    progress.message_uuid, progress.request_id,
    progress.error_class, progress.error_code, progress.error_title, progress.error_detail,
    message.created, progress.updated,
    EXISTS (SELECT 1 FROM {schema}.message AS other WHERE other.ref = message.ref AND other.id <> message.id),
    message.trace
FROM {schema}.progress
JOIN {schema}.message ON message.id = progress.id
LEFT JOIN {schema}.owner ON owner.id = progress.owner
WHERE progress.id > %(after)s AND progress.state = ANY(%(states)s) AND progress.batch = %(batch)s
ORDER BY progress.id
LIMIT %(count)s

-- name: standing
SELECT progress.id, progress.state, progress.attempts, owner.name
FROM {schema}.progress LEFT JOIN {schema}.owner ON owner.id = progress.owner
WHERE progress.id = ANY(%(ids)s)
ORDER BY progress.id
FOR UPDATE OF progress

-- name: counts
SELECT state, count(*) FROM {schema}.progress GROUP BY state

-- name: counts_of_batch
SELECT state, count(*) FROM {schema}.progress WHERE batch = %(batch)s GROUP BY state
