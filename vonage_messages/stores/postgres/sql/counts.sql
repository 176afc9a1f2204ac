SELECT state, count(*) FROM {schema}.progress GROUP BY state
