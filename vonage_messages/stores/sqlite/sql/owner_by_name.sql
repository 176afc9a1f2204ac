SELECT id FROM owner WHERE name = :name
