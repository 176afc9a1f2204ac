"""The README's programs run as they stand, against the simulator."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from vonage_messages.simulator import Simulator
from vonage_messages.webhooks import sign_webhook

PYTHON = [sys.executable, "-IS", str(Path(__file__).parent / "forked.py")]
pytestmark = pytest.mark.usefixtures("forked")
README = Path(__file__).parent.parent / "README.md"
ALL_BLOCKS: list[str] = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
SERVICES = [block for block in ALL_BLOCKS if "web.run_app" in block]
TESTS = [block for block in ALL_BLOCKS if "def test_" in block]
BLOCKS = [block for block in ALL_BLOCKS if block not in SERVICES and block not in TESTS]
SECRET = "signature-secret-of-the-readme"
INBOUND = {
    "channel": "whatsapp",
    "message_uuid": "3f0f7c3e-6a5f-4a7e-9a52-6a6f0f8f2d11",
    "to": "447700900001",
    "from": "447700900000",
    "timestamp": "2026-11-01T09:30:00Z",
    "message_type": "text",
    "text": "Hello",
    "context_status": "none",
    "profile": {"name": "Ada"},
}
EXPECTED = {
    0: r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\n",
    1: r"whatsapp 447700900000 Your parcel is here\n",
    2: r"(delivered|read)\n",
    3: r"40\n40 True\n",
    4: r"25 25 0 25\n",
    5: r"to: .*\ntext: must not be empty\nttl: must be 20 to 604800 \(seconds\), not 4294967296\n",
}


def test_every_program_of_the_readme_has_an_expected_output() -> None:
    assert len(BLOCKS) == len(EXPECTED)


@pytest.mark.parametrize("index", range(len(BLOCKS)))
async def test_a_program_of_the_readme_prints_what_it_should(index: int, tmp_path: Path) -> None:
    async with Simulator() as simulator:
        process = await asyncio.create_subprocess_exec(
            *PYTHON,
            "-W",
            "error",
            "-c",
            BLOCKS[index],
            env={**os.environ, **simulator.environment()},
            cwd=tmp_path,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        output, errors = await asyncio.wait_for(process.communicate(), 30)
    assert errors.decode() == ""
    assert re.fullmatch(EXPECTED[index], output.decode())


def test_the_tests_of_the_readme_pass(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makepyfile(*TESTS)

    pytester.runpytest_subprocess("-p", "vonage_messages.testing.plugin", "-W", "error").assert_outcomes(passed=1)


def test_the_output_that_the_readme_shows_is_the_one_that_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    shown = re.search(r"```text\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    exec(compile(BLOCKS[5], "README.md", "exec"), {})  # noqa: S102  the README's own program
    assert shown is not None
    assert capsys.readouterr().out == shown[1]


async def test_the_service_of_the_readme_handles_what_is_signed_and_refuses_what_is_not(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VONAGE_SIGNATURE_SECRET", SECRET)
    namespace: dict[str, Any] = {"__name__": "readme"}
    exec(compile(SERVICES[0], "README.md", "exec"), namespace)  # noqa: S102  the README's own program
    body = json.dumps(INBOUND).encode()
    async with TestClient(TestServer(namespace["app"])) as client:
        for secret, status in ((SECRET, 200), ("another-secret", 401)):
            headers = sign_webhook(body, secret, api_key="abcd1234", issued_at=int(time.time()))
            answer = await client.post(
                "/webhooks/inbound-message", data=body, headers={**headers, "Content-Type": "application/json"}
            )
            assert answer.status == status
    assert capsys.readouterr().out == "Ada wrote: Hello\n"
