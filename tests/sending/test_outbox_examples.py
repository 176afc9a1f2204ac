"""The examples of durable and of live sends, run as users copy them; what they send arrives at the simulator."""

from __future__ import annotations

import ast
import asyncio
import os
import re
import sys
from collections import Counter
from pathlib import Path

import pytest

from vonage_messages.ledger import State
from vonage_messages.simulator import Simulator

PYTHON = [sys.executable, "-IS", str(Path(__file__).parents[1] / "forked.py")]
pytestmark = pytest.mark.usefixtures("forked")
EXAMPLES = Path(__file__).parent.parent.parent / "examples"
NAMES = ["bulk_resume", "live_feed"]
UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
RECIPIENTS = [f"4477009{number:05}" for number in range(45)]
SETTINGS = {
    "MESSAGES_TO_NUMBERS": ",".join(RECIPIENTS),
    "MESSAGES_SUBSCRIBERS": "sms:447700900001,whatsapp:447700900002,viber:447700900003",
    "SMS_SENDER_ID": "Acme",
    "WHATSAPP_SENDER_ID": "14155550100",
    "VIBER_SENDER_ID": "16273",
}


async def output_of(name: str, simulator: Simulator, folder: Path) -> list[str]:
    """Run an example; give the lines it prints."""
    files = {"OUTBOX_FILE": str(folder / "campaign.db"), "LIMITS_FILE": str(folder / "limits.json")}
    process = await asyncio.create_subprocess_exec(
        *PYTHON,
        "-W",
        "error",
        str(EXAMPLES / f"{name}.py"),
        env={**os.environ, **SETTINGS, **files, **simulator.environment()},
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


async def test_the_campaign_that_is_interrupted_and_started_again_sends_each_message_once(tmp_path: Path) -> None:
    async with Simulator(rate=None) as simulator:  # one that refuses nothing: a request for each message then
        first, second, interrupted, ended, *rows = await output_of("bulk_resume", simulator, tmp_path)
        again = await output_of("bulk_resume", simulator, tmp_path)
        recipients = Counter(message.to for message in simulator.messages)
        refs = {message.client_ref for message in simulator.messages}
    assert (first, second) == ("45 added, 0 there already", "0 added, 45 there already")
    waiting = re.fullmatch(r"Interrupted; (\d+) wait", interrupted)
    assert waiting is not None
    assert 0 < int(waiting[1]) < 45
    assert ended == "45 accepted, 0 failed, 0 in doubt"
    # What was interrupted between its mark and its request has two marks, and one request all the same.
    assert [re.sub("[12] request$", "once", row) for row in rows] == [
        f"spring {to}: accepted, once" for to in RECIPIENTS
    ]
    assert again == ["0 added, 45 there already"] * 2 + [ended, *rows]
    assert recipients == Counter(RECIPIENTS)
    assert len(refs) == 45


async def test_every_event_reaches_every_subscriber_on_the_channel_of_their_choice(tmp_path: Path) -> None:
    async with Simulator() as simulator:
        *lines, last = await output_of("live_feed", simulator, tmp_path)
        arrived = Counter((message.channel, message.to) for message in simulator.messages)
        texts = Counter(message.payload["text"] for message in simulator.messages)
    subscribers = [("sms", "447700900001"), ("whatsapp", "447700900002"), ("viber_service", "447700900003")]
    assert arrived == Counter(dict.fromkeys(subscribers, 4))
    assert texts == Counter({"1:0": 3, "1:1": 3, "The match is interrupted": 3, "2:1": 3})
    assert last == "12 of 12 accepted"
    assert len(lines) == 12
    assert all(re.fullmatch(rf"(sms|whatsapp|viber_service) +4477009000\d\d  {UUID}", line) for line in lines)


@pytest.mark.parametrize("name", NAMES)
def test_an_example_is_a_whole_program_that_says_first_what_you_will_see(name: str) -> None:
    text = (EXAMPLES / f"{name}.py").read_text(encoding="utf-8")
    tree = ast.parse(text)
    assert (ast.get_docstring(tree) or "").startswith("You will see: ")
    assert 20 <= len(text.splitlines()) <= 70
    assert "main" in [node.name for node in tree.body if isinstance(node, ast.AsyncFunctionDef)]


@pytest.mark.parametrize("name", NAMES)
def test_an_example_uses_public_names_only(name: str) -> None:
    tree = ast.parse((EXAMPLES / f"{name}.py").read_text(encoding="utf-8"))
    modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {module for module in modules if module and module.startswith("vonage_messages")} == {"vonage_messages"}


# The document -----------------------------------------------------------------------------------------------------

DOCUMENT = Path(__file__).parent.parent.parent / "docs" / "outbox.md"
PROMISES = [
    "No row is lost.",
    "No row is sent twice, except by an in-doubt policy that says so.",
    "Limits hold over a resume.",
]


def test_the_document_promises_what_the_class_promises_word_for_word() -> None:
    import vonage_messages.sending.outbox as module  # noqa: PLC0415  its docstring is what is looked at

    for text in (DOCUMENT.read_text(encoding="utf-8"), module.__doc__ or ""):
        assert [promise for promise in PROMISES if f"- {promise}" in text] == PROMISES


def test_the_document_names_every_state() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert all(f"| `{state}` |" in text for state in State)
