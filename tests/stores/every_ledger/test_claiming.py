"""Rows are claimed and marked by one owner at a time, and found again after a crash."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from vonage_messages.ledger import INTERRUPTED, Event, LedgerStore, Recovery, State

from .rows import LATER, LEASE, NOW, Another, Rows, claimed, new, only, outcome, rows_of, sending

# Claiming and marking ------------------------------------------------------------------------------------------------


async def test_oldest_rows_are_claimed_first_and_once(store: LedgerStore, some: Rows) -> None:
    await store.add(some(0, 5), now=NOW)
    first = await store.claim("a", count=3, lease_until=LEASE, now=NOW)
    second = await store.claim("b", count=3, lease_until=LEASE, now=NOW)
    assert [row.key for row in first] == ["k0", "k1", "k2"]
    assert [row.key for row in second] == ["k3", "k4"]
    assert [(row.state, row.owner, row.lease_until) for row in await rows_of(store)] == [
        *[(State.CLAIMED, "a", LEASE)] * 3,
        *[(State.CLAIMED, "b", LEASE)] * 2,
    ]
    assert await store.claim("a", count=3, lease_until=LEASE, now=NOW) == []


@pytest.mark.parametrize("size", [0, 1, 700_000])
async def test_claimed_rows_come_with_their_payloads_however_large(store: LedgerStore, size: int) -> None:
    given = [new(f"k{number}", b"%d" % number + b"\xff\x00" * size) for number in range(7)]
    rows = await claimed(store, *given)
    assert [(row.key, row.ref, row.version, row.payload, row.attempts) for row in rows] == [
        (row.key, row.ref, row.version, row.payload, 0) for row in given
    ]


@pytest.mark.parametrize("count", [0, -1])
async def test_nothing_is_claimed_where_nothing_is_wanted(store: LedgerStore, some: Rows, count: int) -> None:
    await store.add(some(0, 2), now=NOW)
    assert await store.claim("a", count=count, lease_until=LEASE, now=NOW) == []


async def test_marking_gives_the_number_of_the_attempt(store: LedgerStore) -> None:
    (row,) = await claimed(store)
    assert await store.mark_sending([row.id], owner="a", now=NOW) == {row.id: 1}
    await store.record([outcome(row, Event.UNSEND)], now=NOW)
    await store.claim("a", count=1, lease_until=LEASE, now=NOW)
    assert await store.mark_sending([row.id], owner="a", now=NOW) == {row.id: 2}
    assert (await only(store)).attempts == 2


async def test_row_is_marked_once(store: LedgerStore) -> None:
    (row,) = await claimed(store)
    both = [store.mark_sending([row.id, row.id], owner="a", now=NOW), store.mark_sending([row.id], owner="a", now=NOW)]
    assert await asyncio.gather(*both) == [{row.id: 1}, {}]


async def test_row_of_another_owner_is_not_marked(store: LedgerStore) -> None:
    (row,) = await claimed(store)
    await store.renew("b", lease_until=LEASE)
    assert await store.mark_sending([row.id, 99], owner="b", now=NOW) == {}
    assert await store.mark_sending([row.id], owner="never seen", now=NOW) == {}
    assert (await only(store)).state is State.CLAIMED


async def test_row_whose_lease_has_run_out_is_not_marked_until_it_is_renewed(store: LedgerStore) -> None:
    (row,) = await claimed(store)
    assert await store.mark_sending([row.id], owner="a", now=LEASE) == {}
    await store.renew("a", lease_until=LATER + 1)
    assert await store.mark_sending([row.id], owner="a", now=LATER) == {row.id: 1}


async def test_marks_of_several_owners_in_one_group_are_kept_apart(store: LedgerStore, some: Rows) -> None:
    await store.add(some(0, 2), now=NOW)
    for owner in "ab":
        await store.claim(owner, count=1, lease_until=LEASE, now=NOW)
    answers = await asyncio.gather(
        store.mark_sending([1, 2], owner="a", now=NOW),
        store.mark_sending([1, 2], owner="b", now=NOW),
        store.mark_sending([1, 2], owner="b", now=LATER),
    )
    assert list(answers) == [{1: 1}, {2: 1}, {}]


async def test_call_that_cannot_be_made_hinders_none_of_those_made_with_it(store: LedgerStore) -> None:
    (row,) = await claimed(store)
    wrong: Any = [object()]
    answers = await asyncio.gather(
        store.mark_sending(wrong, owner="a", now=NOW),
        store.mark_sending([row.id], owner="a", now=NOW),
        return_exceptions=True,
    )
    assert isinstance(answers[0], TypeError)
    assert answers[1] == {row.id: 1}


async def test_row_taken_over_while_its_owner_slept_is_not_marked(store: LedgerStore) -> None:
    (row,) = await claimed(store)
    assert await store.recover("b", now=LATER) == Recovery(released=1)
    await store.claim("b", count=1, lease_until=LATER + 60, now=LATER)
    await store.renew("a", lease_until=LATER + 60)
    assert await store.mark_sending([row.id], owner="a", now=LATER) == {}
    assert await store.mark_sending([row.id], owner="b", now=LATER) == {row.id: 1}


async def test_released_rows_are_pending_again(store: LedgerStore, some: Rows) -> None:
    rows = await claimed(store, *some(0, 4))
    await store.mark_sending([rows[0].id], owner="a", now=NOW)
    assert await store.release("b", now=NOW) == 0
    assert await store.release("a", [rows[0].id, rows[1].id], now=NOW) == 1
    assert await store.release("a", [], now=NOW) == 0
    assert await store.release("a", now=NOW) == 2
    assert [row.state for row in await rows_of(store)] == [State.SENDING, *[State.PENDING] * 3]
    assert [row.owner for row in await rows_of(store)] == ["a", None, None, None]


# After a crash -------------------------------------------------------------------------------------------------------


async def test_row_found_sending_is_in_doubt_and_says_why(store: LedgerStore) -> None:
    await sending(store)
    assert await store.recover("b", now=LEASE - 1) == Recovery()
    assert await store.recover("b", now=LEASE) == Recovery(in_doubt=1)
    row = await only(store)
    assert (row.state, row.owner, row.error_title) == (State.IN_DOUBT, "a", INTERRUPTED)


async def test_owner_that_asks_is_not_gone(store: LedgerStore) -> None:
    await sending(store)
    assert await store.recover("a", now=LATER) == Recovery()


async def test_closed_store_leaves_owners_that_are_gone_at_once(another: Another) -> None:
    async with another() as first:
        await first.enrol("a", lease_until=LEASE)
        await claimed(first)
    async with another() as second:
        assert await second.recover("b", now=NOW) == Recovery(released=1)


async def test_enrolled_owner_of_a_living_store_is_not_gone(store: LedgerStore, another: Another) -> None:
    await store.enrol("a", lease_until=LEASE)
    await claimed(store)
    async with another() as second:
        assert await second.recover("b", now=NOW) == Recovery()
        assert await second.recover("b", now=LEASE) == Recovery(released=1)
