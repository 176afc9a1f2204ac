INSERT INTO {schema}.seen (key, done, since)
VALUES (%(key)s, true, extract(epoch FROM clock_timestamp()))
ON CONFLICT (key) DO UPDATE SET done = true, since = excluded.since
