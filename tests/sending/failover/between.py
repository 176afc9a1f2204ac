"""A way to the simulator on which requests and answers are held up, or lost."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import aiohttp
from aiohttp import web

from vonage_messages.auth import ApplicationAuth
from vonage_messages.clients.client import Client
from vonage_messages.simulator import Simulator


@asynccontextmanager
async def serving(application: web.Application) -> AsyncIterator[str]:
    runner = web.AppRunner(application, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


class Between:
    """A way to the simulator on which requests and answers are held up, or lost, by channel."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self.held: dict[str, asyncio.Event] = {}
        self.unanswered: dict[str, asyncio.Event] = {}
        self.lost: dict[str, Callable[[web.Request, web.Response], web.Response]] = {}
        self.arrived: dict[str, asyncio.Event] = {"rcs": asyncio.Event(), "sms": asyncio.Event()}
        self.swallowed: set[str] = set()

    async def pass_on(self, request: web.Request) -> web.Response:
        body = await request.read()
        channel = json.loads(body)["channel"]
        if channel in self.arrived:
            self.arrived[channel].set()
        if channel in self.held:
            await self.held[channel].wait()
        if channel in self.swallowed:
            return web.Response(status=503)
        headers = {name: request.headers[name] for name in ("Authorization", "Content-Type")}
        async with (
            aiohttp.ClientSession() as session,
            session.post(self.simulator.url + request.path, data=body, headers=headers) as answer,
        ):
            passed = web.Response(status=answer.status, body=await answer.read(), content_type="application/json")
        if channel in self.unanswered:
            await self.unanswered[channel].wait()
        return self.lost[channel](request, passed) if channel in self.lost else passed


@asynccontextmanager
async def between(simulator: Simulator) -> AsyncIterator[tuple[Between, Client]]:
    middle = Between(simulator)
    application = web.Application()
    application.router.add_post("/v1/messages", middle.pass_on)
    auth = ApplicationAuth(application_id=simulator.application_id, private_key=simulator.private_key)
    async with serving(application) as url, Client(auth, base_url=url) as client:
        yield middle, client


def fail_503(_request: web.Request, _passed: web.Response) -> web.Response:
    return web.Response(status=503)


def hang_up(request: web.Request, _passed: web.Response) -> web.Response:
    assert request.transport is not None
    request.transport.close()
    return web.Response(status=202)
