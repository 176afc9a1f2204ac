"""Answers to inbound messages: the right channel, the sides swapped, the context set."""

from __future__ import annotations

from typing import Any

import pytest

from vonage_messages.channels.messenger import MessengerText
from vonage_messages.channels.mms import MmsText
from vonage_messages.channels.rcs import RcsText
from vonage_messages.channels.sms import Sms
from vonage_messages.channels.viber import ViberText
from vonage_messages.channels.whatsapp import WhatsappText
from vonage_messages.errors import InvalidMessageError
from vonage_messages.simulator import Simulator
from vonage_messages.webhooks.parse import parse_inbound
from vonage_messages.webhooks.reply import reply_to

UUID = "aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab"
SIDES: dict[str, tuple[type[Any], str, str]] = {
    "sms": (Sms, "447700900000", "447700900001"),
    "mms": (MmsText, "14155550101", "14155550100"),
    "rcs": (RcsText, "447700900000", "Acme"),
    "whatsapp": (WhatsappText, "447700900000", "447700900001"),
    "messenger": (MessengerText, "7064120230221346", "107083064136738"),
    "viber_service": (ViberText, "447700900000", "22353"),
}


def inbound(channel: str, **fields: Any) -> Any:
    _, person, company = SIDES.get(channel, (None, "447700900000", "447700900001"))
    return parse_inbound(
        {
            "channel": channel,
            "message_uuid": UUID,
            "to": company,
            "from": person,
            "timestamp": "2025-02-03T12:14:25Z",
            "message_type": "text",
            "text": "Hello",
            **fields,
        }
    )


@pytest.mark.parametrize("channel", SIDES)
def test_answer_goes_back_on_its_channel(channel: str) -> None:
    cls, person, company = SIDES[channel]
    answer = reply_to(inbound(channel), "Thanks!")
    assert type(answer) is cls
    assert (answer.to, answer.from_, answer.text) == (person, company, "Thanks!")  # type: ignore[attr-defined]


def test_answer_on_whatsapp_quotes_the_message() -> None:
    answer = reply_to(inbound("whatsapp", context={"message_uuid": "another", "message_from": "1"}), "Thanks!")
    assert isinstance(answer, WhatsappText)
    assert answer.context is not None
    assert answer.context.message_uuid == UUID


def test_message_without_an_id_is_answered_without_a_quotation() -> None:
    answer = reply_to(inbound("whatsapp", message_uuid=None), "Thanks!")
    assert isinstance(answer, WhatsappText)
    assert answer.context is None


def test_business_scoped_id_is_answered() -> None:
    answer = reply_to(inbound("whatsapp", **{"from": "US.13491208655302741918"}), "Thanks!")
    assert isinstance(answer, WhatsappText)
    assert answer.to == "US.13491208655302741918"


@pytest.mark.parametrize("message_type", ["image", "unsupported", "sticker", "of tomorrow"])
def test_every_type_can_be_answered(message_type: str) -> None:
    assert isinstance(reply_to(inbound("whatsapp", message_type=message_type), "Thanks!"), WhatsappText)


def test_event_of_v0_1_is_answered_with_the_same_message() -> None:
    event = parse_inbound(
        {
            "message_uuid": UUID,
            "timestamp": "2020-01-01T14:00:00.000Z",
            "to": {"type": "viber_service_msg", "id": "22353"},
            "from": {"type": "viber_service_msg", "number": "447700900000"},
            "message": {"content": {"type": "text", "text": "Hello"}},
        }
    )
    assert reply_to(event, "Thanks!") == reply_to(inbound("viber_service"), "Thanks!")


def test_event_builds_its_own_answer() -> None:
    event = inbound("rcs")
    assert event.reply("Thanks!") == reply_to(event, "Thanks!")


@pytest.mark.parametrize("channel", ["email", "fax", ""])
def test_channel_that_cannot_be_answered_on_is_refused(channel: str) -> None:
    with pytest.raises(InvalidMessageError, match="channel: can be answered only"):
        reply_to(inbound(channel), "Thanks!")


def test_answer_that_is_too_long_is_refused() -> None:
    with pytest.raises(InvalidMessageError, match="text"):
        reply_to(inbound("viber_service"), "a" * 1001)


def test_forged_sender_is_refused() -> None:
    with pytest.raises(InvalidMessageError, match="to"):
        reply_to(inbound("sms", **{"from": "447700900000\r\nX: y"}), "Thanks!")


@pytest.mark.parametrize("channel", SIDES)
async def test_answer_arrives(channel: str) -> None:
    _, person, company = SIDES[channel]
    async with Simulator() as simulator, simulator.client() as client:
        sent = await client.reply(inbound(channel), "Thanks!")
        (message,) = simulator.messages
    assert message.message_uuid == sent.message_uuid
    assert (message.channel, message.to, message.from_) == (channel, person, company)
    assert message.payload["text"] == "Thanks!"


async def test_answer_may_go_over_v0_1() -> None:
    async with Simulator() as simulator, simulator.client() as client:
        await client.reply(inbound("sms"), "Thanks!", api_version="v0.1")
        assert simulator.messages[0].version == "v0.1"
