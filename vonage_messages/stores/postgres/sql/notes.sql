-- name: note
SELECT value FROM {schema}.note WHERE name = %(name)s

-- name: write_note
INSERT INTO {schema}.note (name, value) VALUES (%(name)s, %(value)s)
ON CONFLICT (name) DO UPDATE SET value = excluded.value

-- name: write_note_once
INSERT INTO {schema}.note (name, value) VALUES (%(name)s, %(value)s)
ON CONFLICT (name) DO NOTHING

-- name: forget_note
DELETE FROM {schema}.note WHERE name = %(name)s

-- name: setting
SELECT value FROM {schema}.setting WHERE name = %(name)s

-- name: write_setting
INSERT INTO {schema}.setting (name, value) VALUES (%(name)s, %(value)s)
ON CONFLICT (name) DO UPDATE SET value = excluded.value
