"""Callbacks as the platform makes them, handlers that keep what they get, and receivers of both kinds."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any

from vonage_messages.receiving.receiver import Answer, Receiver
from vonage_messages.webhooks.routing import Router
from vonage_messages.webhooks.signing import SignatureVerifier, sign_webhook
from vonage_messages.webhooks.stores import MemorySeenStore, SeenKey, Standing

SECRET = "example-signature-secret-0123456789abcdef"
UUID = "aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab"
JSON_HEADERS = {"Content-Type": "application/json"}


def inbound(uuid: str = UUID, text: str = "a secret text") -> bytes:
    return json.dumps(
        {
            "channel": "whatsapp",
            "message_type": "text",
            "message_uuid": uuid,
            "to": "447700900000",
            "from": "447700900001",
            "timestamp": "2025-02-03T12:14:25Z",
            "text": text,
        }
    ).encode()


def signed(body: bytes, **claims: Any) -> dict[str, str]:
    return sign_webhook(body, SECRET, **{"api_key": "a1b2c3d", "issued_at": time.time(), **claims})


class Recorder:
    """Handlers of a router that keep what they get, and fail or wait when told to."""

    def __init__(self) -> None:
        self.router = Router()
        self.router.event()(self.handle)
        self.events: list[Any] = []
        self.failures: list[Exception] = []
        self.started = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()

    async def handle(self, event: Any) -> None:
        self.started.set()
        await self.gate.wait()
        if self.failures:
            raise self.failures.pop()
        self.events.append(event)


def insecure(recorder: Recorder, **options: Any) -> Receiver:
    return Receiver(recorder.router, insecure=True, **options)


def secure(recorder: Recorder, **options: Any) -> Receiver:
    return Receiver(recorder.router, verifier=SignatureVerifier(SECRET), **options)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110  bounded above; what is waited for tells nobody
            await asyncio.sleep(0)


def problem(answer: Answer) -> dict[str, Any]:
    assert answer.content_type == "application/problem+json"
    document = json.loads(answer.body)
    assert document["status"] == answer.status
    return dict(document)


class FailingStore(MemorySeenStore):
    """Raises in one of its methods, once."""

    __slots__ = ("_fails",)

    def __init__(self, fails: str) -> None:
        super().__init__()
        self._fails = fails

    def _fail(self, method: str) -> None:
        if self._fails == method:
            self._fails = ""
            raise ConnectionError("the store is gone")

    async def begin(self, key: SeenKey, /) -> Standing:
        self._fail("begin")
        return await super().begin(key)

    async def commit(self, key: SeenKey, /) -> None:
        self._fail("commit")
        await super().commit(key)
