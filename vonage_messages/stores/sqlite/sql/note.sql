SELECT value FROM note WHERE name = :name
