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
