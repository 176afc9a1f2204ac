"""What the platform says, and what a run makes of it."""

from __future__ import annotations

import asyncio
from collections import Counter

import attrs
import pytest
from aiohttp import web

from vonage_messages import ApplicationAuth, BasicAuth, Client, RetryPolicy, errors
from vonage_messages.ledger import State
from vonage_messages.limits.levels import Limits
from vonage_messages.limits.rate import Rate
from vonage_messages.sending.outbox import Outbox
from vonage_messages.simulator import Simulator

from .scripted_platform import AUTH, UNLIMITED, Came, Platform, accepted, problem, rows_of, some


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
    assert (report.pending, report.failed, report.in_doubt) == (20, 0, 0)  # not a byte has left


@attrs.frozen
class Frozen(Exception):  # noqa: N818  what somebody else calls his own
    pass


@pytest.mark.parametrize("kind", ["lost", "cancelled", "signing", "frozen"])
async def test_row_is_not_in_doubt_when_there_were_no_credentials(
    outbox: Outbox, platform: Platform, kind: str
) -> None:
    key = Simulator().private_key

    def no_token_id() -> str:
        raise LookupError

    async def rotate() -> ApplicationAuth:
        if kind == "lost":
            raise errors.ResponseLostError("the vault has not answered")
        if kind == "cancelled":
            raise asyncio.CancelledError
        if kind == "frozen":
            raise Frozen
        return ApplicationAuth("aaaa-bbbb", key, new_token_id=no_token_id)

    await outbox.add(some(20))
    async with Client(rotate, base_url=platform.url, retry=RetryPolicy(attempts=1)) as broken:
        report = await outbox.run(broken, limits=UNLIMITED, connections=2, max_outage=0.1)
    assert (report.pending, report.failed, report.in_doubt) == (20, 0, 0)
    assert platform.came == []


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
