INSERT INTO {schema}.batch (created) VALUES (%(now)s) RETURNING id
