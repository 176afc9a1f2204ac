"""The aiohttp adapter over real sockets on loopback."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from vonage_messages.adapters.aiohttp import add_webhooks, webhook_routes
from vonage_messages.errors import ConfigurationError
from vonage_messages.webhooks.inbound import InboundMessage
from vonage_messages.webhooks.routing import Router
from vonage_messages.webhooks.signing import SignatureVerifier, sign_webhook
from vonage_messages.webhooks.status import MessageStatus

SECRET = "example-signature-secret-0123456789abcdef"
INBOUND = json.dumps(
    {"channel": "sms", "message_type": "text", "message_uuid": "one", "to": "1", "from": "2", "text": "hi"}
).encode()
STATUS = json.dumps({"channel": "sms", "status": "delivered", "message_uuid": "two", "to": "1", "from": "2"}).encode()


def signed(body: bytes) -> dict[str, str]:
    return sign_webhook(body, SECRET, api_key="a1b2c3d", issued_at=time.time())


class Service:
    """An application with both webhooks, whose handlers keep what they get and wait at a gate."""

    def __init__(self) -> None:
        self.router = Router()
        self.router.inbound()(self.handle)
        self.router.status()(self.handle)
        self.events: list[InboundMessage | MessageStatus] = []
        self.started = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()

    async def handle(self, event: InboundMessage | MessageStatus) -> None:
        self.started.set()
        await self.gate.wait()
        self.events.append(event)

    def application(self, **options: Any) -> web.Application:
        application = web.Application()
        add_webhooks(application, self.router, verifier=SignatureVerifier(SECRET), **options)
        return application


@pytest.fixture
def service() -> Service:
    return Service()


class Running:
    def __init__(self, runner: web.AppRunner, port: int, session: aiohttp.ClientSession) -> None:
        self.runner = runner
        self.port = port
        self.session = session

    async def post(self, path: str, body: Any, headers: dict[str, str]) -> tuple[int, str, bytes]:
        url = f"http://127.0.0.1:{self.port}{path}"
        async with self.session.post(url, data=body, headers=headers) as response:
            return response.status, response.content_type, await response.read()


@asynccontextmanager
async def running(application: web.Application) -> AsyncIterator[Running]:
    runner = web.AppRunner(application, shutdown_timeout=5)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        timeout = aiohttp.ClientTimeout(total=60)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            yield Running(runner, runner.addresses[0][1], session)
    finally:
        await runner.cleanup()


async def test_inbound_message_arrives_typed(service: Service) -> None:
    async with running(service.application()) as server:
        status, _, body = await server.post("/webhooks/inbound-message", INBOUND, signed(INBOUND))
    assert (status, body) == (200, b"")
    assert [type(event) for event in service.events] == [InboundMessage]


async def test_message_status_arrives_typed(service: Service) -> None:
    async with running(service.application()) as server:
        status, _, _ = await server.post("/webhooks/message-status", STATUS, signed(STATUS))
    assert status == 200
    assert [type(event) for event in service.events] == [MessageStatus]


async def test_one_line_adds_both_routes(service: Service) -> None:
    application = web.Application()
    application.add_routes(webhook_routes(service.router, verifier=SignatureVerifier(SECRET)))
    async with running(application) as server:
        assert (await server.post("/webhooks/message-status", STATUS, signed(STATUS)))[0] == 200
        assert (await server.post("/webhooks/inbound-message", INBOUND, signed(INBOUND)))[0] == 200


async def test_paths_may_be_others_and_may_be_one(service: Service) -> None:
    application = web.Application()
    routes = webhook_routes(service.router, insecure=True, inbound_path="/hook", status_path="/hook")
    application.add_routes(routes)
    assert len(routes) == 1
    async with running(application) as server:
        for body in (INBOUND, STATUS):
            assert (await server.post("/hook", body, {"Content-Type": "application/json"}))[0] == 200
    assert len(service.events) == 2


async def test_forged_callback_gets_401_and_a_problem_document(service: Service) -> None:
    async with running(service.application()) as server:
        headers = sign_webhook(STATUS, "forged-secret", api_key="a1b2c3d", issued_at=time.time())
        status, content_type, body = await server.post("/webhooks/message-status", STATUS, headers)
    assert (status, content_type, json.loads(body)["status"]) == (401, "application/problem+json", 401)
    assert service.events == []


async def test_unsigned_callback_gets_503(service: Service) -> None:
    async with running(service.application()) as server:
        status, _, _ = await server.post("/webhooks/message-status", STATUS, {"Content-Type": "application/json"})
    assert (status, service.events) == (503, [])


async def test_two_authorization_headers_get_401(service: Service) -> None:
    genuine = signed(STATUS)["Authorization"]
    async with running(service.application()) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        lines = ["POST /webhooks/message-status HTTP/1.1", "Host: x", "Content-Type: application/json"]
        lines += [f"Content-Length: {len(STATUS)}", f"Authorization: {genuine}", f"authorization: {genuine}"]
        writer.write("\r\n".join([*lines, "", ""]).encode() + STATUS)
        answer = await asyncio.wait_for(reader.readline(), 60)
        writer.close()
        await writer.wait_closed()
    assert b" 401 " in answer
    assert service.events == []


async def test_wrong_content_type_gets_415(service: Service) -> None:
    async with running(service.application()) as server:
        headers = {**signed(STATUS), "Content-Type": "text/plain"}
        assert (await server.post("/webhooks/message-status", STATUS, headers))[0] == 415


async def test_signed_body_that_is_no_json_gets_400(service: Service) -> None:
    async with running(service.application()) as server:
        assert (await server.post("/webhooks/message-status", b"{", signed(b"{")))[0] == 400


async def test_body_over_the_limit_gets_413_and_one_log_line(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="vonage_messages")
    body = b"x" * 100_000
    async with running(service.application(body_limit=1000)) as server:
        assert (await server.post("/webhooks/message-status", body, signed(body)))[0] == 413
    assert len([record for record in caplog.records if record.name == "vonage_messages"]) == 1


async def test_body_without_a_length_is_limited_too(service: Service) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(1000):
            yield b"x" * 100

    async with running(service.application(body_limit=1000)) as server:
        assert (await server.post("/webhooks/message-status", endless(), signed(b"")))[0] == 413


async def test_body_cut_short_is_not_handled(service: Service) -> None:
    async with running(service.application()) as server:
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        head = f"POST /webhooks/message-status HTTP/1.1\r\nHost: x\r\nContent-Length: {len(STATUS) + 5}\r\n\r\n"
        writer.write(head.encode() + STATUS)
        await writer.drain()
        writer.close()
        await writer.wait_closed()
        # A whole callback behind it shows that the server went on.
        assert (await server.post("/webhooks/inbound-message", INBOUND, signed(INBOUND)))[0] == 200
    assert [event.message_uuid for event in service.events] == ["one"]


async def test_get_is_refused(service: Service) -> None:
    async with running(service.application()) as server:
        url = f"http://127.0.0.1:{server.port}/webhooks/message-status"
        async with server.session.get(url) as response:
            assert response.status == 405


async def test_shutdown_finishes_the_handler_that_runs(service: Service) -> None:
    async with running(service.application()) as server:
        service.gate.clear()
        request = asyncio.create_task(server.post("/webhooks/message-status", STATUS, signed(STATUS)))
        await service.started.wait()
        shutdown = asyncio.create_task(server.runner.cleanup())
        await asyncio.sleep(0.02)
        assert not shutdown.done()
        service.gate.set()
        assert (await request)[0] == 200
        await shutdown
    assert len(service.events) == 1


async def test_shutdown_finishes_the_handler_that_runs_with_routes_alone(service: Service) -> None:
    application = web.Application()
    application.add_routes(webhook_routes(service.router, verifier=SignatureVerifier(SECRET)))
    async with running(application) as server:
        service.gate.clear()
        request = asyncio.create_task(server.post("/webhooks/message-status", STATUS, signed(STATUS)))
        await service.started.wait()
        shutdown = asyncio.create_task(server.runner.cleanup())
        await asyncio.sleep(0.02)
        service.gate.set()
        assert (await request)[0] == 200
        await shutdown
    assert len(service.events) == 1


async def test_shutdown_finishes_handlers_in_the_background(service: Service) -> None:
    async with running(service.application(mode="acknowledge_first")) as server:
        service.gate.clear()
        assert (await server.post("/webhooks/message-status", STATUS, signed(STATUS)))[0] == 200
        shutdown = asyncio.create_task(server.runner.cleanup())
        await asyncio.sleep(0.02)
        assert not shutdown.done()
        service.gate.set()
        await shutdown
    assert len(service.events) == 1


async def test_hundred_callbacks_at_once_are_each_handled_once(service: Service) -> None:
    bodies = [STATUS.replace(b'"two"', f'"uuid-{number}"'.encode()) for number in range(100)]
    async with running(service.application()) as server:
        answers = await asyncio.gather(
            *(server.post("/webhooks/message-status", body, signed(body)) for body in bodies + bodies)
        )
    # A twin that meets its first half-way is answered 503, and would come again.
    assert {answer[0] for answer in answers} <= {200, 503}
    assert sorted(event.message_uuid for event in service.events) == sorted(f"uuid-{number}" for number in range(100))


def test_routes_without_a_verifier_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="insecure=True"):
        webhook_routes(Router())


def test_routes_are_a_sequence() -> None:
    routes = webhook_routes(Router(), insecure=True)
    assert (len(routes), len(routes[:1]), routes[0] in routes) == (2, 1, True)


async def test_a_broken_encoding_is_answered_400() -> None:
    app = web.Application()
    add_webhooks(app, Router(), insecure=True, inbound_path="/in", status_path="/status")
    async with TestClient(TestServer(app)) as client:
        headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
        answer = await client.post("/in", data=b"this is no gzip", headers=headers)
        assert answer.status == 400
