from __future__ import annotations

import json
from decimal import Decimal

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vonage_messages.errors import ConfigurationError
from vonage_messages.simulator import MessageUpdate, ReceivedMessage, Refusal, SimulatorState, StatusNote
from vonage_messages.simulator.balance import Balance
from vonage_messages.simulator.state import UPDATES, Arrival, Arrivals, Media, instant

NOON = instant(1_800_000_000.0)


def received(message_uuid: str) -> ReceivedMessage:
    return ReceivedMessage(
        message_uuid=message_uuid,
        version="v1",
        channel="sms",
        message_type="text",
        to="447700900000",
        from_="447700900001",
        client_ref=None,
        payload={"text": "a secret"},
        workflow_id=None,
        request_id="r",
        received_at=NOON,
    )


def refused(path: str) -> Refusal:
    return Refusal(
        status=422,
        problem={},
        method="POST",
        path=path,
        request_id="r",
        payload={"text": "a secret"},
        raw_body=b"a secret",
        received_at=NOON,
    )


def test_the_oldest_goes_when_the_memory_is_full() -> None:
    state = SimulatorState(maximum=2)
    for name in "abc":
        state.add_message(received(name))
        state.add_refusal(refused(name))
        state.add_inbound("whatsapp", name)
    assert [message.message_uuid for message in state.messages] == ["b", "c"]
    assert [refusal.path for refusal in state.refusals] == ["b", "c"]
    assert [inbound.message_uuid for inbound in state.inbound] == ["b", "c"]
    assert state.message("a") is None


def test_an_update_stands_beside_its_message_and_keeps_its_place() -> None:
    state = SimulatorState()
    state.add_message(received("a"))
    state.add_message(received("b"))
    update = MessageUpdate(status="revoked", payload={"status": "revoked"}, received_at=NOON)
    state.add_update("a", update)
    assert [(message.message_uuid, message.updates) for message in state.messages] == [
        ("a", (update,)),
        ("b", ()),
    ]


def test_of_very_many_updates_the_last_ones_stay() -> None:
    state = SimulatorState()
    state.add_inbound("whatsapp", "a")
    for number in range(UPDATES + 5):
        state.add_update("a", MessageUpdate(status="read", payload={"number": number}, received_at=NOON))
    known = state.inbound_message("a")
    assert known is not None
    assert [update.payload["number"] for update in known.updates] == list(range(5, UPDATES + 5))


def test_the_oldest_files_go_when_all_take_too_much_room() -> None:
    state = SimulatorState(media_bytes=10)
    for name, size in (("a", 4), ("b", 6), ("c", 1)):
        state.add_media(name, Media(content=b"x" * size, content_type="image/png", sent_at=NOON))
    assert [name for name in "abc" if state.media(name)] == ["b", "c"]

    state.add_media("d", Media(content=b"x" * 50, content_type="image/png", sent_at=NOON))
    assert [name for name in "abcd" if state.media(name)] == ["d"]

    state.add_media("d", Media(content=b"x" * 3, content_type="image/png", sent_at=NOON))
    state.add_media("c", Media(content=b"x" * 7, content_type="image/png", sent_at=NOON))
    assert [name for name in "abcd" if state.media(name)] == ["c", "d"]

    state.clear()
    state.add_media("e", Media(content=b"x" * 5, content_type="image/png", sent_at=NOON))
    state.add_media("f", Media(content=b"x" * 5, content_type="image/png", sent_at=NOON))
    assert [name for name in "def" if state.media(name)] == ["e", "f"]


def test_an_inbound_message_gets_a_fresh_id_unless_it_has_one() -> None:
    state = SimulatorState()
    assert state.add_inbound("rcs") != state.add_inbound("rcs")
    assert state.add_inbound("rcs", "mine") == "mine"


def test_clearing_forgets_everything() -> None:
    state = SimulatorState()
    state.add_message(received("a"))
    state.add_refusal(refused("/"))
    state.add_inbound("rcs")
    state.arrivals.begin(1.0)
    state.clear()
    assert (state.messages, state.refusals, state.inbound, list(state.arrivals)) == ([], [], [], [])


def test_the_lists_are_copies() -> None:
    state = SimulatorState()
    state.messages.append(received("a"))
    assert state.messages == []


def test_texts_and_numbers_stay_out_of_every_repr() -> None:
    shown = repr(received("a")) + repr(refused("/"))
    assert "secret" not in shown
    assert "447700900000" not in shown
    assert "44********00" in shown


def test_what_arrived_cannot_be_changed() -> None:
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        received("a").to = "1"  # type: ignore[misc]


def arrival(at: float, status: int | None = None, to: str | None = None) -> Arrival:
    known = to is not None
    return Arrival(at=at, channel="sms" if known else None, from_="Acme" if known else None, to=to, status=status)


@given(
    maximum=st.integers(1, 5),
    steps=st.lists(st.sampled_from(["come", "come", "refuse", "accept", "clear"]) | st.integers(0, 20), max_size=40),
)
def test_arrivals_are_the_last_ones_in_order_whatever_ends_when(maximum: int, steps: list[str | int]) -> None:
    arrivals = Arrivals(maximum)
    told: list[Arrival] = []
    open_numbers: list[tuple[int, int]] = []
    begin = 0
    for instant_of, step in enumerate(steps):
        match step:
            case "come":
                open_numbers.append((arrivals.begin(float(instant_of)), len(told)))
                told.append(arrival(float(instant_of)))
            case "clear":
                arrivals.clear()
                begin = len(told)
            case _ if not open_numbers:
                continue
            case "refuse":
                number, place = open_numbers.pop(0)
                arrivals.end(number, 429)
                told[place] = arrival(told[place].at, 429)
            case _:
                # The newest, or any other: requests end in another order than they came in.
                number, place = open_numbers.pop(step % len(open_numbers) if isinstance(step, int) else -1)
                arrivals.end(number, 202, channel="sms", from_="Acme", to=str(step))
                told[place] = arrival(told[place].at, 202, str(step))
        assert list(arrivals) == told[begin:][-maximum:]


def test_arrivals_can_be_indexed_and_cut_like_a_list() -> None:
    arrivals = Arrivals(3)
    for at in (1.0, 2.0, 3.0, 4.0):
        arrivals.begin(at)
    assert (arrivals[0].at, arrivals[-1].at, len(arrivals)) == (2.0, 4.0, 3)
    assert [each.at for each in arrivals[1:]] == [3.0, 4.0]
    with pytest.raises(IndexError):
        arrivals[3]


def test_a_view_of_arrivals_grows() -> None:
    state = SimulatorState()
    view = state.arrivals
    state.arrivals.begin(1.0)
    assert len(view) == 1


def test_a_million_arrivals_are_held_even_where_fewer_messages_are() -> None:
    state = SimulatorState(maximum=1)
    for at in range(1_000_002):
        state.arrivals.begin(float(at))
    assert (len(state.arrivals), state.arrivals[0].at, state.arrivals[-1].at) == (1_000_000, 2.0, 1_000_001.0)


def test_channels_and_senders_that_come_again_are_kept_once() -> None:
    arrivals = Arrivals(10)
    for digit in range(2):
        channel, sender = json.loads('["sms", "Acme"]')  # equal texts from two bodies are two objects
        arrivals.end(arrivals.begin(1.0), 202, channel=channel, from_=sender, to=str(digit))
    assert arrivals[0].channel is arrivals[1].channel
    assert arrivals[0].from_ is arrivals[1].from_


def test_many_senders_are_told_apart_though_few_are_shared() -> None:
    arrivals = Arrivals(5000)
    for number in range(3000):
        arrivals.end(arrivals.begin(1.0), 202, channel="sms", from_=str(number), to="447700900000")
    assert [each.from_ for each in arrivals] == [str(number) for number in range(3000)]


def test_an_arrival_shows_no_number() -> None:
    shown = repr(arrival(1.0, 202, "447700900000"))
    assert "447700900000" not in shown
    assert "44********00" in shown
    assert "to=None" in repr(arrival(1.0, 429))
    assert repr(Arrivals(1)) == "<Arrivals: 0>"


def test_instants_are_aware() -> None:
    assert NOON.isoformat() == "2027-01-15T08:00:00+00:00"


def test_a_balance_pays_until_it_cannot() -> None:
    balance = Balance(Decimal("0.03"), Decimal("0.02"))
    assert [balance.charge(), balance.charge()] == [True, False]
    assert balance.amount == Decimal("0.01")


def test_an_empty_balance_pays_for_nothing_even_where_messages_are_free() -> None:
    assert not Balance(Decimal(0), Decimal(0)).charge()


def test_no_balance_is_endless() -> None:
    balance = Balance(None, Decimal("0.02"))
    assert all(balance.charge() for _ in range(100))
    assert balance.amount is None


@pytest.mark.parametrize(
    ("amount", "price"),
    [
        (None, Decimal(-1)),
        (None, Decimal("NaN")),
        (Decimal("Infinity"), Decimal(1)),
        (Decimal("1e12"), Decimal(1)),
        (Decimal("-1e999999999"), Decimal(1)),
        (Decimal(1), Decimal("1e-13")),
    ],
)
def test_money_that_is_no_money_is_refused(amount: Decimal | None, price: Decimal) -> None:
    with pytest.raises(ConfigurationError):
        Balance(amount, price)


def test_what_became_of_a_message_stands_once_each_and_goes_with_it() -> None:
    state = SimulatorState(maximum=1)
    state.add_message(received("a"))
    for status in ("submitted", "delivered", "submitted"):
        state.add_status("a", StatusNote(status=status, at=NOON))
    state.add_status("unknown", StatusNote(status="submitted", at=NOON))
    assert [note.status for note in state.statuses("a")] == ["submitted", "delivered"]
    assert state.statuses("unknown") == ()
    state.add_message(received("b"))
    assert state.statuses("a") == ()


def test_every_change_has_an_entry_in_the_journal() -> None:
    state = SimulatorState()
    state.add_message(received("a"))
    state.add_status("a", StatusNote(status="submitted", at=NOON))
    state.add_update("a", MessageUpdate(status="revoked", payload={}, received_at=NOON))
    state.add_update("unknown", MessageUpdate(status="revoked", payload={}, received_at=NOON))
    state.add_refusal(refused("/"))
    state.add_inbound("whatsapp", "b")
    state.clear()
    entries = state.journal.since(0)
    assert entries is not None
    assert [(entry.kind, entry.subject) for entry in entries] == [
        ("message", "a"),
        ("status", "a"),
        ("update", "a"),
        ("refusal", "r"),
        ("written", "b"),
        ("cleared", ""),
    ]
