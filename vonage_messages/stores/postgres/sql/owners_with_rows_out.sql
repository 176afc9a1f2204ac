SELECT id, name, lease_until, enrolled FROM {schema}.owner
WHERE id IN (SELECT owner FROM {schema}.progress WHERE state IN ('claimed', 'sending'))
ORDER BY id
