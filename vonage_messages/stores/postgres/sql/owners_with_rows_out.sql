SELECT id, name, lease_until, enrolled FROM {schema}.owner
WHERE EXISTS (
    SELECT 1 FROM {schema}.progress WHERE progress.owner = owner.id AND progress.state IN ('claimed', 'sending')
)
ORDER BY id
