"""One attempt of a transport, as its tests make it, and what no error of it may show."""

from __future__ import annotations

import asyncio
from typing import Any

from yarl import URL

from vonage_messages.clients.transport import Answer, Transport
from vonage_messages.wire.rest import Request

REQUEST = Request(method="POST", path="/v1/messages", body=b'{"text":"the secret words"}')
CREDENTIAL = "Bearer topsecret"


def transport_to(url: str, **options: Any) -> Transport:
    return Transport(URL(url), user_agent="tests/1", **options)


async def attempt(
    transport: Transport, *, total: float = 60.0, connect: float = 60.0, request: Request = REQUEST
) -> Answer:
    deadline = asyncio.get_running_loop().time() + total
    return await transport.attempt(request, CREDENTIAL, deadline=deadline, connect_timeout=connect)


def assert_safe(error: BaseException) -> None:
    """No credential and no text, neither in the error nor in what caused it."""
    seen: BaseException | None = error
    while seen is not None:
        shown = f"{seen}{seen!r}"
        assert "topsecret" not in shown
        assert "secret words" not in shown
        seen = seen.__cause__ or seen.__context__
