"""Others beside a run: on the same file, after the lease, and the platform that calls back."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from vonage_messages import Client
from vonage_messages.channels.base import Message
from vonage_messages.channels.raw import RawMessage
from vonage_messages.limits.levels import Limits
from vonage_messages.limits.rate import Rate
from vonage_messages.sending import outbox_run
from vonage_messages.sending.outbox import Outbox
from vonage_messages.simulator import Simulator
from vonage_messages.stores.sqlite import SqliteLedgerStore
from vonage_messages.webhooks import parse_status

from .scripted_platform import UNLIMITED, Came, Platform, accepted, some, until


async def test_rows_that_another_run_holds_are_left_to_it_and_told(
    path: Path, platform: Platform, client: Client
) -> None:
    async with Outbox.open(path) as holder, Outbox.open(path) as outbox:
        await outbox.add(some(20))
        await holder.store.enrol("holder", lease_until=time.time() + 60)
        await holder.store.claim("holder", count=5, lease_until=time.time() + 60, now=time.time())
        report = await outbox.run(client, limits=UNLIMITED)
        assert (report.accepted, report.pending) == (15, 5)
        assert report.stopped == "some could not be sent now, or are in the hands of another run"
    async with Outbox.open(path) as outbox:
        assert (await outbox.run(client, limits=UNLIMITED)).accepted == 20
    assert platform.repeated == {}


async def test_two_runs_on_one_file_share_the_rows(
    path: Path, platform: Platform, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox_run, "WINDOW", 100)
    monkeypatch.setattr(outbox_run, "_REFILL", 20)
    both_send = asyncio.Event()

    async def answer(_: Came, number: int) -> web.Response:
        if number == 16:  # one run alone has no more than its 8 on their way
            both_send.set()
        await both_send.wait()
        return accepted(number)

    platform.answer = answer
    async with Outbox.open(path) as one, Outbox.open(path) as other:
        await one.add(some(1_000))
        reports = await asyncio.gather(*(each.run(client, limits=UNLIMITED, connections=8) for each in (one, other)))
    assert sum(report.attempts for report in reports) == 1_000
    assert all(report.attempts > 0 for report in reports)
    assert platform.repeated == {}


async def test_machine_that_slept_longer_than_the_lease_goes_on_with_its_rows(
    path: Path, platform: Platform, client: Client
) -> None:
    slept = 0.0
    async with Outbox(SqliteLedgerStore(path), clock=lambda: time.time() + slept) as outbox:
        await outbox.add(some(40))
        running = asyncio.create_task(outbox.run(client, limits=Limits(account=Rate(50))))
        await until(lambda: len(platform.came) > 5)
        slept = 3_600.0
        report = await running
    assert (report.accepted, report.stopped) == (40, None)
    assert platform.repeated == {}


async def test_lease_is_kept_while_a_run_waits(path: Path, platform: Platform, client: Client) -> None:
    now = 1_000_000.0
    may_answer = asyncio.Event()

    async def answer(_: Came, number: int) -> web.Response:
        await may_answer.wait()
        return accepted(number)

    def lease_end() -> float:
        with contextlib.closing(sqlite3.connect(path)) as connection:
            (end,) = connection.execute("SELECT max(lease_until) FROM owner").fetchone()
        return float(end)

    platform.answer = answer
    async with Outbox(SqliteLedgerStore(path), clock=lambda: now) as outbox, Outbox.open(path) as other:
        await outbox.add(some(12))
        running = asyncio.create_task(outbox.run(client, limits=UNLIMITED, lease=0.3))
        await until(lambda: len(platform.came) > 0)
        for _ in range(3):
            now += 0.2
            await until(lambda least=now + 0.25: lease_end() > least)
            stolen = await other.store.recover("thief", now=now)
            assert (stolen.released, stolen.in_doubt) == (0, 0)
        may_answer.set()
        assert (await running).accepted == 12
    assert platform.repeated == {}


async def test_in_doubt_rows_are_settled_by_the_statuses_that_the_platform_sends(path: Path) -> None:
    outbox = Outbox.open(path)
    heard: list[bytes] = []

    async def listen(request: web.Request) -> web.Response:
        heard.append(await request.read())
        return web.Response()

    async with outbox, listening(listen) as url, Simulator(rate=None, status_url=url) as simulator:
        async with simulator.client() as client:
            await outbox.add(some(30), key=recipient_of)
            store = outbox.store
            await store.enrol("gone", lease_until=time.time() + 60)
            rows = await store.claim("gone", count=10, lease_until=time.time() + 60, now=time.time())
            await store.mark_sending([row.id for row in rows], owner="gone", now=time.time())
            for row in rows:  # they leave, and their sender ends before it has an answer
                await client.send(RawMessage({**json.loads(row.payload), "client_ref": row.ref}))
            await store.renew("gone", lease_until=0.0)
            report = await outbox.run(client, limits=UNLIMITED)
            assert (report.accepted, report.in_doubt, report.newly_in_doubt) == (20, 10, 10)
            await until(lambda: len({parse_status(body).client_ref for body in heard}) == 30)
            for body in heard:
                await outbox.settle(parse_status(body))
            report = await outbox.report()
            uuids = {message.client_ref: message.message_uuid for message in simulator.messages}
        assert (report.accepted, report.in_doubt) == (30, 0)
        assert {row.ref: row.message_uuid async for row in outbox.rows()} == uuids


def recipient_of(message: Message) -> str:
    return message.to


@asynccontextmanager
async def listening(handler: Callable[[web.Request], Awaitable[web.Response]]) -> AsyncIterator[str]:
    """Serve *handler* on the loopback; give its address."""
    application = web.Application()
    application.router.add_post("/", handler)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()
