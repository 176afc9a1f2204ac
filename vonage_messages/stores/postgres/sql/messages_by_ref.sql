SELECT message.id, progress.state, progress.attempts
FROM {schema}.message JOIN {schema}.progress ON progress.id = message.id
WHERE message.ref = %(ref)s
ORDER BY message.id
LIMIT 2
FOR UPDATE OF progress
