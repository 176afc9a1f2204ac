COPY vonage_messages_incoming (position, key, ref, client_ref, version, recipient, digest, payload)
FROM STDIN (FORMAT BINARY)
