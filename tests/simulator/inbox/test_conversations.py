"""The index: who wrote with whom, however much there is."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import attrs

from vonage_messages.simulator.inbox.conversations import Conversations, Key
from vonage_messages.simulator.state import KnownInbound, ReceivedMessage, SimulatorState, StatusNote

NOW = datetime(2026, 3, 14, 9, 26, tzinfo=UTC)


def message(number: int, **changed: Any) -> ReceivedMessage:
    fields: dict[str, Any] = {
        "message_uuid": f"m{number}",
        "version": "v1",
        "channel": "sms",
        "message_type": "text",
        "to": "447700900000",
        "from_": "Acme",
        "client_ref": None,
        "payload": {"text": f"Number {number}"},
        "workflow_id": None,
        "request_id": f"r{number}",
        "received_at": NOW,
    }
    return ReceivedMessage(**{**fields, **changed})


def written(number: int, **changed: Any) -> KnownInbound:
    fields: dict[str, Any] = {
        "message_uuid": f"w{number}",
        "channel": "sms",
        "message_type": "text",
        "from_": "447700900000",
        "to": "Acme",
        "payload": {"text": "Hello"},
        "written_at": NOW,
    }
    return KnownInbound(**{**fields, **changed})


def test_a_conversation_is_a_person_on_a_channel() -> None:
    state = SimulatorState()
    index = Conversations(state)
    state.add_message(message(1))
    state.add_message(message(2, channel="whatsapp"))
    state.add_written(written(1))
    state.add_message(message(3, channel="viber_service_msg", version="v0.1"))

    assert [str(each.key) for each in index.latest(None, 0, 9)] == [
        "viber_service:447700900000",
        "sms:447700900000",
        "whatsapp:447700900000",
    ]
    sms = index.get(Key("sms", "447700900000"))
    assert sms is not None
    assert list(sms.newest_first()) == ["w1", "m1"]
    assert list(sms.newest_first("w1")) == ["m1"]
    assert (sms.company, sms.unseen) == ("Acme", 1)
    assert index.counts == {"sms": 1, "whatsapp": 1, "viber_service": 1}


def test_what_was_there_before_is_read() -> None:
    state = SimulatorState()
    state.add_message(message(1))
    state.add_written(written(1, from_="447700900009"))

    index = Conversations(state)

    assert index.count(None) == 2
    assert index.count("sms") == 2


def test_what_was_only_made_known_has_no_place() -> None:
    state = SimulatorState()
    index = Conversations(state)
    state.add_inbound("whatsapp")

    assert len(index) == 0


def test_it_forgets_as_the_memory_does() -> None:
    state = SimulatorState(maximum=3)
    index = Conversations(state)
    for number in range(5):
        state.add_message(message(number, to=f"44770090000{number}"))

    assert len(index) == 3
    assert index.of("m1") is None
    assert index.get(Key("sms", "447700900001")) is None
    state.clear()
    assert len(index) == 0
    assert index.counts == {}


def test_every_change_shows_in_the_version_of_the_conversation() -> None:
    state = SimulatorState()
    index = Conversations(state)
    state.add_message(message(1))
    state.add_message(message(2, channel="rcs"))
    conversation = index.get(Key("sms", "447700900000"))
    assert conversation is not None
    before = conversation.version
    state.add_status("m1", StatusNote(status="delivered", at=NOW))

    assert conversation.version > before
    assert index.version == state.journal.last


def test_reactions_are_kept_for_what_they_are_about() -> None:
    state = SimulatorState()
    index = Conversations(state)
    state.add_message(message(1, channel="whatsapp"))
    first = written(1, channel="whatsapp", message_type="reaction", context_uuid="m1")
    state.add_written(first)
    state.add_written(attrs.evolve(first, message_uuid="w2"))
    context = {"context": {"message_uuid": "w1"}}
    state.add_message(message(2, channel="whatsapp", message_type="reaction", payload=context))

    conversation = index.get(Key("whatsapp", "447700900000"))
    assert conversation is not None
    assert conversation.reactions == {"m1": {True: "w2"}, "w1": {False: "m2"}}


def test_reactions_go_as_the_memory_does_whatever_they_are_about() -> None:
    state = SimulatorState(maximum=2)
    index = Conversations(state)
    for number in range(5):
        context = {"context": {"message_uuid": f"made up {number}"}}
        state.add_message(message(number, channel="whatsapp", message_type="reaction", payload=context))
    again = {"context": {"message_uuid": "made up 4"}}
    state.add_message(message(5, channel="whatsapp", message_type="reaction", payload=again))

    conversation = index.get(Key("whatsapp", "447700900000"))
    assert conversation is not None
    assert conversation.reactions == {"made up 4": {False: "m5"}}
    state.add_message(message(6, channel="whatsapp"))
    state.add_message(message(7, channel="whatsapp"))
    assert conversation.reactions == {}


def test_a_failover_chain_is_known_by_its_first_message() -> None:
    state = SimulatorState()
    index = Conversations(state)
    state.add_message(message(1, channel="whatsapp"))
    state.add_message(message(2, failover_of="m1"))
    first = index.of("m1")
    assert first is not None
    before = first.version
    state.add_status("m2", StatusNote(status="delivered", at=NOW))

    assert index.later_of("m1") == ["m2"]
    assert first.version > before


def test_a_key_is_read_as_it_was_written() -> None:
    key = Key("messenger", "a:b/c?d")

    assert Key.read(str(key)) == key
    assert Key.read("nothing") is None
    assert Key.read("sms:") is None
