SELECT done FROM {schema}.seen WHERE key = %(key)s
