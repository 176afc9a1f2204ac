"""
What is registered on a procrastinate ``App``: a task that sends one batch of the ledger, and one that looks after them.

A job carries the id of a batch, where the process is traced that of a trace, and nothing else: no number, no text and
no secret stands in the tables or the logs of the engine. That a job is given to a worker again is no permission to
send again: what may be sent is said by the ledger alone, where a row that was found on its way is in doubt. So the
engine may repeat, lose and reorder jobs as it likes.
"""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Self

import attrs
import psycopg
from procrastinate import BaseRetryStrategy, RetryDecision
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException
from procrastinate.jobs import Status
from psycopg.pq import TransactionStatus

from vonage_messages import observe
from vonage_messages.clients.client import Client
from vonage_messages.errors import ConfigurationError, OutboxError, StoreUnavailableError, VonageMessagesError
from vonage_messages.ledger import FINISHED
from vonage_messages.limiter import Limiter
from vonage_messages.logs import LogEvent, about
from vonage_messages.sending.options import check_count, check_in_doubt, check_span
from vonage_messages.sending.outbox import Outbox, conflict_sentence, each_of, new_row
from vonage_messages.sending.report import Added
from vonage_messages.shared_limiter import SharedLimiter
from vonage_messages.wire.payloads import check_api_version
from vonage_messages.workers.engine import UNAVAILABLE, ask

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Mapping

    import procrastinate
    from procrastinate.jobs import Job
    from procrastinate.tasks import Task

    from vonage_messages.channels.base import Message
    from vonage_messages.ledger import State
    from vonage_messages.limits.levels import Limits
    from vonage_messages.sending.outbox import InDoubt
    from vonage_messages.stores.postgres import PostgresLedgerStore
    from vonage_messages.stores.postgres.database import Connection
    from vonage_messages.values import Seconds
    from vonage_messages.wire.payloads import ApiVersion

logger = logging.getLogger("vonage_messages")

QUEUE: Final = "vonage_messages"
SEND: Final = "vonage_messages.send"
RESCUE: Final = "vonage_messages.rescue"
BATCH: Final = 200
"""Rows in a batch at the most. The engine runs some 400 jobs a second: a job for each row would be what is slow."""

_MANY_JOBS: Final = 100
_DEFERRED_AT_ONCE: Final = 1_000
_RESCUER: Final = "rescue"
_REMEMBERED: Seconds = 3600.0
"""How long an owner that is gone is kept, beyond the end of its lease."""

_FIRST_PAUSE: Seconds = 1.0
_LONGEST_PAUSE: Seconds = 60.0


class UnfinishedBatchError(OutboxError):
    """
    Rows of a batch still wait; the engine gives its job to a worker again. Ends a job, and is no failure.

    *soon*: some have gone, or it was only that a worker ends; otherwise it is tried ever more slowly.
    """

    def __init__(self, message: str, *, soon: bool = False) -> None:
        super().__init__(message)
        self.soon = soon


@attrs.frozen(kw_only=True)
class Enqueued(Added):
    """What ``Workers.enqueue`` has done."""

    jobs: int = 0
    """How many batches there are to send."""


@attrs.frozen(kw_only=True)
class Rescued:
    """What a look at dead workers has brought back."""

    released: int
    """Rows that wait again."""

    in_doubt: int
    """Rows that had been on their way."""

    jobs: int
    """Batches that go to another worker."""

    given: int
    """Batches that waited, and had no job."""


class Workers:
    """What ``register`` gives. One for each process; it is used in one event loop at a time."""

    def __init__(  # noqa: PLR0913  what register takes
        self,
        app: procrastinate.App,
        ledger: PostgresLedgerStore,
        client: Callable[[], Client],
        *,
        limits: Limits | Limiter | None,
        queue: str,
        connections: int,
        in_doubt: InDoubt,
        longest_wait: Seconds,
        stalled_after: Seconds,
    ) -> None:
        self.app = app
        self.ledger = ledger
        self.queue = queue
        self.stalled_after = stalled_after
        self._make_client = client
        self._limiter = limits if isinstance(limits, Limiter) else Limiter(limits)
        self._connections = connections
        self._in_doubt = in_doubt
        self._longest_wait = longest_wait
        self._opening = asyncio.Lock()
        self._is_open = False
        self._client: Client | None = None
        self._running: set[Outbox] = set()
        self._idle = asyncio.Event()
        self._idle.set()
        self._stopping = False
        self.send_task: Task[..., Any, Any]
        """``vonage_messages.send(ledger_id, traceparent=None)``."""

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def open(self) -> None:
        """
        Open the ledger. Whatever needs it does so by itself; whoever opens it, closes it.

        Raises:
            StoreUnavailableError, OutboxError: as ``PostgresLedgerStore.open`` does.
        """
        async with self._opening:
            if not self._is_open:
                await self.ledger.open()
                self._is_open, self._stopping = True, False

    async def close(self) -> None:
        """Stop what is being sent, wait for the requests under way, and close ledger, client and shared limits."""
        self.stop()
        await self._idle.wait()
        client, self._client = self._client, None
        if client is not None:
            await client.close()
        async with self._opening:
            if self._is_open:
                self._is_open = False
                await self.ledger.close()
        if isinstance(self._limiter, SharedLimiter):
            await self._limiter.close()

    def stop(self) -> None:
        """Begin no more messages: jobs end when their requests under way are answered, and go back to the engine."""
        self._stopping = True
        for outbox in self._running:
            outbox.stop()

    async def enqueue(
        self,
        messages: Iterable[Message] | AsyncIterable[Message],
        *,
        key: Callable[[Message], str] | None = None,
        api_version: ApiVersion = "v1",
        connection: Connection | None = None,
    ) -> Enqueued:
        """
        Take messages in, durably, and give the workers their batches: all in one transaction, or nothing.

        *key* as in ``Outbox.add``: the same key and the same message again change nothing. However many there are, a
        batch of them is in memory. *connection*: one of your own, in a transaction in which you write down, say, that
        an order was placed; both are there when it commits. Otherwise this is a transaction of its own.

        Raises:
            ConfigurationError: *connection* is no asynchronous one of psycopg, or commits each statement by itself.
            OutboxError: a key stands for another message already. In a transaction of its own nothing was added.
            InvalidMessageError, TypeError: one of *messages* cannot be sent. Likewise.
            StoreUnavailableError: the database cannot be written.
        """
        check_api_version(api_version)
        if connection is not None:
            _check_connection(connection)
        await self.open()
        if connection is not None:
            return await self._enqueue(messages, key, api_version, connection)
        async with self.ledger.transaction() as own:
            enqueued = await self._enqueue(messages, key, api_version, own)
        if enqueued.jobs >= _MANY_JOBS:
            await self._analyze()
        return enqueued

    async def _enqueue(
        self,
        messages: Iterable[Message] | AsyncIterable[Message],
        key: Callable[[Message], str] | None,
        api_version: ApiVersion,
        connection: Connection,
    ) -> Enqueued:
        enqueued, batches = Enqueued(), []
        async for rows in _batches(messages, key, api_version):
            addition, batch = await self.ledger.add_batch(rows, now=time.time(), connection=connection)
            if addition.conflicts:
                done = Added(new=enqueued.new, repeated=enqueued.repeated)
                raise OutboxError(conflict_sentence(addition.conflicts[0], rows, done))
            new, repeated = enqueued.new + addition.new, enqueued.repeated + addition.repeated
            enqueued = Enqueued(new=new, repeated=repeated, jobs=enqueued.jobs + (batch is not None))
            if batch is not None:
                batches.append(batch)
        traceparent = observe.traceparent()
        carried = {} if traceparent is None else {"traceparent": traceparent}
        for start in range(0, len(batches), _DEFERRED_AT_ONCE):
            arguments: list[dict[str, Any]] = [
                {"ledger_id": batch, **carried} for batch in batches[start : start + _DEFERRED_AT_ONCE]
            ]
            await self.send_task.configure(connection=connection).batch_defer_async(*arguments)
        return enqueued

    async def send(self, ledger_id: int, traceparent: str | None = None) -> None:
        """
        Send what waits of one batch: the task ``vonage_messages.send``. *traceparent* is where it was enqueued.

        Raises:
            UnfinishedBatchError: some rows still wait: the engine brings the batch again.
            StoreUnavailableError: the database cannot be used. Likewise.
        """
        if observe.telemetry is None:
            await self._send(ledger_id)
            return
        with observe.telemetry.job(SEND, self.queue, traceparent) as job:
            try:
                await self._send(ledger_id)
            except UnfinishedBatchError:
                job.unfinished()
                raise

    async def _send(self, ledger_id: int) -> None:
        await self.open()
        if self._stopping:
            raise UnfinishedBatchError("this worker ends; the batch goes to another.", soon=True)
        if self._client is None:
            self._client = self._make_client()
        outbox = Outbox(self.ledger.of_batch(ledger_id))
        self._running.add(outbox)
        self._idle.clear()
        try:
            finished_before = _finished(await outbox.store.counts())
            report = await outbox.run(
                self._client,
                limits=self._limiter,
                in_doubt=self._in_doubt,
                connections=self._connections,
                max_wait=self._longest_wait,
            )
        finally:
            self._running.discard(outbox)
            if not self._running:
                self._idle.set()
        if not report.complete:
            raise UnfinishedBatchError(
                f"{report.pending} rows of batch {ledger_id} still wait: {report.stopped}.",
                soon=self._ends() or _finished(report.counts) > finished_before,
            )

    def _ends(self) -> bool:
        return self._stopping

    async def rescue(self, timestamp: int) -> None:  # noqa: ARG002  the engine says for which minute it is
        """
        Bring back what dead workers have left: the periodic task ``vonage_messages.rescue``.

        Rows that they had claimed wait again, rows that were on their way are in doubt, and their jobs go to others.
        Batches with rows that wait and without a job, after ``Outbox.retry``, say, get one.

        Raises:
            StoreUnavailableError, OutboxError: the database cannot be used.
        """
        found = await self.bring_back()
        if found.released or found.in_doubt or found.given:
            logger.warning(
                "rescued %d rows that wait again, and %d that are in doubt; %d batches had no job",
                found.released,
                found.in_doubt,
                found.given,
                extra=about(LogEvent.WORKERS_RESCUED),
            )

    async def bring_back(self) -> Rescued:
        """
        Do at once what ``rescue`` does every now and then, and tell what was found.

        Raises:
            StoreUnavailableError, OutboxError: the database cannot be used.
        """
        await self.open()
        now = time.time()
        recovery = await self.ledger.recover(_RESCUER, now=now)
        await self.ledger.forget_owners(before=now - _REMEMBERED)
        try:
            jobs = await self._retry_stalled_jobs()
            given = await self._give_jobs()
        except UNAVAILABLE as error:
            raise StoreUnavailableError("the jobs of dead workers cannot be looked at now.") from error
        return Rescued(released=recovery.released, in_doubt=recovery.in_doubt, jobs=jobs, given=given)

    async def _retry_stalled_jobs(self) -> int:
        """Let others have the jobs of workers that are silent; tell how many."""
        manager, retried = self.app.job_manager, 0
        for job in await manager.get_stalled_jobs(task_name=SEND, seconds_since_heartbeat=self.stalled_after):
            # Another rescuer may have been quicker, or its worker only slow, and done by now.
            with suppress(ConnectorException):
                await manager.retry_job(job)
                retried += 1
        for job in await manager.get_stalled_jobs(task_name=RESCUE, seconds_since_heartbeat=self.stalled_after):
            with suppress(ConnectorException):  # a rescuer that died itself: the next one is under way
                await manager.finish_job(job, status=Status.FAILED, delete_job=True)
        return retried

    async def _give_jobs(self) -> int:
        """Give a job to each batch that waits and has none; tell how many."""
        waiting = set(await self.ledger.waiting_batches())
        if waiting:
            waiting.difference_update(found["batch"] for found in await ask(self.app, "batches_with_a_job", task=SEND))
        for batch in sorted(waiting):
            with suppress(AlreadyEnqueued):
                await self.send_task.configure(queueing_lock=f"{SEND}.{batch}").defer_async(ledger_id=batch)
        return len(waiting)

    async def _analyze(self) -> None:
        """Let PostgreSQL look at the jobs: before it has, it takes ten times as long to find the next of many."""
        try:
            async with self.ledger.transaction() as connection:
                await connection.execute("ANALYZE procrastinate_jobs")
        except (StoreUnavailableError, OutboxError) as error:
            logger.info("the table of jobs was not analyzed: %s", error, extra=about(LogEvent.WORKERS_NOT_ANALYZED))


class _AgainAndAgain(BaseRetryStrategy):
    """Whatever ended a job before all its rows were done: nothing is lost, and it is tried again, ever more slowly."""

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        if not isinstance(exception, (VonageMessagesError, asyncio.CancelledError)):
            logger.error(
                "batch %s failed with %s",
                job.task_kwargs.get("ledger_id"),
                type(exception).__name__,
                extra=about(LogEvent.WORKERS_BATCH_FAILED, correlation_id=f"batch-{job.task_kwargs.get('ledger_id')}"),
            )
        soon = isinstance(exception, UnfinishedBatchError) and exception.soon
        pause = _FIRST_PAUSE if soon else min(_FIRST_PAUSE * 2 ** min(job.attempts, 10), _LONGEST_PAUSE)
        return RetryDecision(retry_in={"seconds": int(pause)})


def register(  # noqa: PLR0913  an app and a ledger; what follows them are options, by name
    app: procrastinate.App,
    ledger: PostgresLedgerStore,
    client: Callable[[], Client] = Client.from_env,
    *,
    limits: Limits | Limiter | None = None,
    queue: str = QUEUE,
    connections: int = 16,
    in_doubt: InDoubt = "leave",
    longest_wait: Seconds = 30.0,
    stalled_after: Seconds = 30.0,
    rescue_every: str = "* * * * * */15",
) -> Workers:
    """
    Register the sending of messages on a procrastinate *app*, under the *queue* of that name.

    *ledger* keeps the rows, in the same database as the app's jobs. *client* makes the client of a worker, at its
    first job: by default from the environment. *limits* as in ``SendQueue``: what one process keeps, unless it is a
    ``SharedLimiter``. *connections*: how many requests of one job may be under way; so many rows, times the
    jobs that a worker runs at a time, can be in doubt when it is killed. *in_doubt* as in ``Outbox.run``. A message
    that must wait for longer than *longest_wait* seconds under the limits goes back, and its batch comes again later.
    A worker that has shown no sign of life for *stalled_after* seconds is dead: a few times the heartbeat of the
    engine. *rescue_every* is when to look for dead ones: a cron line, with the second in a sixth column.

    Raises:
        ConfigurationError: an option cannot work.
    """
    check_count("connections", connections)
    check_span("longest_wait", longest_wait, optional=False)
    check_span("stalled_after", stalled_after, optional=False)
    check_in_doubt(in_doubt)
    if not callable(client):
        raise ConfigurationError("client must be something that makes a client, such as Client.from_env.")
    workers = Workers(
        app,
        ledger,
        client,
        limits=limits,
        queue=queue,
        connections=connections,
        in_doubt=in_doubt,
        longest_wait=longest_wait,
        stalled_after=stalled_after,
    )
    workers.send_task = app.task(name=SEND, queue=queue, retry=_AgainAndAgain())(workers.send)
    rescue = app.task(name=RESCUE, queue=queue, queueing_lock=RESCUE)(workers.rescue)
    app.periodic(cron=rescue_every)(rescue)
    return workers


def _finished(counts: Mapping[State, int]) -> int:
    return sum(counts.get(state, 0) for state in FINISHED)


def _check_connection(connection: object) -> None:
    """
    Refuse a connection on which a part could be added, and the rest not.

    Raises:
        ConfigurationError: in one sentence.
    """
    if not isinstance(connection, psycopg.AsyncConnection):
        raise ConfigurationError(f"connection must be a psycopg.AsyncConnection, not {type(connection).__name__}.")
    if connection.autocommit and connection.info.transaction_status is TransactionStatus.IDLE:
        raise ConfigurationError(
            "connection commits each statement by itself: give it within async with connection.transaction()."
        )


async def _batches(
    messages: Iterable[Message] | AsyncIterable[Message], key: Callable[[Message], str] | None, api_version: ApiVersion
) -> AsyncIterator[list[Any]]:
    rows = []
    async for message in each_of(messages):
        rows.append(new_row(message, key, api_version))
        if len(rows) == BATCH:
            yield rows
            rows = []
    if rows:
        yield rows
