SELECT name, value FROM limit_state
