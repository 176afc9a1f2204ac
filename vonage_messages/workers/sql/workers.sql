SELECT
    worker.id AS id,
    extract(epoch FROM now() - worker.last_heartbeat)::float8 AS silent_for,
    count(job.id) AS jobs
FROM procrastinate_workers AS worker
LEFT JOIN procrastinate_jobs AS job ON job.worker_id = worker.id AND job.status = 'doing'
GROUP BY worker.id
ORDER BY worker.id
