SELECT state, count(*) FROM {schema}.progress WHERE batch = %(batch)s GROUP BY state
