-- One row, whatever is found: see standing.sql. In hex, because what a cipher gives may be any bytes.
SELECT
    json_group_array(id), json_group_array(key), json_group_array(ref), json_group_array(version),
    json_group_array(hex(payload)), json_group_array(attempts)
FROM (
    SELECT message.id, message.key, message.ref, message.version, message.payload, progress.attempts
    FROM message
    JOIN progress USING (id)
    WHERE message.id IN (SELECT value FROM json_each(:ids))
    ORDER BY message.id
)
