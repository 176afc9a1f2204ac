"""The ASGI adapter: the protocol, message by message, and a real server on loopback."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from vonage_messages.adapters.asgi import WebhookApplication, webhook_application
from vonage_messages.errors import ConfigurationError
from vonage_messages.webhooks.routing import Router
from vonage_messages.webhooks.signing import SignatureVerifier, sign_webhook

SECRET = "example-signature-secret-0123456789abcdef"
STATUS = json.dumps({"channel": "sms", "status": "delivered", "message_uuid": "two", "to": "1", "from": "2"}).encode()
PATH = "/webhooks/message-status"


def signed(body: bytes = STATUS) -> dict[str, str]:
    return sign_webhook(body, SECRET, api_key="a1b2c3d", issued_at=time.time())


class Service:
    def __init__(self) -> None:
        self.router = Router()
        self.router.event()(self.handle)
        self.events: list[Any] = []
        self.started = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()

    async def handle(self, event: Any) -> None:
        self.started.set()
        await self.gate.wait()
        self.events.append(event)

    def application(self, **options: Any) -> WebhookApplication:
        return webhook_application(self.router, verifier=SignatureVerifier(SECRET), **options)


@pytest.fixture
def service() -> Service:
    return Service()


def http_scope(**changed: Any) -> dict[str, Any]:
    headers = [(name.lower().encode(), value.encode()) for name, value in signed().items()]
    return {"type": "http", "method": "POST", "path": PATH, "root_path": "", "headers": headers, **changed}


async def called(
    application: WebhookApplication, scope: dict[str, Any], *events: dict[str, Any]
) -> list[dict[str, Any]]:
    """Call an application with the events given, and list what it sends."""
    incoming = iter(events)
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return next(incoming)

    async def send(event: Any) -> None:
        sent.append(dict(event))

    async with asyncio.timeout(60):
        await application(scope, receive, send)
    return sent


def body_event(body: bytes = STATUS, *, more: bool = False) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


async def test_callback_in_several_parts_is_put_together(service: Service) -> None:
    events = [body_event(STATUS[:10], more=True), body_event(b"", more=True), body_event(STATUS[10:])]
    sent = await called(service.application(), http_scope(), *events)
    assert [event["type"] for event in sent] == ["http.response.start", "http.response.body"]
    assert (sent[0]["status"], sent[0]["headers"]) == (200, [(b"content-length", b"0")])
    assert [event.message_uuid for event in service.events] == ["two"]


async def test_refusal_is_a_problem_document(service: Service) -> None:
    sent = await called(service.application(), http_scope(headers=[]), body_event())
    assert sent[0]["status"] == 503
    assert (b"content-type", b"application/problem+json") in sent[0]["headers"]
    assert json.loads(sent[1]["body"])["status"] == 503


async def test_body_cut_short_is_neither_handled_nor_answered(service: Service) -> None:
    events = [body_event(STATUS, more=True), {"type": "http.disconnect"}]
    assert await called(service.application(), http_scope(), *events) == []
    assert service.events == []


async def test_two_authorization_headers_get_401(service: Service) -> None:
    scope = http_scope()
    scope["headers"] += scope["headers"]
    assert (await called(service.application(), scope, body_event()))[0]["status"] == 401


@pytest.mark.parametrize(
    ("path", "root_path"),
    [
        (PATH, ""),
        (PATH, "/"),
        (PATH, "/webhooks"),
        ("/message-status", "/webhooks"),
        (f"/vonage{PATH}", "/vonage"),
        (f"/vonage{PATH}", "/vonage/"),
    ],
)
async def test_path_is_found_behind_a_mount_point(service: Service, path: str, root_path: str) -> None:
    sent = await called(service.application(), http_scope(path=path, root_path=root_path), body_event())
    assert sent[0]["status"] == 200


async def test_other_path_is_not_found(service: Service) -> None:
    assert (await called(service.application(), http_scope(path="/other")))[0]["status"] == 404


async def test_other_method_is_not_allowed(service: Service) -> None:
    sent = await called(service.application(), http_scope(method="GET"))
    assert sent[0]["status"] == 405
    assert (b"allow", b"POST") in sent[0]["headers"]


async def test_lifespan_is_answered_and_ends_with_a_closed_receiver(service: Service) -> None:
    application = service.application()
    events = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    sent = await called(application, {"type": "lifespan"}, *events)
    assert [event["type"] for event in sent] == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert (await called(application, http_scope(), body_event()))[0]["status"] == 503


async def test_websocket_is_closed(service: Service) -> None:
    assert await called(service.application(), {"type": "websocket"}) == [{"type": "websocket.close"}]


def test_application_without_a_verifier_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="insecure=True"):
        webhook_application(Router())


def test_module_loads_neither_a_framework_nor_aiohttp() -> None:
    code = (
        "import sys, vonage_messages.adapters.asgi; "
        "print([name for name in ('aiohttp', 'fastapi', 'starlette', 'jwt', 'cryptography') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)  # noqa: S603  fixed words
    assert result.stdout.strip() == "[]"


@asynccontextmanager
async def served(application: Any) -> AsyncIterator[tuple[str, asyncio.Event]]:
    """Serve an application on loopback; setting the event begins a graceful shutdown."""
    import uvicorn  # noqa: PLC0415  optional

    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(application, log_config=None, ws="none", lifespan="on", timeout_graceful_shutdown=5)
    server = uvicorn.Server(config)
    stop = asyncio.Event()
    serving = asyncio.create_task(server.serve(sockets=[listener]))

    async def watch() -> None:
        await stop.wait()
        server.should_exit = True

    watching = asyncio.create_task(watch())
    async with asyncio.timeout(60):
        while not server.started:  # noqa: ASYNC110  bounded above; the server sets an attribute only
            await asyncio.sleep(0.005)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", stop
    finally:
        stop.set()
        async with asyncio.timeout(60):
            await serving
            await watching
        listener.close()


async def post(url: str, body: bytes, headers: dict[str, str]) -> int:
    async with (
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session,
        session.post(url, data=body, headers=headers) as response,
    ):
        await response.read()
        return response.status


async def test_real_server_serves_callbacks(service: Service) -> None:
    async with served(service.application()) as (base, _):
        assert await post(base + PATH, STATUS, signed()) == 200
        assert await post(base + PATH, STATUS + b" ", signed()) == 401
        assert await post(base + PATH, STATUS, {"Content-Type": "application/json"}) == 503
        assert await post(base + "/other", STATUS, signed()) == 404
    assert [event.message_uuid for event in service.events] == ["two"]


async def test_real_server_refuses_a_body_over_the_limit(service: Service) -> None:
    body = b"x" * 100_000
    async with served(service.application(body_limit=1000)) as (base, _):
        assert await post(base + PATH, body, signed(body)) == 413


async def test_shutdown_of_a_real_server_finishes_background_handlers(service: Service) -> None:
    service.gate.clear()
    async with served(service.application(mode="acknowledge_first")) as (base, stop):
        assert await post(base + PATH, STATUS, signed()) == 200
        await service.started.wait()
        stop.set()
        await asyncio.sleep(0.02)
        assert service.events == []
        service.gate.set()
    assert len(service.events) == 1


@pytest.mark.parametrize("mount", ["", "/vonage"])
async def test_fastapi_mounts_the_application(service: Service, mount: str) -> None:
    from fastapi import FastAPI  # noqa: PLC0415  optional

    outer = FastAPI()
    outer.mount(mount, service.application())
    async with served(outer) as (base, _):
        assert await post(base + mount + PATH, STATUS, signed()) == 200
        assert await post(base + mount + PATH, STATUS + b" ", signed()) == 401
    assert [event.message_uuid for event in service.events] == ["two"]
