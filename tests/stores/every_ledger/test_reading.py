"""What a ledger gives back and forgets: rows, limits and notes."""

from __future__ import annotations

import asyncio

import pytest

from vonage_messages import errors
from vonage_messages.ledger import Event, LedgerStore, State

from .rows import LATER, LEASE, NOW, Rows, claimed, new, only, outcome, rows_of, sending

# Reading and purging -------------------------------------------------------------------------------------------------


async def test_rows_are_given_in_order_beyond_one_reading(store: LedgerStore, some: Rows) -> None:
    await store.add(some(0, 2_500), now=NOW)
    await store.claim("a", count=2, lease_until=LEASE, now=NOW)
    assert [row.id for row in await rows_of(store)] == list(range(1, 2_501))
    assert [row.id for row in await rows_of(store, State.CLAIMED)] == [1, 2]
    assert len(await rows_of(store, State.CLAIMED, State.PENDING)) == 2_500
    assert await rows_of(store, State.FAILED) == []


async def test_every_state_is_counted(store: LedgerStore, some: Rows) -> None:
    await sending(store, *some(0, 2))
    await store.add(some(2, 3), now=NOW)
    assert await store.counts() == dict.fromkeys(State, 0) | {State.SENDING: 2, State.PENDING: 3}


async def test_purge_by_age_deletes_what_is_finished(store: LedgerStore, some: Rows) -> None:
    rows = await sending(store, *some(0, 4))
    events = [Event.ACCEPT, Event.REFUSE, Event.LOSE]
    await store.record([outcome(*each) for each in zip(rows, events, strict=False)], now=NOW)
    await store.add(some(4, 1), now=NOW)
    assert await store.purge(before=NOW) == 0
    assert await store.purge(before=NOW + 1) == 2
    assert [row.state for row in await rows_of(store)] == [State.IN_DOUBT, State.SENDING, State.PENDING]
    assert (await store.counts())[State.ACCEPTED] == 0


async def test_purge_by_recipient_deletes_whatever_its_state(store: LedgerStore) -> None:
    (row, _) = await sending(store, new("a", recipient="447700900000"), new("b", recipient="447700900001"))
    assert await store.purge(recipient="+44 7700 900000") == 1
    assert await store.record([outcome(row, Event.ACCEPT)], now=NOW) == frozenset()
    assert [row.key for row in await rows_of(store)] == ["b"]


async def test_purge_with_both_needs_both(store: LedgerStore) -> None:
    rows = await sending(store, new("a", recipient="44"), new("b", recipient="44"), new("c", recipient="45"))
    await store.record([outcome(rows[0], Event.ACCEPT), outcome(rows[2], Event.ACCEPT)], now=NOW)
    assert await store.purge(before=LATER, recipient="44") == 1
    assert [row.key for row in await rows_of(store)] == ["b", "c"]


async def test_purge_without_a_reason_deletes_nothing(store: LedgerStore) -> None:
    await store.add([new("a")], now=NOW)
    with pytest.raises(errors.OutboxError, match="before="):
        await store.purge()
    assert await rows_of(store)


async def test_number_of_a_purged_row_is_never_given_again(store: LedgerStore) -> None:
    (row,) = await sending(store, new("a", recipient="44"))
    await store.purge(recipient="44")
    await store.add([new("b")], now=NOW)
    assert (await only(store)).id > row.id


# Limits and notes ----------------------------------------------------------------------------------------------------


async def test_limits_are_saved_with_marks_and_survive(store: LedgerStore) -> None:
    (row,) = await claimed(store)
    await store.save_limit_states({"old": b"1", "gone": b"2"})
    await store.mark_sending([row.id], owner="a", now=NOW, limits={"account": b"{}", "old": b"3", "gone": None})
    await store.close()
    await store.open()
    assert await store.limit_states() == {"account": b"{}", "old": b"3"}


async def test_last_state_of_a_limit_in_a_group_counts(store: LedgerStore) -> None:
    await asyncio.gather(*(store.save_limit_states({"account": b"%d" % number}) for number in range(50)))
    assert await store.limit_states() == {"account": b"49"}


async def test_notes_are_kept_and_forgotten(store: LedgerStore) -> None:
    assert await store.note("tag") is None
    await store.write_note("tag", "spring")
    await store.write_note("tag", "summer")
    assert await store.note("tag") == "summer"
    await store.write_note("tag", None)
    assert await store.note("tag") is None


async def test_note_that_is_written_once_leaves_what_stands_there(store: LedgerStore) -> None:
    await asyncio.gather(*(store.write_note("tag", season, once=True) for season in ("spring", "summer")))
    first = await store.note("tag")
    assert first in {"spring", "summer"}
    await store.write_note("tag", "autumn", once=True)
    assert await store.note("tag") == first
