"""What each assertion lets pass, and what it says when it does not."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from vonage_messages import APIError, Client, RawMessage, Sms, ViberText, WhatsappTemplate, WhatsappText
from vonage_messages.simulator import CallbackTry, Simulator, StatusNote
from vonage_messages.testing import assert_callbacks_accepted, assert_not_sent, assert_sent, assert_status

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator(rate=None) as running:
        yield running


@pytest.fixture
async def client(simulator: Simulator) -> AsyncIterator[Client]:
    async with simulator.client() as ready:
        yield ready


def said(failure: pytest.ExceptionInfo[AssertionError]) -> list[str]:
    return str(failure.value).splitlines()


TEMPLATE = WhatsappTemplate(
    to="447700900000",
    from_="447700900001",
    template={"name": "greeting", "parameters": ["Ann", "7"]},
    whatsapp={"locale": "en-GB"},
    client_ref="order-7",
)


@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"channel": "whatsapp", "message_type": "template", "version": "v1"},
        {"to": "+44 7700 900000", "from_": "0044 7700 900001"},
        {"template": {"name": "greeting"}},
        {"template": {"parameters": ["Ann", "7"]}, "whatsapp": {"locale": "en-GB"}},
        {"template": {"parameters": ["Ann", ...]}},
        {"client_ref": re.compile("^order-[0-9]$")},
        {"client_ref": lambda ref: ref.startswith("order"), "workflow_id": None, "text": None},
        {"payload": {"to": "447700900000", "template": {"name": ...}}},
    ],
    ids=lambda wanted: " ".join(wanted) or "nothing",
)
async def test_a_message_is_found_by_any_of_its_fields(
    simulator: Simulator, client: Client, wanted: dict[str, Any]
) -> None:
    sent = await client.send(TEMPLATE)

    assert assert_sent(simulator, count=1, **wanted).message_uuid == sent.message_uuid


@pytest.mark.parametrize(
    "wanted",
    [
        {"channel": "sms"},
        {"template": {"name": "greeting", "namespace": ...}},
        {"template": {"parameters": ["Ann"]}},
        {"template": {"parameters": ["Ann", "7", "8"]}},
        {"client_ref": None},
        {"client_ref": re.compile("^order$")},
        {"text": ...},
        {"text": lambda text: True},  # noqa: ARG005  asked of nothing, it may not say yes
        {"template": re.compile("greeting")},
    ],
    ids=" ".join,
)
async def test_a_message_that_differs_is_not_found(
    simulator: Simulator, client: Client, wanted: dict[str, Any]
) -> None:
    await client.send(TEMPLATE)

    with pytest.raises(AssertionError):
        assert_sent(simulator, **wanted)
    assert_not_sent(simulator, **wanted)


async def test_true_is_not_the_number_one(simulator: Simulator, client: Client) -> None:
    await client.send(Sms(to="447700900000", from_="Acme", text="Hello", trusted_recipient=True))

    assert_sent(simulator, trusted_recipient=True)
    with pytest.raises(AssertionError):
        assert_sent(simulator, trusted_recipient=1)


async def test_content_of_the_older_version_is_found_by_the_same_names(simulator: Simulator, client: Client) -> None:
    await client.send(ViberText(to="447700900000", from_="22353", text="Hello"), api_version="v0.1")

    assert_sent(simulator, channel="viber_service_msg", text="Hello", version="v0.1", url=None)


async def test_the_last_of_several_is_given(simulator: Simulator, client: Client) -> None:
    for text in ("one", "two"):
        last = await client.send(Sms(to="447700900000", from_="Acme", text=text))

    assert assert_sent(simulator, channel="sms", count=2).message_uuid == last.message_uuid


def test_where_nothing_was_sent_it_says_so() -> None:
    with pytest.raises(AssertionError) as failure:
        assert_sent(Simulator(), channel="sms", text=re.compile("[0-9]{6}"))

    assert said(failure) == [
        "no such message was sent.",
        "Wanted:",
        "  channel  'sms'",
        "  text     a match of '[0-9]{6}'",
        "Nothing was sent at all.",
    ]


async def test_the_nearest_message_is_shown_field_by_field(simulator: Simulator, client: Client) -> None:
    await client.send(TEMPLATE)
    await client.send(Sms(to="447700900009", from_="Acme", text="Something else"))

    with pytest.raises(AssertionError) as failure:
        assert_sent(simulator, to="447700900000", template={"name": "greetings", "parameters": ["Ann", "8"]}, ttl=60)

    assert said(failure)[5:] == [
        "The nearest is message 1 of 2 (whatsapp template, 447700900000):",
        "  as wanted: to",
        "  template.name",
        "      wanted  'greetings'",
        "      sent    'greeting'",
        "                       ^",
        "  template.parameters[1]",
        "      wanted  '8'",
        "      sent    '7'",
        "               ^",
        "  ttl",
        "      wanted  60",
        "      sent    (nothing)",
    ]


async def test_a_long_text_is_cut(simulator: Simulator, client: Client) -> None:
    await client.send(Sms(to="447700900000", from_="Acme", text="a" * 1000))

    with pytest.raises(AssertionError) as failure:
        assert_sent(simulator, text="b")

    assert max(len(line) for line in said(failure)) < 450
    assert "… (1002 characters)" in str(failure.value)


async def test_what_was_refused_is_shown_with_the_reason(simulator: Simulator, client: Client) -> None:
    wrong = RawMessage({"channel": "sms", "message_type": "text", "to": "0", "from": "Acme", "text": "Hello"})
    with pytest.raises(APIError):
        await client.send(wrong)

    with pytest.raises(AssertionError) as failure:
        assert_sent(simulator, text="Hello")

    assert said(failure)[-2] == "1 request was refused; the last:"
    assert re.fullmatch(r"  422 POST /v1/messages: .*\bto: must have 7 to 15 characters\..*", said(failure)[-1])


async def test_a_wrong_count_lists_what_was_sent_like_that(simulator: Simulator, client: Client) -> None:
    for number in range(7):
        await client.send(WhatsappText(to="447700900000", from_="447700900001", text=f"Hello {number}"))

    with pytest.raises(AssertionError) as failure:
        assert_sent(simulator, channel="whatsapp", count=2)

    assert said(failure)[0] == "7 messages were sent like that, not 2."
    assert said(failure)[4] == "  message 1: whatsapp text from 447700900001 to 447700900000: 'Hello 0'"
    assert said(failure)[-1] == "  … and 2 more"


async def test_too_few_show_the_nearest_of_the_others(simulator: Simulator, client: Client) -> None:
    for text in ("Hello", "Hallo"):
        await client.send(Sms(to="447700900000", from_="Acme", text=text))

    with pytest.raises(AssertionError) as failure:
        assert_sent(simulator, text="Hello", count=2)

    assert said(failure)[0] == "1 message was sent like that, not 2."
    assert "The nearest is message 2 (sms text, 447700900000):" in said(failure)


def test_no_message_at_all_is_not_a_count() -> None:
    with pytest.raises(ValueError, match="assert_not_sent"):
        assert_sent(Simulator(), count=0)


async def test_a_message_that_should_not_have_been_sent_is_shown(simulator: Simulator, client: Client) -> None:
    assert_not_sent(simulator)
    await client.send(Sms(to="447700900000", from_="Acme", text="Hello"))
    assert_not_sent(simulator, to="447700900009")

    with pytest.raises(AssertionError) as failure:
        assert_not_sent(simulator, to="447700900000")

    assert said(failure) == [
        "1 message was sent that should not have been:",
        "  message 1: sms text from Acme to 447700900000: 'Hello'",
        "Not wanted:",
        "  to  '447700900000'",
    ]


async def test_a_status_is_looked_up_with_its_code(simulator: Simulator, client: Client) -> None:
    sent = await client.send(RawMessage(TEMPLATE_WITHOUT_WEBHOOKS))
    noted = simulator.state.statuses(sent.message_uuid)
    if not noted:
        with pytest.raises(AssertionError, match="Nothing has become of it so far"):
            assert_status(simulator, sent, "rejected")
    simulator.state.add_status(sent.message_uuid, StatusNote(status="rejected", at=NOON, code=1022))

    assert_status(simulator, sent, "rejected")
    assert_status(simulator, sent.message_uuid, "rejected", code=1022)
    assert_status(simulator, simulator.messages[0], "rejected")
    with pytest.raises(AssertionError) as failure:
        assert_status(simulator, sent, "rejected", code=1050)

    lines = said(failure)
    assert lines[0] == f"message {sent.message_uuid} was never rejected with 1050 (the number is barred)."
    assert "  12:00:00.000000 rejected with 1022 (the template or its parameters are invalid)" in lines


TEMPLATE_WITHOUT_WEBHOOKS = {
    "channel": "whatsapp",
    "message_type": "text",
    "to": "447700900000",
    "from": "447700900001",
    "text": "Hello",
}


def test_the_status_of_an_unknown_message_says_that_it_is_unknown() -> None:
    with pytest.raises(AssertionError, match="No such message has arrived"):
        assert_status(Simulator(), "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee", "delivered")


class Tried:
    """A simulator whose callbacks went as they are given."""

    messages = ()
    refusals = ()
    state = None

    def __init__(self, *answers: tuple[str, int, int | None]) -> None:
        self.callbacks = [
            CallbackTry(
                kind="status",
                message_uuid="m-1",
                url="http://127.0.0.1:9/hook",
                number=number,
                payload={"status": status},
                headers={},
                status=answer,
                error="" if answer else "no answer: ClientConnectorError",
                sent_at=NOON,
            )
            for status, number, answer in answers
        ]


def test_a_callback_that_was_taken_at_its_second_try_is_accepted() -> None:
    assert_callbacks_accepted(Tried(("submitted", 1, 503), ("submitted", 2, 204)))


def test_callbacks_that_were_not_taken_are_listed_with_their_answers() -> None:
    with pytest.raises(AssertionError) as failure:
        assert_callbacks_accepted(Tried(("submitted", 1, 200), ("delivered", 1, None), ("delivered", 2, 500)))

    assert said(failure) == [
        "1 of 2 callbacks were not accepted:",
        "  status delivered of message m-1 to http://127.0.0.1:9/hook",
        "      try 1: no answer: ClientConnectorError",
        "      try 2: 500",
    ]
