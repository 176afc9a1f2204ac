-- name: seen_begin
INSERT INTO {schema}.seen AS known (key, done, since)
VALUES (%(key)s, false, extract(epoch FROM clock_timestamp()))
ON CONFLICT (key) DO UPDATE SET since = excluded.since
WHERE NOT known.done AND known.since <= excluded.since - %(lease)s::double precision
RETURNING true

-- name: seen_standing
SELECT done FROM {schema}.seen WHERE key = %(key)s

-- name: seen_commit
INSERT INTO {schema}.seen (key, done, since)
VALUES (%(key)s, true, extract(epoch FROM clock_timestamp()))
ON CONFLICT (key) DO UPDATE SET done = true, since = excluded.since

-- name: seen_abort
DELETE FROM {schema}.seen WHERE key = %(key)s AND NOT done

-- name: event_add
WITH added AS (
    INSERT INTO {schema}.event (since, body)
    VALUES (extract(epoch FROM clock_timestamp()), %(body)s)
    RETURNING id
)
INSERT INTO {schema}.event_topic (topic, event)
SELECT topic, added.id FROM added, unnest(%(topics)s::text[]) AS topic

-- name: event_recall
SELECT body FROM (
    SELECT id, body FROM {schema}.event
    WHERE id IN (SELECT event FROM {schema}.event_topic WHERE topic = ANY(%(topics)s))
    ORDER BY id DESC
    LIMIT %(most)s
) AS latest
ORDER BY id

-- name: webhooks_sweep
WITH old_seen AS (
    DELETE FROM {schema}.seen WHERE since < extract(epoch FROM clock_timestamp()) - %(keep)s::double precision
), old_tokens AS (
    DELETE FROM {schema}.token WHERE since < extract(epoch FROM clock_timestamp()) - %(keep)s::double precision
)
DELETE FROM {schema}.event WHERE since < extract(epoch FROM clock_timestamp()) - %(keep)s::double precision

-- name: token_note
INSERT INTO {schema}.token AS known (key, payload_hash, since)
VALUES (%(key)s, %(payload_hash)s, extract(epoch FROM clock_timestamp()))
ON CONFLICT (key) DO UPDATE SET payload_hash = known.payload_hash
RETURNING payload_hash
