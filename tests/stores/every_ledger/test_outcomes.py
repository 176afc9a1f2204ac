"""What is recorded of an attempt, and what statuses and the user change of it."""

from __future__ import annotations

import asyncio
from typing import Any

import attrs
import pytest

from vonage_messages.ledger import Event, LedgerStore, Recovery, Settlement, State

from .rows import LATER, NOW, Rows, claimed, new, only, outcome, rows_of, sending

# Outcomes ------------------------------------------------------------------------------------------------------------


async def test_accepted_row_keeps_its_uuids_and_loses_its_error(store: LedgerStore) -> None:
    (row,) = await sending(store)
    await store.record([outcome(row, Event.LOSE, error_class="ServerError", error_title="oops")], now=NOW)
    taken = await store.record([outcome(row, Event.ACCEPT, message_uuid="u", request_id="q")], now=LATER)
    after = await only(store)
    assert taken == {row.id}
    assert (after.state, after.message_uuid, after.request_id, after.updated) == (State.ACCEPTED, "u", "q", LATER)
    assert (after.error_class, after.error_title, after.owner) == (None, None, None)


@pytest.mark.parametrize(
    ("event", "state"),
    [
        (Event.REFUSE, State.FAILED),
        (Event.LOSE, State.IN_DOUBT),
        (Event.UNSEND, State.PENDING),
        (Event.KEEP, State.CLAIMED),
    ],
)
async def test_failed_attempt_is_written_down_with_its_error(store: LedgerStore, event: Event, state: State) -> None:
    (row,) = await sending(store)
    why: dict[str, Any] = {
        "error_class": "X",
        "error_code": "1150",
        "error_title": "t",
        "error_detail": "d",
        "request_id": "q",
    }
    assert await store.record([outcome(row, event, **why)], now=LATER) == {row.id}
    after = await only(store)
    assert after.state is state
    assert {name: getattr(after, name) for name in why} == why


async def test_row_that_its_owner_keeps_is_marked_again_by_it_alone(store: LedgerStore) -> None:
    (row,) = await sending(store)
    assert await store.record([outcome(row, Event.KEEP)], now=LATER) == {row.id}
    assert (await only(store)).owner == "a"
    assert await store.mark_sending([row.id], owner="somebody else", now=NOW) == {}
    assert await store.mark_sending([row.id], owner="a", now=NOW) == {row.id: row.attempts + 2}


async def test_outcomes_that_go_with_marks_are_taken_in_before_them(store: LedgerStore) -> None:
    accepted, kept = await sending(store, new("accepted"), new("kept"))
    (fresh,) = await claimed(store, new("fresh"))
    outcomes = [outcome(accepted, Event.ACCEPT, message_uuid="u"), outcome(kept, Event.KEEP)]
    marked = await store.mark_sending([fresh.id, kept.id], owner="a", now=NOW, outcomes=outcomes)
    assert marked == {fresh.id: 1, kept.id: 2}
    states = {row.key: (row.state, row.message_uuid) for row in await rows_of(store)}
    assert states == {
        "accepted": (State.ACCEPTED, "u"),
        "kept": (State.SENDING, None),
        "fresh": (State.SENDING, None),
    }


async def test_outcomes_are_taken_in_also_where_the_lease_has_ended_and_nothing_is_marked(store: LedgerStore) -> None:
    (row,) = await sending(store)
    (fresh,) = await claimed(store, new("fresh"))
    outcomes = [outcome(row, Event.ACCEPT, message_uuid="u")]
    assert await store.mark_sending([fresh.id], owner="a", now=LATER, outcomes=outcomes) == {}
    assert {each.key: each.state for each in await rows_of(store)} == {"k": State.ACCEPTED, "fresh": State.CLAIMED}


async def test_outcomes_of_one_group_are_taken_in_their_order(store: LedgerStore) -> None:
    (row,) = await sending(store)
    events = [Event.LOSE, Event.ACCEPT, Event.LOSE, Event.ACCEPT]
    answers = await asyncio.gather(
        *(store.record([outcome(row, event, message_uuid=f"u{n}")], now=NOW) for n, event in enumerate(events))
    )
    assert answers == [{row.id}] * 4
    assert ((await only(store)).state, (await only(store)).message_uuid) == (State.ACCEPTED, "u1")


async def test_outcome_that_cannot_be_is_not_taken(store: LedgerStore) -> None:
    (row,) = await claimed(store)
    assert await store.record([outcome(row, Event.LOSE, attempt=0)], now=NOW) == frozenset()
    assert await store.record([attrs.evolve(outcome(row, Event.ACCEPT), id=99)], now=NOW) == frozenset()
    assert (await only(store)).state is State.CLAIMED


async def test_row_may_be_refused_before_it_is_marked(store: LedgerStore) -> None:
    (row,) = await claimed(store)
    assert await store.record([outcome(row, Event.REFUSE, attempt=0)], now=NOW) == {row.id}
    assert (await only(store)).state is State.FAILED


@pytest.mark.parametrize("event", [Event.REFUSE, Event.UNSEND, Event.LOSE])
async def test_late_failure_does_not_touch_the_attempt_of_another_owner(store: LedgerStore, event: Event) -> None:
    (row,) = await sending(store)
    await store.recover("b", now=LATER)
    await store.resend(now=LATER)
    await store.claim("b", count=1, lease_until=LATER + 60, now=LATER)
    await store.mark_sending([row.id], owner="b", now=LATER)
    assert await store.record([outcome(row, event)], now=LATER) == frozenset()
    assert await store.record([outcome(row, event, owner="b")], now=LATER) == frozenset()
    assert ((await only(store)).state, (await only(store)).owner) == (State.SENDING, "b")


@pytest.mark.parametrize(
    ("event", "state"), [(Event.ACCEPT, State.ACCEPTED), (Event.REFUSE, State.FAILED), (Event.UNSEND, State.PENDING)]
)
async def test_late_outcome_of_a_sleeper_settles_its_row_in_doubt(
    store: LedgerStore, event: Event, state: State
) -> None:
    (row,) = await sending(store)
    assert await store.recover("b", now=LATER) == Recovery(in_doubt=1)
    assert await store.record([outcome(row, event)], now=LATER) == {row.id}
    assert (await only(store)).state is state


async def test_late_acceptance_saves_a_resend(store: LedgerStore) -> None:
    (row,) = await sending(store)
    await store.recover("b", now=LATER)
    await store.resend(now=LATER)
    await store.claim("b", count=1, lease_until=LATER + 60, now=LATER)
    assert await store.record([outcome(row, Event.ACCEPT)], now=LATER) == {row.id}
    assert await store.mark_sending([row.id], owner="b", now=LATER) == {}


# Settling, and the user's decisions ----------------------------------------------------------------------------------


async def test_status_with_its_ref_settles_a_row(store: LedgerStore) -> None:
    (row,) = await sending(store)
    await store.record([outcome(row, Event.LOSE, error_title="lost")], now=NOW)
    assert await store.settle(row.ref, message_uuid="u", now=LATER) is Settlement.SETTLED
    after = await only(store)
    assert (after.state, after.message_uuid, after.error_title) == (State.ACCEPTED, "u", None)
    assert await store.settle(row.ref, message_uuid="other", now=LATER) is Settlement.KNOWN
    assert (await only(store)).message_uuid == "u"


async def test_answer_after_its_status_completes_the_row(store: LedgerStore) -> None:
    (row,) = await sending(store)
    await store.settle(row.ref, message_uuid="u", now=NOW)
    assert await store.record([outcome(row, Event.ACCEPT, message_uuid="u", request_id="q")], now=NOW) == {row.id}
    assert ((await only(store)).message_uuid, (await only(store)).request_id) == ("u", "q")


async def test_lost_answer_after_its_status_changes_nothing(store: LedgerStore) -> None:
    (row,) = await sending(store)
    await store.settle(row.ref, now=NOW)
    await store.record([outcome(row, Event.LOSE, error_title="lost")], now=NOW)
    assert ((await only(store)).state, (await only(store)).error_title) == (State.ACCEPTED, None)


async def test_status_of_another_message_does_not_settle_a_row_that_has_never_left(store: LedgerStore) -> None:
    (row,) = await claimed(store)
    assert await store.settle(row.ref, message_uuid="of long ago", now=NOW) is Settlement.UNKNOWN
    assert (await only(store)).state is State.CLAIMED


async def test_shared_ref_settles_nothing_and_is_told(store: LedgerStore) -> None:
    await sending(store, new("a", ref="r"), new("b", ref="r"), new("c"))
    assert [row.ref_shared for row in await rows_of(store)] == [True, True, False]
    assert await store.settle("r", now=NOW) is Settlement.SHARED
    assert await store.settle("nobody's", now=NOW) is Settlement.UNKNOWN
    assert {row.state for row in await rows_of(store)} == {State.SENDING}


async def test_decisions_change_the_rows_they_are_about(store: LedgerStore, some: Rows) -> None:
    rows = await sending(store, *some(0, 4))
    events = [Event.REFUSE, Event.REFUSE, Event.LOSE, Event.LOSE]
    await store.record([outcome(*each) for each in zip(rows, events, strict=True)], now=NOW)
    assert await store.retry([rows[0].id, rows[2].id], now=NOW) == 1
    assert await store.resend([], now=NOW) == 0
    assert await store.resend([rows[2].id], now=NOW) == 1
    assert await store.cancel([rows[2].id, rows[3].id], now=NOW) == 1
    states = [State.PENDING, State.FAILED, State.CANCELLED, State.IN_DOUBT]
    assert [row.state for row in await rows_of(store)] == states
    assert (await store.retry(now=NOW), await store.resend(now=NOW), await store.cancel(now=NOW)) == (1, 1, 3)


async def test_cancelled_row_is_not_marked(store: LedgerStore) -> None:
    (row,) = await claimed(store)
    assert await store.cancel(now=NOW) == 1
    assert await store.mark_sending([row.id], owner="a", now=NOW) == {}
