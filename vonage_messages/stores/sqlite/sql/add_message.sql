INSERT INTO message (key, ref, client_ref, version, recipient, created, digest, payload)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (key) DO NOTHING
