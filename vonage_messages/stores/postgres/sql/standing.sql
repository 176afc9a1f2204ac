SELECT progress.id, progress.state, progress.attempts, owner.name
FROM {schema}.progress LEFT JOIN {schema}.owner ON owner.id = progress.owner
WHERE progress.id = ANY(%(ids)s)
ORDER BY progress.id
FOR UPDATE OF progress
