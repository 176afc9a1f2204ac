"""Vonage's own synchronous SDK, really installed in an environment of its own, sends to our simulator."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from vonage_messages.simulator import Simulator

if TYPE_CHECKING:
    from .conftest import Environment

PAGE = (Path(__file__).parents[2] / "docs" / "testing.md").read_text(encoding="utf-8")
(PROGRAM,) = re.findall(r"```py\n(.*?)```", PAGE, re.DOTALL)
WITH_FAILOVER = PROGRAM.replace('text="Hello")', 'text="Hello"), [Sms(to="447700900000", from_="Acme", text="Again")]')


GUIDE = (Path(__file__).parents[2] / "docs" / "moving-from-the-official-sdk.md").read_text(encoding="utf-8")
(BEFORE,) = re.findall(r"```py\n(.*?)```", GUIDE, re.DOTALL)
(AFTER,) = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)
TO_THE_SIMULATOR = """
import os

from requests.adapters import HTTPAdapter

send = HTTPAdapter.send


def send_to_the_simulator(self, request, **options):
    request.url = request.url.replace("https://api.nexmo.com", os.environ["VONAGE_BASE_URL"], 1)
    return send(self, request, **options)


HTTPAdapter.send = send_to_the_simulator
"""


async def test_the_two_programs_of_the_guide_send_the_same(theirs_alone: Environment) -> None:
    async with Simulator() as simulator:
        before = await asyncio.to_thread(
            theirs_alone.python, "-c", TO_THE_SIMULATOR + BEFORE, **simulator.environment()
        )
        after = await asyncio.to_thread(run_ours, AFTER, simulator.environment())

        assert (before.stderr, after.stderr) == ("", "")
        assert before.stdout == after.stdout == "True\n" * 3
        bodies = [captured.payload for captured in simulator.messages]
        assert len(bodies) == 6
        assert bodies[:3] == bodies[3:]


def run_ours(program: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603  the program of the guide
        [sys.executable, "-W", "error", "-c", program],
        env={**os.environ, **environment},
        capture_output=True,
        encoding="utf-8",
        timeout=600,
        check=False,
    )


@pytest.mark.parametrize("program", [PROGRAM, WITH_FAILOVER], ids=["one message", "with failover"])
async def test_the_official_sdk_sends_to_the_simulator(theirs_alone: Environment, program: str) -> None:
    async with Simulator() as simulator:
        finished = await asyncio.to_thread(theirs_alone.python, "-c", program, **simulator.environment())

        assert finished.stderr == ""
        assert finished.stdout.strip() == simulator.messages[0].message_uuid
        assert simulator.messages[0].sent_by == "application"
        assert simulator.refusals == []
