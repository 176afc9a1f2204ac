-- name: note
SELECT value FROM note WHERE name = :name

-- name: write_note
INSERT INTO note (name, value) VALUES (:name, :value) ON CONFLICT (name) DO UPDATE SET value = excluded.value

-- name: write_note_once
INSERT INTO note (name, value) VALUES (:name, :value) ON CONFLICT (name) DO NOTHING

-- name: forget_note
DELETE FROM note WHERE name = :name

-- name: setting
SELECT value FROM setting WHERE name = :name

-- name: write_setting
INSERT INTO setting (name, value) VALUES (:name, :value)

-- name: limit_states
SELECT name, value FROM limit_state

-- name: save_limit_state
INSERT INTO limit_state (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value

-- name: forget_limit_state
DELETE FROM limit_state WHERE name = ?
