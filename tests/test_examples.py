"""Every example runs as users copy it, and what it sends arrives at the simulator."""

from __future__ import annotations

import ast
import asyncio
import os
import re
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from vonage_messages.simulator import Simulator

PYTHON = [sys.executable, "-IS", str(Path(__file__).parent / "forked.py")]
pytestmark = pytest.mark.usefixtures("forked")
EXAMPLES = Path(__file__).parent.parent / "examples"
UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
SETTINGS = {
    "MESSAGES_TO_NUMBER": "+44 7700 900000",
    "MESSENGER_RECIPIENT_ID": "7064120230221346",
    "MESSENGER_SENDER_ID": "107083064136738",
    "RCS_SENDER_ID": "Acme",
    "SMS_SENDER_ID": "Acme",
    "VIBER_SENDER_ID": "22353",
    "WHATSAPP_SENDER_ID": "447700900001",
    "WHATSAPP_TEMPLATE_NAME": "order_shipped",
}


class Expected(NamedTuple):
    """What a run prints, and which of the fields arrive."""

    output: str
    arrived: list[dict[str, Any]]


EXPECTED = {
    "send_sms": Expected(
        rf"Accepted: {UUID} \(parcel-1\)\n",
        [{"channel": "sms", "to": "447700900000", "from": "Acme", "text": "Your parcel is at the door."}],
    ),
    "send_whatsapp": Expected(
        rf"text: {UUID}\nimage: {UUID}\ntemplate: {UUID}\ncustom: {UUID}\n",
        [
            {"channel": "whatsapp", "message_type": "text", "from": "447700900001"},
            {"message_type": "image", "image": {"url": "https://example.com/parcel.jpg", "caption": "Your parcel"}},
            {
                "message_type": "template",
                "template": {"name": "order_shipped", "parameters": ["Ada", "AB123"]},
                "whatsapp": {"locale": "en_GB"},
            },
            {
                "message_type": "custom",
                "custom": {
                    "type": "interactive",
                    "interactive": {
                        "type": "button",
                        "body": {"text": "Shall we ring?"},
                        "footer": {"text": "Acme"},
                        "action": {
                            "buttons": [
                                {"type": "reply", "reply": {"id": "Yes", "title": "Yes"}},
                                {"type": "reply", "reply": {"id": "No", "title": "No"}},
                            ]
                        },
                    },
                },
            },
        ],
    ),
    "send_viber": Expected(
        rf"text: {UUID}\nimage: {UUID}\n",
        [
            {
                "channel": "viber_service",
                "text": "Your parcel has left.",
                "viber_service": {
                    "category": "transaction",
                    "ttl": 600,
                    "action": {"url": "https://example.com/track/AB123", "text": "Track it"},
                },
            },
            {"message_type": "image", "image": {"url": "https://example.com/parcel.jpg"}},
        ],
    ),
    "send_messenger": Expected(
        rf"text: {UUID}\ncustom: {UUID}\n",
        [
            {
                "channel": "messenger",
                "to": "7064120230221346",
                "from": "107083064136738",
                "messenger": {"category": "message_tag", "tag": "POST_PURCHASE_UPDATE"},
            },
            {
                "message_type": "custom",
                "custom": {
                    "attachment": {
                        "type": "template",
                        "payload": {
                            "template_type": "button",
                            "text": "Shall we ring?",
                            "buttons": [
                                {"type": "postback", "title": "Yes", "payload": "ring"},
                                {"type": "phone_number", "title": "Call us", "payload": "+447700900001"},
                            ],
                        },
                    }
                },
            },
        ],
    ),
    "failover": Expected(
        rf"Workflow [0-9a-z]+ begins with message {UUID}\n",
        [
            {
                "channel": "rcs",
                "ttl": 300,
                "failover": [
                    {
                        "channel": "whatsapp",
                        "message_type": "text",
                        "to": "447700900000",
                        "from": "447700900001",
                        "text": "Your parcel is at the door. Shall we ring?",
                    },
                    {
                        "channel": "sms",
                        "message_type": "text",
                        "to": "447700900000",
                        "from": "Acme",
                        "text": "Your parcel is at the door. Shall we ring?",
                    },
                ],
            }
        ],
    ),
}


async def run_example(name: str, environment: dict[str, str]) -> tuple[int, str, str]:
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
        output, errors = await asyncio.wait_for(process.communicate(), 600)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode or 0, output.decode(), errors.decode()


@pytest.mark.parametrize("name", EXPECTED)
async def test_an_example_sends_what_it_says(name: str) -> None:
    async with Simulator() as simulator:
        code, output, errors = await run_example(name, simulator.environment())
        assert (code, errors) == (0, "")
        assert re.fullmatch(EXPECTED[name].output, output)
        assert len(simulator.messages) == len(EXPECTED[name].arrived)
        for message, expected in zip(simulator.messages, EXPECTED[name].arrived, strict=True):
            assert {key: message.payload[key] for key in expected} == expected
            assert message.message_uuid in output
        assert simulator.refusals == []


async def test_the_sms_example_tells_in_one_line_why_a_number_is_refused() -> None:
    async with Simulator() as simulator:
        environment = {**simulator.environment(), "MESSAGES_TO_NUMBER": "Alice"}
        code, output, errors = await run_example("send_sms", environment)
    assert (code, output) == (1, "")
    assert errors.startswith("Not sent: invalid Sms: to: must be a phone number")
    assert errors.count("\n") == 1


@pytest.mark.parametrize("name", EXPECTED)
def test_an_example_is_a_whole_program_that_says_first_what_you_will_see(name: str) -> None:
    text = (EXAMPLES / f"{name}.py").read_text(encoding="utf-8")
    tree = ast.parse(text)
    assert (ast.get_docstring(tree) or "").startswith("You will see: ")
    assert 20 <= len(text.splitlines()) <= 60
    assert [node.name for node in tree.body if isinstance(node, ast.AsyncFunctionDef)] == ["main"]


@pytest.mark.parametrize("name", EXPECTED)
def test_an_example_uses_public_names_only(name: str) -> None:
    tree = ast.parse((EXAMPLES / f"{name}.py").read_text(encoding="utf-8"))
    modules = [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert modules == ["vonage_messages"]


async def test_telemetry_shows_that_two_messages_belong_to_one_order() -> None:
    async with Simulator() as simulator:
        code, output, errors = await run_example("telemetry_console", simulator.environment())
    assert (code, errors) == (0, "")
    lines = output.splitlines()
    spans = [line.split("  ", 2) for line in lines if re.match(r"[0-9a-f]{8}  ", line)]
    assert len({trace_id for trace_id, *_ in spans}) == 1
    assert sorted(name.strip() for _, name, *_ in spans) == [
        "POST /v1/messages",
        "POST /v1/messages",
        "order",
        "send sms",
        "send whatsapp",
    ]
    assert "'vonage.to': '44********00'" in output
    assert {"vonage.send.accepted 1", "messaging.client.sent.messages 1"} <= set(lines)
    for secret in ("447700900000", "receipt", "Thank you"):
        assert secret not in output
