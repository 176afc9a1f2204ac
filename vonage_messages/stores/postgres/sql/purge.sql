WITH doomed AS (
    SELECT message.id
    FROM {schema}.message JOIN {schema}.progress ON progress.id = message.id
    WHERE message.id > %(after)s AND message.id <= %(until)s
        AND (%(recipient)s::text IS NULL OR message.recipient = %(recipient)s)
        AND (%(before)s::double precision IS NULL
            OR (progress.updated < %(before)s AND progress.state = ANY(%(states)s)))
    ORDER BY message.id
    FOR UPDATE OF progress
), gone AS (
    DELETE FROM {schema}.progress USING doomed WHERE progress.id = doomed.id
)
DELETE FROM {schema}.message USING doomed WHERE message.id = doomed.id
