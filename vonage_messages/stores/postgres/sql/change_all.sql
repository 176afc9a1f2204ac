UPDATE {schema}.progress SET state = %(after)s, owner = NULL, updated = %(now)s WHERE state = %(before)s
