"""The examples of queues and plans, run as users copy them; what they send arrives at the simulator, in their order."""

from __future__ import annotations

import ast
import asyncio
import os
import re
import sys
from pathlib import Path

import pytest

from vonage_messages.simulator import Simulator

PYTHON = [sys.executable, "-IS", str(Path(__file__).parents[1] / "forked.py")]
pytestmark = pytest.mark.usefixtures("forked")
EXAMPLES = Path(__file__).parent.parent.parent / "examples"
NAMES = ["paced_queue", "priorities", "plan_campaign"]
UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
RECIPIENTS = [f"4477009{number:05}" for number in range(24)]
SETTINGS = {
    "MESSAGES_TO_NUMBER": "+44 7700 900000",
    "MESSAGES_TO_NUMBERS": ",".join(RECIPIENTS),
    "SMS_SENDER_ID": "Acme",
}


async def output_of(name: str, environment: dict[str, str]) -> list[str]:
    """Run an example; give the lines it prints."""
    process = await asyncio.create_subprocess_exec(
        *PYTHON,
        "-W",
        "error",
        str(EXAMPLES / f"{name}.py"),
        env={**os.environ, **SETTINGS, **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        output, errors = await asyncio.wait_for(process.communicate(), 120)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert (process.returncode, errors.decode()) == (0, "")
    return output.decode().splitlines()


async def test_the_paced_queue_sends_all_at_the_published_rate_and_tells_of_each() -> None:
    async with Simulator() as simulator:
        *lines, last = await output_of("paced_queue", simulator.environment())
        uuids = {message.client_ref: message.message_uuid for message in simulator.messages}
    assert last == "24 accepted, 0 failed, 0 refused for being too fast"
    assert {line.partition(" ")[0]: line.rpartition(" ")[2] for line in lines} == uuids
    waited = [re.fullmatch(rf"reminder-\d+ after (\d+\.\d\d) s: {UUID}", line) for line in lines]
    assert None not in waited
    # Those to several people leave in order, and arrive over several connections: one may overtake another.
    assert {*uuids} == {f"reminder-{place}" for place in range(1, 25)}
    # The last one waits for 23 others, apart from the moment in which they are put.
    assert max(float(match[1]) for match in waited if match) >= 23 / 30 - 0.2


async def test_the_paced_queue_tells_what_was_refused() -> None:
    async with Simulator() as simulator:
        simulator.balance.amount = 2 * simulator.balance.price
        *lines, last = await output_of(
            "paced_queue", {**simulator.environment(), "MESSAGES_TO_NUMBERS": "447700900001,447700900002,447700900003"}
        )
    assert last == "2 accepted, 1 failed, 0 refused for being too fast"
    assert len([line for line in lines if line.startswith("reminder-3 not sent: ")]) == 1


async def test_the_code_overtakes_the_newsletters() -> None:
    async with Simulator() as simulator:
        everybody = {"MESSAGES_TO_NUMBERS": ",".join(f"4477009{number:05}" for number in range(60))}
        lines = await output_of("priorities", simulator.environment() | everybody)
        arrived = [message.client_ref for message in simulator.messages]
    newsletters = [f"newsletter-{place}" for place in range(1, 61)]
    assert sorted(arrived, key=str) == sorted(["code", *newsletters])
    # A third of all places for what takes its time: on a busy machine one connection also overtakes another.
    assert 1 <= arrived.index("code") <= 20
    assert {line.split("  ")[-1] for line in lines if "took" not in line} == set(arrived)
    told = next(
        re.fullmatch(r"The code took \d+\.\d\d s; (\d+) newsletters still wait", line)
        for line in lines
        if "took" in line
    )
    assert told is not None
    assert int(told[1]) >= 5


async def test_the_plan_shows_what_more_senders_save() -> None:
    assert await output_of("plan_campaign", {}) == [
        "From 1: 10,000 messages (10,000 SMS segments) in 2 h 46 min 39 s; 9,999 have to wait",
        "  account: 10,000, 5 min 33 s",
        "  channel sms: 10,000",
        "  sender 14*******00: 10,000, 2 h 46 min 39 s",
        "  10000 messages of one sender take 2.8 hours",
        "From 4: 10,000 messages (10,000 SMS segments) in 41 min 39 s; 9,999 have to wait",
        "  account: 10,000, 5 min 33 s",
        "  channel sms: 10,000",
        "  sender 14*******00: 2,500, 41 min 39 s",
        "  2500 messages of one sender take 0.7 hours",
    ]


@pytest.mark.parametrize("name", NAMES)
def test_an_example_is_a_whole_program_that_says_first_what_you_will_see(name: str) -> None:
    text = (EXAMPLES / f"{name}.py").read_text(encoding="utf-8")
    tree = ast.parse(text)
    assert (ast.get_docstring(tree) or "").startswith("You will see: ")
    assert 20 <= len(text.splitlines()) <= 60
    assert [node.name for node in tree.body if isinstance(node, ast.AsyncFunctionDef)] == ["main"]


@pytest.mark.parametrize("name", NAMES)
def test_an_example_uses_public_names_only(name: str) -> None:
    tree = ast.parse((EXAMPLES / f"{name}.py").read_text(encoding="utf-8"))
    modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {module for module in modules if module and module.startswith("vonage_messages")} == {"vonage_messages"}
