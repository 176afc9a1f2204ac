SELECT DISTINCT (args ->> 'ledger_id')::bigint AS batch FROM procrastinate_jobs
WHERE task_name = %(task)s AND status IN ('todo', 'doing')
