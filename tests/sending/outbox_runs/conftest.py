"""What a run has: a real file, a real client, and a platform on the loopback that answers as a test says."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from vonage_messages import Client

from .scripted_platform import AUTH, Platform


@pytest.fixture
async def platform(unused_tcp_port: int) -> AsyncIterator[Platform]:
    made = Platform(unused_tcp_port)  # which nobody takes while it is down
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def client(platform: Platform) -> AsyncIterator[Client]:
    async with Client(AUTH, base_url=platform.url) as made:
        yield made
