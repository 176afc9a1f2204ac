SELECT id FROM progress WHERE state = :state ORDER BY id LIMIT :count
