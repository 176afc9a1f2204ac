INSERT INTO {schema}.seen AS known (key, done, since)
VALUES (%(key)s, false, extract(epoch FROM clock_timestamp()))
ON CONFLICT (key) DO UPDATE SET since = excluded.since
WHERE NOT known.done AND known.since <= excluded.since - %(lease)s::double precision
RETURNING true
