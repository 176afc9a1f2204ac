SELECT body FROM {schema}.event
WHERE id IN (SELECT event FROM {schema}.event_topic WHERE topic = ANY(%(topics)s))
ORDER BY id
LIMIT %(most)s
