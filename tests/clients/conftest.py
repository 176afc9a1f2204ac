"""Small real servers on loopback, and what a test of the client needs beside them."""

from __future__ import annotations

import asyncio
import inspect
import ipaddress
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

import attrs
import pytest
from aiohttp import ClientResponse
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from vonage_messages.auth import ApplicationAuth
from vonage_messages.channels.sms import Sms

UUID = "d8f86df1-dec6-442f-870a-2241be27d721"


@attrs.frozen
class Received:
    """A request as it came over the wire."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


Action = Callable[[asyncio.StreamWriter, Received], Awaitable[bool]]
"""Answers one request; tells whether the connection stays open."""


def answer(status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> Action:
    async def act(writer: asyncio.StreamWriter, _request: Received) -> bool:
        lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        await writer.drain()
        return True

    return act


def accepted(headers: dict[str, str] | None = None) -> Action:
    return answer(202, json.dumps({"message_uuid": UUID}).encode(), headers)


def raw(data: bytes) -> Action:
    """Write *data* and close."""

    async def act(writer: asyncio.StreamWriter, _request: Received) -> bool:
        writer.write(data)
        await writer.drain()
        return False

    return act


async def close(_writer: asyncio.StreamWriter, _request: Received) -> bool:
    return False


async def reset(writer: asyncio.StreamWriter, _request: Received) -> bool:
    writer.transport.abort()
    return False


async def silence(_writer: asyncio.StreamWriter, _request: Received) -> bool:
    await asyncio.sleep(60)  # the server cancels it when it stops
    return False


class Server:
    """Answers the requests that arrive, in order, with its script; the last action answers all further ones."""

    def __init__(self, *script: Action, tls: ssl.SSLContext | None = None, drop_after_answer: bool = False) -> None:
        self.script = script
        self.requests: list[Received] = []
        self.arrived = asyncio.Event()
        self.connections = 0
        self._tls = tls
        self._drop_after_answer = drop_after_answer
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (request := await _read_request(reader)) is not None:
                self.requests.append(request)
                self.arrived.set()
                act = self.script[min(len(self.requests), len(self.script)) - 1]
                if not await act(writer, request) or self._drop_after_answer:
                    return
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


async def _read_request(reader: asyncio.StreamReader) -> Received | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.decode().strip().split("\r\n")
    method, path, _ = first.split(" ")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Received(method, path, headers, body)


@attrs.frozen
class Tools:
    """What a test takes from here: conftest modules are not imported."""

    answer = staticmethod(answer)
    accepted = staticmethod(accepted)
    raw = staticmethod(raw)
    close = staticmethod(close)
    reset = staticmethod(reset)
    silence = staticmethod(silence)
    uuid = UUID

    stack: AsyncExitStack

    async def server(self, *script: Action, **options: Any) -> Server:
        return await self.stack.enter_async_context(Server(*script, **options))


@pytest.fixture
async def tools() -> AsyncIterator[Tools]:
    async with AsyncExitStack() as stack:
        yield Tools(stack)


@pytest.fixture
def sms() -> Sms:
    return Sms(to="447700900000", from_="Acme", text="the secret words", client_ref="mine")


@pytest.fixture(scope="session")
def private_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
def application(private_key: rsa.RSAPrivateKey) -> ApplicationAuth:
    text = private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return ApplicationAuth("aaaaaaaa-bbbb-cccc-dddd-0123456789ab", text)


@pytest.fixture(scope="session")
def certificate(private_key: rsa.RSAPrivateKey, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for 127.0.0.1 and its key, in one PEM file."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "loopback")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private_key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.IPv4Address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(private_key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "loopback.pem"
    key = private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(signed.public_bytes(Encoding.PEM) + key)
    return file


@pytest.fixture
def server_tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    return context


class CannedResponse(ClientResponse):
    """What aioresponses 0.7.9 needs on aiohttp 3.14, which asks for one argument more than those before."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        if "stream_writer" in inspect.signature(ClientResponse.__init__).parameters:
            options.setdefault("stream_writer", SimpleNamespace(output_size=0))
        super().__init__(*arguments, **options)


@pytest.fixture
def canned_response() -> type[ClientResponse]:
    return CannedResponse
