WITH added AS (
    INSERT INTO {schema}.message (key, ref, client_ref, version, recipient, created, digest, payload)
    SELECT key, ref, client_ref, version, recipient, %(now)s, digest, payload
    FROM vonage_messages_incoming
    ORDER BY position
    ON CONFLICT (key) DO NOTHING
    RETURNING id
)
INSERT INTO {schema}.progress (id, batch, state, attempts, updated)
SELECT id, %(batch)s, %(state)s, 0, %(now)s FROM added
