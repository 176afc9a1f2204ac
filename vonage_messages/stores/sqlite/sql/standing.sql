-- One row, whatever is found: each row that is read costs this thread the interpreter, which a busy loop holds.
SELECT
    json_group_array(progress.id), json_group_array(progress.state), json_group_array(progress.attempts),
    json_group_array(owner.name)
FROM progress
LEFT JOIN owner ON owner.id = progress.owner
WHERE progress.id IN (SELECT value FROM json_each(:ids))
