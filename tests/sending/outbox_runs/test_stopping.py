"""A run that is stopped, cancelled or timed out ends in order: what is under way is recorded, the rest given back."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from aiohttp import web

from vonage_messages import Client, errors
from vonage_messages.ledger import State
from vonage_messages.limits.levels import Limits
from vonage_messages.limits.rate import Rate
from vonage_messages.sending.outbox import Outbox
from vonage_messages.sending.report import Report

from .scripted_platform import UNLIMITED, Came, Platform, accepted, some, until


async def begun(outbox: Outbox, platform: Platform, client: Client) -> asyncio.Task[Report]:
    """Begin a run of 100 rows on a platform that takes its time; a second set of requests is under way."""

    async def slow(_came: Came, number: int) -> web.Response:
        await asyncio.sleep(0.2)
        return accepted(number)

    platform.answer = slow
    await outbox.add(some(100))
    running = asyncio.create_task(outbox.run(client, limits=UNLIMITED, connections=4))
    await until(lambda: len(platform.came) >= 6)
    return running


async def test_stop_waits_for_what_is_under_way_and_gives_the_rest_back(
    outbox: Outbox, platform: Platform, client: Client
) -> None:
    running = await begun(outbox, platform, client)
    outbox.stop()
    report = await running
    assert report.stopped == "it was asked to stop"
    assert report.accepted == len(platform.came)
    assert (await outbox.store.counts())[State.PENDING] == 100 - report.accepted
    platform.answer = lambda _, n: accepted(n)
    assert (await outbox.run(client, limits=UNLIMITED)).accepted == 100
    assert platform.repeated == {}


async def test_stop_also_ends_a_run_whose_last_rows_wait_for_a_limit(
    outbox: Outbox, platform: Platform, client: Client
) -> None:
    await outbox.add(some(50))
    running = asyncio.create_task(outbox.run(client, limits=Limits(account=Rate(1, per=3600.0))))
    await asyncio.sleep(0.3)
    outbox.stop()
    report = await asyncio.wait_for(running, 60)
    assert report.pending >= 49
    assert report.accepted == len(platform.came)


def test_stop_without_a_run_does_nothing(path: Path) -> None:
    Outbox.open(path).stop()


@pytest.mark.parametrize("number", [12, 3000])
async def test_run_whose_tasks_somebody_cancels_ends_and_gives_its_rows_back(
    outbox: Outbox, platform: Platform, client: Client, number: int
) -> None:
    may_answer = platform.hold()
    await outbox.add(some(number))
    running = asyncio.create_task(outbox.run(client, limits=UNLIMITED, connections=4))
    await until(lambda: len(platform.came) >= 4)
    for task in asyncio.all_tasks():
        if str(getattr(task.get_coro(), "__qualname__", "")).startswith(("Connections.", "Batching.")):
            task.cancel()
    report = (await asyncio.wait_for(asyncio.gather(running, return_exceptions=True), 60))[0]
    assert isinstance(report, errors.QueueClosedError) or report.stopped == "its tasks were cancelled"
    may_answer.set()
    counts = await outbox.store.counts()
    assert (counts.get(State.CLAIMED, 0), counts[State.PENDING]) == (0, number - 4)
    platform.answer = lambda _, n: accepted(n)
    report = await outbox.run(client, limits=UNLIMITED)
    assert (report.accepted, report.in_doubt) == (number - 4, 4)
    assert platform.repeated == {}


async def test_cancelled_run_records_what_is_under_way_gives_the_rest_back_and_is_cancelled(
    outbox: Outbox, platform: Platform, client: Client
) -> None:
    running = await begun(outbox, platform, client)
    running.cancel()
    await asyncio.sleep(0.02)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert running.cancelled()
    report = await outbox.report()
    assert (report.accepted, report.in_doubt) == (len(platform.came), 0)
    assert (await outbox.store.counts())[State.PENDING] == 100 - report.accepted


async def test_run_that_is_cancelled_at_any_moment_of_its_beginning_leaves_no_row_behind(
    outbox: Outbox, platform: Platform, client: Client
) -> None:
    await outbox.add(some(30))
    for ticks in range(0, 60, 3):
        running = asyncio.create_task(outbox.run(client, limits=Limits(account=Rate(20))))
        for _ in range(ticks):
            await asyncio.sleep(0)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    counts = await outbox.store.counts()
    assert counts[State.CLAIMED] == counts[State.SENDING] == counts[State.IN_DOUBT] == 0
    assert counts[State.ACCEPTED] == len(platform.came)


async def test_timeout_around_a_run_ends_it_in_order(outbox: Outbox, platform: Platform, client: Client) -> None:
    await outbox.add(some(50))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await outbox.run(client, limits=Limits(account=Rate(10)))
    report = await outbox.report()
    assert report.accepted == len(platform.came)
    assert report.accepted + (await outbox.store.counts())[State.PENDING] == 50


async def test_rows_that_are_cancelled_during_a_run_are_not_sent(
    outbox: Outbox, platform: Platform, client: Client
) -> None:
    may_answer = platform.hold()
    await outbox.add(some(50))
    running = asyncio.create_task(outbox.run(client, limits=UNLIMITED, connections=3))
    await until(lambda: len(platform.came) >= 3)
    assert await outbox.cancel() == 47
    may_answer.set()
    report = await running
    assert (report.cancelled, report.accepted, len(platform.came)) == (47, 3, 3)


async def test_recipient_who_is_deleted_during_a_run_is_not_written_to(
    outbox: Outbox, platform: Platform, client: Client
) -> None:
    may_answer = platform.hold()
    await outbox.add(some(30))
    running = asyncio.create_task(outbox.run(client, limits=UNLIMITED, connections=3))
    await until(lambda: len(platform.came) >= 3)
    assert await outbox.purge(recipient="447700900029") == 1
    may_answer.set()
    assert (await running).total == 29
    assert "row-29" not in platform.refs
