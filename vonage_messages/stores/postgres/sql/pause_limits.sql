INSERT INTO {schema}.shared_limit AS known (key, ready)
SELECT key, coalesce(%(now)s::float8, extract(epoch FROM clock_timestamp())) + pause
FROM unnest(%(keys)s::text[], %(pauses)s::float8[]) AS given (key, pause)
ORDER BY key
ON CONFLICT (key) DO UPDATE SET ready = greatest(known.ready, excluded.ready)
