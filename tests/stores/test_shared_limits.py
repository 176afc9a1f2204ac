"""Limits in a store that processes share: the arithmetic of every store is that of SharedBook, number for number."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.sql import SQL, Identifier

from vonage_messages.errors import OutboxError
from vonage_messages.limits.rate import TOLERANCE
from vonage_messages.limits.shared import SharedBook, SharedLimit, Verdict

NOW = 1_800_000_000.0
ACCOUNT = SharedLimit("account", interval=1 / 30, tolerance=TOLERANCE)
SENDER = SharedLimit("sender 14155550100", interval=1.0, tolerance=TOLERANCE)
PAIR = SharedLimit("pair ü ✓", interval=6.0, tolerance=44 * 6.0)
DAY = SharedLimit("account #2", cap=5, per=86_400.0)
HOUR = SharedLimit("prefix 1", cap=2, per=3_600.0)

Another = Callable[..., Any]


@pytest.fixture(params=["postgres", "redis"])
def another(request: pytest.FixtureRequest) -> Another:
    """Make a store on the database of a test."""
    return request.getfixturevalue(f"another_limits_on_{request.param}")


@pytest.fixture
async def store(another: Another) -> AsyncIterator[Any]:
    async with another() as opened:
        yield opened


def agree(given: list[Verdict], expected: list[Verdict]) -> None:
    assert [verdict.obstacle for verdict in given] == [verdict.obstacle for verdict in expected]
    assert [verdict.wait for verdict in given] == pytest.approx([verdict.wait for verdict in expected], abs=1e-5)


async def test_place_is_taken_under_every_limit_or_none(store: Any) -> None:
    assert await store.take([[ACCOUNT, SENDER]], now=NOW) == [Verdict(0.0)]
    (refused, other) = await store.take([[ACCOUNT, SENDER], [ACCOUNT]], now=NOW + 0.5)
    assert (refused.obstacle, refused.wait) == (1, pytest.approx(0.5))
    assert other == Verdict(0.0)


async def test_places_within_the_horizon_are_taken_ahead(store: Any) -> None:
    verdicts = await store.take([[ACCOUNT]] * 4, now=NOW, horizon=0.08)
    agree(verdicts, [Verdict(0.0), Verdict(1 / 30), Verdict(2 / 30), Verdict(0.1, 0)])


async def test_limit_that_was_never_seen_has_no_burst_but_what_has_passed_since_the_store_was_made(store: Any) -> None:
    await store.take([[ACCOUNT]], now=NOW)
    verdicts = await store.take([[PAIR]] * 4, now=NOW + 12.0)
    assert [verdict.obstacle for verdict in verdicts] == [None, None, None, 0]


async def test_cap_counts_what_leaves_and_opens_when_it_has_left_the_window(store: Any) -> None:
    verdicts = await store.take([[HOUR]] * 3, now=NOW)
    assert [verdict.obstacle for verdict in verdicts] == [None, None, 0]
    assert 3_600.0 <= verdicts[2].wait <= 3_600.0 + 3_600.0 / 1440
    assert [each.obstacle for each in await store.take([[HOUR]], now=NOW + 3_599.0)] == [0]
    assert [each.obstacle for each in await store.take([[HOUR]], now=NOW + 3_603.0)] == [None]


async def test_pause_closes_a_limit_and_leaves_no_burst(store: Any) -> None:
    await store.take([[ACCOUNT]], now=NOW)
    await store.pause({"account": 10.0}, now=NOW)
    await store.pause({"account": 5.0}, now=NOW)
    (verdict,) = await store.take([[ACCOUNT]], now=NOW + 1.0)
    assert (verdict.obstacle, verdict.wait) == (0, pytest.approx(9.0))
    verdicts = await store.take([[ACCOUNT]] * 2, now=NOW + 10.0, horizon=0.0)
    assert [each.obstacle for each in verdicts] == [None, 0]


async def test_idle_limits_are_forgotten_and_nothing_is_won_by_it(store: Any) -> None:
    await store.take([[ACCOUNT, SENDER, HOUR]], now=NOW)
    await store.sweep(now=NOW + 1.0)
    assert (await store.take([[SENDER]], now=NOW + 0.5))[0].obstacle == 0
    await store.sweep(now=NOW + 10_000.0)
    assert await store.take([[ACCOUNT, SENDER]], now=NOW + 10_000.0) == [Verdict(0.0)]
    assert (await store.take([[SENDER]], now=NOW + 10_000.0))[0].obstacle == 0


async def test_sweep_that_fails_costs_no_place(another_limits_on_postgres: Another, postgres: str, schema: str) -> None:
    hourly = SharedLimit("account", interval=3600.0)
    async with (
        another_limits_on_postgres() as store,
        await psycopg.AsyncConnection.connect(postgres, autocommit=True) as connection,
    ):
        rename = SQL("ALTER TABLE {} RENAME TO {}")
        await connection.execute(rename.format(Identifier(schema, "cap_slice"), Identifier("away")))
        with pytest.raises(OutboxError):
            await store.take([[hourly]])
        await connection.execute(rename.format(Identifier(schema, "away"), Identifier("cap_slice")))
        (verdict,) = await store.take([[hourly]])
    assert verdict.obstacle is None


async def test_nothing_is_asked_for_nothing(store: Any) -> None:
    assert await store.take([]) == []
    assert await store.take([[]]) == [Verdict(0.0)]
    await store.pause({})


async def test_time_is_the_store_s(store: Any) -> None:
    slow = SharedLimit("account", interval=60.0, tolerance=TOLERANCE)
    first = (await store.take([[slow]], horizon=0.0))[0]
    second = (await store.take([[slow]], horizon=0.0))[0]
    assert first == Verdict(0.0)
    assert 0.0 < second.wait <= 60.0


async def test_those_who_ask_at_once_never_have_more_than_the_limit(another: Another) -> None:
    """Eight who ask, on connections of their own, for a fast limit and two slower ones, by the real clock."""
    fast = SharedLimit("account", interval=1 / 500, tolerance=TOLERANCE)
    slow = [SharedLimit(f"sender {n}", interval=1 / 50, tolerance=TOLERANCE) for n in range(2)]
    leaving: dict[str, list[float]] = {}
    asking = [another() for _ in range(8)]
    await asyncio.gather(*(store.open() for store in asking))
    ends = time.monotonic() + 1.0
    longest = 0.0

    async def ask(store: Any, number: int) -> None:
        nonlocal longest
        asked = 0
        while asked < 5 or time.monotonic() < ends:
            asked += 1
            sender = slow[number % 2]
            asked_at = time.time()
            verdicts = await store.take([[fast, sender]] * 3)
            longest = max(longest, time.time() - asked_at)
            for verdict in verdicts:
                if verdict.obstacle is None:
                    leaving.setdefault(sender.key, []).append(asked_at + verdict.wait)

    await asyncio.gather(*(ask(store, number) for number, store in enumerate(asking)))
    await asyncio.gather(*(store.close() for store in asking))
    # asked_at is early by what a call takes.
    for instants in leaving.values():
        span = max(instants) - min(instants)
        assert 10 < len(instants) <= 50 * (span + longest) + 3


LIMITS = st.lists(st.sampled_from([ACCOUNT, SENDER, PAIR, DAY, HOUR]), max_size=4, unique=True)
STEPS = st.lists(
    st.tuples(st.sampled_from([0.0, 0.001, 0.03, 0.5, 7.0, 3_000.0, 90_000.0]), st.lists(LIMITS, max_size=6)),
    max_size=8,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=25)
@given(steps=STEPS, horizon=st.sampled_from([0.0, 0.05, 2.0]))
async def test_every_store_says_what_the_book_says(another: Another, steps: Any, horizon: float) -> None:
    async with another() as store:
        await store.take([[]], now=NOW)
        # Every example begins anew, in time: far behind all that was taken before.
        example = getattr(another, "examples", 0) + 1
        another.examples = example  # type: ignore[attr-defined]
        now = NOW + example * 10_000_000.0
        await store.sweep(now=now)
        book = SharedBook(now - 5_000_000.0)
        for passes, wanted in steps:
            now += passes
            agree(await store.take(wanted, now=now, horizon=horizon), book.take(wanted, now, horizon))
