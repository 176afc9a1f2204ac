SELECT name, id FROM owner
