"""What every ledger must do, whichever database keeps it: each call, and what it does to the rows."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Callable
from typing import Any

import attrs
import pytest
from cryptography.fernet import Fernet, MultiFernet

from vonage_messages import errors
from vonage_messages.ledger import (
    INTERRUPTED,
    Addition,
    Claimed,
    Conflict,
    Event,
    LedgerStore,
    NewRow,
    Outcome,
    Recovery,
    Row,
    Settlement,
    State,
)

Rows = Callable[..., list[NewRow]]
Another = Callable[..., Any]
"""Makes a store on the same database, closed."""

NOW = 1_000.0
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
LEASE = 1_060.0
LATER = 1_100.0


def new(key: str, payload: bytes = b"{}", **more: Any) -> NewRow:
    return attrs.evolve(NewRow(key=key, ref=f"ref-{key}", payload=payload), **more)


async def rows_of(store: LedgerStore, *states: State) -> list[Row]:
    return [row async for row in store.rows(*states)]


async def only(store: LedgerStore) -> Row:
    (row,) = await rows_of(store)
    return row


async def claimed(store: LedgerStore, *rows: NewRow, owner: str = "a") -> list[Claimed]:
    await store.add(rows or [new("k")], now=NOW)
    return await store.claim(owner, count=100, lease_until=LEASE, now=NOW)


async def sending(store: LedgerStore, *rows: NewRow, owner: str = "a") -> list[Claimed]:
    taken = await claimed(store, *rows, owner=owner)
    await store.mark_sending([row.id for row in taken], owner=owner, now=NOW)
    return taken


def outcome(row: Row | Claimed, event: Event, *, owner: str = "a", attempt: int = 1, **more: Any) -> Outcome:
    return Outcome(id=row.id, owner=owner, attempt=attempt, event=event, **more)


@pytest.fixture(params=["sqlite", "postgres"])
def another(request: pytest.FixtureRequest) -> Another:
    return request.getfixturevalue(f"another_on_{request.param}")


@pytest.fixture
async def store(another: Another) -> AsyncIterator[LedgerStore]:
    async with another() as opened:
        yield opened


# Adding -----------------------------------------------------------------------------------------------------------


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


# Claiming and marking ---------------------------------------------------------------------------------------------


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


# Outcomes ---------------------------------------------------------------------------------------------------------


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


# After a crash ----------------------------------------------------------------------------------------------------


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


# Settling, and the user's decisions -------------------------------------------------------------------------------


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


# Reading and purging ----------------------------------------------------------------------------------------------


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


# Limits and notes -------------------------------------------------------------------------------------------------


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


# Encrypted --------------------------------------------------------------------------------------------------------


async def test_cipher_gives_back_what_it_hides(another: Another) -> None:
    fernet = Fernet(Fernet.generate_key())
    given = new("a", b'{"text":"the secret"}', recipient="447700900000")
    async with another(cipher=fernet) as store:
        assert (await store.add([given], now=NOW)).new == 1
        await store.save_limit_states({"pair 447700900000": b"the secret"})
    async with another(cipher=MultiFernet([Fernet(Fernet.generate_key()), fernet])) as store:
        assert (await only(store)).payload == given.payload
        assert await store.limit_states() == {"pair 447700900000": b"the secret"}
        assert await store.add([given], now=NOW) == Addition(repeated=1)
        assert len((await store.add([new("a", b"{}")], now=NOW)).conflicts) == 1
        await store.save_limit_states({"pair 447700900000": None})
        assert await store.limit_states() == {}
        assert await store.purge(recipient="+447700900000") == 1


async def test_ledger_is_opened_only_with_the_cipher_it_was_made_with(another: Another) -> None:
    async with another(cipher=Fernet(Fernet.generate_key())):
        pass
    for cipher, sentence in [(None, "needs the cipher"), (Fernet(Fernet.generate_key()), "another key")]:
        with pytest.raises(errors.OutboxError, match=sentence):
            await another(cipher=cipher).open()


async def test_plain_ledger_is_not_opened_with_a_cipher(store: LedgerStore, another: Another) -> None:
    await store.add([new("a")], now=NOW)
    with pytest.raises(errors.OutboxError, match="not encrypted"):
        await another(cipher=Fernet(Fernet.generate_key())).open()
    await store.counts()


async def test_cipher_that_gives_back_something_else_is_refused(another: Another) -> None:
    async with another(cipher=Broken()):
        pass
    with pytest.raises(errors.OutboxError, match="does not give back"):
        await another(cipher=Broken()).open()


@dataclasses.dataclass
class Broken:
    """A cipher that does not give back what it was given."""

    def encrypt(self, data: bytes) -> bytes:
        return data

    def decrypt(self, token: bytes) -> bytes:
        return token[1:]


# Opening and closing ----------------------------------------------------------------------------------------------


async def test_store_that_is_not_open_says_so(another: Another) -> None:
    store = another()
    with pytest.raises(errors.OutboxError, match="not open"):
        await store.counts()
    await store.open()
    with pytest.raises(errors.OutboxError, match="open already"):
        await store.open()
    await store.close()
    await store.close()
    with pytest.raises(errors.OutboxError, match="not open"):
        await store.counts()


async def test_cancelled_caller_does_not_undo_what_it_asked_for(store: LedgerStore, some: Rows) -> None:
    calls = [asyncio.create_task(store.add(some(number, 1), now=NOW)) for number in range(20)]
    await asyncio.sleep(0)
    for call in calls[::2]:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)
    assert (await store.counts())[State.PENDING] == 20


async def test_closing_does_first_what_was_asked_for(another: Another, some: Rows) -> None:
    store = another()
    await store.open()
    calls = [asyncio.create_task(store.add(some(number, 1), now=NOW)) for number in range(20)]
    await asyncio.sleep(0)
    await store.close()
    assert [answer.new for answer in await asyncio.gather(*calls)] == [1] * 20
