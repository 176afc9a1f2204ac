"""A loop that ends while a queue is open: no warning, no task that is never run to its end, nothing sent behind it."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from vonage_messages import errors
from vonage_messages.limiter import Limiter
from vonage_messages.limits.levels import Limits
from vonage_messages.limits.places import Priority
from vonage_messages.limits.rate import Cap, Rate
from vonage_messages.limits.store import MemoryLimitStore
from vonage_messages.sending.outcome import Outcome
from vonage_messages.stores.file import FileLimitStore

Scenario = Callable[[], Coroutine[Any, Any, None]]


@pytest.fixture
def run(caplog: pytest.LogCaptureFixture, tools: Any) -> Callable[[Scenario], None]:
    """Run a program to its end, and check that nothing was complained about."""

    def run_it(scenario: Scenario) -> None:
        with caplog.at_level(logging.DEBUG, logger="asyncio"), asyncio.Runner(loop_factory=tools.VirtualLoop) as runner:
            runner.run(scenario())
        gc.collect()
        complaints = [
            record
            for record in caplog.records
            if record.levelno >= logging.WARNING and "because the event loop ended" not in record.message
        ]
        assert complaints == []

    return run_it


def test_loop_that_ends_with_messages_waiting_and_under_way_complains_about_nothing(tools: Any, run: Any) -> None:
    platform = tools.Platform(latency=10.0)
    kept: list[Any] = []

    async def scenario() -> None:
        queue = tools.queue(platform, Limits(account=Rate(1)))
        kept.extend(queue.submit(tools.sms(number)) for number in range(10))
        kept.append(queue)
        await asyncio.sleep(2.5)

    run(scenario)
    assert len(platform.requests) == 3
    assert isinstance(kept[0].exception(), errors.ResponseLostError)
    assert kept[0].maybe_sent
    assert isinstance(kept[9].exception(), errors.QueueClosedError)
    assert not kept[9].maybe_sent


@pytest.mark.parametrize("after", [0.0, 0.5, 3.0])
def test_loop_that_ends_before_or_after_anything_has_left(tools: Any, run: Any, after: float) -> None:
    platform = tools.Platform(latency=0.1)

    async def scenario() -> None:
        queue = tools.queue(platform, Limits(account=Rate(1)))
        queue.submit(tools.sms(1), expires_in=100)
        await queue.put(tools.sms(2))
        await asyncio.sleep(after)

    run(scenario)


def test_message_that_comes_in_the_last_turn_of_a_loop_has_an_outcome(tools: Any, run: Any) -> None:
    outcomes: list[Outcome] = []
    kept: list[Any] = []

    async def scenario() -> None:
        queue = tools.queue(tools.Platform(), on_outcome=outcomes.append)
        kept.extend([queue, asyncio.create_task(queue.put(tools.sms(1)))])

    run(scenario)
    assert [(outcome.sent, outcome.error) for outcome in outcomes] == [(None, None)]


def test_nothing_leaves_while_the_loop_waits_for_its_threads(tools: Any, run: Any) -> None:
    """The timer of the limits goes on while a loop shuts down; no message may be begun by it."""
    platform = tools.Platform(latency=0.0)
    limiter = Limiter(Limits(account=Rate(1)))
    begun: list[int] = []

    async def lingers() -> None:
        try:
            await asyncio.sleep(1000)
        except asyncio.CancelledError:
            begun.append(len(platform.requests))
            await asyncio.sleep(5)
            begun.append(len(platform.requests))
            raise

    async def scenario() -> None:
        queue = tools.queue(platform, limiter)
        for number in range(20):
            await queue.put(tools.sms(number))
        lingering = asyncio.create_task(lingers())
        await asyncio.sleep(3.5)
        assert not lingering.done()

    run(scenario)
    assert begun == [4, 4]


def test_loop_that_ends_in_the_middle_of_streams_and_listeners(tools: Any, run: Any) -> None:
    async def slow(_outcome: Outcome) -> None:
        await asyncio.sleep(5)

    async def scenario() -> None:
        queue = tools.queue(tools.Platform(latency=0.5), connections=3, on_outcome=slow, maxsize=20)

        async def read(ordered: bool) -> None:
            async for _ in queue.map((tools.sms(number) for number in range(100)), ordered=ordered):
                pass

        tasks = [asyncio.create_task(read(ordered)) for ordered in (True, False)]
        tasks.append(asyncio.create_task(queue.drain()))
        tasks += [asyncio.create_task(queue.put(tools.sms(number))) for number in range(5)]
        for number in range(5):
            queue.submit(tools.sms(number)).cancel()
        await asyncio.sleep(7)
        assert not all(task.done() for task in tasks)

    run(scenario)


def test_loop_that_ends_while_the_store_is_read(tools: Any, run: Any, tmp_path: Path) -> None:
    async def scenario() -> None:
        queue = tools.queue(
            tools.Platform(), Limits(account=(Rate(1), Cap(10))), store=FileLimitStore(tmp_path / "limits.json")
        )
        await queue.put(tools.sms(1))
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    run(scenario)


def test_limiter_goes_on_in_the_next_loop(tools: Any, run: Any, tmp_path: Path) -> None:
    limiter = Limiter(Limits(account=(Rate(1), Cap(10))), store=FileLimitStore(tmp_path / "limits.json"))
    platform = tools.Platform()

    async def scenario() -> None:
        queue = tools.queue(platform, limiter)
        for number in range(30):
            await queue.put(tools.sms(number))
        await queue.submit(tools.sms(99), priority=Priority.HIGH)
        await limiter.acquire(tools.sms(98))
        await asyncio.sleep(1.5)

    for _ in range(2):
        run(scenario)
        gc.collect()
    assert 4 <= len(platform.requests) <= 10


def test_queue_whose_tasks_were_all_cancelled_says_so(tools: Any, run: Any) -> None:
    async def scenario() -> None:
        queue = tools.queue(tools.Platform(latency=1.0), Limits(account=Rate(1)))
        for number in range(5):
            await queue.put(tools.sms(number))
        await asyncio.sleep(0.5)
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        with pytest.raises(errors.QueueClosedError, match="were cancelled"):
            await queue.close()
        with pytest.raises(errors.QueueClosedError):
            queue.submit(tools.sms(6))
        assert await queue.cancel() == 4

    run(scenario)


def test_queue_of_which_one_task_was_cancelled_ends_all_and_saves_its_limits(tools: Any, run: Any) -> None:
    async def scenario() -> None:
        store = MemoryLimitStore()
        limiter = Limiter(Limits(account=Cap(40, per=60)), store=store)
        queue = tools.queue(tools.Platform(latency=1.0), limiter, connections=2)
        futures = [queue.submit(tools.sms(number)) for number in range(5)]
        await asyncio.sleep(0.5)
        next(iter(asyncio.all_tasks() - {asyncio.current_task()})).cancel()
        with pytest.raises(errors.QueueClosedError, match="were cancelled"):
            await queue.close()
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert all(future.done() for future in futures)
        await asyncio.gather(*futures, return_exceptions=True)
        saved = await store.load()
        assert saved is not None
        assert saved["last"]

    run(scenario)


@pytest.mark.parametrize("after", [0, 1, 2, 3, 4, 5, 6, 7, 8])
@pytest.mark.parametrize("hook", [None, asyncio.sleep], ids=["", "hook"])
def test_every_wait_ends_when_somebody_cancels_all_tasks_but_his_own(
    tools: Any, run: Any, after: int, hook: Any
) -> None:
    """However far the queue has come: a task may be cancelled before its first step."""
    platform = tools.Platform(latency=1.0)

    async def wait_a_moment(_message: object) -> None:
        await hook(1)

    async def tell(_outcome: Outcome) -> None:
        await asyncio.sleep(1)

    async def scenario() -> None:
        queue = tools.queue(
            platform,
            Limits(account=Rate(1000), pairs={"sms": Rate(1)}),
            connections=3,
            before_send=None if hook is None else wait_a_moment,
            on_outcome=tell,
        )
        streamed: list[Outcome] = []

        async def stream() -> None:
            async for outcome in queue.map(tools.sms(number) for number in range(100, 110)):
                streamed.append(outcome)  # noqa: PERF401  what came before the error counts

        futures = [queue.submit(tools.sms(number % 7), max_wait=500) for number in range(20)]
        queue.submit(tools.sms(20)).cancel()
        streaming = asyncio.ensure_future(stream())
        for _ in range(after):
            await asyncio.sleep(0)
        for task in asyncio.all_tasks() - {asyncio.current_task(), streaming}:
            task.cancel()
        async with asyncio.timeout(1000):
            await asyncio.wait([*futures, streaming])
            with contextlib.suppress(errors.QueueClosedError):
                await queue.drain()
            await queue.cancel()
        assert not any(future.cancelled() for future in (*futures, streaming))
        for future in futures:
            future.exception()
            assert future.maybe_sent or isinstance(future.exception(), errors.QueueClosedError)
        streaming.exception()
        stats = queue.stats()
        assert (stats.sending, sum(stats.waiting.values())) == (0, 0)
        assert stats.accepted + stats.failed + stats.cancelled >= 21
        assert sum(future.maybe_sent for future in futures) <= len(platform.requests)

    run(scenario)


@pytest.mark.parametrize("turns", [0, 1, 5])
def test_drain_ends_when_a_cancelled_request_takes_its_time(tools: Any, run: Any, turns: int) -> None:
    class Slow(tools.Platform):  # type: ignore[misc, name-defined]  the fixture gives the class
        async def attempt(self, message: Any, *, api_version: str | None = None) -> Any:
            try:
                return await super().attempt(message, api_version=api_version)
            finally:
                for _ in range(turns):
                    await asyncio.sleep(0)

    async def scenario() -> None:
        told: list[Outcome] = []
        queue = tools.queue(Slow(latency=60.0), connections=2, on_outcome=told.append)
        for number in range(4):
            await queue.put(tools.sms(number))
        await asyncio.sleep(1)
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        async with asyncio.timeout(1000):
            with pytest.raises(errors.QueueClosedError):
                await queue.drain()
            assert await queue.cancel() == 2
        assert [outcome.maybe_sent for outcome in told].count(True) == 2
        assert len(told) == 4

    run(scenario)


def test_message_whose_connection_had_not_begun_is_known_not_to_be_sent(tools: Any, run: Any) -> None:
    async def scenario() -> None:
        platform = tools.Platform()
        queue = tools.queue(platform)
        future = queue.submit(tools.sms(1))
        await asyncio.sleep(0)  # the pump has made a task, which has not run
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        with pytest.raises(errors.QueueClosedError):
            await future
        assert not future.maybe_sent
        assert platform.requests == []

    run(scenario)


def test_message_that_comes_back_refused_to_cancelled_tasks_is_told(tools: Any, run: Any) -> None:
    async def scenario() -> None:
        platform = tools.Platform(
            lambda *_: tools.refused(60), latency=lambda message: float(tools.text_of(message)) / 10
        )
        queue = tools.queue(platform, connections=2)
        futures = [queue.submit(tools.sms(number)) for number in (1, 50, 2)]
        await asyncio.sleep(0.05)
        next(iter(queue._engine._workers)).cancel()
        async with asyncio.timeout(1000):
            await asyncio.wait(futures)
        assert all(
            isinstance(future.exception(), (errors.QueueClosedError, errors.ResponseLostError)) for future in futures
        )
        await queue.cancel()

    run(scenario)


def test_cancelled_program_waits_for_what_is_under_way(tools: Any) -> None:
    platform = tools.Platform(latency=5.0)

    async def program() -> None:
        async with tools.queue(platform, connections=2) as queue:
            for number in range(10):
                await queue.put(tools.sms(number))
            await asyncio.sleep(1000)

    async def scenario() -> None:
        task = asyncio.get_running_loop().create_task(program())
        await asyncio.sleep(1)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()

    tools.run_virtually(scenario())
    assert len(platform.requests) == len(platform.accepted) == 2


def test_queue_is_clean_in_the_debug_mode_of_asyncio(tools: Any, caplog: pytest.LogCaptureFixture) -> None:
    platform = tools.Platform(
        lambda message, number: tools.refused(1) if not number and tools.text_of(message) == "3" else None
    )

    async def scenario() -> None:
        asyncio.get_running_loop().slow_callback_duration = 5.0
        async with tools.queue(platform, Limits(account=Rate(10)), maxsize=5) as queue:
            futures = [queue.submit(tools.sms(number)) for number in range(5)]
            futures[4].cancel()
            for number in range(5, 20):
                await queue.put(tools.sms(number))
            async for _ in queue.map(tools.sms(number) for number in range(100)):
                break
            await queue.send_all([tools.whatsapp(number) for number in range(5)])
            await asyncio.gather(*futures, return_exceptions=True)

    with asyncio.Runner(loop_factory=tools.VirtualLoop, debug=True) as runner:
        runner.run(scenario())
    gc.collect()
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_messages_that_are_left_when_the_loop_ends_are_told(tools: Any, run: Any, caplog: Any) -> None:
    async def scenario() -> None:
        queue = tools.queue(tools.Platform(latency=0.1), Limits(account=Rate(1)))
        for number in range(5):
            await queue.put(tools.sms(number))
        await asyncio.sleep(1.5)

    run(scenario)
    told = [record.message for record in caplog.records if "because the event loop ended" in record.message]
    assert told == ["3 messages were not sent, because the event loop ended: use `async with`, or await queue.close()."]
