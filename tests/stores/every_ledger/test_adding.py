"""Rows are added once, whole, and without hindering each other."""

from __future__ import annotations

import asyncio

import pytest

from vonage_messages import errors
from vonage_messages.ledger import Addition, Claimed, Conflict, Event, LedgerStore, NewRow, Row, State

from .rows import LATER, NOW, TRACE, Rows, new, only, outcome, rows_of, sending


async def test_added_row_keeps_all_that_was_given(store: LedgerStore) -> None:
    given = NewRow(
        key="a",
        ref="r",
        client_ref="spring",
        version="v0.1",
        payload='{"text":"ü\\u0000"}'.encode(),
        recipient="44",
        trace=TRACE,
    )
    assert await store.add([given], now=NOW) == Addition(new=1)
    assert await only(store) == Row(
        id=1,
        key="a",
        ref="r",
        client_ref="spring",
        version="v0.1",
        payload=given.payload,
        state=State.PENDING,
        attempts=0,
        owner=None,
        lease_until=None,
        message_uuid=None,
        request_id=None,
        error_class=None,
        error_code=None,
        error_title=None,
        error_detail=None,
        created=NOW,
        updated=NOW,
        ref_shared=False,
        trace=TRACE,
    )
    (claimed,) = await store.claim("owner", count=1, lease_until=LATER, now=NOW)
    assert claimed == Claimed(1, "a", "r", "v0.1", given.payload, 0, TRACE)


async def test_row_is_the_same_wherever_its_caller_was(store: LedgerStore) -> None:
    assert await store.add([new("a", trace=TRACE)], now=NOW) == Addition(new=1)
    assert await store.add([new("a")], now=NOW) == Addition(repeated=1)


async def test_batch_that_is_added_again_is_repeated(store: LedgerStore, some: Rows) -> None:
    assert await store.add(some(0, 3), now=NOW) == Addition(new=3)
    assert await store.add(some(1, 3), now=NOW) == Addition(new=1, repeated=2)
    assert (await store.counts())[State.PENDING] == 4


async def test_row_that_was_sent_is_repeated_and_not_sent_again(store: LedgerStore) -> None:
    (row,) = await sending(store, new("k"))
    await store.record([outcome(row, Event.ACCEPT)], now=NOW)
    assert await store.add([new("k")], now=LATER) == Addition(repeated=1)
    assert (await only(store)).state is State.ACCEPTED


async def test_same_message_twice_in_a_batch_is_repeated(store: LedgerStore) -> None:
    assert await store.add([new("k"), new("k")], now=NOW) == Addition(new=1, repeated=1)


async def test_empty_batch_adds_nothing(store: LedgerStore) -> None:
    assert await store.add([], now=NOW) == Addition()


@pytest.mark.parametrize(
    "other",
    [new("b", b"[]"), new("b", version="v0.1"), new("b", client_ref="summer"), new("b", client_ref="")],
    ids=["payload", "version", "client_ref", "empty client_ref"],
)
async def test_other_message_under_a_key_is_a_conflict_and_adds_nothing(store: LedgerStore, other: NewRow) -> None:
    await store.add([new("b")], now=NOW)
    addition = await store.add([new("a"), other, new("c")], now=NOW)
    assert addition == Addition(conflicts=(Conflict(key="b", position=1, row_id=1, state=State.PENDING),))
    assert [row.key for row in await rows_of(store)] == ["b"]


async def test_conflict_within_a_batch_names_both_positions(store: LedgerStore) -> None:
    addition = await store.add([new("a"), new("b"), new("a", b"[]")], now=NOW)
    assert addition == Addition(conflicts=(Conflict(key="a", position=2, other_position=0),))
    assert await rows_of(store) == []


async def test_conflicting_batch_hinders_no_other(store: LedgerStore) -> None:
    first, second, third = await asyncio.gather(
        store.add([new("a")], now=NOW), store.add([new("a", b"[]"), new("b")], now=NOW), store.add([new("c")], now=NOW)
    )
    assert (first.new, second.new, len(second.conflicts), third.new) == (1, 0, 1, 1)
    assert [row.key for row in await rows_of(store)] == ["a", "c"]


async def test_campaign_tag_on_every_row_makes_none_of_them_vanish(store: LedgerStore) -> None:
    tagged = [new(f"k{number}", client_ref="spring sale") for number in range(5)]
    assert (await store.add(tagged, now=NOW)).new == 5


async def test_text_that_no_database_takes_is_refused_alone(store: LedgerStore) -> None:
    answers = await asyncio.gather(
        store.add([new("a")], now=NOW), store.add([new("b"), new("\ud83d")], now=NOW), return_exceptions=True
    )
    assert answers[0] == Addition(new=1)
    assert isinstance(answers[1], errors.OutboxError)
    assert [row.key for row in await rows_of(store)] == ["a"]
