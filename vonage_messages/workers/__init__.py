"""
Many machines: an outbox on PostgreSQL that procrastinate's workers work off (extra ``[workers]``).

::

    app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo="postgresql://…"))
    workers = register(app, PostgresLedgerStore("postgresql://…"))

    await run_worker(workers)  # until SIGTERM

The engine is the user's own; what is registered on it sends batches of the ledger, and takes care of what dead workers
have left. Rows, and what is promised about them, are those of ``vonage_messages.sending.outbox``.
"""

from vonage_messages.errors import MissingExtraError

try:
    from vonage_messages.workers.engine import prepare
    from vonage_messages.workers.registering import Enqueued, Rescued, UnfinishedBatchError, Workers, register
    from vonage_messages.workers.running import HealthAddress, run_worker
    from vonage_messages.workers.standing import Standing, Worker, look
except ImportError as error:
    raise MissingExtraError(
        'Workers need procrastinate and psycopg: pip install "vonage-messages-async[workers]"'
    ) from error

__all__ = [
    "Enqueued",
    "HealthAddress",
    "Rescued",
    "Standing",
    "UnfinishedBatchError",
    "Worker",
    "Workers",
    "look",
    "prepare",
    "register",
    "run_worker",
]
