"""Files of inbound messages: whole or not at all, and the token only where it may go."""

from __future__ import annotations

import asyncio
import gzip
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from yarl import URL

from vonage_messages.auth import ApplicationAuth, BasicAuth
from vonage_messages.clients import download
from vonage_messages.clients.client import Client
from vonage_messages.clients.download import DownloadRules, is_public, url_of
from vonage_messages.errors import ConfigurationError, DownloadError
from vonage_messages.simulator import Simulator
from vonage_messages.webhooks.content import Image, Text
from vonage_messages.webhooks.parse import parse_inbound

BASIC = BasicAuth("abcd1234", "topsecret")
FILE = bytes(range(256)) * 1000
RULES = DownloadRules(
    base_url=URL("https://api.nexmo.com"),
    allowed_hosts=frozenset({"*.fbcdn.example"}),
    trusted_hosts=frozenset({"media.acme.example"}),
)
PRIVATE = [
    "127.0.0.1",
    "127.1",
    "2130706433",
    "0.0.0.0",  # noqa: S104  not bound to: refused
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "[::1]",
    "[::]",
    "[fe80::1]",
    "[fd00::1]",
    "[ff02::1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:10.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]",
    "[::127.0.0.1]",
    "[fec0::1]",
    "0x7f000001",
    "0x7f.1",
    "0177.0.0.1",
    "\u2460\u2461\u2466.0.0.1",
    "127\u30020\u30020\u30021",
    "localhost",
    "LOCALHOST.",
]


def read(path: Path) -> bytes:
    return path.read_bytes()


def write(path: Path, content: bytes) -> None:
    path.write_bytes(content)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "picture.jpg"


async def test_file_of_an_inbound_message_is_fetched(target: Path) -> None:
    simulator = Simulator(secure_media=True, inbound_url="http://127.0.0.1:1/")
    async with simulator, simulator.client() as client:
        result = await simulator.inbound(channel="whatsapp", message_type="image", media=FILE)
        event = parse_inbound(result.payload)
        downloaded = await client.download(event.content, target)
    assert read(target) == FILE
    assert (downloaded.path, downloaded.size, downloaded.content_type) == (
        target,
        len(FILE),
        "application/octet-stream",
    )


async def test_secure_file_is_refused_without_the_application(target: Path) -> None:
    async with Simulator(secure_media=True, inbound_url="http://127.0.0.1:1/") as simulator:
        result = await simulator.inbound(channel="whatsapp", message_type="image", media=FILE)
        async with Client(BasicAuth(simulator.api_key, simulator.api_secret), base_url=simulator.url) as client:
            with pytest.raises(DownloadError, match="secure media need ApplicationAuth") as raised:
                await client.download(result.payload["image"]["url"], target)
    assert not raised.value.retryable
    assert list(target.parent.iterdir()) == []


async def test_api_secret_of_an_account_is_never_sent(tools: Any, target: Path) -> None:
    server = await tools.server(tools.answer(200, FILE))
    async with Client(BASIC, base_url=server.url) as client:
        await client.download(f"{server.url}/file", target)
    assert "authorization" not in server.requests[0].headers


async def test_file_that_was_there_is_replaced_when_the_new_one_is_whole(tools: Any, target: Path) -> None:
    write(target, b"old")
    server = await tools.server(tools.answer(500), tools.answer(200, b"new"))
    async with Client(BASIC, base_url=server.url) as client:
        with pytest.raises(DownloadError) as raised:
            await client.download(f"{server.url}/file", target)
        assert raised.value.retryable
        assert read(target) == b"old"
        await client.download(f"{server.url}/file", str(target))
    assert read(target) == b"new"
    assert list(target.parent.iterdir()) == [target]


async def test_empty_file_is_a_file(tools: Any, target: Path) -> None:
    server = await tools.server(tools.answer(200))
    async with Client(BASIC, base_url=server.url) as client:
        assert (await client.download(f"{server.url}/file", target)).size == 0
    assert read(target) == b""


@pytest.mark.parametrize("length", [1, 0])
async def test_limit_is_the_last_size_that_is_taken(tools: Any, target: Path, length: int) -> None:
    server = await tools.server(tools.answer(200, FILE))
    async with Client(BASIC, base_url=server.url) as client:
        if length == 0:
            await client.download(f"{server.url}/file", target, limit=len(FILE))
            return
        with pytest.raises(DownloadError, match="more than"):
            await client.download(f"{server.url}/file", target, limit=len(FILE) - length)
    assert list(target.parent.iterdir()) == []


async def test_limit_holds_where_no_length_is_told(tools: Any, target: Path) -> None:
    endless = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + FILE
    server = await tools.server(tools.raw(endless))
    async with Client(BASIC, base_url=server.url) as client:
        with pytest.raises(DownloadError, match="more than 1000 bytes"):
            await client.download(f"{server.url}/file", target, limit=1000)
    assert list(target.parent.iterdir()) == []


async def test_file_that_is_cut_short_leaves_nothing(tools: Any, target: Path) -> None:
    server = await tools.server(tools.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf"))
    async with Client(BASIC, base_url=server.url) as client:
        with pytest.raises(DownloadError, match="cut short"):
            await client.download(f"{server.url}/file", target)
    assert list(target.parent.iterdir()) == []


async def test_compressed_file_is_refused_before_it_is_unpacked(tools: Any, target: Path) -> None:
    bomb = gzip.compress(bytes(10_000_000))
    server = await tools.server(tools.answer(200, bomb, {"Content-Encoding": "gzip"}))
    async with Client(BASIC, base_url=server.url) as client:
        with pytest.raises(DownloadError, match="compresses"):
            await client.download(f"{server.url}/file", target, limit=100_000)
    assert server.requests[0].headers["accept-encoding"] == "identity"


async def test_file_that_takes_too_long_is_given_up(tools: Any, target: Path) -> None:
    server = await tools.server(tools.silence)
    async with Client(BASIC, base_url=server.url) as client:
        with pytest.raises(DownloadError, match=r"longer than 0\.05 seconds"):
            await client.download(f"{server.url}/file", target, timeout=0.05)


async def test_cancelled_download_leaves_nothing(tools: Any, target: Path) -> None:
    async def stall(writer: asyncio.StreamWriter, _request: Any) -> bool:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf")
        await writer.drain()
        await asyncio.sleep(60)  # the server cancels it when it stops
        return False

    server = await tools.server(stall)
    async with Client(BASIC, base_url=server.url) as client:
        task = asyncio.create_task(client.download(f"{server.url}/file", target))
        async with asyncio.timeout(60):
            while not list(target.parent.iterdir()):  # noqa: ASYNC110  the file system tells nobody
                await asyncio.sleep(0.005)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()
    assert list(target.parent.iterdir()) == []


async def test_download_that_is_cancelled_while_its_file_is_opened_leaves_nothing(
    tools: Any, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop, made, go_on = asyncio.get_running_loop(), asyncio.Event(), threading.Event()
    open_new = download._open_new

    def open_slowly(path: Path) -> Any:
        file = open_new(path)
        loop.call_soon_threadsafe(made.set)
        go_on.wait(60)
        return file

    monkeypatch.setattr(download, "_open_new", open_slowly)
    server = await tools.server(tools.answer(200, b"whole"))
    async with Client(BASIC, base_url=server.url) as client:
        task = asyncio.create_task(client.download(f"{server.url}/file", target))
        await asyncio.wait_for(made.wait(), 60)
        task.cancel()
        loop.call_later(0.01, go_on.set)
        await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()
    assert list(target.parent.iterdir()) == []


@pytest.mark.parametrize(
    ("status", "words"), [(404, "48 hours"), (410, "48 hours"), (403, "credentials"), (418, "418")]
)
async def test_refusal_of_the_server_is_told(tools: Any, target: Path, status: int, words: str) -> None:
    server = await tools.server(tools.answer(status))
    async with Client(BASIC, base_url=server.url) as client:
        with pytest.raises(DownloadError, match=words):
            await client.download(f"{server.url}/file", target)


async def test_no_connection_is_a_download_error(target: Path, unused_tcp_port_factory: Callable[[], int]) -> None:
    url = f"http://127.0.0.1:{unused_tcp_port_factory()}"
    async with Client(BASIC, base_url=url) as client:
        with pytest.raises(DownloadError, match="no connection") as raised:
            await client.download(f"{url}/file", target)
    assert raised.value.retryable


async def test_disk_that_takes_nothing_is_an_os_error(tools: Any, tmp_path: Path) -> None:
    server = await tools.server(tools.answer(200, FILE))
    async with Client(BASIC, base_url=server.url) as client:
        with pytest.raises(FileNotFoundError):
            await client.download(f"{server.url}/file", tmp_path / "missing" / "file")


async def test_token_goes_to_the_first_host_and_past_no_redirect(
    tools: Any, application: ApplicationAuth, target: Path
) -> None:
    store = await tools.server(tools.answer(200, FILE))
    own = await tools.server(tools.answer(302, b"", {"Location": f"{store.url}/signed?key=1"}))
    async with Client(application, base_url=own.url) as client:
        await client.download(f"{own.url}/file", target, allowed_hosts=["127.0.0.1"])
    assert own.requests[0].headers["authorization"].startswith("Bearer ")
    assert "authorization" not in store.requests[0].headers
    assert store.requests[0].path == "/signed?key=1"
    assert read(target) == FILE


async def test_token_goes_past_no_redirect_back_to_the_first_host(
    tools: Any, application: ApplicationAuth, target: Path
) -> None:
    own = await tools.server(tools.answer(307, b"", {"Location": "/other"}), tools.answer(200, FILE))
    async with Client(application, base_url=own.url) as client:
        await client.download(f"{own.url}/file", target)
    assert own.requests[1].path == "/other"
    assert "authorization" not in own.requests[1].headers


async def test_redirect_to_a_private_address_is_not_followed(
    tools: Any, application: ApplicationAuth, target: Path
) -> None:
    inside = await tools.server(tools.answer(200, b"secrets of the network"))
    own = await tools.server(tools.answer(302, b"", {"Location": f"https://127.0.0.1:{inside.port}/"}))
    async with Client(application, base_url=own.url) as client:
        with pytest.raises(DownloadError, match="private address"):
            await client.download(f"{own.url}/file", target)
    assert inside.connections == 0


async def test_name_that_leads_to_a_private_address_is_not_followed(
    tools: Any, application: ApplicationAuth, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside = await tools.server(tools.answer(200, b"secrets of the network"))
    own = await tools.server(
        tools.answer(302, b"", {"Location": f"https://rebound.example:{inside.port}/"}), drop_after_answer=True
    )
    loop = asyncio.get_running_loop()
    look_up = loop.getaddrinfo

    async def to_loopback(host: Any, *arguments: Any, **options: Any) -> Any:
        return await look_up("127.0.0.1" if host == "rebound.example" else host, *arguments, **options)

    monkeypatch.setattr(loop, "getaddrinfo", to_loopback)
    async with Client(application, base_url=own.url) as client:
        with pytest.raises(DownloadError, match="private address") as raised:
            await client.download(f"{own.url}/file", target)
    assert inside.connections == 0
    assert not raised.value.retryable


@pytest.mark.parametrize(
    ("location", "words"),
    [
        ("http://example.com/file", "not https"),
        ("file:///etc/passwd", "no host"),
        ("https://user:secret@example.com/", "credentials"),
        ("", "no host"),
        ("https://[broken/", "nowhere"),
    ],
)
async def test_redirect_that_leads_astray_is_not_followed(
    tools: Any, application: ApplicationAuth, target: Path, location: str, words: str
) -> None:
    own = await tools.server(tools.answer(302, b"", {"Location": location}))
    async with Client(application, base_url=own.url) as client:
        with pytest.raises(DownloadError, match=words):
            await client.download(f"{own.url}/file", target)
    assert list(target.parent.iterdir()) == []


async def test_redirects_come_to_an_end(tools: Any, target: Path) -> None:
    own = await tools.server(tools.answer(302, b"", {"Location": "/again"}))
    async with Client(BASIC, base_url=own.url) as client:
        with pytest.raises(DownloadError, match="more than 5 redirects"):
            await client.download(f"{own.url}/file", target)
    assert len(own.requests) == 6


@pytest.mark.each(
    "url",
    [
        "https://attacker.example/file",
        "https://api-eu.nexmo.com@attacker.example/file",
        "https://api-eu.nexmo.com.attacker.example/file",
        "https://fbcdn.example.attacker.example/file",
        "https://fbcdn.example/file",
        "http://api-eu.nexmo.com/v3/media/1",
        "ftp://api-eu.nexmo.com/v3/media/1",
        "file:///etc/passwd",
        "https:///file",
        "/file",
        "",
    ],
)
def test_address_on_a_foreign_host_is_refused(url: str) -> None:
    with pytest.raises(DownloadError):
        RULES.check_first(url_of(url))


@pytest.mark.each("host", PRIVATE)
def test_private_address_is_refused_even_as_a_redirect(host: str) -> None:
    with pytest.raises(DownloadError):
        RULES.check_hop(URL(f"https://{host}/file"))


@pytest.mark.parametrize(
    ("url", "token"),
    [
        ("https://api.nexmo.com/v3/media/1", True),
        ("https://api-eu.nexmo.com/v3/media/1", True),
        ("https://api-us.vonage.com/v3/media/1", True),
        ("https://media.acme.example/1", True),
        ("https://scontent.fbcdn.example/1", False),
    ],
)
def test_token_goes_to_the_platform_and_to_trusted_hosts(url: str, token: bool) -> None:
    RULES.check_first(URL(url))
    assert RULES.receives_token(URL(url)) is token


@pytest.mark.parametrize(
    "url",
    [
        "http://api-eu.nexmo.com/1",
        "https://api-eu.nexmo.com:8443/1",
        "http://media.acme.example/1",
        "https://media.acme.example.attacker.example/1",
        "https://api-eu.nexmo.com.attacker.example/1",
        "https://nexmo.com/1",
        "https://www.nexmo.com/1",
        "https://api-eu.n\u0435xmo.com/1",
    ],
)
def test_token_goes_nowhere_else(url: str) -> None:
    assert not RULES.receives_token(URL(url))


async def test_foreign_address_is_not_even_looked_up(
    application: ApplicationAuth, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(*_: Any, **__: Any) -> Any:
        pytest.fail("a name was looked up")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", forbidden)
    async with Client(application) as client:
        with pytest.raises(DownloadError, match="name it in allowed_hosts"):
            await client.download(Image(url="https://attacker.example/file"), target)


@pytest.mark.parametrize("content", [Text(text="Hello"), None, 5])
async def test_content_without_a_file_is_a_type_error(target: Path, content: Any) -> None:
    async with Client(BASIC) as client:
        with pytest.raises(TypeError, match="that has a file"):
            await client.download(content, target)


@pytest.mark.parametrize("hosts", ["example.com", ["https://example.com"], ["example.com:443"], ["*"], [""], ["a*.b"]])
async def test_hosts_that_are_none_are_refused(target: Path, hosts: Any) -> None:
    async with Client(BASIC) as client:
        with pytest.raises(ConfigurationError, match="host"):
            await client.download("https://api.nexmo.com/1", target, allowed_hosts=hosts)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700:4700::1111", "64:ff9b::808:808"])
def test_public_address_is_public(address: str) -> None:
    assert is_public(address)


async def test_error_shows_neither_address_nor_token(tools: Any, application: ApplicationAuth, target: Path) -> None:
    own = await tools.server(tools.raw(b"what is this\r\n\r\n"))
    async with Client(application, base_url=own.url) as client:
        with pytest.raises(DownloadError) as raised:
            await client.download(f"{own.url}/file?signature=topsecret", target)
    seen: list[str] = []
    error: BaseException | None = raised.value
    while error is not None:
        seen.append(repr(error))
        error = error.__cause__ or error.__context__
    assert "topsecret" not in "".join(seen)
    assert "Bearer" not in "".join(seen)


@pytest.mark.parametrize("address", ["//evil.example/x", "https://xn--a/x", "/x", "https:///x"])
def test_an_address_that_is_none_is_refused_on_every_hop(address: str) -> None:
    with pytest.raises(DownloadError):
        RULES.check_hop(URL(address))
