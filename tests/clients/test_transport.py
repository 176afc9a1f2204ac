"""One attempt against real servers on loopback: what left, what came back, and what broke in between."""

from __future__ import annotations

import asyncio
import socket
from contextlib import nullcontext
from typing import Any

import aiohttp
import pytest
from aiohttp.base_protocol import BaseProtocol
from aiohttp.client_proto import ResponseHandler
from aiohttp.http import StreamWriter
from aiohttp.payload import BytesPayload

from vonage_messages import errors
from vonage_messages.clients import transport as module
from vonage_messages.clients.transport import LARGEST_BODY, user_agent
from vonage_messages.wire.rest import Request

from .attempts import CREDENTIAL, REQUEST, assert_safe, attempt, transport_to


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
@pytest.mark.parametrize("method", [each for each in ("write", "write_with_length") if hasattr(BytesPayload, each)])
async def test_body_may_have_left_only_where_it_could_be_written(tools: Any, closing: bool, method: str) -> None:
    # aiohttp before 3.12 knows and calls the first alone.
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
            deadline = asyncio.get_running_loop().time() + 60
            for credential in ("Basic one", "Basic one", "Basic two"):
                await transport.attempt(REQUEST, credential, deadline=deadline, connect_timeout=60)
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


async def test_connection_without_tls_reads_little_at_once_and_a_large_answer_all_the_same(tools: Any) -> None:
    server = await tools.server(tools.answer(200, b"x" * 100_000))
    transport = transport_to(server.url)
    got = await attempt(transport)
    assert (got.body, got.complete) == (b"x" * 100_000, True)
    owner = transport._sessions[asyncio.get_running_loop()].session
    (kept,) = owner.connector._conns.values()  # type: ignore[union-attr]  the only way to see it
    assert kept[0][0].transport.max_size == 16 * 1024
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
