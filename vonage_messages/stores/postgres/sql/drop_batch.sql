DELETE FROM {schema}.batch WHERE id = %(batch)s
