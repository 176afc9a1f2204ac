SELECT message.id, progress.state FROM message JOIN progress USING (id) WHERE message.ref = :ref LIMIT 2
