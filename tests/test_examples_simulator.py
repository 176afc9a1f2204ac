"""The simulator is plain HTTP: with curl, with the requests of another SDK, and as the documentation says."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from pathlib import Path

import pytest

from vonage_messages.simulator import Delivery, Simulator

ROOT = Path(__file__).parent.parent
UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
FAST = Delivery(submitted_after=0, delivered_after=0, read_after=0)


async def run(*command: str, environment: dict[str, str]) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        *command,
        env={**os.environ, **environment},
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


@pytest.mark.needs("curl")
async def test_the_simulator_is_driven_with_curl() -> None:
    async with Simulator(delivery=FAST) as simulator:
        code, output, errors = await run(
            "sh", str(ROOT / "examples" / "simulator_with_curl.sh"), environment=simulator.environment()
        )
    assert (code, errors) == (0, "")
    assert output.splitlines() == [
        "sent: 202",
        "delivered: Your code is 4242",
        "written: Thanks",
        "throttled: 429",
        "sent: 202",
    ]


@pytest.mark.needs("curl")
async def test_the_curl_example_says_that_it_needs_a_simulator() -> None:
    code, _, errors = await run(
        "sh", str(ROOT / "examples" / "simulator_with_curl.sh"), environment={"VONAGE_BASE_URL": ""}
    )
    assert code != 0
    assert "start a simulator" in errors


async def test_the_requests_of_the_official_sdk_are_understood() -> None:
    name = "simulator_with_official_shapes"
    program = ROOT / "examples" / f"{name}.py"
    assert "vonage_messages" not in re.sub(r'"""(?s:.*?)"""', "", program.read_text(encoding="utf-8"))
    async with Simulator() as simulator:
        code, output, errors = await run(
            sys.executable, "-W", "error", str(program), environment=simulator.environment()
        )
        assert (code, errors) == (0, "")
        assert re.fullmatch(
            r"POST /v1/messages with Basic: 202\n"
            r"POST /v1/messages with Bearer: 202\n"
            rf"PATCH /v1/messages/{UUID} with Bearer: 202\n"
            r"POST /v1/messages with Bearer: 422\n"
            r"Invalid recipient: The `to` parameter is invalid for the given channel\. .*\n",
            output,
        )
        assert [(each.channel, each.sent_by) for each in simulator.messages] == [
            ("sms", "account"),
            ("rcs", "application"),
        ]
        assert [each.status for each in simulator.messages[1].updates] == ["revoked"]


def commands() -> list[str]:
    """Give the commands of the documentation; an older curl has no ``--json``, so it is spelt out."""
    page = (ROOT / "docs" / "simulator.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```sh\n(.*?)```", page, re.DOTALL)
    return [block.replace("--json ", "--header 'Content-Type: application/json' --data ") for block in blocks]


@pytest.mark.needs("curl")
async def test_the_commands_of_the_documentation_do_what_they_say() -> None:
    async with Simulator(delivery=FAST) as simulator:
        for block in commands():
            checked = block.replace("curl ", "curl --silent --show-error --fail-with-body ")
            code, output, errors = await run("sh", "-eu", "-c", checked, environment=simulator.environment())
            assert code == 0, (block, output, errors)
            assert "Timeout" in errors or "timed out" in errors or errors == ""
        assert (simulator.messages, len(simulator.faults), len(simulator.people)) == ([], 0, 0)
