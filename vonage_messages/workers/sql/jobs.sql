SELECT status::text AS status, count(*) AS number FROM procrastinate_jobs WHERE task_name = %(task)s GROUP BY status
