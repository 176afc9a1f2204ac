UPDATE {schema}.owner SET lease_until = 0 WHERE name = ANY(%(owners)s)
