SELECT value FROM {schema}.setting WHERE name = %(name)s
