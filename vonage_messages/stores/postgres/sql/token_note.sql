INSERT INTO {schema}.token AS known (key, payload_hash, since)
VALUES (%(key)s, %(payload_hash)s, extract(epoch FROM clock_timestamp()))
ON CONFLICT (key) DO UPDATE SET payload_hash = known.payload_hash
RETURNING payload_hash
