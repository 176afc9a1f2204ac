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

from vonage_messages.simulator import Simulator
from vonage_messages.simulator.state import ReceivedMessage

EXAMPLES = Path(__file__).parent.parent / "examples"
NAMES = ["echo_bot", "await_delivery", "two_factor_code"]
UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
SETTINGS = {"MESSAGES_TO_NUMBER": "+44 7700 900000", "SMS_SENDER_ID": "Acme", "SMS_NUMBER": "447700900001"}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@attrs.frozen
class Running:
    simulator: Simulator
    process: asyncio.subprocess.Process
    port: int

    async def message(self) -> ReceivedMessage:
        """Wait for the first message of the example."""
        async with asyncio.timeout(30):
            while not self.simulator.messages:
                assert self.process.returncode is None, "the example ended before it sent anything"
                await asyncio.sleep(0.02)
        return self.simulator.messages[0]

    async def listening(self) -> None:
        """Wait until the example takes connections."""
        async with asyncio.timeout(30):
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

    async def output(self) -> tuple[int | None, str, str]:
        output, errors = await asyncio.wait_for(self.process.communicate(), 30)
        return self.process.returncode, output.decode(), errors.decode()


@asynccontextmanager
async def running(name: str, *, reject: int | None = None) -> AsyncIterator[Running]:
    port = free_port()
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
            sys.executable,
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


@pytest.mark.parametrize("name", NAMES)
def test_example_is_a_whole_program_that_says_first_what_you_will_see(name: str) -> None:
    text = (EXAMPLES / f"{name}.py").read_text(encoding="utf-8")
    tree = ast.parse(text)
    assert (ast.get_docstring(tree) or "").startswith("You will see: ")
    assert 20 <= len(text.splitlines()) <= 60
    assert [node.name for node in tree.body if isinstance(node, ast.AsyncFunctionDef)] == ["main"]
