DELETE FROM {schema}.limit_state WHERE name = %(name)s
