-- name: take_places
SELECT wait, obstacle, said_at FROM {schema}.take_places(
    %(keys)s::text[], %(intervals)s::float8[], %(tolerances)s::float8[], %(caps)s::integer[], %(spans)s::float8[],
    %(places)s::integer[], %(bounds)s::integer[], %(horizon)s::float8, %(now)s::float8
)

-- name: pause_limits
INSERT INTO {schema}.shared_limit AS known (key, ready)
SELECT key, coalesce(%(now)s::float8, extract(epoch FROM clock_timestamp())) + pause
FROM unnest(%(keys)s::text[], %(pauses)s::float8[]) AS given (key, pause)
ORDER BY key
ON CONFLICT (key) DO UPDATE SET ready = greatest(known.ready, excluded.ready)

-- name: sweep_limits
WITH old AS (
    DELETE FROM {schema}.cap_slice
    WHERE ends < coalesce(%(now)s::float8, extract(epoch FROM clock_timestamp())) - %(longest)s::float8
)
DELETE FROM {schema}.shared_limit
WHERE key IN (
    SELECT key FROM {schema}.shared_limit
    WHERE ready < coalesce(%(now)s::float8, extract(epoch FROM clock_timestamp())) - %(longest)s::float8
    ORDER BY key
    FOR UPDATE SKIP LOCKED
)

-- name: limit_states
SELECT name, value FROM {schema}.limit_state

-- name: save_limit_state
INSERT INTO {schema}.limit_state (name, value) VALUES (%(name)s, %(value)s)
ON CONFLICT (name) DO UPDATE SET value = excluded.value

-- name: forget_limit_state
DELETE FROM {schema}.limit_state WHERE name = %(name)s
