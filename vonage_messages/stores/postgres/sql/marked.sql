SELECT id, attempts FROM {schema}.progress
WHERE id = ANY(%(ids)s) AND state = %(state)s AND owner = %(owner)s
ORDER BY id
FOR UPDATE
