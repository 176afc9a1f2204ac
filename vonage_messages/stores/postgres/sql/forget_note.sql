DELETE FROM {schema}.note WHERE name = %(name)s
