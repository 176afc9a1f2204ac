-- The ledger of an outbox. Times are Unix times in seconds.

CREATE TABLE setting (
    name TEXT PRIMARY KEY,
    value BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE owner (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    lease_until REAL NOT NULL
);

-- What was given, and never changes. AUTOINCREMENT: a late outcome must not meet a new row under an old number.
CREATE TABLE message (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL UNIQUE,
    ref TEXT NOT NULL,
    client_ref TEXT,
    version TEXT NOT NULL,
    recipient TEXT,
    created REAL NOT NULL,
    digest BLOB NOT NULL,
    payload BLOB NOT NULL
);

CREATE INDEX message_by_ref ON message (ref);

-- What became of it. A table of its own: a change of state then writes some 50 bytes instead of a whole message.
CREATE TABLE progress (
    id INTEGER PRIMARY KEY,
    state TEXT NOT NULL CHECK (
        state IN ('pending', 'claimed', 'sending', 'accepted', 'failed', 'in_doubt', 'cancelled')
    ),
    attempts INTEGER NOT NULL,
    owner INTEGER,
    updated REAL NOT NULL,
    message_uuid TEXT,
    request_id TEXT,
    error_class TEXT,
    error_code TEXT,
    error_title TEXT,
    error_detail TEXT
);

CREATE INDEX progress_by_state ON progress (state);

-- Names and values are sealed where a cipher is given; the name is then a keyed hash.
CREATE TABLE limit_state (
    name TEXT PRIMARY KEY,
    value BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE note (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;
