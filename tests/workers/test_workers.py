"""Batches of a ledger, sent by the workers of an engine: nothing is lost, and nothing is sent twice."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime

import procrastinate
import psycopg
import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from procrastinate.jobs import Job, Status

from vonage_messages import ConfigurationError, Limits, OutboxError, Rate, SharedLimiter, Sms, StoreUnavailableError
from vonage_messages.ledger import State
from vonage_messages.sending.outbox import Outbox
from vonage_messages.simulator import Simulator
from vonage_messages.stores.postgres import PostgresLedgerStore, PostgresLimitStore
from vonage_messages.telemetry import instrument, uninstrument
from vonage_messages.workers import Enqueued, UnfinishedBatchError, Workers, register

LONGEST_RUN = 60
Start = Callable[..., Awaitable[asyncio.subprocess.Process]]


@pytest.fixture
async def ledger(database: str) -> AsyncIterator[PostgresLedgerStore]:
    """Look at the ledger of a test from outside."""
    async with PostgresLedgerStore(database) as opened:
        yield opened


@pytest.fixture
async def workers(app: procrastinate.App, database: str, simulator: Simulator) -> AsyncIterator[Workers]:
    registered = register(app, PostgresLedgerStore(database), simulator.client, limits=Limits.unlimited())
    yield registered
    await registered.close()


def some(count: int, first: int = 0) -> list[Sms]:
    numbers = range(first, first + count)
    return [Sms(to=str(447700900000 + n), from_="Acme", text=f"the secret {n}") for n in numbers]


def by_recipient(message: Sms) -> str:
    return message.to


async def work(app: procrastinate.App, **options: object) -> None:
    """Let a worker in this process do all jobs that there are."""
    await app.run_worker_async(
        wait=False,
        install_signal_handlers=False,
        listen_notify=False,
        **options,  # type: ignore[arg-type]
    )


async def jobs_of(app: procrastinate.App, status: str) -> int:
    return len(list(await app.job_manager.list_jobs_async(task="vonage_messages.send", status=status)))


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(LONGEST_RUN):
        while not condition():  # noqa: ASYNC110  what happens in another process sets no event here
            await asyncio.sleep(0.005)


async def test_every_message_is_sent_once(
    app: procrastinate.App, workers: Workers, simulator: Simulator, ledger: PostgresLedgerStore
) -> None:
    assert await workers.enqueue(some(450), key=by_recipient) == Enqueued(new=450, jobs=3)
    assert await workers.enqueue(some(500), key=by_recipient) == Enqueued(new=50, repeated=450, jobs=1)
    await work(app, concurrency=3)
    assert sorted(message.to for message in simulator.messages) == [message.to for message in some(500)]
    assert (await ledger.counts())[State.ACCEPTED] == 500
    assert await jobs_of(app, "succeeded") == 4


async def test_messages_may_come_one_by_one_from_elsewhere(
    app: procrastinate.App, workers: Workers, simulator: Simulator
) -> None:
    async def arriving() -> AsyncIterator[Sms]:
        for message in some(3):
            await asyncio.sleep(0)
            yield message

    assert (await workers.enqueue(arriving())).new == 3
    await work(app)
    assert len(simulator.messages) == 3


async def test_engine_sees_nothing_of_a_message(workers: Workers, database: str) -> None:
    await workers.enqueue(some(3))
    async with await psycopg.AsyncConnection.connect(database) as connection:
        seen = []
        for table in ("procrastinate_jobs", "procrastinate_events", "procrastinate_periodic_defers"):
            seen += await (await connection.execute(f"SELECT * FROM {table}")).fetchall()  # type: ignore[arg-type]  # noqa: S608  our own names
    assert "ledger_id" in repr(seen)
    assert "secret" not in repr(seen)
    assert "4477009" not in repr(seen)


async def test_messages_belong_to_whoever_has_enqueued_them(
    app: procrastinate.App, workers: Workers, database: str
) -> None:
    kept = InMemorySpanExporter()
    traces = TracerProvider(shutdown_on_exit=False)
    traces.add_span_processor(SimpleSpanProcessor(kept))
    await workers.enqueue(some(1))
    instrument(tracer_provider=traces)
    try:
        with traces.get_tracer("test").start_as_current_span("order"):
            await workers.enqueue(some(2, first=1))
        await work(app)
    finally:
        uninstrument()
    order, *_ = [span for span in kept.get_finished_spans() if span.name == "order"]
    jobs = [span for span in kept.get_finished_spans() if span.name == "process vonage_messages.send"]
    sends = [span for span in kept.get_finished_spans() if span.name == "send sms"]
    assert sorted(job.parent.span_id if job.parent else 0 for job in jobs) == [0, order.context.span_id]
    assert {job.attributes["messaging.destination.name"] for job in jobs if job.attributes} == {workers.queue}
    (of_order,) = [job for job in jobs if job.parent]
    linked = [send for send in sends if send.links]
    assert {send.parent.span_id for send in linked if send.parent} == {of_order.context.span_id}
    assert [link.context.span_id for send in linked for link in send.links] == [order.context.span_id] * 2
    assert len(sends) == 3
    async with await psycopg.AsyncConnection.connect(database) as connection:
        stored = await (await connection.execute("SELECT args FROM procrastinate_jobs")).fetchall()
    assert "4477009" not in repr(stored)


async def test_messages_are_there_when_the_caller_s_transaction_commits(
    app: procrastinate.App, workers: Workers, ledger: PostgresLedgerStore, database: str
) -> None:
    async with await psycopg.AsyncConnection.connect(database) as connection:
        await workers.enqueue(some(3), connection=connection)
        await connection.rollback()
        assert ((await ledger.counts())[State.PENDING], await jobs_of(app, "todo")) == (0, 0)
        await workers.enqueue(some(3), connection=connection)
        assert ((await ledger.counts())[State.PENDING], await jobs_of(app, "todo")) == (0, 0)
        await connection.commit()
    assert (await ledger.counts())[State.PENDING] == 3
    assert await jobs_of(app, "todo") == 1


async def test_connection_that_commits_each_statement_is_refused_outside_of_a_transaction(
    app: procrastinate.App, workers: Workers, ledger: PostgresLedgerStore, database: str
) -> None:
    async with await psycopg.AsyncConnection.connect(database, autocommit=True) as connection:
        with pytest.raises(ConfigurationError, match="connection commits each statement by itself"):
            await workers.enqueue(some(3), connection=connection)
        assert ((await ledger.counts())[State.PENDING], await jobs_of(app, "todo")) == (0, 0)
        async with connection.transaction():
            await workers.enqueue(some(3), connection=connection)
        assert ((await ledger.counts())[State.PENDING], await jobs_of(app, "todo")) == (3, 1)


async def test_connection_that_cannot_be_awaited_is_refused(workers: Workers, database: str) -> None:
    with psycopg.connect(database) as connection, pytest.raises(ConfigurationError, match="not Connection"):
        await workers.enqueue(some(3), connection=connection)  # type: ignore[arg-type]


async def test_conflict_adds_nothing_at_all(
    app: procrastinate.App, workers: Workers, ledger: PostgresLedgerStore
) -> None:
    other = Sms(to="447700900000", from_="Acme", text="another")
    with pytest.raises(OutboxError, match=r"message 301 of those added now, and row 1 of the outbox"):
        await workers.enqueue([*some(300), other], key=by_recipient)
    assert (await ledger.counts())[State.PENDING] == 0
    assert await jobs_of(app, "todo") == 0


async def test_job_that_comes_again_sends_nothing_that_may_have_left(
    workers: Workers, simulator: Simulator, ledger: PostgresLedgerStore
) -> None:
    """The worker died between the mark and the answer, and the engine gives its job to another."""
    await workers.enqueue(some(3))
    now = time.time()
    (first, *_) = await ledger.claim("dead", count=2, lease_until=now + 0.01, now=now)
    await ledger.mark_sending([first.id], owner="dead", now=now)
    await asyncio.sleep(0.02)
    await workers.send(1)
    assert len(simulator.messages) == 2
    counts = await ledger.counts()
    assert (counts[State.IN_DOUBT], counts[State.ACCEPTED]) == (1, 2)


async def test_batch_goes_back_where_the_wait_is_long(
    app: procrastinate.App, database: str, simulator: Simulator, ledger: PostgresLedgerStore
) -> None:
    limits = Limits(account=Rate(1, per=3600))
    workers = register(
        app, PostgresLedgerStore(database), simulator.client, limits=limits, longest_wait=5.0, connections=2
    )
    await workers.enqueue(some(3))
    with pytest.raises(UnfinishedBatchError, match="2 rows of batch 1 still wait"):
        await workers.send(1)
    await workers.close()
    assert len(simulator.messages) == 1
    assert (await ledger.counts())[State.PENDING] == 2


async def test_batch_goes_back_where_another_process_has_the_places(
    app: procrastinate.App, database: str, simulator: Simulator, ledger: PostgresLedgerStore
) -> None:
    limits = Limits(account=Rate(1, per=3600))
    async with SharedLimiter(limits, PostgresLimitStore(database)) as elsewhere:
        # On a busy machine it may come too late for its place, which is used up all the same, and wait for the next.
        taking = asyncio.ensure_future(elsewhere.acquire(some(1)[0]))
        async with (
            asyncio.timeout(LONGEST_RUN),
            await psycopg.AsyncConnection.connect(database, autocommit=True) as look,
        ):
            query = "SELECT count(*) FROM vonage_messages.shared_limit"
            while await (await look.execute(query)).fetchone() == (0,):  # noqa: ASYNC110  the database sets no event
                await asyncio.sleep(0.005)
        taking.cancel()
        await asyncio.wait([taking])
    shared = PostgresLimitStore(database)
    workers = register(
        app, PostgresLedgerStore(database), simulator.client, limits=SharedLimiter(limits, shared), longest_wait=5.0
    )
    await workers.enqueue(some(3))
    with pytest.raises(UnfinishedBatchError, match="3 rows of batch 1 still wait"):
        await workers.send(1)
    assert shared.is_open
    await workers.close()
    assert not shared.is_open
    assert simulator.messages == []
    assert (await ledger.counts())[State.PENDING] == 3


async def test_worker_that_ends_gives_its_batch_back(
    workers: Workers, simulator: Simulator, ledger: PostgresLedgerStore
) -> None:
    await workers.enqueue(some(200))
    sending = asyncio.ensure_future(workers.send(1))
    await until(lambda: len(simulator.messages) > 0)
    workers.stop()
    with pytest.raises(UnfinishedBatchError):
        await sending
    with pytest.raises(UnfinishedBatchError, match="goes to another"):
        await workers.send(1)
    counts = await ledger.counts()
    assert counts[State.PENDING] + counts[State.ACCEPTED] == 200
    assert 0 < counts[State.ACCEPTED] == len(simulator.messages)


async def test_unfinished_job_is_tried_again_later(app: procrastinate.App, workers: Workers) -> None:
    await workers.enqueue(some(3))
    workers.stop()
    await work(app)
    assert await jobs_of(app, "todo") == 1  # scheduled for a second from now


async def test_rescue_gives_a_job_to_what_waits_without_one(
    app: procrastinate.App, workers: Workers, ledger: PostgresLedgerStore
) -> None:
    await workers.enqueue(some(3))
    rows = await ledger.of_batch(1).claim("other", count=3, lease_until=time.time() + 60, now=time.time())
    await ledger.cancel([rows[0].id], now=time.time())
    await ledger.renew("other", lease_until=0.0)
    await app.job_manager.cancel_job_by_id_async(1, delete_job=True)
    await workers.rescue(0)
    assert await jobs_of(app, "todo") == 1
    await workers.rescue(0)
    assert await jobs_of(app, "todo") == 1
    assert (await ledger.counts())[State.PENDING] == 2


async def test_batch_that_makes_progress_comes_again_at_once(
    app: procrastinate.App, database: str, simulator: Simulator
) -> None:
    limits = Limits(account=Rate(1, per=3600))
    register(app, PostgresLedgerStore(database), simulator.client, limits=limits, longest_wait=5.0)
    retry = app.tasks["vonage_messages.send"].retry_strategy
    job = Job(id=1, queue="q", lock=None, queueing_lock=None, task_name="t", attempts=6)
    assert retry is not None
    pauses = []
    for error in (UnfinishedBatchError("", soon=True), UnfinishedBatchError(""), StoreUnavailableError("")):
        decision = retry.get_retry_decision(exception=error, job=job)
        assert decision is not None
        assert decision.retry_at is not None
        pauses.append(round((decision.retry_at - datetime.now(UTC)).total_seconds()))
    assert pauses == [1, 60, 60]


async def test_rescue_passes_over_a_job_that_is_done_meanwhile(
    app: procrastinate.App, workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    await workers.enqueue(some(1))
    await workers.enqueue(some(1, 1))
    worker = await app.job_manager.register_worker()
    jobs = [await app.job_manager.fetch_job(queues=None, worker_id=worker) for _ in range(2)]
    await app.job_manager.unregister_worker(worker)
    stalled = app.job_manager.get_stalled_jobs

    async def done_meanwhile(**options: object) -> object:
        found = list(await stalled(**options))  # type: ignore[arg-type]
        if found and jobs[0] is not None:
            await app.job_manager.finish_job(jobs[0], status=Status.SUCCEEDED, delete_job=False)
        return found

    monkeypatch.setattr(app.job_manager, "get_stalled_jobs", done_meanwhile)
    assert (await workers.bring_back()).jobs == 1
    assert (await jobs_of(app, "todo"), await jobs_of(app, "succeeded")) == (2, 1)


async def test_settled_wherever_the_status_lands(workers: Workers, ledger: PostgresLedgerStore, database: str) -> None:
    await workers.enqueue(some(1), key=by_recipient)
    now = time.time()
    (row,) = await ledger.claim("dead", count=1, lease_until=now + 0.01, now=now)
    await ledger.mark_sending([row.id], owner="dead", now=now)
    await ledger.recover("other", now=now + 1)
    async with Outbox(PostgresLedgerStore(database)) as elsewhere:
        assert await elsewhere.store.settle(row.ref, message_uuid="u", now=now) == "settled"
    assert (await ledger.counts())[State.ACCEPTED] == 1


@pytest.mark.parametrize(
    "options",
    [
        {"connections": 0},
        {"connections": 2.5},
        {"longest_wait": 0.0},
        {"longest_wait": math.inf},
        {"stalled_after": math.nan},
        {"in_doubt": "Resend"},
        {"client": "a client"},
    ],
    ids=str,
)
def test_option_that_cannot_work_is_refused(app: procrastinate.App, options: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError):
        register(app, PostgresLedgerStore(""), **options)  # type: ignore[arg-type]


# Processes --------------------------------------------------------------------------------------------------------


async def test_worker_that_is_asked_to_end_leaves_nothing_in_doubt(
    workers: Workers, start: Start, simulator: Simulator, ledger: PostgresLedgerStore
) -> None:
    await workers.enqueue(some(600), key=by_recipient)
    process = await start()
    await until(lambda: len(simulator.arrivals) >= 20)
    process.terminate()
    async with asyncio.timeout(LONGEST_RUN):
        assert await process.wait() == 0
    counts = await ledger.counts()
    assert counts[State.IN_DOUBT] == counts[State.SENDING] == counts[State.CLAIMED] == 0
    assert counts[State.ACCEPTED] == len(simulator.messages)
