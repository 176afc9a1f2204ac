INSERT INTO progress (id, state, attempts, updated)
SELECT id, :state, 0, created FROM message WHERE id > :last
