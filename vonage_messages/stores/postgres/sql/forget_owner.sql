DELETE FROM {schema}.owner
WHERE name = %(name)s AND NOT EXISTS (SELECT 1 FROM {schema}.progress WHERE progress.owner = owner.id)
