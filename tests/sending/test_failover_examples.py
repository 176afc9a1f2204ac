"""The example ``failover_policy.py``, run as users copy it, against the simulator that calls it back."""

from __future__ import annotations

import ast
import asyncio
import os
import re
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from vonage_messages.simulator import Simulator

PYTHON = [sys.executable, "-IS", str(Path(__file__).parents[1] / "forked.py")]
pytestmark = pytest.mark.usefixtures("forked")
NAME = "failover_policy"
EXAMPLE = Path(__file__).parent.parent.parent / "examples" / f"{NAME}.py"
UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
SETTINGS = {"MESSAGES_TO_NUMBER": "+44 7700 900000", "RCS_SENDER_ID": "Acme", "SMS_SENDER_ID": "Acme"}


class Run(NamedTuple):
    """How a run of the example ended."""

    code: int | None
    output: str
    errors: str
    channels: list[str]


async def run(port: int, *failing: str, balance: bool = True) -> Run:
    """Run the example, which listens at *port*, where messages on the *failing* channels are rejected."""
    simulator = Simulator(status_url=f"http://127.0.0.1:{port}/webhooks/message-status")
    for channel in failing:
        simulator.fail(1300, channel=channel)
    if not balance:
        simulator.balance.amount = simulator.balance.price * 0
    async with simulator:
        process = await asyncio.create_subprocess_exec(
            *PYTHON,
            "-W",
            "error",
            str(EXAMPLE),
            env={**os.environ, **SETTINGS, **simulator.environment(), "HOST": "127.0.0.1", "PORT": str(port)},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            output, errors = await asyncio.wait_for(process.communicate(), 120)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        channels = [message.channel for message in simulator.messages]
    return Run(process.returncode, output.decode(), errors.decode(), channels)


async def test_rcs_message_that_arrives_is_the_only_one(unused_tcp_port: int) -> None:
    assert await run(unused_tcp_port) == (0, "rcs: arrived\n", "", ["rcs"])


async def test_sms_follows_an_rcs_message_that_is_rejected(unused_tcp_port: int) -> None:
    code, output, errors, channels = await run(unused_tcp_port, "rcs")
    assert (code, errors, channels) == (0, "", ["rcs", "sms"])
    assert re.fullmatch(rf"rcs: message {UUID} is rejected with code 1300: .+\nsms: arrived\n", output)


async def test_nothing_that_arrives_is_told(unused_tcp_port: int) -> None:
    code, output, errors, channels = await run(unused_tcp_port, "rcs", "sms")
    assert (code, errors, channels) == (1, "Nothing arrived.\n", ["rcs", "sms"])
    assert output.count("code 1300") == 2


async def test_account_without_money_is_told_in_one_line(unused_tcp_port: int) -> None:
    code, output, errors, channels = await run(unused_tcp_port, balance=False)
    assert (code, output, channels) == (1, "", [])
    assert errors.startswith("Broken off: HTTP 402")
    assert errors.count("\n") == 1


def test_example_is_a_whole_program_that_says_first_what_you_will_see() -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    tree = ast.parse(text)
    assert (ast.get_docstring(tree) or "").startswith("You will see: ")
    assert 20 <= len(text.splitlines()) <= 60
    assert [node.name for node in tree.body if isinstance(node, ast.AsyncFunctionDef)] == ["main"]
