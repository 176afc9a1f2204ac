SELECT value FROM {schema}.note WHERE name = %(name)s
