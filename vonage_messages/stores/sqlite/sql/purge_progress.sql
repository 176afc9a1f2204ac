DELETE FROM progress
WHERE id > :after AND id <= :until AND NOT EXISTS (SELECT 1 FROM message WHERE message.id = progress.id)
