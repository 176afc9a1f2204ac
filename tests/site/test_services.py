"""The services of the how-to guides do what the guides say, with real sockets on both sides."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
import uvicorn
from _site.names import DOCS
from _site.programs import programs_of
from aiohttp import web

from vonage_messages.simulator import Simulator, Webhooks, callbacks

PATIENCE = 60


def service_of(page: str) -> dict[str, Any]:
    """Run the program of a page as a module."""
    namespace: dict[str, Any] = {"__name__": "service"}
    exec(compile(programs_of(DOCS / page)[0].parsed, page, "exec"), namespace)  # noqa: S102  our own page
    return namespace


@asynccontextmanager
async def on_aiohttp() -> AsyncIterator[str]:
    runner = web.AppRunner(service_of("aiohttp-service.md")["make_app"]())
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


@asynccontextmanager
async def on_fastapi() -> AsyncIterator[str]:
    application = service_of("fastapi-service.md")["app"]
    server = uvicorn.Server(uvicorn.Config(application, log_config=None, ws="none", lifespan="on"))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        async with asyncio.timeout(PATIENCE):
            while not server.started:  # noqa: ASYNC110  bounded above; the server sets an attribute only
                await asyncio.sleep(0.005)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        await asyncio.wait_for(serving, PATIENCE)


@asynccontextmanager
async def as_they_are(address: str) -> AsyncIterator[str]:
    yield f"{address}/webhooks"


@asynccontextmanager
async def behind_a_proxy(address: str) -> AsyncIterator[str]:
    """Do what the nginx of the guide does: another path in front, and the headers and bytes as they came."""

    async def pass_on(request: web.Request) -> web.Response:
        async with aiohttp.ClientSession() as session:
            headers = {name: value for name, value in request.headers.items() if name != "Host"}
            url = f"{address}/webhooks/{request.match_info['rest']}"
            async with session.post(url, data=await request.read(), headers=headers) as answer:
                return web.Response(status=answer.status, body=await answer.read())

    app = web.Application()
    app.router.add_post("/vonage/{rest}", pass_on)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/vonage"
    await runner.cleanup()


@pytest.mark.parametrize("way", [as_they_are, behind_a_proxy], ids=lambda way: way.__name__)
@pytest.mark.parametrize("served", [on_aiohttp, on_fastapi], ids=lambda served: served.__name__)
async def test_a_service_sends_and_hears(
    served: Any, way: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # What is not answered in time is tried again, and then is one try more.
    monkeypatch.setattr(callbacks, "CONNECT_WITHIN", PATIENCE)
    monkeypatch.setattr(callbacks, "ANSWER_WITHIN", PATIENCE)
    async with Simulator(provider_limits=()) as simulator, aiohttp.ClientSession() as caller:
        for name, value in simulator.environment().items():
            monkeypatch.setenv(name, value)
        async with served() as address, way(address) as base:
            simulator.webhooks = Webhooks(status_url=f"{base}/message-status", inbound_url=f"{base}/inbound-message")
            simulator.fail(1320, to="447700900001")

            answers = []
            for to in ("447700900000", "447700900001", "Alice"):
                async with caller.post(f"{address}/notify", json={"to": to, "id": "42"}) as answer:
                    answers.append((answer.status, await answer.json()))
            await simulator.inbound(channel="sms", from_="447700900000", text="Where is it?")
            forged = await simulator.inbound(channel="sms", text="Me", signature_secret="another secret")
            await simulator.settle(timeout=PATIENCE)
            tries = simulator.callbacks

    assert [status for status, _ in answers] == [202, 202, 422]
    assert [body["message_uuid"] for _, body in answers[:2]] == [each.message_uuid for each in simulator.messages]
    assert "to: must be a phone number" in str(answers[2][1])
    assert forged.status == 401
    assert {each.status for each in tries} == {200, 401}
    lines = capsys.readouterr().out.splitlines()
    assert sorted(lines) == ["447700900000 wrote: Where is it?", "order 42: rejected"]
