"""The examples that receive webhooks, run as users copy them, and called over loopback."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from vonage_messages.webhooks.signing import sign_webhook

PYTHON = [sys.executable, "-IS", str(Path(__file__).parents[1] / "forked.py")]
pytestmark = pytest.mark.usefixtures("forked")
EXAMPLES = Path(__file__).parent.parent.parent / "examples"
SECRET = "example-signature-secret-0123456789abcdef"
INBOUND = {"channel": "sms", "message_type": "text", "message_uuid": "one", "to": "1", "from": "2", "text": "Hello"}
STATUS = {"channel": "sms", "status": "rejected", "message_uuid": "two", "to": "1", "from": "2"}
READ = {"channel": "rcs", "status": "read", "message_uuid": "three", "to": "1", "from": "2"}


@asynccontextmanager
async def running(name: str, port: int) -> AsyncIterator[asyncio.subprocess.Process]:
    environment = {**os.environ, "VONAGE_SIGNATURE_SECRET": SECRET, "HOST": "127.0.0.1", "PORT": str(port)}
    process = await asyncio.create_subprocess_exec(
        *PYTHON,
        str(EXAMPLES / f"{name}.py"),
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        await listening(process, port)
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def listening(process: asyncio.subprocess.Process, port: int) -> None:
    async with asyncio.timeout(60):
        while process.returncode is None:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.05)
                continue
            writer.close()
            await writer.wait_closed()
            return
    pytest.fail("the example ended before it listened")


async def post(port: int, path: str, event: dict[str, str], secret: str = SECRET) -> int:
    body = json.dumps(event).encode()
    headers = sign_webhook(body, secret, api_key="a1b2c3d", issued_at=time.time())
    async with (
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session,
        session.post(f"http://127.0.0.1:{port}{path}", data=body, headers=headers) as response,
    ):
        return response.status


async def lines_of(process: asyncio.subprocess.Process) -> list[str]:
    process.send_signal(signal.SIGTERM)
    output, errors = await asyncio.wait_for(process.communicate(), 60)
    assert "Traceback" not in errors.decode()
    return [line for line in output.decode().splitlines() if line[:3] in ("sms", "rcs")]


async def test_aiohttp_example_prints_genuine_events_only(unused_tcp_port: int) -> None:
    port = unused_tcp_port
    async with running("receive_webhooks", port) as process:
        assert await post(port, "/webhooks/inbound-message", INBOUND) == 200
        assert await post(port, "/webhooks/inbound-message", INBOUND) == 200
        assert await post(port, "/webhooks/message-status", STATUS) == 200
        assert await post(port, "/webhooks/message-status", READ) == 200
        assert await post(port, "/webhooks/inbound-message", {**INBOUND, "message_uuid": "x"}, "forged-secret") == 401
        lines = await lines_of(process)
    assert lines == ["sms message one: Hello", "sms message two failed: None", "rcs MessageStatus three"]


async def test_fastapi_example_prints_genuine_events_only(unused_tcp_port: int) -> None:
    port = unused_tcp_port
    async with running("receive_webhooks_fastapi", port) as process:
        assert await post(port, "/webhooks/inbound-message", INBOUND) == 200
        assert await post(port, "/webhooks/message-status", READ) == 200
        assert await post(port, "/webhooks/message-status", STATUS, "forged-secret") == 401
        lines = await lines_of(process)
    assert lines == ["sms text one", "rcs message three is read"]
