"""What a run of an outbox does: which rows it sends, how many at a time, how it tells its progress, and its limits."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from vonage_messages import Client, errors
from vonage_messages.ledger import Claimed, State
from vonage_messages.limiter import Limiter
from vonage_messages.limits.levels import Limits
from vonage_messages.limits.rate import Cap, Rate
from vonage_messages.sending import outbox_run
from vonage_messages.sending.outbox import Outbox
from vonage_messages.sending.outbox_rows import RowMessage
from vonage_messages.sending.outbox_run import WINDOW
from vonage_messages.sending.report import Progress
from vonage_messages.wire.payloads import to_json, to_payload

from .scripted_platform import AUTH, UNLIMITED, Came, Platform, accepted, rows_of, sms, some, until

# What a run does -----------------------------------------------------------------------------------------------------


async def test_run_sends_every_row_once_and_records_what_came_of_it(
    outbox: Outbox, platform: Platform, client: Client
) -> None:
    await outbox.add(some(300))
    report = await outbox.run(client, limits=UNLIMITED)
    assert (report.accepted, report.total, report.attempts, report.stopped) == (300, 300, 300, None)
    assert report.duration > 0
    assert sorted(platform.refs) == sorted(f"row-{number}" for number in range(300))
    rows = await rows_of(outbox)
    assert all(row.attempts == 1 and row.message_uuid for row in rows)
    assert len({row.message_uuid for row in rows}) == 300


@pytest.mark.parametrize(
    "payload",
    [
        {"channel": "sms", "to": "44", "from": "Acme", "text": 'a "client_ref": {"failover"} \\" é 😀'},
        {"channel": "sms", "to": "44", "client_ref": "the ref"},
        {"channel": "sms", "to": "44", "client_ref": "spring"},
        {"channel": "sms", "to": "44", "client_ref": None},
        {"channel": "sms", "to": "44", "failover": [{"to": "45", "client_ref": "x"}, {"to": "46"}]},
        {"channel": "sms", "failover": "nothing of the sort"},
        {},
    ],
    ids=["text that looks like keys", "own ref", "tag", "null", "failover", "odd failover", "empty"],
)
@pytest.mark.parametrize("spaced", [False, True])
def test_ref_goes_into_the_bytes_of_a_row_and_nothing_else_changes(payload: dict[str, Any], spaced: bool) -> None:
    written = json.dumps(payload, ensure_ascii=False, indent=1 if spaced else None).encode() + b"\n" * spaced
    row = Claimed(id=1, key="k", ref="the ref", version="v1", payload=written, attempts=0)
    expected = {**payload, "client_ref": "the ref"}
    if isinstance(items := payload.get("failover"), list):
        expected["failover"] = [{**item, "client_ref": "the ref"} for item in items]
    message = RowMessage(row)
    assert json.loads(to_json(message)) == expected
    assert to_payload(message) == expected
    assert (message.client_ref, message.to, message.channel) == (
        "the ref",
        payload.get("to", ""),
        payload.get("channel", ""),
    )


async def test_run_over_nothing_ends_at_once(outbox: Outbox, client: Client) -> None:
    report = await outbox.run(client)
    assert (report.total, report.complete, report.stopped) == (0, True, None)


async def test_more_rows_than_are_claimed_at_a_time_are_all_sent(
    outbox: Outbox, platform: Platform, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox_run, "WINDOW", 500)
    monkeypatch.setattr(outbox_run, "_REFILL", 100)
    await outbox.add(some(1_250))
    report = await outbox.run(client, limits=UNLIMITED)
    assert report.accepted == 1_250
    assert platform.repeated == {}


async def test_no_more_than_a_window_is_claimed_at_a_time(outbox: Outbox, client: Client) -> None:
    await outbox.add(some(WINDOW + 3_000))
    running = asyncio.create_task(outbox.run(client, limits=Limits(account=Rate(1))))
    async with asyncio.timeout(60):
        while (await outbox.store.counts())[State.CLAIMED] < WINDOW - 100:  # noqa: ASYNC110  nobody tells
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)  # long enough to claim a thousand more
    counts = await outbox.store.counts()
    outbox.stop()
    await running
    assert counts[State.CLAIMED] <= WINDOW
    assert (await outbox.store.counts())[State.CLAIMED] == 0


async def test_rows_that_are_added_while_a_run_is_on_go_with_it(
    outbox: Outbox, platform: Platform, client: Client
) -> None:
    await outbox.add(some(60))
    running = asyncio.create_task(outbox.run(client, limits=Limits(account=Rate(100))))
    await until(lambda: len(platform.came) > 5)
    await outbox.add(some(40, 60))
    assert (await running).accepted == 100
    assert platform.repeated == {}


async def test_second_run_in_one_object_is_refused_while_the_first_is_on(outbox: Outbox, client: Client) -> None:
    await outbox.add(some(20))
    running = asyncio.create_task(outbox.run(client, limits=Limits(account=Rate(50))))
    await asyncio.sleep(0.05)
    with pytest.raises(errors.OutboxError, match="is going on"):
        await outbox.run(client)
    assert (await running).accepted == 20
    assert (await outbox.run(client)).accepted == 20


@pytest.mark.parametrize(
    "options", [{"lease": 0}, {"lease": float("inf")}, {"connections": 0}, {"max_outage": -1}, {"in_doubt": "maybe"}]
)
async def test_options_that_cannot_work_are_refused_and_change_nothing(
    outbox: Outbox, client: Client, options: dict[str, Any]
) -> None:
    await outbox.add(some(1))
    with pytest.raises(errors.ConfigurationError):
        await outbox.run(client, **options)
    assert (await outbox.run(client)).accepted == 1


async def test_limits_that_the_client_does_not_have_are_refused(outbox: Outbox, platform: Platform) -> None:
    async with Client(AUTH, base_url=platform.url, limits=Limiter(Limits(account=Rate(10)))) as limited:
        with pytest.raises(ValueError, match="the client has limits"):
            await outbox.run(limited, limits=Limits(account=Rate(5)))
        await outbox.add(some(3))
        assert (await outbox.run(limited)).accepted == 3


async def test_no_more_requests_are_under_way_than_there_are_connections(
    outbox: Outbox, platform: Platform, client: Client
) -> None:
    under_way = most = 0
    all_are_busy = asyncio.Event()

    async def slow(_came: Came, number: int) -> web.Response:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        if under_way == 5:
            all_are_busy.set()
        await all_are_busy.wait()
        await asyncio.sleep(0.01)
        under_way -= 1
        return accepted(number)

    platform.answer = slow
    await outbox.add(some(100))
    assert (await outbox.run(client, limits=UNLIMITED, connections=5)).accepted == 100
    assert most == 5


async def test_no_more_rows_are_marked_than_there_are_connections(
    outbox: Outbox, platform: Platform, client: Client, path: Path
) -> None:
    may_answer = asyncio.Event()

    async def hold(_came: Came, number: int) -> web.Response:
        await may_answer.wait()
        return accepted(number)

    def look() -> int:
        with contextlib.closing(sqlite3.connect(path)) as connection:
            return int(connection.execute("SELECT count(*) FROM progress WHERE state = 'sending'").fetchone()[0])

    platform.answer = hold
    await outbox.add(some(500))
    running = asyncio.create_task(outbox.run(client, limits=UNLIMITED, connections=8))
    await until(lambda: len(platform.came) == 8)
    most = await asyncio.to_thread(look)
    assert most == 8
    may_answer.set()
    while not running.done():
        most = max(most, await asyncio.to_thread(look))
    assert (await running).accepted == 500
    assert most == 8


# Progress ------------------------------------------------------------------------------------------------------------


async def test_progress_is_told_while_rows_are_sent_and_at_the_end(
    outbox: Outbox, platform: Platform, client: Client
) -> None:
    told: list[Progress] = []

    async def answer(_came: Came, number: int) -> web.Response:
        if number in {20, 40}:  # however slow the machine is: it has told of those before
            await until(lambda: told[-1].accepted >= number - 2)
        return accepted(number)

    platform.answer = answer
    await outbox.add(some(60))
    await outbox.run(client, limits=Limits(account=Rate(50)), connections=1, on_progress=told.append)
    assert told[0].pending == 60
    assert (told[-1].accepted, told[-1].pending) == (60, 0)
    assert len(told) >= 4
    assert [each.accepted for each in told] == sorted(each.accepted for each in told)
    assert any(each.per_second > 0 and each.remaining is not None for each in told)


async def test_listener_may_be_async(outbox: Outbox, client: Client) -> None:
    await outbox.add(some(3))
    told: list[int] = []

    async def listen(progress: Progress) -> None:
        await asyncio.sleep(0)
        told.append(progress.accepted)

    await outbox.run(client, limits=UNLIMITED, on_progress=listen)
    assert told[-1] == 3


async def test_listener_that_raises_is_logged_once_and_stops_nothing(
    outbox: Outbox, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    calls = 0

    def listen(_progress: Progress) -> None:
        nonlocal calls
        calls += 1
        raise LookupError("447700900000")

    await outbox.add(some(40))
    assert (await outbox.run(client, limits=Limits(account=Rate(80)), on_progress=listen)).accepted == 40
    assert calls == 1
    assert [record.getMessage() for record in caplog.records] == [
        "on_progress raised LookupError; it is not called again"
    ]


# Limits --------------------------------------------------------------------------------------------------------------


async def test_limits_hold_from_one_run_to_the_next(
    outbox: Outbox, platform: Platform, client: Client, hesitation: Any
) -> None:
    limits = Limits(account=Rate(20, burst=10))
    for first in (0, 12, 24):
        await outbox.add(some(12, first))
        await outbox.run(client, limits=limits)
    instants = [came.at for came in platform.came]
    for begin in range(len(instants)):
        for end in range(begin, len(instants)):
            assert end - begin + 1 <= 10 + 20 * (instants[end] - instants[begin] + 0.05 + hesitation.longest) + 1


async def test_cap_is_kept_in_the_file(path: Path, platform: Platform, client: Client) -> None:
    limits = Limits(account=Cap(10, per=3600.0))
    async with Outbox.open(path) as outbox:
        await outbox.add(some(8))
        assert (await outbox.run(client, limits=limits)).accepted == 8
    async with Outbox.open(path) as outbox:
        await outbox.add(some(8, 8))
        running = asyncio.create_task(outbox.run(client, limits=limits))
        await until(lambda: len(platform.came) == 10)
        await asyncio.sleep(0.3)
        outbox.stop()
        assert (await running).pending == 6
    assert len(platform.came) == 10


async def test_messages_of_one_pair_leave_in_their_order(outbox: Outbox, platform: Platform, client: Client) -> None:
    await outbox.add([sms(number, to="447700900000") for number in range(40)])
    await outbox.run(client, limits=Limits(account=Rate(1_000), pairs={"sms": Rate(500)}))
    assert platform.refs == [f"row-{number}" for number in range(40)]
