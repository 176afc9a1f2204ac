-- name: add_progress
INSERT INTO progress (id, state, attempts, updated)
SELECT id, :state, 0, created FROM message WHERE id > :last

-- name: claim
UPDATE progress SET state = :state, owner = :owner, updated = :now
WHERE id IN (SELECT value FROM json_each(:ids))

-- name: claimed_rows
-- One row, whatever is found: see standing. In hex, because what a cipher gives may be any bytes.
SELECT
    json_group_array(id), json_group_array(key), json_group_array(ref), json_group_array(version),
    json_group_array(hex(payload)), json_group_array(attempts), json_group_array(trace)
FROM (
    SELECT message.id, message.key, message.ref, message.version, message.payload, progress.attempts, message.trace
    FROM message
    JOIN progress USING (id)
    WHERE message.id IN (SELECT value FROM json_each(:ids))
    ORDER BY message.id
)

-- name: mark_sending
UPDATE progress SET state = :after, attempts = attempts + 1, updated = :now
WHERE id IN (SELECT value FROM json_each(:ids)) AND +state = :before AND owner = :owner

-- name: attempts
-- One row, whatever is found: see standing.
SELECT
    (SELECT id FROM owner WHERE name = :owner), (SELECT lease_until FROM owner WHERE name = :owner),
    json_group_array(id), json_group_array(attempts)
FROM progress
WHERE id IN (SELECT value FROM json_each(:ids)) AND +state = :before
    AND owner = (SELECT id FROM owner WHERE name = :owner)

-- name: accept
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

-- name: record
UPDATE progress SET
    state = ?, owner = CASE ? WHEN 1 THEN owner END, updated = ?, request_id = coalesce(?, request_id),
    error_class = ?, error_code = ?, error_title = ?, error_detail = ?
WHERE id = ?

-- name: complete_accepted
UPDATE progress SET message_uuid = coalesce(message_uuid, ?), request_id = coalesce(request_id, ?) WHERE id = ?

-- name: change_some
UPDATE progress SET state = :after, owner = NULL, updated = :now
WHERE +state = :before AND id IN (SELECT value FROM json_each(:ids))

-- name: change_all
UPDATE progress SET state = :after, owner = NULL, updated = :now WHERE state = :before

-- name: release_some
UPDATE progress SET state = :after, owner = NULL, updated = :now
WHERE +state = :before AND owner = (SELECT id FROM owner WHERE name = :owner)
    AND id IN (SELECT value FROM json_each(:ids))

-- name: release_all
UPDATE progress SET state = :after, owner = NULL, updated = :now
WHERE state = :before AND owner = (SELECT id FROM owner WHERE name = :owner)

-- name: recover_unsent
UPDATE progress SET state = :after, owner = NULL, updated = :now
WHERE state = :before AND owner = :owner

-- name: recover_sending
UPDATE progress SET
    state = :after, updated = :now, error_class = NULL, error_code = NULL, error_title = :why, error_detail = NULL
WHERE state = :before AND owner = :owner

-- name: rows_between
SELECT
    message.id, message.key, message.ref, message.client_ref, message.version, message.payload,
    progress.state, progress.attempts, owner.name, owner.lease_until,
    progress.message_uuid, progress.request_id,
    progress.error_class, progress.error_code, progress.error_title, progress.error_detail,
    message.created, progress.updated,
    EXISTS (SELECT 1 FROM message AS other WHERE other.ref = message.ref AND other.id <> message.id),
    message.trace
FROM progress
JOIN message USING (id)
LEFT JOIN owner ON owner.id = progress.owner
WHERE progress.id > :after AND progress.id <= :until
    AND progress.state IN (SELECT value FROM json_each(:states))
ORDER BY progress.id

-- name: standing
-- One row, whatever is found: each row that is read costs this thread the interpreter, which a busy loop holds.
SELECT
    json_group_array(progress.id), json_group_array(progress.state), json_group_array(progress.attempts),
    json_group_array(owner.name)
FROM progress
LEFT JOIN owner ON owner.id = progress.owner
WHERE progress.id IN (SELECT value FROM json_each(:ids))

-- name: oldest_in_state
-- One row, whatever is found: see standing.
SELECT json_group_array(oldest.id), coalesce(sum(length(message.payload)), 0)
FROM (SELECT id FROM progress WHERE state = :state ORDER BY id LIMIT :count) AS oldest
JOIN message USING (id)

-- name: counts
SELECT state, count(*) FROM progress GROUP BY state

-- name: purge_progress
DELETE FROM progress
WHERE id > :after AND id <= :until AND NOT EXISTS (SELECT 1 FROM message WHERE message.id = progress.id)
