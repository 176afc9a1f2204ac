SELECT id, lease_until FROM owner WHERE name = :name
