"""A simulator, a webhook service that checks signatures, and the environment of a program that works with both."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import attrs
import pytest
from aiohttp import web

from vonage_messages.adapters.aiohttp import webhook_routes
from vonage_messages.simulator import Simulator, Webhooks
from vonage_messages.webhooks import MessageStatus, Router, SignatureVerifier


@attrs.define
class House:
    """What works, until a test breaks it."""

    simulator: Simulator
    environment: dict[str, str]
    folder: Path
    key_file: Path
    url: str
    nowhere: str
    """Where nobody listens."""

    statuses: list[MessageStatus] = attrs.field(factory=list)


@asynccontextmanager
async def served(application: web.Application) -> AsyncIterator[str]:
    runner = web.AppRunner(application)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@pytest.fixture
async def house(tmp_path: Path, unused_tcp_port: int) -> AsyncIterator[House]:
    async with Simulator(rate=None) as simulator:
        key_file = tmp_path / "private.key"
        key_file.write_text(simulator.private_key)
        key_file.chmod(0o600)
        environment = {**simulator.environment(), "VONAGE_PRIVATE_KEY": str(key_file)}
        router, statuses = Router(), list[MessageStatus]()

        @router.status()
        async def keep(status: MessageStatus) -> None:
            statuses.append(status)

        application = web.Application()
        application.add_routes(webhook_routes(router, verifier=SignatureVerifier(simulator.signature_secret)))
        async with served(application) as url:
            simulator.webhooks = Webhooks(
                status_url=f"{url}/webhooks/message-status", inbound_url=f"{url}/webhooks/inbound-message"
            )
            nowhere = f"http://127.0.0.1:{unused_tcp_port}"
            yield House(simulator, environment, tmp_path, key_file, url, nowhere, statuses)


@pytest.fixture
def serve() -> Callable[[web.Application], AbstractAsyncContextManager[str]]:
    return served
