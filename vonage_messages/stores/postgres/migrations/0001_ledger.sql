-- The ledger of an outbox. Times are Unix times in seconds; {schema} is the schema that the store was given.

CREATE TABLE {schema}.setting (
    name text PRIMARY KEY,
    value bytea NOT NULL
);

CREATE TABLE {schema}.owner (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE,
    lease_until double precision NOT NULL,
    -- Whether its life can be told from the lock that it holds, and not only from its lease.
    enrolled boolean NOT NULL
);

-- A part of the ledger that is sent as one piece of work.
CREATE TABLE {schema}.batch (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    created double precision NOT NULL
);

-- What was given, and never changes.
CREATE TABLE {schema}.message (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key text NOT NULL UNIQUE,
    ref text NOT NULL,
    client_ref text,
    version text NOT NULL,
    recipient text,
    created double precision NOT NULL,
    digest bytea NOT NULL,
    payload bytea NOT NULL
);

CREATE INDEX message_by_ref ON {schema}.message (ref);
CREATE INDEX message_by_recipient ON {schema}.message (recipient) WHERE recipient IS NOT NULL;

-- What became of it. A table of its own: PostgreSQL writes a whole row anew with each change.
CREATE TABLE {schema}.progress (
    id bigint PRIMARY KEY,
    batch bigint,
    state text NOT NULL CHECK (
        state IN ('pending', 'claimed', 'sending', 'accepted', 'failed', 'in_doubt', 'cancelled')
    ),
    attempts integer NOT NULL,
    owner bigint,
    updated double precision NOT NULL,
    message_uuid text,
    request_id text,
    error_class text,
    error_code text,
    error_title text,
    error_detail text
) WITH (fillfactor = 70);

CREATE INDEX progress_pending ON {schema}.progress (id) WHERE state = 'pending';
CREATE INDEX progress_by_batch ON {schema}.progress (batch, id) WHERE batch IS NOT NULL;
CREATE INDEX progress_by_owner ON {schema}.progress (owner) WHERE owner IS NOT NULL;
CREATE INDEX progress_to_look_at ON {schema}.progress (state, id) WHERE state IN ('failed', 'in_doubt', 'cancelled');

-- Names and values are sealed where a cipher is given; the name is then a keyed hash.
CREATE TABLE {schema}.limit_state (
    name text PRIMARY KEY,
    value bytea NOT NULL
);

CREATE TABLE {schema}.note (
    name text PRIMARY KEY,
    value text NOT NULL
);
