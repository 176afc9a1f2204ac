INSERT INTO owner (name, lease_until) VALUES (:name, :lease_until)
ON CONFLICT (name) DO UPDATE SET lease_until = excluded.lease_until
