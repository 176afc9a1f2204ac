DELETE FROM note WHERE name = :name
