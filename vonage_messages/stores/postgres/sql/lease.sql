INSERT INTO {schema}.owner (name, lease_until, enrolled) VALUES (%(name)s, %(lease_until)s, false)
ON CONFLICT (name) DO UPDATE SET lease_until = excluded.lease_until
RETURNING id
