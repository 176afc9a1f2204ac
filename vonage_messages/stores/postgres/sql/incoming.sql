CREATE TEMPORARY TABLE IF NOT EXISTS vonage_messages_incoming (
    position integer NOT NULL,
    key text NOT NULL,
    ref text NOT NULL,
    client_ref text,
    version text NOT NULL,
    recipient text,
    digest bytea NOT NULL,
    payload bytea NOT NULL
) ON COMMIT DELETE ROWS
