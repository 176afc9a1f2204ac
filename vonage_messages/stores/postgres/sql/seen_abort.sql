DELETE FROM {schema}.seen WHERE key = %(key)s AND NOT done
