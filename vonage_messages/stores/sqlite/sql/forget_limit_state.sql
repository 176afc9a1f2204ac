DELETE FROM limit_state WHERE name = ?
