"""Runs of an outbox: a real file, a real client, and a platform on the loopback that answers as a test says."""

from __future__ import annotations

import asyncio
import contextlib
import json
import resource
import sqlite3
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import pytest
from aiohttp import web

from vonage_messages import BasicAuth, Client, RetryPolicy, errors
from vonage_messages.channels.base import Message
from vonage_messages.channels.raw import RawMessage
from vonage_messages.channels.sms import Sms
from vonage_messages.ledger import Claimed, Row, State
from vonage_messages.limiter import Limiter
from vonage_messages.limits.levels import Limits
from vonage_messages.limits.rate import Cap, Rate
from vonage_messages.pricing import PriceTable
from vonage_messages.sending import outbox_run
from vonage_messages.sending.outbox import Outbox
from vonage_messages.sending.outbox_rows import RowMessage
from vonage_messages.sending.outbox_run import WINDOW
from vonage_messages.sending.report import Progress
from vonage_messages.simulator import Simulator
from vonage_messages.spending import Budget
from vonage_messages.stores.sqlite import SqliteLedgerStore
from vonage_messages.webhooks import parse_status
from vonage_messages.wire.payloads import to_json, to_payload

UNLIMITED = Limits.unlimited()
AUTH = BasicAuth(api_key="abcd1234", api_secret="made-up")


def sms(number: int, *, to: str | None = None) -> Sms:
    return Sms(to=to or str(447700900000 + number), from_="Acme", text=f"Hello {number}", client_ref=f"row-{number}")


def some(count: int, first: int = 0) -> list[Sms]:
    return [sms(number) for number in range(first, first + count)]


def problem(status: int, **headers: str) -> web.Response:
    body = {"type": "https://example.com/problem", "title": f"problem {status}", "detail": "made up", "instance": "i-1"}
    return web.json_response(body, status=status, headers=headers)


def accepted(number: int = 0) -> web.Response:
    return web.json_response({"message_uuid": f"00000000-0000-4000-8000-{number:012}"}, status=202)


@attrs.define
class Came:
    ref: str
    body: dict[str, Any]
    at: float


class Platform:
    """Notes what came, and answers each request as *answer* says; by default it accepts."""

    def __init__(self) -> None:
        self.came: list[Came] = []
        self.answer: Callable[[Came, int], Awaitable[web.StreamResponse] | web.StreamResponse] = lambda _, n: accepted(
            n
        )
        self.url = ""
        self.port = 0
        self._runner: web.AppRunner | None = None

    @property
    def refs(self) -> list[str]:
        return [came.ref for came in self.came]

    @property
    def repeated(self) -> dict[str, int]:
        return {ref: times for ref, times in Counter(self.refs).items() if times > 1}

    async def start(self) -> None:
        application = web.Application()
        application.router.add_post("/v1/messages", self._serve)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        self.port = self._runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{self.port}"

    async def stop(self) -> None:
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        came = Came(body.get("client_ref", ""), body, time.monotonic())
        self.came.append(came)
        answer = self.answer(came, len(self.came))
        return answer if isinstance(answer, web.StreamResponse) else await answer


@pytest.fixture
async def platform() -> AsyncIterator[Platform]:
    made = Platform()
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def client(platform: Platform) -> AsyncIterator[Client]:
    async with Client(AUTH, base_url=platform.url) as made:
        yield made


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "campaign.db"


@pytest.fixture
async def outbox(path: Path) -> AsyncIterator[Outbox]:
    async with Outbox.open(path) as opened:
        yield opened


async def rows_of(outbox: Outbox, *states: State) -> list[Row]:
    return [row async for row in outbox.rows(*states)]


async def until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110  of what is waited for, nobody tells
            await asyncio.sleep(0.005)


# What a run does --------------------------------------------------------------------------------------------------


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

    async def slow(_came: Came, number: int) -> web.Response:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.01)
        under_way -= 1
        return accepted(number)

    platform.answer = slow
    await outbox.add(some(100))
    assert (await outbox.run(client, limits=UNLIMITED, connections=5)).accepted == 100
    assert most == 5


async def test_no_more_rows_are_marked_than_there_are_connections(outbox: Outbox, client: Client, path: Path) -> None:
    await outbox.add(some(500))
    running = asyncio.create_task(outbox.run(client, limits=UNLIMITED, connections=8))
    most = 0

    def look() -> int:
        with contextlib.closing(sqlite3.connect(path)) as connection:
            return int(connection.execute("SELECT count(*) FROM progress WHERE state = 'sending'").fetchone()[0])

    while not running.done():
        most = max(most, await asyncio.to_thread(look))
    assert (await running).accepted == 500
    assert 1 <= most <= 8


# What the platform says -------------------------------------------------------------------------------------------


async def test_refused_row_fails_with_its_code_and_hinders_no_other(
    outbox: Outbox, platform: Platform, client: Client
) -> None:
    platform.answer = lambda came, n: problem(422) if came.ref == "row-3" else accepted(n)
    await outbox.add(some(10))
    report = await outbox.run(client, limits=UNLIMITED)
    assert (report.accepted, report.failed, report.stopped) == (9, 1, None)
    (row,) = await rows_of(outbox, State.FAILED)
    assert (row.key, row.error_class, row.error_title) == ("row-3", "ValidationError", "problem 422")


@pytest.mark.parametrize("later", ["refused", "throttled and refused", "stopped", "accepted"])
async def test_row_stays_in_doubt_whatever_becomes_of_its_repetition(
    outbox: Outbox, platform: Platform, later: str
) -> None:
    seen: list[State] = []

    async def answer(_came: Came, number: int) -> web.StreamResponse:
        seen.extend([row.state async for row in outbox.rows()])
        if number == 1:
            if later == "stopped":
                asyncio.get_running_loop().call_later(0.1, outbox.stop)
            return problem(503)
        if later == "throttled and refused" and number == 2:
            return problem(429)
        return accepted() if later == "accepted" else problem(422)

    platform.answer = answer
    delay = 1e9 if later == "stopped" else 0.01  # a random part of it
    retry = RetryPolicy(repeat_ambiguous=True, base_delay=delay, max_delay=delay)
    await outbox.add(some(1))
    async with Client(AUTH, base_url=platform.url, retry=retry) as client:
        report = await outbox.run(client, limits=UNLIMITED)
    assert set(seen) == {State.SENDING}
    assert len(platform.came) == {"refused": 2, "throttled and refused": 3, "stopped": 1, "accepted": 2}[later]
    assert (report.in_doubt, report.failed, report.accepted) == ((0, 0, 1) if later == "accepted" else (1, 0, 0))


async def test_answer_that_leaves_it_open_puts_the_row_in_doubt_and_is_not_repeated(
    outbox: Outbox, platform: Platform, client: Client
) -> None:
    platform.answer = lambda came, n: problem(503) if came.ref == "row-3" else accepted(n)
    await outbox.add(some(10))
    for _ in range(2):
        report = await outbox.run(client, limits=UNLIMITED)
        assert (report.accepted, report.in_doubt, report.stopped) == (9, 1, None)
    assert platform.repeated == {}
    (row,) = await rows_of(outbox, State.IN_DOUBT)
    assert row.error_class == "ServerError"


async def test_connection_that_breaks_behind_the_request_puts_the_row_in_doubt(
    outbox: Outbox, platform: Platform, client: Client
) -> None:
    async def cut(request: web.Request) -> web.StreamResponse:
        body = await request.json()
        platform.came.append(Came(body["client_ref"], body, 0.0))
        if body["client_ref"] == "row-3" and request.transport is not None:
            request.transport.abort()
        return accepted(len(platform.came))

    platform._serve = cut  # type: ignore[method-assign]
    await platform.stop()
    await platform.start()
    await outbox.add(some(10))
    report = await outbox.run(client, limits=UNLIMITED)
    assert (report.accepted, report.in_doubt) == (9, 1)
    assert [row.error_class for row in await rows_of(outbox, State.IN_DOUBT)] == ["ResponseLostError"]
    assert platform.repeated == {}


async def test_policy_sends_rows_in_doubt_again_and_no_others(
    outbox: Outbox, platform: Platform, client: Client
) -> None:
    platform.answer = lambda came, n: problem(503) if came.ref == "row-3" else accepted(n)
    await outbox.add(some(10))
    await outbox.run(client, limits=UNLIMITED)
    platform.answer = lambda _, n: accepted(n)
    report = await outbox.run(client, limits=UNLIMITED, in_doubt="resend")
    assert (report.accepted, report.in_doubt) == (10, 0)
    assert platform.repeated == {"row-3": 2}


async def test_storm_of_429_delays_the_rows_and_loses_none(outbox: Outbox, platform: Platform, client: Client) -> None:
    refused: Counter[str] = Counter()

    def answer(came: Came, number: int) -> web.Response:
        refused[came.ref] += 1
        return problem(429, **{"Retry-After": "0"}) if refused[came.ref] <= 2 else accepted(number)

    platform.answer = answer
    await outbox.add(some(30))
    report = await outbox.run(client, limits=Limits(account=Rate(2_000)))
    assert (report.accepted, report.failed, report.in_doubt) == (30, 0, 0)
    assert report.attempts == len(platform.came) == 90
    assert {row.attempts for row in await rows_of(outbox)} == {3}


@pytest.mark.parametrize("status", [401, 402])
async def test_account_that_may_not_send_stops_the_run_and_fails_no_row(
    outbox: Outbox, platform: Platform, client: Client, status: int
) -> None:
    platform.answer = lambda _, n: problem(status) if n > 5 else accepted(n)
    await outbox.add(some(200))
    report = await outbox.run(client, limits=UNLIMITED, connections=4)
    assert (report.accepted, report.failed, report.in_doubt, report.pending) == (5, 0, 0, 195)
    assert report.stopped is not None
    assert report.stopped.startswith("nothing can be sent: ")
    assert len(platform.came) <= 5 + 4
    assert (await outbox.store.counts())[State.PENDING] == 195
    platform.answer = lambda _, n: accepted(n)
    assert (await outbox.run(client, limits=UNLIMITED)).accepted == 200


async def test_credentials_that_cannot_be_made_stop_the_run_and_fail_no_row(outbox: Outbox, platform: Platform) -> None:
    async def rotate() -> BasicAuth:
        raise errors.ConfigurationError("the vault has no such key")

    await outbox.add(some(20))
    async with Client(rotate, base_url=platform.url) as broken:
        report = await outbox.run(broken, limits=UNLIMITED)
    assert (report.pending, report.failed, report.in_doubt) == (20, 0, 0)
    assert report.stopped == "nothing can be sent: the vault has no such key"
    assert platform.came == []


async def test_fault_of_the_callers_own_function_stops_the_run(outbox: Outbox, platform: Platform) -> None:
    async def rotate() -> BasicAuth:
        raise LookupError("447700900000")

    await outbox.add(some(20))
    async with Client(rotate, base_url=platform.url) as broken:
        report = await outbox.run(broken, limits=UNLIMITED, connections=2)
    assert report.stopped == "a request could not be made (LookupError)"
    assert report.in_doubt <= 2
    assert report.in_doubt + report.pending == 20


async def test_endpoint_that_is_down_for_a_while_loses_nothing(
    outbox: Outbox, platform: Platform, client: Client
) -> None:
    await outbox.add(some(60))
    await platform.stop()
    running = asyncio.create_task(outbox.run(client, limits=Limits(account=Rate(200)), max_outage=30))
    await asyncio.sleep(0.7)
    await platform.start()
    report = await asyncio.wait_for(running, 60)
    assert (report.accepted, report.failed, report.in_doubt, report.stopped) == (60, 0, 0, None)
    assert platform.repeated == {}


async def test_outage_that_lasts_too_long_ends_the_run_and_every_row_waits(
    outbox: Outbox, platform: Platform, client: Client
) -> None:
    await outbox.add(some(60))
    await platform.stop()
    report = await asyncio.wait_for(outbox.run(client, limits=UNLIMITED, max_outage=0.5), 60)
    assert report.stopped == "the platform cannot be reached"
    assert (report.pending, report.failed, report.in_doubt) == (60, 0, 0)
    counts = await outbox.store.counts()
    assert counts[State.PENDING] == 60, counts
    await platform.start()
    assert (await outbox.run(client, limits=UNLIMITED)).accepted == 60


async def test_platform_without_a_clear_answer_for_too_long_ends_the_run(
    outbox: Outbox, platform: Platform, client: Client
) -> None:
    platform.answer = lambda _, __: problem(503)
    await outbox.add(some(200))
    report = await asyncio.wait_for(outbox.run(client, limits=UNLIMITED, connections=4, max_outage=0.2), 60)
    assert report.stopped == "the platform has given no clear answer for 0.2 s"
    assert report.in_doubt < 40
    assert report.in_doubt + report.pending == 200


# Stopping ---------------------------------------------------------------------------------------------------------


async def test_stop_waits_for_what_is_under_way_and_gives_the_rest_back(
    outbox: Outbox, platform: Platform, client: Client
) -> None:
    async def slow(_came: Came, number: int) -> web.Response:
        await asyncio.sleep(0.2)
        return accepted(number)

    platform.answer = slow
    await outbox.add(some(100))
    running = asyncio.create_task(outbox.run(client, limits=UNLIMITED, connections=4))
    await until(lambda: len(platform.came) >= 6)
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
    may_answer = asyncio.Event()

    async def hold(_came: Came, number: int) -> web.Response:
        await may_answer.wait()
        return accepted(number)

    platform.answer = hold
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
    async def slow(_came: Came, number: int) -> web.Response:
        await asyncio.sleep(0.2)
        return accepted(number)

    platform.answer = slow
    await outbox.add(some(100))
    running = asyncio.create_task(outbox.run(client, limits=UNLIMITED, connections=4))
    await until(lambda: len(platform.came) >= 6)
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
    await outbox.add(some(50))
    running = asyncio.create_task(outbox.run(client, limits=Limits(account=Rate(50))))
    await until(lambda: len(platform.came) >= 3)
    cancelled = await outbox.cancel()
    sent = len(platform.came)
    report = await running
    assert report.cancelled == cancelled
    assert report.accepted == len(platform.came) == 50 - cancelled <= sent + 1


async def test_recipient_who_is_deleted_during_a_run_is_not_written_to(
    outbox: Outbox, platform: Platform, client: Client
) -> None:
    await outbox.add(some(30))
    running = asyncio.create_task(outbox.run(client, limits=Limits(account=Rate(50))))
    await until(lambda: len(platform.came) >= 3)
    assert await outbox.purge(recipient="447700900029") == 1
    assert (await running).total == 29
    assert "row-29" not in platform.refs


# Progress ---------------------------------------------------------------------------------------------------------


async def test_progress_is_told_while_rows_are_sent_and_at_the_end(outbox: Outbox, client: Client) -> None:
    await outbox.add(some(60))
    told: list[Progress] = []
    await outbox.run(client, limits=Limits(account=Rate(50)), on_progress=told.append)
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


# Budgets ----------------------------------------------------------------------------------------------------------


async def test_budget_of_messages_is_never_passed_also_over_a_resume(
    outbox: Outbox, platform: Platform, client: Client
) -> None:
    await outbox.add(some(50))
    for _ in range(3):
        report = await outbox.run(client, limits=UNLIMITED, budget=Budget(messages=20))
        assert (report.accepted, report.pending) == (20, 30)
        assert report.stopped == "the budget of 20 messages is used up"
    assert (await outbox.run(client, limits=UNLIMITED, budget=Budget(messages=25))).accepted == 25
    assert len(platform.came) == 25


async def test_refused_rows_leave_their_part_of_the_budget_to_others(
    outbox: Outbox, platform: Platform, client: Client
) -> None:
    platform.answer = lambda came, n: problem(422) if int(came.ref[4:]) < 10 else accepted(n)
    await outbox.add(some(50))
    report = await outbox.run(client, limits=UNLIMITED, budget=Budget(messages=20))
    assert (report.accepted, report.failed) == (20, 10)


async def test_rows_in_doubt_count_for_the_budget(outbox: Outbox, platform: Platform, client: Client) -> None:
    platform.answer = lambda came, n: problem(503) if int(came.ref[4:]) < 3 else accepted(n)
    await outbox.add(some(50))
    report = await outbox.run(client, limits=UNLIMITED, budget=Budget(messages=20))
    assert (report.accepted, report.in_doubt) == (17, 3)


async def test_budget_that_suffices_changes_nothing(outbox: Outbox, client: Client) -> None:
    await outbox.add(some(20))
    assert (await outbox.run(client, limits=UNLIMITED, budget=Budget(messages=20))).stopped is None


async def test_cost_is_never_passed_also_over_a_resume(outbox: Outbox, platform: Platform, client: Client) -> None:
    prices = PriceTable(prices={"sms": {"44": Decimal("0.05")}}, currency="EUR")
    await outbox.add(some(50))
    for cost, count in ((Decimal("0.52"), 10), (Decimal("0.52"), 10), (Decimal("0.55"), 11)):
        report = await outbox.run(client, limits=UNLIMITED, budget=Budget(cost=cost, prices=prices))
        assert report.accepted == count
        assert report.stopped is not None
        assert "would be passed by the next message" in report.stopped
    assert len(platform.came) == 11


async def test_message_without_a_price_is_not_sent_under_a_cost_and_the_others_are(
    outbox: Outbox, platform: Platform, client: Client
) -> None:
    prices = PriceTable(prices={"sms": {"44": Decimal("0.05")}}, currency="EUR")
    await outbox.add([sms(1, to="4915112345678"), *some(5, 10)])
    report = await outbox.run(client, limits=UNLIMITED, budget=Budget(cost=Decimal(10), prices=prices))
    assert (report.accepted, report.pending) == (5, 1)
    assert report.stopped == "1 rows have no price in the price table, and there is a budget of cost"
    assert "row-1" not in platform.refs


@pytest.mark.parametrize("budget", [{"messages": -1}, {"cost": Decimal(1)}, {"cost": Decimal(-1), "prices": "some"}])
def test_budget_that_cannot_work_is_refused(budget: dict[str, Any]) -> None:
    if budget.get("prices"):
        budget = {**budget, "prices": PriceTable(prices={"sms": {"44": Decimal("0.05")}}, currency="EUR")}
    with pytest.raises(errors.ConfigurationError):
        Budget(**budget)


# Limits -----------------------------------------------------------------------------------------------------------


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


# A file that fails ------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def no_space(path: Path) -> Iterator[None]:
    """Let no file of this process grow beyond the size of the log of *path*."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    log = path.with_name(f"{path.name}-wal")
    resource.setrlimit(resource.RLIMIT_FSIZE, (max(log.stat().st_size, path.stat().st_size), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))


async def test_disk_that_is_full_in_the_middle_ends_the_run_and_nothing_is_sent_twice_after_it(
    outbox: Outbox, platform: Platform, client: Client, path: Path
) -> None:
    await outbox.add(some(1_500))
    running = asyncio.create_task(outbox.run(client, limits=UNLIMITED, connections=8))
    await until(lambda: len(platform.came) > 300)
    with no_space(path), pytest.raises(errors.StoreUnavailableError):
        await asyncio.wait_for(running, 60)
    assert len(platform.came) < 1_500
    report = await outbox.run(client, limits=UNLIMITED)
    assert (report.accepted + report.in_doubt, report.pending) == (1_500, 0)
    assert report.in_doubt <= 8
    assert platform.repeated == {}
    assert len(platform.came) >= 1_500 - report.in_doubt


async def test_outcome_that_finds_space_a_moment_later_is_recorded(
    outbox: Outbox, platform: Platform, client: Client, path: Path
) -> None:
    await outbox.add(some(3_000))
    running = asyncio.create_task(outbox.run(client, limits=UNLIMITED, connections=8))
    await until(lambda: len(platform.came) > 300)
    with no_space(path):
        await until(lambda: running.done() or (outbox._run is not None and outbox._run._broken is not None))
    with pytest.raises(errors.StoreUnavailableError):
        await running
    report = await outbox.report()
    assert (report.accepted, report.in_doubt) == (len(platform.came), 0)
    assert (await outbox.store.counts())[State.PENDING] == 3_000 - report.accepted
    assert platform.repeated == {}


async def test_cancelled_run_is_cancelled_also_where_the_disk_is_full(
    outbox: Outbox, platform: Platform, client: Client, path: Path
) -> None:
    await outbox.add(some(1_000))
    running = asyncio.create_task(outbox.run(client, limits=Limits(account=Rate(300)), connections=8))
    await until(lambda: len(platform.came) > 30)
    with no_space(path):
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    report = await outbox.run(client, limits=UNLIMITED)
    assert (report.accepted + report.in_doubt, report.pending) == (1_000, 0)
    assert platform.repeated == {}


async def test_store_that_is_closed_under_a_run_ends_it(path: Path, platform: Platform, client: Client) -> None:
    async with Outbox.open(path) as outbox:
        await outbox.add(some(800))
        running = asyncio.create_task(outbox.run(client, limits=Limits(account=Rate(200)), connections=4))
        await until(lambda: len(platform.came) > 5)
    with pytest.raises(errors.VonageMessagesError):
        await asyncio.wait_for(running, 60)
    async with Outbox.open(path) as outbox:
        assert (await outbox.run(client, limits=UNLIMITED)).in_doubt <= 4
    assert platform.repeated == {}


# Others -----------------------------------------------------------------------------------------------------------


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
