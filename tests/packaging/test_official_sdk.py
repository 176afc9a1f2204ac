"""Vonage's own synchronous SDK, really installed in an environment of its own, sends to our simulator."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from vonage_messages.simulator import Simulator

if TYPE_CHECKING:
    from .conftest import Environment

PAGE = (Path(__file__).parents[2] / "docs" / "testing.md").read_text(encoding="utf-8")
(PROGRAM,) = re.findall(r"```py\n(.*?)```", PAGE, re.DOTALL)
WITH_FAILOVER = PROGRAM.replace('text="Hello")', 'text="Hello"), [Sms(to="447700900000", from_="Acme", text="Again")]')


@pytest.mark.parametrize("program", [PROGRAM, WITH_FAILOVER], ids=["one message", "with failover"])
async def test_the_official_sdk_sends_to_the_simulator(theirs_alone: Environment, program: str) -> None:
    async with Simulator() as simulator:
        finished = await asyncio.to_thread(theirs_alone.python, "-c", program, **simulator.environment())

        assert finished.stderr == ""
        assert finished.stdout.strip() == simulator.messages[0].message_uuid
        assert simulator.messages[0].sent_by == "application"
        assert simulator.refusals == []
