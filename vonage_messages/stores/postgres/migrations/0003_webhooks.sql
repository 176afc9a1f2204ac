-- What several receivers of callbacks must know together. Instants are Unix times in seconds, by the server's clock.

CREATE TABLE {schema}.seen (
    key text PRIMARY KEY,
    done boolean NOT NULL,
    since double precision NOT NULL
);

CREATE INDEX seen_since ON {schema}.seen (since);

CREATE TABLE {schema}.token (
    key text PRIMARY KEY,
    payload_hash text NOT NULL,
    since double precision NOT NULL
);

CREATE INDEX token_since ON {schema}.token (since);

CREATE TABLE {schema}.event (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    since double precision NOT NULL,
    body bytea NOT NULL
);

CREATE INDEX event_since ON {schema}.event (since);

-- By what an event is found: hashes of the message, the failover chain, and the two sides.
CREATE TABLE {schema}.event_topic (
    topic text NOT NULL,
    event bigint NOT NULL REFERENCES {schema}.event (id) ON DELETE CASCADE,
    PRIMARY KEY (topic, event)
);

CREATE INDEX event_topic_by_event ON {schema}.event_topic (event);
