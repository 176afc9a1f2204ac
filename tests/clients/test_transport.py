"""One attempt against real servers on loopback: what left, what came back, and what broke in between."""

from __future__ import annotations

import asyncio
import gc
import http.server
import socket
import ssl
import threading
import weakref
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from aiohttp.base_protocol import BaseProtocol
from aiohttp.client_proto import ResponseHandler
from aiohttp.http import StreamWriter
from yarl import URL

from vonage_messages import errors
from vonage_messages.clients import transport as module
from vonage_messages.clients.addresses import (
    checked_base_url,
    checked_proxy,
    checked_ssl_context,
    is_loopback,
    proxy_from_environment,
)
from vonage_messages.clients.deadlines import Deadline, Deadlines
from vonage_messages.clients.transport import LARGEST_BODY, Answer, Timeout, Transport, user_agent
from vonage_messages.wire.rest import Request

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

REQUEST = Request(method="POST", path="/v1/messages", body=b'{"text":"the secret words"}')
CREDENTIAL = "Bearer topsecret"


def transport_to(url: str, **options: Any) -> Transport:
    return Transport(URL(url), user_agent="tests/1", **options)


async def attempt(
    transport: Transport, *, total: float = 10.0, connect: float = 5.0, request: Request = REQUEST
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


async def test_request_arrives_whole(tools: Any) -> None:
    server = await tools.server(tools.accepted({"X-Request-Id": "r1"}))
    transport = transport_to(server.url)
    got = await attempt(transport)
    (request,) = server.requests
    assert (request.method, request.path, request.body) == ("POST", "/v1/messages", REQUEST.body)
    assert request.headers["authorization"] == CREDENTIAL
    assert request.headers["content-type"] == request.headers["accept"] == "application/json"
    assert request.headers["user-agent"] == "tests/1"
    assert request.headers["content-length"] == str(len(REQUEST.body))
    assert (got.status, got.headers["X-Request-Id"], got.complete) == (202, "r1", True)
    assert tools.uuid.encode() in got.body
    await transport.close()


async def test_path_of_the_base_url_is_kept(tools: Any) -> None:
    server = await tools.server(tools.accepted())
    transport = transport_to(f"{server.url}/vonage/")
    await attempt(transport)
    assert server.requests[0].path == "/vonage/v1/messages"
    await transport.close()


async def test_connection_is_kept_for_the_next_request(tools: Any) -> None:
    server = await tools.server(tools.accepted())
    transport = transport_to(server.url)
    for _ in range(3):
        await attempt(transport)
    assert (len(server.requests), server.connections) == (3, 1)
    await transport.close()


async def test_server_that_reads_and_closes_sees_the_request_once(tools: Any) -> None:
    server = await tools.server(tools.close)
    transport = transport_to(server.url)
    with pytest.raises(errors.ResponseLostError, match=r"127\.0\.0\.1 was sent, but the server closed") as caught:
        await attempt(transport)
    assert len(server.requests) == 1
    assert caught.value.maybe_sent
    assert isinstance(caught.value.__cause__, aiohttp.ServerDisconnectedError)
    assert_safe(caught.value)
    await transport.close()


async def test_reset_after_the_request_may_have_been_sent(tools: Any) -> None:
    server = await tools.server(tools.reset)
    transport = transport_to(server.url)
    with pytest.raises(errors.ResponseLostError) as caught:
        await attempt(transport)
    assert len(server.requests) == 1
    assert_safe(caught.value)
    await transport.close()


async def test_post_on_a_dropped_keep_alive_connection_arrives_once(tools: Any) -> None:
    server = await tools.server(tools.accepted(), tools.close)
    transport = transport_to(server.url)
    await attempt(transport)
    with pytest.raises(errors.ResponseLostError):
        await attempt(transport)
    assert len(server.requests) == 2
    await transport.close()


@pytest.mark.parametrize(("method", "arrivals"), [("POST", 1), ("PATCH", 1), ("PUT", 2)])
async def test_aiohttp_repeats_neither_post_nor_patch(tools: Any, method: str, arrivals: int) -> None:
    # PUT shows that the server does what makes aiohttp repeat: were this test to pass for any server, it would
    # guard nothing.
    server = await tools.server(tools.accepted(), tools.close)
    async with aiohttp.ClientSession() as session:
        async with session.post(server.url) as response:
            await response.read()
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await session.request(method, server.url, data=b"x")
    assert len(server.requests) == 1 + arrivals


@pytest.mark.parametrize("closing", [False, True])
@pytest.mark.parametrize("method", ["write", "write_with_length"])  # aiohttp before 3.12 calls the first
async def test_body_may_have_left_only_where_it_could_be_written(tools: Any, closing: bool, method: str) -> None:
    server = await tools.server(tools.silence)
    loop = asyncio.get_running_loop()
    protocol = BaseProtocol(loop)
    connection, _ = await loop.create_connection(lambda: protocol, "127.0.0.1", server.port)
    if closing:
        connection.close()
    body = module._WatchedBody(b"{}")
    arguments = () if method == "write" else (None,)
    with pytest.raises(aiohttp.ClientConnectionResetError) if closing else nullcontext():
        await getattr(body, method)(StreamWriter(protocol, loop), *arguments)
    assert body.may_have_left is not closing
    connection.close()


async def test_body_does_not_leave_by_a_connection_that_is_out_of_step(tools: Any) -> None:
    # Python 3.12 and later begin to write before they look for an answer; 3.11 looks first.
    server = await tools.server(tools.silence)
    loop = asyncio.get_running_loop()
    protocol = ResponseHandler(loop)
    connection, _ = await loop.create_connection(lambda: protocol, "127.0.0.1", server.port)
    protocol.data_received(b"HTTP/1.1 422 Nobody asked\r\n\r\n")
    body = module._WatchedBody(b"{}")
    with pytest.raises(aiohttp.ClientConnectionError):
        await body.write_with_length(StreamWriter(protocol, loop), None)
    assert not body.may_have_left
    connection.close()


@pytest.mark.usefixtures("quiet_clock")
async def test_connection_that_the_server_closed_while_idle_is_not_used(tools: Any) -> None:
    server = await tools.server(tools.accepted(), drop_after_answer=True)
    transport = transport_to(server.url)
    await attempt(transport)
    await asyncio.sleep(0.05)
    await attempt(transport)
    assert (len(server.requests), server.connections) == (2, 2)
    await transport.close()


@pytest.mark.parametrize("session", ["own", "the caller's"])
async def test_answer_that_nobody_asked_for_is_not_taken_for_the_next_one(tools: Any, session: str) -> None:
    # Two answers to the first request: what a proxy does that is out of step, or somebody who splits responses.
    unasked = asyncio.Event()

    async def answer_twice(writer: asyncio.StreamWriter, request: Any) -> bool:
        await tools.accepted({"X-Number": "1"})(writer, request)
        await unasked.wait()
        await tools.answer(422, b"{}", {"X-Number": "unasked"})(writer, request)
        return True

    server = await tools.server(answer_twice, tools.accepted({"X-Number": "2"}))
    async with aiohttp.ClientSession() as callers:
        transport = transport_to(server.url, **({} if session == "own" else {"session": callers}))
        owner = callers
        assert (await attempt(transport)).headers["X-Number"] == "1"
        if session == "own":
            owner = transport._sessions[asyncio.get_running_loop()].session
        (kept,) = owner.connector._conns.values()  # type: ignore[union-attr]  the only way to see that it has come
        unasked.set()
        async with asyncio.timeout(60):
            while not kept[0][0].should_close:  # noqa: ASYNC110  nothing tells
                await asyncio.sleep(0.001)
        with pytest.raises(errors.ConnectError, match="an answer before it was asked") as caught:
            await attempt(transport)
        assert not caught.value.maybe_sent
        assert len(server.requests) == 1
        assert (await attempt(transport)).headers["X-Number"] == "2"
        await transport.close()
    assert (len(server.requests), server.connections) == (2, 2)


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 202 Accepted\r\nContent-Length: 100\r\n\r\n",
        b'HTTP/1.1 202 Accepted\r\nContent-Length: 100\r\n\r\n{"message_uu',
        b'HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"mes\r\n',
    ],
)
async def test_truncated_answer_is_marked_incomplete(tools: Any, data: bytes) -> None:
    server = await tools.server(tools.raw(data))
    transport = transport_to(server.url)
    got = await attempt(transport)
    assert (got.status, got.complete) == (202, False)
    assert len(server.requests) == 1
    await transport.close()


async def test_half_a_header_is_a_lost_response(tools: Any) -> None:
    server = await tools.server(tools.raw(b"HTTP/1.1 202 Acc"))
    transport = transport_to(server.url)
    with pytest.raises(errors.ResponseLostError):
        await attempt(transport)
    await transport.close()


async def test_what_is_not_http_is_unexpected_and_shows_no_credential(tools: Any) -> None:
    server = await tools.server(tools.raw(b"220 mail.example ESMTP\r\n\r\n"))
    transport = transport_to(server.url)
    with pytest.raises(errors.UnexpectedResponseError, match="cannot be read as HTTP") as caught:
        await attempt(transport)
    assert caught.value.maybe_sent
    assert_safe(caught.value)
    await transport.close()


async def test_silence_ends_at_the_deadline_and_may_have_been_sent(tools: Any) -> None:
    server = await tools.server(tools.silence)
    transport = transport_to(server.url)
    async with asyncio.timeout(60):
        with pytest.raises(errors.ResponseLostError, match="not answered in time"):
            await attempt(transport, total=0.2)
    assert len(server.requests) == 1
    await transport.close()


async def test_body_that_never_ends_is_incomplete_at_the_deadline(tools: Any) -> None:
    async def begin(writer: asyncio.StreamWriter, request: Any) -> bool:
        writer.write(b"HTTP/1.1 202 Accepted\r\nContent-Length: 100\r\n\r\n{")
        await writer.drain()
        return bool(await tools.silence(writer, request))

    server = await tools.server(begin)
    transport = transport_to(server.url)
    got = await attempt(transport, total=0.2)
    assert (got.status, got.body, got.complete) == (202, b"{", False)
    await transport.close()


@pytest.mark.usefixtures("quiet_clock")
async def test_each_attempt_ends_at_its_own_deadline(tools: Any) -> None:
    server = await tools.server(tools.silence)
    transport = transport_to(server.url)

    ended: list[float] = []

    async def end_after(total: float) -> None:
        begun = asyncio.get_running_loop().time()
        with pytest.raises(errors.ResponseLostError, match="not answered in time"):
            await attempt(transport, total=total)
        assert asyncio.get_running_loop().time() - begun == pytest.approx(total, abs=0.01)
        ended.append(total)

    await asyncio.gather(*map(end_after, [0.4, 0.1, 0.3, 0.2]))
    assert ended == [0.1, 0.2, 0.3, 0.4]
    await transport.close()


async def test_body_that_nobody_reads_leaves_no_socket_behind() -> None:
    # What a socket that is being closed has not written yet, it would go on writing: for as long as TCP has patience.
    ours: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:
        transport = transport_to(f"http://127.0.0.1:{listening.getsockname()[1]}")
        request = Request(method="POST", path="/v1/messages", body=b"x" * (32 << 20))
        sending = asyncio.create_task(attempt(transport, total=60.0, request=request))
        loop = asyncio.get_running_loop()
        listening.setblocking(False)
        theirs, _ = await loop.sock_accept(listening)
        with theirs:
            await loop.sock_recv(theirs, 1)
            session = transport._sessions[loop]
            (protocol,) = session.session.connector._acquired  # type: ignore[union-attr]  shown nowhere else
            ours.append(protocol.transport.get_extra_info("socket"))
            (deadline,) = session.deadlines._under_way
            deadline.expire()
            with pytest.raises(errors.ResponseLostError, match="not answered in time"):
                await sending
            await transport.close()
            await asyncio.sleep(0)
            assert [each.fileno() for each in ours] == [-1]


async def test_deadline_that_has_passed_ends_an_attempt_at_once(tools: Any) -> None:
    server = await tools.server(tools.silence)
    transport = transport_to(server.url)
    async with asyncio.timeout(60):
        with pytest.raises(errors.TransportError):
            await attempt(transport, total=-1.0)
    await transport.close()


@pytest.mark.parametrize("order", ["deadline first", "caller first"])
async def test_cancelling_at_the_moment_of_the_deadline_passes(order: str) -> None:
    deadlines = Deadlines(asyncio.get_running_loop())
    entered: list[Deadline] = []

    async def wait() -> None:
        deadline = Deadline(deadlines, asyncio.get_running_loop().time() + 60)
        entered.append(deadline)
        with deadline:
            await asyncio.sleep(60)

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    steps = [entered[0].expire, task.cancel]
    for step in steps if order == "deadline first" else reversed(steps):
        step()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert task.cancelled()
    deadlines.stop()


async def test_expiry_that_came_too_late_leaves_no_cancellation_behind() -> None:
    deadlines = Deadlines(asyncio.get_running_loop())
    deadline = Deadline(deadlines, asyncio.get_running_loop().time() + 60)

    async def fails_while_it_expires() -> None:
        with deadline:
            try:
                deadline.expire()
                await asyncio.sleep(60)
            finally:
                raise ConnectionResetError

    task = asyncio.current_task()
    assert task is not None
    with pytest.raises(ConnectionResetError):
        await fails_while_it_expires()
    assert task.cancelling() == 0
    deadlines.stop()


@pytest.mark.parametrize("session", ["own", "the caller's"])
async def test_closed_transport_leaves_no_timer_in_its_loop(tools: Any, session: str) -> None:
    server = await tools.server(tools.accepted())
    timers = asyncio.get_running_loop()._scheduled  # type: ignore[attr-defined]  # asyncio shows its timers nowhere else
    async with aiohttp.ClientSession() as callers:
        transport = transport_to(server.url, **({} if session == "own" else {"session": callers}))
        await attempt(transport)
        assert [timer for timer in timers if "_end_expired" in repr(timer) and not timer.cancelled()]
        await transport.close()
        assert not [timer for timer in timers if "_end_expired" in repr(timer) and not timer.cancelled()]


async def test_answer_that_comes_in_pieces_is_whole(tools: Any) -> None:
    async def piecemeal(writer: asyncio.StreamWriter, _request: Any) -> bool:
        for piece in (b"HTTP/1.1 202 Accepted\r\nContent-Len", b"gth: 4\r\n\r\n", b"ab", b"cd"):
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.01)
        return True

    server = await tools.server(piecemeal)
    transport = transport_to(server.url)
    for _ in range(2):
        got = await attempt(transport)
        assert (got.status, got.body, got.complete) == (202, b"abcd", True)
    assert server.connections == 1
    await transport.close()


async def test_credentials_of_each_attempt_are_its_own(tools: Any) -> None:
    server = await tools.server(tools.accepted())
    async with aiohttp.ClientSession() as callers:
        for transport in (transport_to(server.url), transport_to(server.url, session=callers)):
            deadline = asyncio.get_running_loop().time() + 10
            for credential in ("Basic one", "Basic one", "Basic two"):
                await transport.attempt(REQUEST, credential, deadline=deadline, connect_timeout=5)
            await transport.close()
    assert [request.headers["authorization"] for request in server.requests] == [
        "Basic one",
        "Basic one",
        "Basic two",
    ] * 2
    assert {request.headers["accept"] for request in server.requests} == {"application/json"}


def test_addresses_of_updates_are_not_kept() -> None:
    transport = transport_to("https://api.nexmo.com")
    for number in range(3):
        request = Request(method="PATCH", path=f"/v1/messages/{number}", body=b"{}")
        assert str(transport.url_of(request)) == f"https://api.nexmo.com/v1/messages/{number}"
        transport.url_of(REQUEST)
    assert list(transport._urls) == ["/v1/messages"]


async def test_body_is_read_up_to_its_cap(tools: Any) -> None:
    server = await tools.server(tools.answer(200, b"x" * (LARGEST_BODY + 70_000)))
    transport = transport_to(server.url)
    got = await attempt(transport)
    assert (len(got.body), got.complete) == (LARGEST_BODY, False)
    await transport.close()


async def test_body_of_exactly_the_cap_is_complete(tools: Any) -> None:
    server = await tools.server(tools.answer(200, b"x" * LARGEST_BODY))
    transport = transport_to(server.url)
    got = await attempt(transport)
    assert (len(got.body), got.complete) == (LARGEST_BODY, True)
    await transport.close()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirect_is_not_followed(tools: Any, status: int) -> None:
    elsewhere = await tools.server(tools.accepted())
    server = await tools.server(tools.answer(status, headers={"Location": f"{elsewhere.url}/v1/messages"}))
    transport = transport_to(server.url)
    assert (await attempt(transport)).status == status
    assert elsewhere.requests == []
    await transport.close()


def unused_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


async def test_refused_connection_never_left() -> None:
    transport = transport_to(f"http://127.0.0.1:{unused_port()}")
    with pytest.raises(errors.ConnectError, match=r"no connection to 127\.0\.0\.1: .*was not sent") as caught:
        await attempt(transport)
    assert not caught.value.maybe_sent
    assert isinstance(caught.value.__cause__, aiohttp.ClientConnectorError)
    await transport.close()


async def test_name_that_does_not_exist_never_left() -> None:
    transport = transport_to("https://nonexistent.invalid")
    with pytest.raises(errors.ConnectError, match=r"nonexistent\.invalid: its name could not be looked up"):
        await attempt(transport)
    await transport.close()


async def test_handshake_that_never_ends_is_a_connect_timeout() -> None:
    # A plain server never answers a TLS hello: the connection stands, the request was never written.
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen()
    transport = transport_to(f"https://127.0.0.1:{listening.getsockname()[1]}")
    with listening, pytest.raises(errors.ConnectError, match="it took too long") as caught:
        await attempt(transport, connect=0.2)
    assert not caught.value.maybe_sent
    await transport.close()


async def test_deadline_before_the_connection_stands_never_left() -> None:
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen()
    transport = transport_to(f"https://127.0.0.1:{listening.getsockname()[1]}")
    with listening, pytest.raises(errors.ConnectError, match="it took too long"):
        await attempt(transport, total=0.2)
    await transport.close()


async def test_wait_for_a_place_in_the_pool_never_left(tools: Any) -> None:
    server = await tools.server(tools.silence)
    connector = aiohttp.TCPConnector(limit=1)
    async with aiohttp.ClientSession(connector=connector) as session:
        transport = transport_to(server.url, session=session)
        first = asyncio.create_task(attempt(transport, total=1.0))
        await server.arrived.wait()
        with pytest.raises(errors.ConnectError, match="it took too long"):
            await attempt(transport, connect=0.1)
        with pytest.raises(errors.ResponseLostError):
            await first
    assert len(server.requests) == 1


async def test_self_signed_certificate_is_refused_before_anything_is_sent(
    tools: Any, server_tls: ssl.SSLContext
) -> None:
    server = await tools.server(tools.accepted(), tls=server_tls)
    transport = transport_to(server.url)
    with pytest.raises(errors.ConnectError, match="its certificate is not trusted") as caught:
        await attempt(transport)
    assert server.requests == []
    assert not caught.value.maybe_sent
    await transport.close()


async def test_own_authority_is_trusted_through_an_ssl_context(
    tools: Any, server_tls: ssl.SSLContext, certificate: Path
) -> None:
    server = await tools.server(tools.accepted(), tls=server_tls)
    context = ssl.create_default_context(cafile=certificate)
    transport = transport_to(server.url, ssl_context=context)
    assert (await attempt(transport)).status == 202
    await transport.close()


async def test_server_that_speaks_no_tls_is_a_failed_handshake() -> None:
    async def speak_first(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        writer.close()

    plain = await asyncio.start_server(speak_first, "127.0.0.1", 0)
    transport = transport_to(f"https://127.0.0.1:{plain.sockets[0].getsockname()[1]}")
    async with plain:
        with pytest.raises(errors.ConnectError, match="the TLS handshake failed"):
            await attempt(transport)
    await transport.close()


async def test_repeated_headers_are_joined(tools: Any) -> None:
    server = await tools.server(tools.raw(b"HTTP/1.1 202 OK\r\nVary: a\r\nVary: b\r\nContent-Length: 0\r\n\r\n"))
    transport = transport_to(server.url)
    assert (await attempt(transport)).headers["Vary"] == "a, b"
    await transport.close()


async def test_cancelling_passes_through_untouched(tools: Any) -> None:
    server = await tools.server(tools.silence)
    transport = transport_to(server.url)
    task = asyncio.create_task(attempt(transport))
    await server.arrived.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(server.requests) == 1
    await transport.close()


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


async def test_netrc_of_the_callers_session_gets_a_sentence(
    tools: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    server = await tools.server(tools.accepted())
    async with aiohttp.ClientSession(trust_env=True) as session:
        with pytest.raises(errors.ConfigurationError, match="netrc"):
            await attempt(transport_to(server.url, session=session))
    assert server.requests == []


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
        thread.join(5)


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


@pytest.mark.parametrize(
    "address",
    [
        "https://a.example\r\nEvil: 1",
        "https://a\r\n.example",
        "https://a.example/\tb",
        "https://a b.example",
        "https://a\x00.example",
    ],
)
def test_address_with_a_line_break_or_a_space_gets_a_sentence(address: str) -> None:
    with pytest.raises(errors.ConfigurationError, match="base_url contains a space, a line break"):
        checked_base_url(address)
    with pytest.raises(errors.ConfigurationError, match="proxy contains a space, a line break"):
        checked_proxy(address, URL("https://api.nexmo.com"))
    assert str(checked_base_url(" https://a.example\n")) == "https://a.example"  # a file's last line, say


async def test_https_goes_through_a_proxy_by_tunnel(tools: Any, server_tls: ssl.SSLContext, certificate: Path) -> None:
    server = await tools.server(tools.accepted(), tls=server_tls)
    heads: list[bytes] = []

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
        writer.close()

    async def tunnel(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        there, back = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await asyncio.gather(pump(reader, back), pump(there, writer), return_exceptions=True)

    proxy = await asyncio.start_server(tunnel, "127.0.0.1", 0)
    address = f"http://user:pass@127.0.0.1:{proxy.sockets[0].getsockname()[1]}"
    transport = transport_to(server.url, proxy=URL(address), ssl_context=ssl.create_default_context(cafile=certificate))
    async with proxy:
        assert (await attempt(transport)).status == 202
        await transport.close()
    (head,) = heads
    assert head.startswith(f"CONNECT 127.0.0.1:{server.port}".encode())
    assert b"Proxy-Authorization: Basic " in head
    assert b"topsecret" not in head
    assert "proxy-authorization" not in server.requests[0].headers


async def test_proxy_that_refuses_never_left(tools: Any) -> None:
    proxy = await tools.server(tools.answer(407))
    transport = transport_to("https://127.0.0.1:9", proxy=URL(f"http://user:hidden@127.0.0.1:{proxy.port}"))
    with pytest.raises(errors.ConnectError, match="the proxy refused the request") as caught:
        await attempt(transport)
    assert_safe(caught.value)
    assert caught.value.__cause__ is None
    await transport.close()


async def test_proxy_that_is_not_there_never_left() -> None:
    transport = transport_to("https://127.0.0.1:9", proxy=URL(f"http://127.0.0.1:{unused_port()}"))
    with pytest.raises(errors.ConnectError, match="the proxy could not be reached"):
        await attempt(transport)
    await transport.close()


@pytest.mark.parametrize(
    "url",
    [
        "https://api.nexmo.com",
        "https://api.nexmo.com/prefix",
        "http://localhost:8080",
        "http://LOCALHOST",
        "http://127.0.0.1:1",
        "http://127.9.9.9",
        "http://[::1]:8080",
    ],
)
def test_address_that_is_safe_is_taken(url: str) -> None:
    checked_base_url(url)


@pytest.mark.each(
    ("url", "words"),
    [
        ("http://api.nexmo.com", "must be https"),
        ("http://10.0.0.1", "must be https"),
        ("http://127.0.0.1.example.com", "must be https"),
        ("http://localhost.example.com", "must be https"),
        ("http://0.0.0.0", "must be https"),
        ("http://2130706433", "must be https"),
        ("https://user:hidden@api.nexmo.com", "no credentials"),
        ("https://api.nexmo.com/?a=b", "no credentials, query"),
        ("https://api.nexmo.com/#a", "no credentials, query or fragment"),
        ("ftp://api.nexmo.com", "must begin with https"),
        ("api.nexmo.com", "must begin with https"),
        ("https://", "must begin with https"),
        ("", "must begin with https"),
        ("https://a:b:c", "is not an address"),
        (7, "is not an address"),
    ],
)
def test_address_that_is_not_gets_a_sentence(url: str, words: str) -> None:
    with pytest.raises(errors.ConfigurationError, match=words) as caught:
        checked_base_url(url)
    assert "hidden" not in str(caught.value)


def test_proxy_must_not_see_plain_http() -> None:
    with pytest.raises(errors.ConfigurationError, match="would see credentials"):
        checked_proxy("http://proxy.example:3128", URL("http://127.0.0.1:8080"))


def test_proxy_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "ALL_PROXY", "all_proxy", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    monkeypatch.setenv("no_proxy", "internal.example")
    assert proxy_from_environment(URL("https://api.nexmo.com")) == URL("http://proxy.example:3128")
    assert proxy_from_environment(URL("https://internal.example")) is None
    assert proxy_from_environment(URL("http://127.0.0.1")) is None


@pytest.mark.parametrize("context", [False, True, "no", 0])
def test_verification_is_no_flag(context: Any) -> None:
    with pytest.raises(errors.ConfigurationError, match=r"must be an ssl\.SSLContext"):
        checked_ssl_context(context, URL("https://127.0.0.1"))


def careless(*, verify: ssl.VerifyMode) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = verify
    return context


@pytest.mark.parametrize("verify", [ssl.CERT_NONE, ssl.CERT_OPTIONAL, ssl.CERT_REQUIRED])
def test_context_that_does_not_verify_is_for_this_machine_only(verify: ssl.VerifyMode) -> None:
    context = careless(verify=verify)
    assert checked_ssl_context(context, URL("https://localhost:8443")) is context
    with pytest.raises(errors.ConfigurationError, match="does not verify"):
        checked_ssl_context(context, URL("https://api.nexmo.com"))


def test_context_that_verifies_is_taken() -> None:
    context = ssl.create_default_context()
    assert checked_ssl_context(context, URL("https://api.nexmo.com")) is context


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("localhost", True), ("127.0.0.1", True), ("127.255.0.1", True), ("::1", True), ("0.0.0.0", False), ("a", False)],  # noqa: S104  refused
)
def test_loopback_is_this_machine_only(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback


@pytest.mark.parametrize(
    "options", [{"connect": 0}, {"total": -1}, {"total": float("inf")}, {"connect": None}, {"total": float("nan")}]
)
def test_timeout_must_be_finite(options: dict[str, Any]) -> None:
    with pytest.raises(errors.ConfigurationError, match=next(iter(options))):
        Timeout(**options)


def test_user_agent_names_package_python_aiohttp_and_app() -> None:
    ours, python, http, app = user_agent("shop/2.1").split(" ")
    assert ours.startswith("vonage-messages-async/")
    assert python.startswith("python/3.")
    assert http == f"aiohttp/{aiohttp.__version__}"
    assert app == "shop/2.1"


@pytest.mark.parametrize("app_name", ["", " ", "a\r\nX: y", "größe", 7])
def test_app_name_that_breaks_a_header_is_refused(app_name: object) -> None:
    with pytest.raises(errors.ConfigurationError, match="app_name"):
        user_agent(app_name)


async def test_a_body_of_megabytes_arrives_without_a_warning(tools: Any) -> None:
    server = await tools.server(tools.accepted())
    transport = transport_to(server.url)
    body = b'"' + b"x" * 3_000_000 + b'"'
    await attempt(transport, request=Request(method="POST", path="/v1/messages", body=body))
    assert [len(request.body) for request in server.requests] == [len(body)]
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
