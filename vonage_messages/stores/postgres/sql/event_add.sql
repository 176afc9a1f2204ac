WITH added AS (
    INSERT INTO {schema}.event (since, body)
    VALUES (extract(epoch FROM clock_timestamp()), %(body)s)
    RETURNING id
)
INSERT INTO {schema}.event_topic (topic, event)
SELECT topic, added.id FROM added, unnest(%(topics)s::text[]) AS topic
