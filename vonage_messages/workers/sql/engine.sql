-- name: engine
SELECT to_regclass('procrastinate_jobs') IS NOT NULL AS there

-- name: workers
SELECT
    worker.id AS id,
    extract(epoch FROM now() - worker.last_heartbeat)::float8 AS silent_for,
    count(job.id) AS jobs
FROM procrastinate_workers AS worker
LEFT JOIN procrastinate_jobs AS job ON job.worker_id = worker.id AND job.status = 'doing'
GROUP BY worker.id
ORDER BY worker.id

-- name: jobs
SELECT status::text AS status, count(*) AS number FROM procrastinate_jobs WHERE task_name = %(task)s GROUP BY status

-- name: batches_with_a_job
SELECT DISTINCT (args ->> 'ledger_id')::bigint AS batch FROM procrastinate_jobs
WHERE task_name = %(task)s AND status IN ('todo', 'doing')
