"""A platform on the loopback that answers as a test says, what is sent to it, and what an outbox keeps of that."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import attrs
from aiohttp import web

from vonage_messages import BasicAuth
from vonage_messages.channels.sms import Sms
from vonage_messages.ledger import Row, State
from vonage_messages.limits.levels import Limits
from vonage_messages.sending.outbox import Outbox

UNLIMITED = Limits.unlimited()
AUTH = BasicAuth(api_key="abcd1234", api_secret="made-up")


def sms(number: int, *, to: str | None = None) -> Sms:
    return Sms(to=to or str(447700900000 + number), from_="Acme", text=f"Hello {number}", client_ref=f"row-{number}")


def some(count: int, first: int = 0) -> list[Sms]:
    return [sms(number) for number in range(first, first + count)]


def problem(status: int, **headers: str) -> web.Response:
    body = {"type": "https://example.com/problem", "title": f"problem {status}", "detail": "made up", "instance": "i-1"}
    return web.json_response(body, status=status, headers=headers)


def accepted(number: int = 0) -> web.Response:
    return web.json_response({"message_uuid": f"00000000-0000-4000-8000-{number:012}"}, status=202)


@attrs.define
class Came:
    ref: str
    body: dict[str, Any]
    at: float


class Platform:
    """Notes what came, and answers each request as *answer* says; by default it accepts."""

    def __init__(self, port: int) -> None:
        self.came: list[Came] = []
        self.answer: Callable[[Came, int], Awaitable[web.StreamResponse] | web.StreamResponse] = lambda _, n: accepted(
            n
        )
        self.url = f"http://127.0.0.1:{port}"
        self._port = port
        self._runner: web.AppRunner | None = None

    @property
    def refs(self) -> list[str]:
        return [came.ref for came in self.came]

    @property
    def repeated(self) -> dict[str, int]:
        return {ref: times for ref, times in Counter(self.refs).items() if times > 1}

    def hold(self) -> asyncio.Event:
        """Accept every message only when the event is set that this gives."""
        may_answer = asyncio.Event()

        async def answer(_came: Came, number: int) -> web.StreamResponse:
            await may_answer.wait()
            return accepted(number)

        self.answer = answer
        return may_answer

    async def start(self) -> None:
        application = web.Application()
        application.router.add_post("/v1/messages", self._serve)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()

    async def stop(self) -> None:
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        came = Came(body.get("client_ref", ""), body, time.monotonic())
        self.came.append(came)
        answer = self.answer(came, len(self.came))
        return answer if isinstance(answer, web.StreamResponse) else await answer


async def rows_of(outbox: Outbox, *states: State) -> list[Row]:
    return [row async for row in outbox.rows(*states)]


async def until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110  of what is waited for, nobody tells
            await asyncio.sleep(0.005)
