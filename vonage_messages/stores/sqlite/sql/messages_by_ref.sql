SELECT message.id, progress.state, progress.attempts FROM message JOIN progress USING (id) WHERE message.ref = :ref LIMIT 2
