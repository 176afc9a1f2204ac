SELECT id, lease_until FROM {schema}.owner WHERE name = %(name)s FOR SHARE
