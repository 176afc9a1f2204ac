SELECT message.id, message.digest, progress.state
FROM message LEFT JOIN progress USING (id)
WHERE message.key = :key
