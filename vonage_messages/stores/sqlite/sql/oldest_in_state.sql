-- One row, whatever is found: see standing.sql.
SELECT json_group_array(oldest.id), coalesce(sum(length(message.payload)), 0)
FROM (SELECT id FROM progress WHERE state = :state ORDER BY id LIMIT :count) AS oldest
JOIN message USING (id)
