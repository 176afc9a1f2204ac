UPDATE {schema}.progress SET state = %(after)s, owner = NULL, updated = %(now)s
WHERE state = %(before)s AND owner = (SELECT id FROM {schema}.owner WHERE name = %(owner)s)
