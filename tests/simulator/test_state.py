from __future__ import annotations

from decimal import Decimal

import attrs
import pytest

from vonage_messages.errors import ConfigurationError
from vonage_messages.simulator import MessageUpdate, ReceivedMessage, Refusal, SimulatorState
from vonage_messages.simulator.balance import Balance
from vonage_messages.simulator.state import instant

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


def test_an_inbound_message_gets_a_fresh_id_unless_it_has_one() -> None:
    state = SimulatorState()
    assert state.add_inbound("rcs") != state.add_inbound("rcs")
    assert state.add_inbound("rcs", "mine") == "mine"


def test_clearing_forgets_everything() -> None:
    state = SimulatorState()
    state.add_message(received("a"))
    state.add_refusal(refused("/"))
    state.add_inbound("rcs")
    state.clear()
    assert (state.messages, state.refusals, state.inbound) == ([], [], [])


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
    ("amount", "price"), [(None, Decimal(-1)), (None, Decimal("NaN")), (Decimal("Infinity"), Decimal(1))]
)
def test_money_that_is_no_money_is_refused(amount: Decimal | None, price: Decimal) -> None:
    with pytest.raises(ConfigurationError):
        Balance(amount, price)
