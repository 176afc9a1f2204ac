"""Whose session an attempt goes through: one for each event loop, or that of the caller, and when it is let go."""

from __future__ import annotations

import asyncio
import gc
import http.server
import runpy
import socket
import ssl
import threading
import weakref
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from vonage_messages import errors
from vonage_messages.clients import callers_session
from vonage_messages.clients import transport as module
from vonage_messages.clients.transport import Transport

from .attempts import CREDENTIAL, attempt, transport_to

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


async def test_session_of_the_caller_stays_open_and_unchanged(tools: Any) -> None:
    server = await tools.server(tools.accepted())
    async with aiohttp.ClientSession(headers={"X-Mine": "1", "User-Agent": "mine"}, raise_for_status=True) as session:
        transport = transport_to(server.url, session=session)
        await attempt(transport)
        await transport.close()
        assert not session.closed
        assert dict(session.headers) == {"X-Mine": "1", "User-Agent": "mine"}
    assert server.requests[0].headers["x-mine"] == "1"
    assert server.requests[0].headers["user-agent"] == "tests/1"


async def test_session_that_raises_for_status_does_not_hide_an_answer(tools: Any) -> None:
    server = await tools.server(tools.answer(422, b"{}"))
    async with aiohttp.ClientSession(raise_for_status=True) as session:
        assert (await attempt(transport_to(server.url, session=session))).status == 422


async def test_closed_session_of_the_caller_gets_a_sentence() -> None:
    async with aiohttp.ClientSession() as session:
        pass
    with pytest.raises(errors.ConfigurationError, match="is closed"):
        await attempt(transport_to("http://127.0.0.1:9", session=session))


@pytest.mark.parametrize("entry", ["machine 127.0.0.1", "default"])
async def test_netrc_of_the_callers_session_gets_a_sentence(
    tools: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, entry: str
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text(f"{entry} login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    server = await tools.server(tools.accepted())
    async with aiohttp.ClientSession(trust_env=True) as session:
        with pytest.raises(errors.ConfigurationError, match="netrc"):
            await attempt(transport_to(server.url, session=session))
    assert server.requests == []


def test_client_needs_no_private_name_of_aiohttp_that_a_later_release_may_not_have(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("basicauth_from_netrc", "netrc_from_env"):
        monkeypatch.delattr(aiohttp.helpers, name)
    assert "check_session" in runpy.run_path(callers_session.__file__)


@pytest.mark.parametrize(("host", "refused"), [("127.0.0.1", True), ("elsewhere.example", False)])
async def test_netrc_in_its_usual_place_never_replaces_the_credentials(
    tools: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str, refused: bool
) -> None:
    # aiohttp before 3.13.1 reads it there, and sends what it finds in place of ours; a later one does not read it.
    (tmp_path / ".netrc").write_text(f"machine {host} login a password b\n")
    monkeypatch.delenv("NETRC", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(callers_session, "_NETRC_WINS", True)
    server = await tools.server(tools.accepted())
    async with aiohttp.ClientSession(trust_env=True) as session:
        with pytest.raises(errors.ConfigurationError, match="netrc") if refused else nullcontext():
            await attempt(transport_to(server.url, session=session))
    assert [each.headers["authorization"] for each in server.requests] == ([] if refused else [CREDENTIAL])


class Counting(http.server.BaseHTTPRequestHandler):
    """A server on a thread, so that it outlives the event loops of a test."""

    protocol_version = "HTTP/1.1"
    requests = 0

    def do_POST(self) -> None:
        type(self).requests += 1
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(202)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def counting() -> Iterator[tuple[str, type[Counting]]]:
    handler = type("Handler", (Counting,), {})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", handler
        server.shutdown()
        thread.join(60)


def test_second_asyncio_run_works_without_close(counting: tuple[str, type[Counting]]) -> None:
    url, handler = counting
    transport = transport_to(url)
    for _ in range(2):
        assert asyncio.run(attempt(transport)).status == 202
    gc.collect()  # an unclosed session or socket would warn now, and warnings are errors
    assert handler.requests == 2


def test_transport_dropped_within_its_loop_leaves_nothing_open(counting: tuple[str, type[Counting]]) -> None:
    url, handler = counting

    async def use_and_drop() -> None:
        await attempt(transport_to(url))
        gc.collect()
        await asyncio.sleep(0.01)

    asyncio.run(use_and_drop())
    gc.collect()
    assert handler.requests == 1


def test_finished_loops_are_not_kept_alive(counting: tuple[str, type[Counting]]) -> None:
    transport = transport_to(counting[0])
    loops: list[weakref.ref[asyncio.AbstractEventLoop]] = []

    async def use() -> None:
        loops.append(weakref.ref(asyncio.get_running_loop()))
        await attempt(transport)

    for _ in range(3):
        asyncio.run(use())
    gc.collect()
    assert [loop() is None for loop in loops[:-1]] == [True, True]


def test_transport_of_a_finished_loop_can_be_dropped(counting: tuple[str, type[Counting]]) -> None:
    url, handler = counting
    asyncio.run(attempt(transport_to(url)))
    gc.collect()
    assert handler.requests == 1


async def test_transport_works_again_after_close(tools: Any) -> None:
    server = await tools.server(tools.accepted())
    transport = transport_to(server.url)
    await attempt(transport)
    await transport.close()
    await transport.close()
    await attempt(transport)
    assert len(server.requests) == 2
    await transport.close()


async def test_concurrent_first_requests_share_one_session(tools: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    made = 0
    make = aiohttp.ClientSession

    def counting(**options: Any) -> aiohttp.ClientSession:
        nonlocal made
        made += 1
        return make(**options)

    monkeypatch.setattr(module.aiohttp, "ClientSession", counting)
    server = await tools.server(tools.accepted())
    transport = transport_to(server.url)
    await asyncio.gather(*(attempt(transport) for _ in range(5)))
    assert (made, len(server.requests)) == (1, 5)
    await transport.close()


@pytest.mark.parametrize("connector", ["no check", "unverified context"])
async def test_a_session_that_does_not_verify_is_refused_before_anything_leaves(connector: str) -> None:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    setting = False if connector == "no check" else context
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=setting)) as session:
        transport = transport_to("https://api.nexmo.com", session=session)
        with pytest.raises(errors.ConfigurationError, match="does not verify TLS"):
            await attempt(transport)
        await transport_to("https://api.nexmo.com", session=session, ssl_context=ssl.create_default_context()).close()


async def test_a_session_that_does_not_verify_may_talk_to_this_machine(tools: Any) -> None:
    server = await tools.server(tools.accepted())
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=False)) as session:
        assert (await attempt(transport_to(server.url, session=session))).status == 202


async def fail_to_connect(transport: Transport) -> str:
    """Give the sentence of the error, and keep nothing of the error: a traceback holds its frames."""
    try:
        await attempt(transport)
    except errors.ConnectError as error:
        return str(error)
    return ""


async def test_a_client_dropped_after_a_failure_is_freed_at_once() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        transport = transport_to(f"http://127.0.0.1:{unused.getsockname()[1]}")
        gc.disable()
        try:
            assert "refused the connection" in await fail_to_connect(transport)
            gone = weakref.ref(transport)
            del transport
            await asyncio.sleep(0)  # until then the loop holds what it has woken this task with, since Python 3.12
            assert gone() is None  # no cycle: nothing has to wait for the collector
        finally:
            gc.enable()
