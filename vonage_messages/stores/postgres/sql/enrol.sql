INSERT INTO {schema}.owner (name, lease_until, enrolled) VALUES (%(name)s, %(lease_until)s, true)
ON CONFLICT (name) DO UPDATE SET lease_until = excluded.lease_until, enrolled = true
