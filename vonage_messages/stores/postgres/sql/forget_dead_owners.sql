DELETE FROM {schema}.owner
WHERE lease_until < %(before)s AND NOT EXISTS (SELECT 1 FROM {schema}.progress WHERE progress.owner = owner.id)
