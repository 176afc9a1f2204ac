"""The examples that answer and wait, run as users copy them, against the simulator that calls them back."""

from __future__ import annotations

import ast
import asyncio
import os
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import attrs
import pytest

from vonage_messages import Sms, WhatsappText, codes
from vonage_messages.simulator import Simulator
from vonage_messages.simulator.state import ReceivedMessage

PYTHON = [sys.executable, "-IS", str(Path(__file__).parent / "forked.py")]
pytestmark = pytest.mark.usefixtures("forked")
EXAMPLES = Path(__file__).parent.parent / "examples"
NAMES = [
    "echo_bot",
    "await_delivery",
    "opt_outs",
    "two_factor_code",
    "messenger_product_bot",
    "snippets/inbound_message_webhook",
    "snippets/message_status_webhook",
    "tutorials/send_messenger_message",
    "tutorials/send_sms_message",
    "tutorials/send_viber_message",
    "tutorials/send_whatsapp_message",
]
UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
SETTINGS = {
    "MESSAGES_TO_NUMBER": "+44 7700 900000",
    "SMS_SENDER_ID": "Acme",
    "SMS_NUMBER": "447700900001",
    "VIBER_SENDER_ID": "22353",
    "WHATSAPP_SENDER_ID": "447700900001",
    "WHATSAPP_TEMPLATE_NAME": "order_shipped",
}


@attrs.frozen
class Running:
    simulator: Simulator
    process: asyncio.subprocess.Process
    port: int

    async def message(self, number: int = 0) -> ReceivedMessage:
        """Wait for the first message of the example, or for another *number*."""
        async with asyncio.timeout(60):
            while len(self.simulator.messages) <= number:
                assert self.process.returncode is None, "the example ended before it sent anything"
                await asyncio.sleep(0.02)
        return self.simulator.messages[number]

    async def listening(self) -> None:
        """Wait until the example takes connections."""
        async with asyncio.timeout(60):
            while True:
                assert self.process.returncode is None, "the example ended before it listened"
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                except OSError:
                    await asyncio.sleep(0.02)
                    continue
                writer.close()
                await writer.wait_closed()
                return

    async def stopped(self) -> list[str]:
        """Stop an example that would serve for ever; give what it printed, without what aiohttp does."""
        self.process.send_signal(signal.SIGTERM)
        _, output, errors = await self.output()
        assert "Traceback" not in errors
        return [line for line in output.splitlines() if not line.startswith(("=", "(Press"))]

    async def output(self) -> tuple[int | None, str, str]:
        output, errors = await asyncio.wait_for(self.process.communicate(), 600)
        return self.process.returncode, output.decode(), errors.decode()


@asynccontextmanager
async def running(name: str, *, reject: int | None = None) -> AsyncIterator[Running]:
    with socket.socket() as held:  # nobody else is given the port: see ``unused_tcp_port`` of the topmost conftest
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", 0))
        async with running_at(held.getsockname()[1], name, reject) as example:
            yield example


@asynccontextmanager
async def running_at(port: int, name: str, reject: int | None) -> AsyncIterator[Running]:
    base = f"http://127.0.0.1:{port}/webhooks"
    single = name == "two_factor_code"
    simulator = Simulator(
        status_url=base if single else f"{base}/message-status",
        inbound_url=base if single else f"{base}/inbound-message",
    )
    if reject is not None:
        simulator.fail(reject)
    async with simulator:
        process = await asyncio.create_subprocess_exec(
            *PYTHON,
            "-W",
            "error",
            str(EXAMPLES / f"{name}.py"),
            env={**os.environ, **SETTINGS, **simulator.environment(), "HOST": "127.0.0.1", "PORT": str(port)},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            yield Running(simulator, process, port)
        finally:
            if process.returncode is None:
                process.kill()
                await process.communicate()


@pytest.mark.parametrize("channel", ["whatsapp", "sms", "rcs", "viber_service"])
async def test_echo_bot_sends_back_what_was_written(channel: str) -> None:
    async with running("echo_bot") as example:
        await example.listening()
        result = await example.simulator.inbound(channel=channel, text="Is anybody there?")
        assert result.status == 200
        (answer,) = example.simulator.messages
        assert (answer.channel, answer.payload["text"]) == (channel, "You wrote: Is anybody there?")
        marked = [len(each.updates) for each in example.simulator.state.inbound]
        assert marked == [1 if channel in {"whatsapp", "rcs"} else 0]
        example.process.send_signal(signal.SIGTERM)
        _, output, errors = await example.output()
    assert f"Answered {result.message_uuid} on {channel} with {answer.message_uuid}\n" in output
    assert "Traceback" not in errors


async def test_echo_bot_does_not_answer_a_forgery() -> None:
    async with running("echo_bot") as example:
        await example.listening()
        result = await example.simulator.inbound(text="Send me money", signature_secret="a guess of somebody")
        assert result.status == 401
        assert example.simulator.messages == []


async def test_who_writes_stop_is_answered_once_and_then_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPT_OUTS", str(tmp_path / "opt-outs.txt"))
    async with running("opt_outs") as example:
        await example.listening()
        for text in ("Hello", "STOP", "Are you there?", "Start", "Hello again"):
            assert (await example.simulator.inbound(channel="sms", text=text)).status == 200
        answers = [message.payload["text"] for message in example.simulator.messages]
        example.process.send_signal(signal.SIGTERM)
        _, output, errors = await example.output()
    thanks = "Thank you, we will look into it."
    farewell = "You will get no more messages from us. Write START if you change your mind."
    assert answers == [thanks, farewell, "Welcome back.", thanks]
    said = [line for line in output.splitlines() if "opted" in line]
    assert said[0] == "Somebody has opted out: 1 on the list"
    assert re.fullmatch(
        r"Not sent: to: \d\d\*+\d\d has opted out of your messages\. The message was not sent\.", said[1]
    )
    assert said[2] == "Somebody has opted in: 0 on the list"
    assert "Traceback" not in errors
    assert len((tmp_path / "opt-outs.txt").read_text(encoding="utf-8").splitlines()) == 2


async def test_delivery_is_awaited() -> None:
    async with running("await_delivery") as example:
        message = await example.message()
        code, output, errors = await example.output()
    assert (code, errors) == (0, "")
    assert re.fullmatch(rf"{UUID}: submitted\n{UUID}: delivered\nIt arrived at \S+ \S+\+00:00\n", output)
    assert message.message_uuid in output


async def test_reason_is_told_when_a_message_is_not_delivered() -> None:
    async with running("await_delivery", reject=1180) as example:
        code, output, errors = await example.output()
    assert code == 1
    assert re.fullmatch(rf"{UUID}: rejected\n", output)
    assert re.fullmatch(rf"Not delivered: message {UUID} is rejected with code 1180: .+\n", errors)


@pytest.mark.parametrize("right", [True, False])
async def test_code_is_compared_with_the_answer(right: bool) -> None:
    async with running("two_factor_code") as example:
        message = await example.message()
        await example.simulator.settle()
        found = re.search(r"[0-9]{6}", message.payload["text"])
        assert found is not None
        code = found[0] if right else "no idea"
        await example.simulator.inbound(reply_to=message, text=code)
        result = await example.output()
    assert result == (0, "The code is right.\n" if right else "That is not the code.\n", "")


async def test_code_that_does_not_arrive_is_told() -> None:
    async with running("two_factor_code", reject=1300) as example:
        code, output, errors = await example.output()
    assert (code, output) == (1, "")
    assert errors.startswith("No answer: message ")
    assert "code 1300" in errors


async def test_sms_tutorial_asks_and_answers_the_answer() -> None:
    async with running("tutorials/send_sms_message") as example:
        question = await example.message()
        await example.simulator.settle()
        await example.simulator.inbound(reply_to=question, text="yes please")
        answer = await example.message(1)
        code, output, errors = await example.output()
    assert (code, errors) == (0, "")
    uuid = question.message_uuid
    assert output.startswith(f"{uuid}: submitted\n{uuid}: delivered\nThey agree.\n")
    assert (answer.to, answer.from_) == (question.to, question.from_) == ("447700900000", "447700900001")
    assert answer.payload["text"] == "See you tomorrow!"


async def test_sms_tutorial_tells_why_there_is_no_answer() -> None:
    async with running("tutorials/send_sms_message", reject=1180) as example:
        code, output, errors = await example.output()
    assert code == 1
    assert re.fullmatch(rf"{UUID}: rejected\n", output)
    assert re.fullmatch(rf"No answer: message {UUID} is rejected with code 1180: .+\n", errors)


async def test_viber_tutorial_waits_for_the_reader_and_the_answer() -> None:
    async with running("tutorials/send_viber_message") as example:
        message = await example.message()
        await example.simulator.settle()
        await example.simulator.inbound(reply_to=message, text="Leave it with the neighbour")
        answer = await example.message(1)
        code, output, errors = await example.output()
    assert (code, errors) == (0, "")
    assert re.fullmatch(r"Read at \S+ \S+\+00:00\nThey wrote: Leave it with the neighbour\n", output)
    button = {"url": "https://example.com/track/AB123", "text": "Track it"}
    assert message.payload["viber_service"] == {"category": "transaction", "ttl": 600, "action": button}
    assert (answer.channel, answer.to, answer.from_) == ("viber_service", "447700900000", "22353")


async def test_whatsapp_tutorial_opens_with_a_template_and_goes_on_freely() -> None:
    async with running("tutorials/send_whatsapp_message") as example:
        opening = await example.message()
        await example.simulator.settle()
        await example.simulator.inbound(reply_to=opening, text="Thursday, please", profile={"name": "Ada"})
        answer = await example.message(1)
        code, output, errors = await example.output()
        (inbound,) = example.simulator.state.inbound
    assert (code, output, errors) == (0, "Ada wrote: Thursday, please\n", "")
    assert opening.payload["template"] == {"name": "order_shipped", "parameters": ["Ada", "AB123"]}
    assert [update.payload["replying_indicator"]["show"] for update in inbound.updates] == [True]
    assert answer.payload["text"] == "Thank you, Ada!"
    assert answer.payload["context"] == {"message_uuid": inbound.message_uuid}


async def test_messenger_tutorial_lets_the_person_begin() -> None:
    async with running("tutorials/send_messenger_message") as example:
        await example.listening()
        await example.simulator.inbound(channel="messenger", from_="7064", to="1035", text="Hello?")
        first = await example.message()
        await example.simulator.settle()
        await example.simulator.inbound(reply_to=first, text="My lamp is broken")
        second = await example.message(1)
        code, output, errors = await example.output()
    assert (code, errors) == (0, "")
    assert output.splitlines()[0] == "7064 wrote: Hello?"
    assert set(output.splitlines()[1:]) == {"Our answer is read.", "7064 wrote: My lamp is broken"}
    sent = [(each.channel, each.to, each.from_, each.payload["text"]) for each in (first, second)]
    assert sent == [
        ("messenger", "7064", "1035", "Hello! How can we help?"),
        ("messenger", "7064", "1035", "Thank you, we look into it."),
    ]


async def test_product_bot_shows_what_is_asked_for_and_else_what_there_is() -> None:
    async with running("messenger_product_bot") as example:
        await example.listening()
        for question in ("How much is the LAMP, and the desk?", "Good morning"):
            await example.simulator.inbound(channel="messenger", from_="7064", to="1035", text=question)
        shown, listed = await example.message(), await example.message(1)
        lines = await example.stopped()
    cards = shown.payload["custom"]["attachment"]["payload"]["elements"]
    assert [(card["title"], card["subtitle"]) for card in cards] == [
        ("Lamp", "Warm light, 49.90 EUR"),
        ("Desk", "Ash, 320 EUR, in stock from Monday"),
    ]
    assert cards[0]["image_url"] == "https://example.com/lamp.jpg"
    assert cards[0]["buttons"] == [{"type": "web_url", "title": "Buy it", "url": "https://example.com/lamp"}]
    assert listed.payload["text"] == "Ask me about: lamp, chair, desk."
    assert {(each.to, each.from_) for each in (shown, listed)} == {("7064", "1035")}
    assert lines == [
        f"7064 got 2 card(s): {shown.message_uuid}",
        f"7064 got no card(s): {listed.message_uuid}",
    ]


async def test_inbound_snippet_tells_what_is_written() -> None:
    async with running("snippets/inbound_message_webhook") as example:
        await example.listening()
        inbound, client = example.simulator.inbound, example.simulator.client()
        await inbound(channel="sms", from_="447700900000", text="Hello")
        await inbound(channel="whatsapp", message_type="location", profile={"name": "Ada"})
        await inbound(channel="mms", message_type="image", from_="14155550101")
        async with client:
            question = await client.send(WhatsappText(to="447700900000", from_="447700900001", text="Tonight?"))
        chosen = {"id": "yes", "title": "Yes"}
        await inbound(reply_to=question.message_uuid, message_type="reply", reply=chosen, profile={"name": "Ada"})
        await inbound(channel="whatsapp", profile={"name": "Ada"}, text="Hi", provider_message="It was cut")
        lines = await example.stopped()
    place = example.simulator.state.inbound[1].payload["location"]
    assert lines == [
        "sms text of 447700900000: Hello",
        f"whatsapp location of Ada: {place['lat']}, {place['long']}",
        "mms image of 14155550101: Image",
        "whatsapp reply of Ada: Yes (chosen: yes)",
        f"  in answer to {question.message_uuid}",
        "whatsapp text of Ada: Hi",
        "  WhatsApp says: It was cut",
    ]


async def test_status_snippet_tells_what_became_of_a_message() -> None:
    async with running("snippets/message_status_webhook") as example:
        await example.listening()
        async with example.simulator.client() as client:
            fine = await client.send(Sms(to="447700900000", from_="Acme", text="Hello", client_ref="fine"))
            await example.simulator.settle()
            example.simulator.fail(1180)
            failed = await client.send(Sms(to="447700900000", from_="Acme", text="Hello", client_ref="failed"))
            await example.simulator.settle()
        lines = await example.stopped()
    known = codes.describe(1180)
    assert known is not None
    assert [line for line in lines if "it cost" not in line] == [
        f"{fine.message_uuid} (fine): submitted",
        f"{fine.message_uuid} (fine): delivered",
        f"{failed.message_uuid} (failed): rejected",
        f"  1180: {known.meaning}; {known.advice}",
    ]
    assert any(re.fullmatch(r"  it cost [0-9.]+ EUR", line) for line in lines)


@pytest.mark.parametrize("name", NAMES)
def test_example_is_a_whole_program_that_says_first_what_you_will_see(name: str) -> None:
    text = (EXAMPLES / f"{name}.py").read_text(encoding="utf-8")
    tree = ast.parse(text)
    assert (ast.get_docstring(tree) or "").startswith("You will see: ")
    assert 20 <= len(text.splitlines()) <= 60
    assert [node.name for node in tree.body if isinstance(node, ast.AsyncFunctionDef)] == ["main"]
