DELETE FROM message
WHERE id > :after AND id <= :until
    AND (:recipient IS NULL OR recipient = :recipient)
    AND (
        :before IS NULL
        OR id IN (
            SELECT id FROM progress
            WHERE id > :after AND id <= :until
                AND updated < :before AND state IN (SELECT value FROM json_each(:states))
        )
    )
