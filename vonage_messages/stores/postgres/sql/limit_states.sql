SELECT name, value FROM {schema}.limit_state
