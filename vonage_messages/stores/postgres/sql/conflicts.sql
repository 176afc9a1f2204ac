SELECT incoming.position, message.id, progress.state
FROM vonage_messages_incoming AS incoming
JOIN {schema}.message USING (key)
LEFT JOIN {schema}.progress ON progress.id = message.id
WHERE message.digest <> incoming.digest
ORDER BY incoming.position
