"""A running simulator, a plain aiohttp session that talks to it, and tokens in every state of disrepair."""

from __future__ import annotations

import base64
import time
from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import uuid4

import aiohttp
import jwt
import pytest

from vonage_messages.simulator import Simulator


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator(rate=None) as running:
        yield running


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as opened:
        yield opened


@pytest.fixture
def bearer() -> Callable[..., dict[str, str]]:
    """Make the header of a good token; keyword arguments replace claims, ``None`` leaves one out."""

    def make(simulator: Simulator, **changed: Any) -> dict[str, str]:
        now = int(time.time())
        claims = {
            "application_id": simulator.application_id,
            "iat": now,
            "jti": str(uuid4()),
            "exp": now + 900,
            **changed,
        }
        kept = {name: value for name, value in claims.items() if value is not None}
        return {"Authorization": "Bearer " + jwt.encode(kept, simulator.private_key, algorithm="RS256")}

    return make


@pytest.fixture
def basic() -> Callable[[Simulator], dict[str, str]]:
    def make(simulator: Simulator) -> dict[str, str]:
        pair = f"{simulator.api_key}:{simulator.api_secret}"
        return {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}

    return make


@pytest.fixture
def sms() -> dict[str, Any]:
    return {"channel": "sms", "message_type": "text", "to": "447700900000", "from": "Acme", "text": "Hello"}
