"""How a connection comes to stand, by TLS and proxies too; where it does not, the request never left."""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from yarl import URL

from vonage_messages import errors

from .attempts import assert_safe, attempt, transport_to

if TYPE_CHECKING:
    from pathlib import Path


async def test_refused_connection_never_left(unused_tcp_port: int) -> None:
    transport = transport_to(f"http://127.0.0.1:{unused_tcp_port}")
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


@pytest.mark.usefixtures("quiet_clock")
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


async def test_https_goes_through_a_proxy_by_tunnel(tools: Any, server_tls: ssl.SSLContext, certificate: Path) -> None:
    server = await tools.server(tools.accepted(), tls=server_tls)
    heads: list[bytes] = []
    ended = asyncio.Event()

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
        ended.set()

    proxy = await asyncio.start_server(tunnel, "127.0.0.1", 0)
    address = f"http://user:pass@127.0.0.1:{proxy.sockets[0].getsockname()[1]}"
    transport = transport_to(server.url, proxy=URL(address), ssl_context=ssl.create_default_context(cafile=certificate))
    async with proxy:
        assert (await attempt(transport)).status == 202
        await transport.close()
        async with asyncio.timeout(60):
            await ended.wait()  # both its connections are closed then: an older aiohttp goes on saying goodbye
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


async def test_proxy_that_is_not_there_never_left(unused_tcp_port: int) -> None:
    transport = transport_to("https://127.0.0.1:9", proxy=URL(f"http://127.0.0.1:{unused_tcp_port}"))
    with pytest.raises(errors.ConnectError, match="the proxy could not be reached"):
        await attempt(transport)
    await transport.close()
